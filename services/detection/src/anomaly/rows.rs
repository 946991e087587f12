//! Rows of several signals, whose samples come at different times.
//!
//! Samples are gathered in rounds. A round is over when all signals have told something in it, or
//! when one of them tells something again; its row is as of its newest sample. So signals that are
//! sampled together, at one time or shortly after each other, give one row a sampling, and others
//! a row at the pace of the fastest. What a signal hasn't told in the round is its last value,
//! unless that is older than [`CARRY_US`].
//!
//! Only samples end a round, neither time nor messages: how samples are cut into messages changes
//! no row.

use millwright_schemas::Timestamp;

use crate::learned::packed::packed_fields;

/// How long a value counts in rows after it was told, in microseconds: an hour. Afterwards nothing
/// is known of the signal.
pub(crate) const CARRY_US: i64 = 3_600_000_000;

/// Samples on their way to rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rows {
    /// The last value of each signal; `None`: no usable one.
    values: Vec<Option<f64>>,
    /// Which signals have told something in this round.
    told: Vec<bool>,
    /// The newest sample of this round.
    open: Option<Timestamp>,
    /// The last row.
    last: Option<Timestamp>,
}

packed_fields!(Rows { values, told, open, last });

impl Rows {
    pub(super) fn new(signals: usize) -> Self {
        Self { values: vec![None; signals], told: vec![false; signals], open: None, last: None }
    }

    pub(super) fn is_sound(&self, signals: usize) -> bool {
        self.values.len() == signals && self.told.len() == signals
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.values.len() * size_of::<Option<f64>>() + self.told.len()
    }

    /// What comes next has nothing to do with what came before.
    pub(super) fn interrupt(&mut self) {
        self.values.fill(None);
        self.told.fill(false);
        self.open = None;
    }

    /// Whether a signal's last word was a usable value.
    pub(super) fn has_told(&self, signal: usize) -> bool {
        self.values.get(signal).is_some_and(Option::is_some)
    }

    /// The newest sample of a round that isn't over.
    pub(super) const fn open(&self) -> Option<Timestamp> {
        self.open
    }

    /// Takes samples of one moment; `seen`: the time of each signal's newest sample. The rows that
    /// are whole then, at most two.
    pub(super) fn take(
        &mut self,
        at: Timestamp,
        samples: &[(usize, Option<f64>)],
        seen: &mut [Option<Timestamp>],
    ) -> Vec<(Timestamp, Vec<Option<f64>>)> {
        let mut rows = Vec::new();
        if samples.iter().any(|(signal, _)| self.told[*signal]) {
            rows.extend(self.close(seen));
        }
        for (signal, value) in samples {
            self.values[*signal] = *value;
            self.told[*signal] = true;
            seen[*signal] = Some(at);
        }
        self.open = self.open.max(Some(at));
        if self.told.iter().all(|told| *told) {
            rows.extend(self.close(seen));
        }
        rows
    }

    /// The round is over. One of late samples only gives no row.
    fn close(&mut self, seen: &[Option<Timestamp>]) -> Option<(Timestamp, Vec<Option<f64>>)> {
        let at = self.open.take()?;
        self.told.fill(false);
        if self.last.is_some_and(|last| at <= last) {
            return None;
        }
        self.last = Some(at);
        let known = |(value, seen): (&Option<f64>, &Option<Timestamp>)| {
            value.filter(|_| seen.is_some_and(|seen| at.micros_since(seen) <= CARRY_US))
        };
        Some((at, self.values.iter().zip(seen).map(known).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// Hands in `(seconds, signal, value)` one by one; what rows there are.
    fn rows(signals: usize, samples: &[(i64, usize, f64)]) -> Vec<(i64, Vec<Option<f64>>)> {
        let (mut rows, mut seen) = (Rows::new(signals), vec![None; signals]);
        let mut all = Vec::new();
        for (seconds, signal, value) in samples {
            let new = rows.take(at(*seconds), &[(*signal, Some(*value))], &mut seen);
            all.extend(new.into_iter().map(|(at, values)| (at.seconds(), values)));
        }
        all
    }

    #[test]
    fn signals_that_come_together_or_one_after_the_other_give_a_row_a_round() {
        let jittered = [(1, 0, 1.0), (2, 1, 10.0), (11, 0, 2.0), (12, 1, 20.0)];
        let expected = [(2, vec![Some(1.0), Some(10.0)]), (12, vec![Some(2.0), Some(20.0)])];
        assert_eq!(rows(2, &jittered), expected);
        let (mut at_once, mut seen) = (Rows::new(2), vec![None; 2]);
        let row = at_once.take(at(5), &[(0, Some(1.0)), (1, None)], &mut seen);
        assert_eq!(row, [(at(5), vec![Some(1.0), None])]);
        assert_eq!(at_once.open(), None);
    }

    #[test]
    fn the_fastest_signal_gives_the_pace_and_old_values_end() {
        let samples = [(0, 1, 10.0), (1, 0, 1.0), (2, 0, 2.0), (3_602, 0, 3.0), (3_603, 0, 4.0)];
        let known = |a: f64, b: Option<f64>| vec![Some(a), b];
        let expected =
            [(1, known(1.0, Some(10.0))), (2, known(2.0, Some(10.0))), (3_602, known(3.0, None))];
        assert_eq!(rows(2, &samples), expected);
    }

    #[test]
    fn a_round_of_late_samples_only_gives_no_row() {
        let mut samples = vec![(1, 1, 1.0), (9, 0, 1.0), (10, 0, 2.0), (11, 0, 3.0), (5, 1, 5.0)];
        samples.extend([(6, 1, 6.0), (7, 1, 7.0)]);
        let all = rows(2, &samples);
        let times: Vec<i64> = all.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [9, 10, 11]);
        assert_eq!(all[2].1, [Some(3.0), Some(5.0)]);
    }
}
