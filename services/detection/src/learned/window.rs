//! The last samples of a signal.

use serde::{Deserialize, Serialize};

use super::limits::WINDOW;
use super::packed::{self, packed_fields};

/// A ring of the last samples.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Window {
    #[serde(with = "packed")]
    values: Vec<f64>,
    next: usize,
}

packed_fields!(Window { values, next });

impl Window {
    /// Takes a sample; forgets the oldest when full.
    pub(super) fn push(&mut self, value: f64) {
        if self.values.len() < WINDOW {
            self.values.reserve_exact(WINDOW - self.values.len());
            self.values.push(value);
        } else {
            self.values[self.next] = value;
        }
        self.next = (self.next + 1) % WINDOW;
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        self.values.capacity() * 8
    }

    /// Whether it was read as it can have been written.
    pub(super) fn is_sound(&self) -> bool {
        let full = self.values.len() == WINDOW && self.next < WINDOW;
        full || self.values.len() < WINDOW && self.next == self.values.len()
    }

    /// The mean of `count` samples that end `skip` samples before the newest; `None`: too few.
    pub(super) fn mean(&self, count: usize, skip: usize) -> Option<f64> {
        let (older, newer) = self.parts(count, skip)?;
        #[allow(clippy::cast_precision_loss, reason = "at most 48")]
        Some((sum(older) + sum(newer)) / count as f64)
    }

    /// The standard deviation of the last `count`; `None`: too few.
    pub(super) fn deviation(&self, count: usize) -> Option<f64> {
        let mean = self.mean(count, 0)?;
        let (older, newer) = self.parts(count, 0)?;
        let squares = |part: &[f64]| part.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        #[allow(clippy::cast_precision_loss, reason = "at most 48")]
        Some(((squares(older) + squares(newer)) / count as f64).sqrt())
    }

    /// The wanted samples in two runs, oldest first.
    fn parts(&self, count: usize, skip: usize) -> Option<(&[f64], &[f64])> {
        let len = self.values.len();
        let start = len.checked_sub(count + skip)?;
        let (newer, older) = self.values.split_at(if len < WINDOW { 0 } else { self.next });
        // In time: `older`, then `newer`.
        let end = start + count;
        let split = older.len();
        Some((
            &older[start.min(split)..end.min(split)],
            &newer[start.saturating_sub(split)..end.saturating_sub(split)],
        ))
    }
}

fn sum(part: &[f64]) -> f64 {
    part.iter().sum()
}
