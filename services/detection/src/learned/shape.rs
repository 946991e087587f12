//! The shapes that a signal has drawn, and how far the newest is from all of them.

use serde::{Deserialize, Serialize};

use super::limits::{SHAPE_POINTS, SHAPES};
use super::packed::{self, packed_fields};
use super::window::Window;

/// Samples that one point of a shape stands for.
pub(super) const STEP: usize = 4;

/// Fixed point: this many steps in a standard deviation, up to eight of them.
const UNIT: f64 = 16.0;

/// Two shapes closer than this (mean square, in standard deviations) are one.
const SAME: f64 = 0.0375;

/// How fast a known shape follows what looks like it.
const FOLLOW: f64 = 0.2;

/// Known shapes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Shapes {
    /// Points of all shapes, one after the other.
    #[serde(with = "packed")]
    points: Vec<i8>,
    /// When each was seen last, by the count of looks.
    #[serde(with = "packed")]
    seen: Vec<u16>,
    looks: u16,
    /// The distance of the newest from the nearest known.
    distance: f64,
}

packed_fields!(Shapes { points, seen, looks, distance });

impl Shapes {
    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        self.points.capacity() + self.seen.capacity() * 2
    }

    /// Whether it was read as it can have been written.
    pub(super) fn is_sound(&self) -> bool {
        self.seen.len() <= SHAPES
            && self.points.len() == self.seen.len() * SHAPE_POINTS
            && self.distance.is_finite()
    }

    /// The distance of the newest shape from the nearest known one, in standard deviations; `None`:
    /// too few are known.
    pub(super) fn distance(&self, least: usize) -> Option<f64> {
        (self.seen.len() >= least).then_some(self.distance)
    }

    /// Looks at the newest shape, and learns it.
    pub(super) fn look(&mut self, window: &Window, mean: f64, deviation: f64) {
        let mut shape = [0_i8; SHAPE_POINTS];
        for (point, slot) in shape.iter_mut().enumerate() {
            let Some(value) = window.mean(STEP, point * STEP) else { return };
            *slot = fixed((value - mean) / deviation);
        }
        // After 65,536 looks an old shape may count as a new one for a while.
        self.looks = self.looks.wrapping_add(1);
        let nearest = self
            .points
            .chunks_exact(SHAPE_POINTS)
            .map(|known| apart(known, &shape))
            .enumerate()
            .min_by_key(|&(_, apart)| apart);
        let Some((index, apart)) = nearest else {
            self.add(shape);
            return;
        };
        let square = f64::from(apart) / (UNIT * UNIT);
        self.distance = square.sqrt();
        #[allow(clippy::cast_precision_loss, reason = "twelve")]
        if square > SAME * SHAPE_POINTS as f64 {
            self.add(shape);
            return;
        }
        self.seen[index] = self.looks;
        for (known, new) in self.points[index * SHAPE_POINTS..].iter_mut().zip(shape) {
            *known =
                fixed((f64::from(*known) + FOLLOW * (f64::from(new) - f64::from(*known))) / UNIT);
        }
    }

    fn add(&mut self, shape: [i8; SHAPE_POINTS]) {
        if self.seen.len() < SHAPES {
            let free = SHAPES - self.seen.len();
            self.points.reserve_exact(free * SHAPE_POINTS);
            self.seen.reserve_exact(free);
            self.points.extend(shape);
            self.seen.push(self.looks);
            return;
        }
        let looks = self.looks;
        let oldest = self.seen.iter().enumerate().max_by_key(|&(_, at)| looks.wrapping_sub(*at));
        if let Some((index, _)) = oldest {
            self.points[index * SHAPE_POINTS..][..SHAPE_POINTS].copy_from_slice(&shape);
            self.seen[index] = looks;
        }
    }
}

/// The square of the distance, in fixed point.
fn apart(a: &[i8], b: &[i8; SHAPE_POINTS]) -> i32 {
    let difference = |(a, b): (&i8, &i8)| i32::from(*a) - i32::from(*b);
    a.iter().zip(b).map(difference).map(|d| d * d).sum()
}

#[allow(clippy::cast_possible_truncation, reason = "a float becomes the nearest that fits")]
fn fixed(value: f64) -> i8 {
    (value * UNIT).round() as i8
}
