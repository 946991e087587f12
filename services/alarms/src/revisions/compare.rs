//! Which alarms differ: those that would have been raised from those that were. Pure.

use millwright_schemas::Timestamp;
use millwright_schemas::api::alarms::Alarm;
use millwright_schemas::api::backtests::BacktestAlarm;

use crate::backtests::tally::Came;

/// Which differences late samples can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Of alarms that begin from this time on.
    pub(super) from: Timestamp,
    /// Of alarms that begin up to this time.
    pub(super) to: Timestamp,
    /// Up to when the machine has shown what happened: an alarm after that may still come by itself.
    /// `None`: it has shown nothing.
    pub(super) shown: Option<Timestamp>,
    /// From when on all that the rule hears was known: an alarm before that may have been raised by what
    /// isn't there any more. `None`: something of it never was.
    pub(super) known: Option<Timestamp>,
}

impl Window {
    fn has(&self, at: Timestamp) -> bool {
        (self.from..=self.to).contains(&at)
    }
}

/// What differs.
#[derive(Debug, Default)]
pub(super) struct Differences<'a> {
    /// Would have been raised, and wasn't.
    pub(super) missed: Vec<&'a BacktestAlarm>,
    /// Was raised, and would not have been.
    pub(super) unfounded: Vec<&'a Alarm>,
}

/// Two alarms are the same when they meet in time, as in the comparison of two rules.
pub(super) fn compare<'a>(
    came: &'a Came,
    recorded: &'a [Alarm],
    window: Window,
) -> Differences<'a> {
    let was_raised = |alarm: &BacktestAlarm| {
        recorded.iter().any(|it| {
            let began = alarm.to.is_none_or(|to| it.raised_at <= to);
            began && it.cleared_at.is_none_or(|cleared| cleared >= alarm.from)
        })
    };
    let is_shown = |alarm: &BacktestAlarm| window.shown.is_some_and(|shown| alarm.from <= shown);
    let missed = came.alarms.iter().filter(|alarm| window.has(alarm.from) && is_shown(alarm));
    let missed = missed.filter(|alarm| !was_raised(alarm)).collect();
    if came.more_spans {
        // What isn't among them may be beyond the bound.
        return Differences { missed, unfounded: Vec::new() };
    }
    let is_known = |alarm: &&Alarm| window.known.is_some_and(|known| alarm.raised_at >= known);
    let unfounded = recorded.iter().filter(|alarm| window.has(alarm.raised_at)).filter(is_known);
    let unfounded = unfounded.filter(|alarm| !meets(&came.spans, alarm)).collect();
    Differences { missed, unfounded }
}

/// Spans are in order; none of them overlap.
fn meets(spans: &[(Timestamp, Timestamp)], alarm: &Alarm) -> bool {
    let first = spans.partition_point(|(_, end)| *end < alarm.raised_at);
    let began = |begin: Timestamp| alarm.cleared_at.is_none_or(|cleared| begin <= cleared);
    spans.get(first).is_some_and(|(begin, _)| began(*begin))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "compare_tests.rs"]
mod tests;
