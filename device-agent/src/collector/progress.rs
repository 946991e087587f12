//! How far the drivers are: before which time nothing will come any more.

use std::collections::BTreeMap;

use millwright_schemas::Timestamp;

use crate::clock::is_set_back;

/// Driver → time of its last sample; `None` until the first one, and again after the clock was
/// set back.
#[derive(Debug, Default)]
pub(super) struct Progress(BTreeMap<String, Option<Timestamp>>);

impl Progress {
    pub(super) fn new(drivers: Vec<String>) -> Self {
        Self(drivers.into_iter().map(|driver| (driver, None)).collect())
    }

    /// Nothing more will come from this driver.
    pub(super) fn ended(&mut self, driver: &str) {
        self.0.remove(driver);
    }

    /// Samples up to `last` have come from this driver.
    pub(super) fn delivered(&mut self, driver: &str, last: Timestamp) {
        let Some(before) = self.0.get(driver).copied() else { return };
        let set_back = before.is_some_and(|before| is_set_back(before, last));
        if set_back {
            // What the others said was of the same clock.
            self.0.values_mut().for_each(|progress| *progress = None);
        }
        let last = if set_back { Some(last) } else { before.max(Some(last)) };
        self.0.insert(driver.to_owned(), last);
    }

    /// Nothing older than this will come, if every driver has said so, and with a clock that
    /// hasn't been set back since.
    pub(super) fn through(&self, now: Timestamp) -> Option<Timestamp> {
        let drivers: Option<Vec<Timestamp>> = self.0.values().copied().collect();
        drivers?
            .into_iter()
            .map(|progress| believable(progress, now))
            .collect::<Option<Vec<Timestamp>>>()?
            .into_iter()
            .min()
    }
}

/// A time before which nothing will come, or nothing: from a clock that was ahead of `now` it
/// says nothing about what comes.
pub(super) fn believable(through: Timestamp, now: Timestamp) -> Option<Timestamp> {
    (!is_set_back(through, now)).then_some(through)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn progress() -> Progress {
        Progress::new(vec!["a".to_owned(), "b".to_owned()])
    }

    #[test]
    fn the_slowest_driver_counts_and_all_must_have_delivered() {
        let mut progress = progress();
        progress.delivered("a", s(100));
        assert_eq!(progress.through(s(101)), None);
        progress.delivered("b", s(98));
        progress.delivered("b", s(97));
        progress.delivered("unknown", s(1));
        assert_eq!(progress.through(s(101)), Some(s(98)));
        progress.ended("b");
        assert_eq!(progress.through(s(101)), Some(s(100)));
    }

    #[test]
    fn after_a_clock_was_ahead_nothing_is_promised_until_all_have_delivered_anew() {
        let mut progress = progress();
        progress.delivered("a", s(3_700));
        progress.delivered("b", s(3_699));
        assert_eq!(progress.through(s(3_701)), Some(s(3_699)));
        // The clock is right again; no driver has delivered since.
        assert_eq!(progress.through(s(101)), None);
        progress.delivered("a", s(102));
        assert_eq!(progress.through(s(102)), None);
        progress.delivered("b", s(101));
        assert_eq!(progress.through(s(102)), Some(s(101)));
    }
}
