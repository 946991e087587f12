//! Random numbers that can be had again.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// A generator from `MILLWRIGHT_TEST_SEED`, or from a random seed. The seed is printed, so that
/// a failure can be repeated.
#[must_use]
pub fn generator(test: &str) -> StdRng {
    let seed = match std::env::var("MILLWRIGHT_TEST_SEED") {
        Ok(seed) => seed.parse().expect("MILLWRIGHT_TEST_SEED is a number"),
        Err(_) => rand::random::<u64>(),
    };
    eprintln!("{test}: MILLWRIGHT_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
