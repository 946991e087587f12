//! One line on the terminal for everything that happens, with its time.

use std::sync::Arc;
use std::time::Instant;

/// Counts from the beginning of the trouble.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    since: Arc<Instant>,
}

impl Told {
    pub(crate) fn new() -> Self {
        Self { since: Arc::new(Instant::now()) }
    }

    pub(crate) fn tell(&self, line: &str) {
        println!("{:9.3} s  {line}", self.since.elapsed().as_secs_f64());
    }
}
