//! Times of the week, by a local clock.
//!
//! Each window is an interval of real time: it begins at the first moment at which the local clock
//! shows `from`, and ends at the last at which it shows `to`. A time that the clock skips in spring
//! is as much later as it skips.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use millwright_schemas::Timestamp;

/// How far back a schedule is followed when more than that has passed at once: 31 days, in
/// microseconds. Bounds the work after a long silence; what began and ended before isn't told.
pub(crate) const LOOKBACK_US: i64 = 31 * 86_400 * 1_000_000;
/// In how many days the next edge must come: a week, and what a window and a time zone add.
const DAYS_AHEAD: u64 = 9;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schedule {
    /// By number of days from Monday.
    pub(crate) weekdays: [bool; 7],
    /// Minutes of the day.
    pub(crate) from: u16,
    /// Minutes since the beginning of the same day; more than a day for one of the day after.
    pub(crate) to: u16,
    pub(crate) zone: Tz,
    pub(crate) outside: bool,
}

impl Schedule {
    /// Whether it is one of the times.
    pub(crate) fn is_now(&self, at: Timestamp) -> bool {
        let inside = self.windows(at, 1).any(|(from, to)| from <= at && at < to);
        inside != self.outside
    }

    /// The next moment after this at which a window begins or ends.
    pub(crate) fn next_edge(&self, after: Timestamp) -> Timestamp {
        let edges = self.windows(after, DAYS_AHEAD).flat_map(|(from, to)| [from, to]);
        let next = edges.filter(|edge| *edge > after).min();
        // At the end of all calendars there is none: then it looks again after a day.
        next.unwrap_or_else(|| after.plus_seconds(86_400))
    }

    /// The windows that begin from two days before to some days after.
    fn windows(
        &self,
        at: Timestamp,
        days: u64,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let today = at.to_chrono().with_timezone(&self.zone).date_naive();
        let first = today.checked_sub_days(Days::new(2)).unwrap_or(today);
        (0..=days + 2).filter_map(move |n| self.window(first.checked_add_days(Days::new(n))?))
    }

    fn window(&self, day: NaiveDate) -> Option<(Timestamp, Timestamp)> {
        if !self.weekdays[day.weekday().num_days_from_monday() as usize] {
            return None;
        }
        let midnight = day.and_time(NaiveTime::MIN);
        let local = |minutes: u16| midnight.checked_add_signed(TimeDelta::minutes(minutes.into()));
        let from = self.moment(local(self.from)?, true)?;
        let to = self.moment(local(self.to)?, false)?;
        Some((Timestamp::from_chrono(from), Timestamp::from_chrono(to)))
    }

    /// When the local clock shows this: the first time or the last.
    fn moment(&self, local: NaiveDateTime, first: bool) -> Option<DateTime<Utc>> {
        let exact = |local: NaiveDateTime| {
            let found = local.and_local_timezone(self.zone);
            if first { found.earliest() } else { found.latest() }
        };
        // Skipped: by the clock as it was before, which is ahead by no more than that afterwards.
        let skipped = || {
            let before = exact(local.checked_sub_signed(TimeDelta::hours(24))?)?;
            before.checked_add_signed(TimeDelta::hours(24))
        };
        Some(exact(local).or_else(skipped)?.to_utc())
    }
}
