//! All machines together, and what differs between two rules. Pure.

use std::time::Duration;

use millwright_schemas::api::backtests::{
    BacktestDifference, BacktestDifferences, BacktestFailure, BacktestFailures, BacktestMachine,
    BacktestResult, BacktestRun, BacktestSpan, BacktestTotals, KnownFailure,
};
use millwright_schemas::{MachineId, Timestamp};

use super::limits::DIFFERENCES_LISTED;
use super::trial::{Outcome, Sources};

/// What has come of all machines so far.
#[derive(Debug)]
pub(super) struct Report {
    rule: BacktestRun,
    against: Option<BacktestRun>,
    differences: BacktestDifferences,
}

fn empty() -> BacktestRun {
    BacktestRun {
        totals: BacktestTotals::default(),
        machines: Vec::new(),
        failures: Vec::new(),
        engine_ms: 0.0,
    }
}

/// A machine whose history was heard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard<'a> {
    pub(super) machine: MachineId,
    pub(super) sources: &'a Sources,
    /// Places of the signals that it doesn't have.
    pub(super) missing: &'a [usize],
    /// Its known failures, oldest first.
    pub(super) failures: &'a [KnownFailure],
}

impl Report {
    pub(super) fn new(compares: bool) -> Self {
        let differences = BacktestDifferences {
            only_rule: 0,
            only_against: 0,
            machines: Vec::new(),
            complete: true,
        };
        Self { rule: empty(), against: compares.then(empty), differences }
    }

    /// A machine is done: with the rule, and with what it is compared with.
    pub(super) fn add(&mut self, heard: Heard<'_>, rule: Outcome, against: Option<Outcome>) {
        if let Some(against) = &against {
            self.differ(heard.machine, &rule, against);
        }
        add(&mut self.rule, heard, rule);
        if let (Some(run), Some(outcome)) = (&mut self.against, against) {
            add(run, heard, outcome);
        }
    }

    fn differ(&mut self, machine: MachineId, rule: &Outcome, against: &Outcome) {
        let (ours, theirs) = (&rule.came.spans, &against.came.spans);
        let (only_rule, only_against) = (only(ours, theirs), only(theirs, ours));
        let all = &mut self.differences;
        all.only_rule += count(only_rule.len());
        all.only_against += count(only_against.len());
        all.complete &= !(rule.came.more_spans || against.came.more_spans);
        if only_rule.is_empty() && only_against.is_empty() {
            return;
        }
        let first = |spans: Vec<(Timestamp, Timestamp)>| {
            let first = spans.into_iter().take(DIFFERENCES_LISTED);
            first.map(|(from, to)| BacktestSpan { from, to }).collect()
        };
        let (only_rule, only_against) = (first(only_rule), first(only_against));
        all.machines.push(BacktestDifference { machine_id: machine, only_rule, only_against });
    }

    pub(super) fn finish(self, machines_left_out: i64) -> BacktestResult {
        let differences = self.against.is_some().then_some(self.differences);
        let against = self.against.map(whole);
        BacktestResult { rule: whole(self.rule), against, differences, machines_left_out }
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn add(run: &mut BacktestRun, heard: Heard<'_>, outcome: Outcome) {
    let Heard { machine, sources, missing, failures } = heard;
    let Outcome { came, failed, first_value_at, last_value_at, signals, took, .. } = outcome;
    sum(&mut run.totals, &came.totals);
    run.engine_ms += milliseconds(took);
    let announced = came.announced.iter().copied().chain(std::iter::repeat(None));
    run.failures.extend(failures.iter().zip(announced).map(|(failure, announced_at)| {
        BacktestFailure {
            machine_id: machine,
            at: failure.at,
            name: failure.name.clone(),
            announced_at,
        }
    }));
    let missing = missing.iter().filter(|place| signals.contains(place));
    let missing_signals = missing.filter_map(|place| sources.signals.get(*place).cloned());
    run.machines.push(BacktestMachine {
        machine_id: machine,
        missing_signals: missing_signals.collect(),
        totals: came.totals,
        alarms: came.alarms,
        tickets: came.tickets,
        first_value_at,
        last_value_at,
        failed,
    });
}

fn sum(all: &mut BacktestTotals, one: &BacktestTotals) {
    all.alarms += one.alarms;
    all.tickets += one.tickets;
    all.reopened += one.reopened;
    all.in_alarm_s += one.in_alarm_s;
    // Divided when all are there.
    all.in_alarm_share += one.in_alarm_share;
    all.values += one.values;
    if let Some(one) = one.failures {
        let before = all.failures.unwrap_or_default();
        all.failures = Some(BacktestFailures {
            known: before.known + one.known,
            announced: before.announced + one.announced,
            missed: before.missed + one.missed,
            alarms_without_failure: before.alarms_without_failure + one.alarms_without_failure,
        });
    }
}

fn whole(mut run: BacktestRun) -> BacktestRun {
    #[allow(clippy::cast_precision_loss, reason = "at most 50")]
    let machines = run.machines.len().max(1) as f64;
    run.totals.in_alarm_share /= machines;
    run
}

fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// Those of `spans` during which none of `others` was. Both are in order; none of one overlap.
fn only(
    spans: &[(Timestamp, Timestamp)],
    others: &[(Timestamp, Timestamp)],
) -> Vec<(Timestamp, Timestamp)> {
    let mut others = others.iter().peekable();
    let mut alone = Vec::new();
    for (from, to) in spans {
        while others.next_if(|(_, end)| end < from).is_some() {}
        if others.peek().is_none_or(|(begin, _)| begin > to) {
            alone.push((*from, *to));
        }
    }
    alone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(times: &[(i64, i64)]) -> Vec<(Timestamp, Timestamp)> {
        let at = Timestamp::from_micros;
        times.iter().map(|(from, to)| (at(*from), at(*to))).collect()
    }

    #[test]
    fn alarms_differ_when_they_never_meet() {
        for (ours, theirs, expected) in [
            (vec![], vec![(1, 2)], vec![]),
            (vec![(1, 2)], vec![], vec![(1, 2)]),
            (vec![(1, 2), (5, 9)], vec![(3, 4)], vec![(1, 2), (5, 9)]),
            (vec![(1, 3), (5, 9)], vec![(3, 4), (7, 8)], vec![]),
            (vec![(1, 2), (3, 4), (8, 9)], vec![(0, 5)], vec![(8, 9)]),
            (vec![(0, 5), (6, 7)], vec![(1, 1), (2, 2), (8, 9)], vec![(6, 7)]),
        ] {
            assert_eq!(only(&spans(&ours), &spans(&theirs)), spans(&expected), "{ours:?}");
        }
    }
}
