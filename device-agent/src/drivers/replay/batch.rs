//! What is delivered together, and when.

use millwright_schemas::Timestamp;

use crate::driver::{FaultChange, Reading, Sample};
use crate::drivers::limits::REPLAY_FAULTS_PER_READING_MAX;

/// Rows and faults that make one reading.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) reading: Reading,
    /// Recorded times of the first and the last item.
    pub(super) recorded: Option<(Timestamp, Timestamp)>,
    /// The latest time that an item carries.
    pub(super) stamped: Option<Timestamp>,
}

impl Batch {
    pub(super) const fn is_empty(&self) -> bool {
        self.recorded.is_none()
    }

    pub(super) fn add_sample(&mut self, recorded: Timestamp, sample: Sample) {
        self.note(recorded, sample.ts);
        self.reading.samples.push(sample);
    }

    pub(super) fn add_fault(&mut self, recorded: Timestamp, stamp: Timestamp, change: FaultChange) {
        self.note(recorded, stamp);
        self.reading.faults.push(change);
    }

    fn note(&mut self, recorded: Timestamp, stamp: Timestamp) {
        let first = self.recorded.map_or(recorded, |(first, _)| first);
        self.recorded = Some((first, recorded));
        self.stamped = self.stamped.max(Some(stamp));
    }

    /// Whether an item of time `next` belongs to a later batch. Paced, a fault doesn't wait for
    /// rows of a later time, and no row waits for a later fault.
    pub(super) fn ends_before(
        &self,
        next: Timestamp,
        is_row: bool,
        rows_max: usize,
        paced: bool,
    ) -> bool {
        let Some((_, last)) = self.recorded else { return false };
        let faults = self.reading.faults.len();
        if is_row {
            self.reading.samples.len() >= rows_max || (paced && faults > 0)
        } else {
            faults >= REPLAY_FAULTS_PER_READING_MAX || (paced && next > last)
        }
    }
}
