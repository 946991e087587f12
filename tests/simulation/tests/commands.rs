//! Thousands of worlds.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use millwright_simulation::World;

const WORLDS: u64 = 4_000;
const STEPS: usize = 400;

fn live(seed: u64) -> (usize, usize) {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.heal();
    world.count()
}

/// All seeds from 0 on, or the one in `MILLWRIGHT_TEST_SEED`.
#[test]
fn commands_run_at_most_once_in_time_in_order_and_are_told_truly() {
    if let Ok(seed) = std::env::var("MILLWRIGHT_TEST_SEED") {
        live(seed.parse().unwrap());
        return;
    }
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let counts = std::thread::scope(|scope| {
        let part = |first| (first..WORLDS).step_by(usize::try_from(threads).unwrap());
        let workers: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || part(first).map(told).collect::<Vec<_>>()))
            .collect();
        let all = workers.into_iter().flat_map(|worker| worker.join().unwrap());
        all.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1))
    });
    eprintln!("{WORLDS} worlds, {} commands, {} of them ran", counts.0, counts.1);
    assert!(counts.1 > counts.0 / 4, "the worlds are too bad to show anything: {counts:?}");
}

fn told(seed: u64) -> (usize, usize) {
    catch_unwind(AssertUnwindSafe(|| live(seed))).unwrap_or_else(|_| {
        panic!("repeat it with MILLWRIGHT_TEST_SEED={seed}");
    })
}
