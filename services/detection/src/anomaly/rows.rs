//! Rows of several signals, whose samples come at different times.
//!
//! Samples are gathered in rounds. A round is over when all signals have told something in it, or
//! when one of them tells something again; its row is as of its newest sample. So signals that are
//! sampled together, at one time or shortly after each other, give one row a sampling, and others
//! a row at the pace of the fastest. What a signal hasn't told in the round is its last value,
//! unless that is older than [`CARRY_US`], and than twice the time between its last two samples.
//!
//! Only samples end a round, neither time nor messages: how samples are cut into messages changes
//! no row.

use millwright_schemas::Timestamp;

use crate::learned::packed::packed_fields;

/// How long a value counts in rows after it was told at least, in microseconds: an hour. Afterwards
/// nothing is known of a signal, unless it is usually slower.
pub(crate) const CARRY_US: i64 = 3_600_000_000;
/// How long at most, however slow the signal is: two days.
const CARRY_MAX_US: i64 = 2 * 86_400_000_000;

/// Samples on their way to rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rows {
    /// The last value of each signal; `None`: no usable one.
    values: Vec<Option<f64>>,
    /// Which signals have told something in this round.
    told: Vec<bool>,
    /// When it was told.
    told_at: Vec<Option<Timestamp>>,
    /// Between the last two times that it was, in microseconds.
    rhythm_us: Vec<i64>,
    /// The newest sample of this round.
    open: Option<Timestamp>,
    /// The last row.
    last: Option<Timestamp>,
}

packed_fields!(Rows { values, told, told_at, rhythm_us, open, last });

impl Rows {
    pub(super) fn new(signals: usize) -> Self {
        Self {
            values: vec![None; signals],
            told: vec![false; signals],
            told_at: vec![None; signals],
            rhythm_us: vec![0; signals],
            open: None,
            last: None,
        }
    }

    pub(super) fn is_sound(&self, signals: usize) -> bool {
        [self.values.len(), self.told.len(), self.told_at.len(), self.rhythm_us.len()]
            == [signals; 4]
    }

    pub(super) fn bytes(&self) -> usize {
        let a_signal = size_of::<(Option<f64>, bool, Option<Timestamp>, i64)>();
        size_of::<Self>() + self.values.len() * a_signal
    }

    /// What comes next has nothing to do with what came before.
    pub(super) fn interrupt(&mut self) {
        self.values.fill(None);
        self.told.fill(false);
        self.open = None;
    }

    /// The newest sample of a round that isn't over.
    pub(super) const fn open(&self) -> Option<Timestamp> {
        self.open
    }

    /// Takes samples of one moment. The rows that are whole then, at most two.
    pub(super) fn take(
        &mut self,
        at: Timestamp,
        samples: &[(usize, Option<f64>)],
    ) -> Vec<(Timestamp, Vec<Option<f64>>)> {
        let mut rows = Vec::new();
        if samples.iter().any(|(signal, _)| self.told[*signal]) {
            rows.extend(self.close());
        }
        for (signal, value) in samples {
            self.values[*signal] = *value;
            self.told[*signal] = true;
            if let Some(before) = self.told_at[*signal].replace(at) {
                self.rhythm_us[*signal] = at.micros_since(before);
            }
        }
        self.open = self.open.max(Some(at));
        if self.told.iter().all(|told| *told) {
            rows.extend(self.close());
        }
        rows
    }

    /// The round is over. One of late samples only gives no row.
    fn close(&mut self) -> Option<(Timestamp, Vec<Option<f64>>)> {
        let at = self.open.take()?;
        self.told.fill(false);
        if self.last.is_some_and(|last| at <= last) {
            return None;
        }
        self.last = Some(at);
        let known = |(of, value): (usize, &Option<f64>)| {
            let carry_us = self.rhythm_us[of].saturating_mul(2).clamp(CARRY_US, CARRY_MAX_US);
            let age_us = self.told_at[of].map(|told_at| at.micros_since(told_at));
            value.filter(|_| age_us.is_some_and(|age_us| age_us <= carry_us))
        };
        Some((at, self.values.iter().enumerate().map(known).collect()))
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
        let mut rows = Rows::new(signals);
        let mut all = Vec::new();
        for (seconds, signal, value) in samples {
            let new = rows.take(at(*seconds), &[(*signal, Some(*value))]);
            all.extend(new.into_iter().map(|(at, values)| (at.seconds(), values)));
        }
        all
    }

    #[test]
    fn signals_that_come_together_or_one_after_the_other_give_a_row_a_round() {
        let jittered = [(1, 0, 1.0), (2, 1, 10.0), (11, 0, 2.0), (12, 1, 20.0)];
        let expected = [(2, vec![Some(1.0), Some(10.0)]), (12, vec![Some(2.0), Some(20.0)])];
        assert_eq!(rows(2, &jittered), expected);
        let mut at_once = Rows::new(2);
        let row = at_once.take(at(5), &[(0, Some(1.0)), (1, None)]);
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
    fn a_signal_that_is_usually_slower_than_an_hour_is_carried_longer() {
        let mut samples = vec![(0, 1, 10.0), (7_200, 1, 20.0)];
        samples.extend((3..30).map(|quarter| (quarter * 7_200 / 4 + 1, 0, 1.0)));
        samples.sort_by_key(|(second, ..)| *second);
        let known: Vec<_> = rows(2, &samples).iter().map(|(at, row)| (*at, row[1])).collect();
        let of = |second: i64| known.iter().find(|(at, _)| *at == second).map(|(_, value)| *value);
        assert_eq!(of(5_401), Some(None), "its pace isn't known yet");
        assert_eq!(of(7_200 + 12_601), Some(Some(20.0)));
        assert_eq!(of(7_200 + 14_401), Some(None), "nor is it carried for ever");
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
