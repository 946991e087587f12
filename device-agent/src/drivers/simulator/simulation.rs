//! A machine with its source of chance: the same seed gives the same life, over restarts too.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use super::machine::{Machine, Step};
use super::plant::Model;

/// A machine, its seed and how many steps it has lived. Its JSON is the driver's checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    /// The machine.
    pub machine: Machine,
    seed: u64,
    steps: u64,
}

impl Simulation {
    /// A new machine.
    #[must_use]
    pub fn new(model: Model, seed: u64, wear_per_s: f64) -> Self {
        let machine = Machine::new(model, wear_per_s, &mut chance(seed, 0));
        Self { machine, seed, steps: 0 }
    }

    /// Lets `dt_s` seconds pass.
    pub fn advance(&mut self, dt_s: f64) -> Step {
        self.steps += 1;
        // A generator per step instead of a generator's state in the checkpoint.
        self.machine.step(dt_s, &mut chance(self.seed, self.steps))
    }
}

fn chance(seed: u64, step: u64) -> Xoshiro256PlusPlus {
    // Odd and large, so that neighbouring seeds and steps don't meet.
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_mul(SPREAD).rotate_left(32) ^ step)
}
