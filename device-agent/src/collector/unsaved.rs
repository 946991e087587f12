//! Readings in memory that aren't committed yet.

use std::collections::VecDeque;

use crate::limits::{UNSAVED_FAULTS, UNSAVED_SAMPLES};
use crate::outbox::Delivery;

/// What waits to be committed: a moment's readings, or more while the disk is full.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    deliveries: VecDeque<Delivery>,
    samples: usize,
    faults: usize,
    /// Samples that had to go because the memory's bound was reached.
    lost_samples: usize,
}

impl Unsaved {
    /// Adds a reading. Beyond the bound the oldest samples of drivers that can't wait go; a
    /// driver with checkpoints can: it keeps what it hasn't delivered.
    pub(super) fn push(&mut self, delivery: Delivery) {
        self.samples += delivery.reading.samples.len();
        self.faults += delivery.reading.faults.len();
        self.deliveries.push_back(delivery);
        while self.samples > UNSAVED_SAMPLES && self.drop_oldest() {}
    }

    fn drop_oldest(&mut self) -> bool {
        let oldest = self.deliveries.iter().position(|delivery| {
            delivery.reading.checkpoint.is_none() && !delivery.reading.samples.is_empty()
        });
        let Some(index) = oldest else { return false };
        let reading = &mut self.deliveries[index].reading;
        let dropped = std::mem::take(&mut reading.samples).len();
        self.samples -= dropped;
        self.lost_samples += dropped;
        if reading.faults.is_empty() {
            self.deliveries.remove(index);
        }
        true
    }

    /// Whether drivers have to wait.
    pub(super) fn is_full(&self) -> bool {
        self.samples > UNSAVED_SAMPLES || self.faults > UNSAVED_FAULTS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && self.lost_samples == 0
    }

    pub(super) const fn samples(&self) -> usize {
        self.samples
    }

    pub(super) const fn faults(&self) -> usize {
        self.faults
    }

    /// Everything, to be committed, and how many samples were lost before it.
    pub(super) fn take(&mut self) -> (Vec<Delivery>, usize) {
        let taken = std::mem::take(self);
        (taken.deliveries.into(), taken.lost_samples)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use millwright_schemas::Timestamp;
    use millwright_schemas::wire::events::FaultCleared;

    use super::*;
    use crate::driver::{FaultChange, Reading, Sample};

    fn delivery(driver: &str, ts: i64, checkpoint: Option<Vec<u8>>, fault: bool) -> Delivery {
        let ts = Timestamp::from_millis(ts);
        let cleared = FaultCleared { code: "E".to_owned(), source: String::new() };
        Delivery {
            driver: driver.to_owned(),
            reading: Reading {
                samples: vec![Sample { ts, values: vec![] }],
                faults: fault.then_some(FaultChange::Cleared(ts, cleared)).into_iter().collect(),
                checkpoint,
            },
        }
    }

    #[test]
    fn beyond_the_bound_the_oldest_go_but_faults_and_what_can_be_read_again_stay() {
        let mut unsaved = Unsaved::default();
        unsaved.push(delivery("replay", 0, Some(vec![1]), false));
        unsaved.push(delivery("host", 1, None, true));
        for ts in 0..UNSAVED_SAMPLES as i64 {
            unsaved.push(delivery("host", ts + 2, None, false));
        }
        assert_eq!(unsaved.samples(), UNSAVED_SAMPLES);
        assert_eq!(unsaved.faults(), 1);
        assert!(!unsaved.is_full());
        let (deliveries, lost_samples) = unsaved.take();
        assert_eq!(lost_samples, 2);
        assert!(deliveries[0].reading.checkpoint.is_some());
        assert!(deliveries[1].reading.samples.is_empty());
        assert!(unsaved.is_empty());
    }

    #[test]
    fn drivers_that_can_wait_do() {
        let mut unsaved = Unsaved::default();
        for ts in 0..=UNSAVED_SAMPLES as i64 {
            unsaved.push(delivery("replay", ts, Some(vec![1]), false));
        }
        assert!(unsaved.is_full());
        assert_eq!(unsaved.take().1, 0);
    }
}
