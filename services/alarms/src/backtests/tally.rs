//! What a rule's transitions at one machine come to: alarms, tickets, failures that are announced. Pure.
//!
//! Alarms and tickets go by their own rules (`core::alarm`, `core::ticket`), as if everything were known
//! at the time at which it happened, and nobody did anything. It is about the rule alone: its alarms
//! aren't grouped with others, and one that comes and goes is counted each time.

use millwright_core::access::Actor;
use millwright_core::alarm::{Event, Raise, Silence, Step, open, rank, step};
use millwright_core::ticket::{
    Decision, Opened, Seen, TicketRecord, cause, decide, escalate, opened, priority, reopen,
    resolve, title,
};
use millwright_detection::watch::{Finding, Transition};
use millwright_schemas::api::alarms::{Alarm, AlarmOrigin, ClearReason};
use millwright_schemas::api::backtests::{
    BacktestAlarm, BacktestFailures, BacktestTicket, BacktestTotals,
};
use millwright_schemas::api::machines::Criticality;
use millwright_schemas::api::policies::TicketPolicy;
use millwright_schemas::api::tickets::{ResolutionCode, TicketState};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{AlarmId, MachineId, OrganizationId, RuleId, TicketId, Timestamp};
use uuid::Uuid;

use super::limits::{ALARMS_LISTED, COMPARED_MAX, TICKETS_LISTED};

/// What stays the same over the whole time.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) machine: MachineId,
    pub(crate) organization: OrganizationId,
    pub(crate) criticality: Criticality,
    pub(crate) policy: TicketPolicy,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) lead_us: i64,
    /// When the machine is known to have failed, oldest first; `None`: nobody has said anything.
    pub(crate) failures: Option<Vec<Timestamp>>,
    /// What listed alarms may take, in bytes.
    pub(crate) room: usize,
}

/// What has come of a rule so far.
#[derive(Debug)]
pub(crate) struct Tally {
    case: Case,
    rule: (RuleId, i64),
    source: String,
    active: Option<Alarm>,
    /// The newest one that is over.
    last: Option<Alarm>,
    /// The worst severity of the active one.
    worst: Severity,
    ticket: Option<TicketRecord>,
    /// Whether the active alarm is on it.
    is_on_ticket: bool,
    /// Its place in the list.
    listed_ticket: Option<usize>,
    came: Came,
}

/// What has come of a rule.
#[derive(Debug, Default)]
pub(crate) struct Came {
    pub(crate) totals: BacktestTotals,
    pub(crate) alarms: Vec<BacktestAlarm>,
    pub(crate) tickets: Vec<BacktestTicket>,
    /// When each known failure was announced first.
    pub(crate) announced: Vec<Option<Timestamp>>,
    /// Every alarm's time within that of the backtest, oldest first, up to a bound.
    pub(crate) spans: Vec<(Timestamp, Timestamp)>,
    /// Whether there were more of them.
    pub(crate) more_spans: bool,
    pub(crate) without_failure: i64,
}

impl Tally {
    pub(crate) fn new(case: Case, rule: (RuleId, i64), source: &str) -> Self {
        let failures = case.failures.as_ref().map_or(0, Vec::len);
        let came = Came { announced: vec![None; failures], ..Came::default() };
        Self {
            case,
            rule,
            source: source.to_owned(),
            active: None,
            last: None,
            worst: Severity::Indeterminate,
            ticket: None,
            is_on_ticket: false,
            listed_ticket: None,
            came,
        }
    }

    /// Whether a time counts: before `from` the rule only finds its feet.
    pub(crate) fn counts(&self, at: Timestamp) -> bool {
        at >= self.case.from
    }

    /// So many values were looked at.
    pub(crate) fn looked_at(&mut self, values: usize) {
        let values = i64::try_from(values).unwrap_or(i64::MAX);
        self.came.totals.values = self.came.totals.values.saturating_add(values);
    }

    pub(crate) fn transition(&mut self, transition: &Transition) {
        match transition {
            Transition::Raised(found) => self.raised(found),
            Transition::Changed(found) => self.changed(found),
            Transition::Cleared { at } => self.cleared(*at, ClearReason::Normal),
        }
    }

    /// The rule would have been switched off.
    pub(crate) fn switched_off(&mut self, at: Timestamp) {
        self.cleared(at, ClearReason::RuleDisabled);
    }

    fn raise(&self, found: &Finding) -> Raise {
        Raise {
            machine: self.case.machine,
            organization: self.case.organization,
            origin: AlarmOrigin::Rule,
            source: self.source.clone(),
            code: self.rule.0.to_string(),
            rule: Some(self.rule),
            severity: found.severity,
            message: found.message.clone(),
            context: found.context.clone(),
            at: found.at,
            received_at: found.at,
        }
    }

    fn raised(&mut self, found: &Finding) {
        if found.at >= self.case.to {
            return;
        }
        let raise = self.raise(found);
        let silence = Silence::default();
        let Some(made) = open(self.last.as_ref(), &raise, silence, AlarmId(Uuid::nil())) else {
            return;
        };
        self.worst = found.severity;
        self.is_on_ticket = false;
        if self.counts(found.at) {
            self.came.totals.alarms += 1;
        }
        self.announce(found.at);
        self.became(made, found.at);
    }

    fn changed(&mut self, found: &Finding) {
        let in_time = found.at < self.case.to;
        let Some(alarm) = self.active.take_if(|_| in_time) else { return };
        if rank(found.severity) > rank(self.worst) {
            self.worst = found.severity;
        }
        let raise = self.raise(found);
        // Never illegal: only what people want can be.
        match step(&alarm, Event::Listed(&raise), found.at) {
            Ok(step) => self.became(step, found.at),
            Err(_) => self.active = Some(alarm),
        }
    }

    fn cleared(&mut self, at: Timestamp, reason: ClearReason) {
        let Some(alarm) = self.active.take() else { return };
        match step(&alarm, Event::Cleared { reason, at }, at) {
            Ok(step) => {
                self.list(&step.alarm);
                self.became(step, at);
            }
            Err(_) => self.active = Some(alarm),
        }
    }

    fn became(&mut self, step: Step, at: Timestamp) {
        if step.tickets {
            self.look_at_tickets(&step.alarm, at);
        }
        if step.alarm.active {
            self.active = Some(step.alarm);
        } else {
            self.last = Some(step.alarm);
        }
    }

    fn announce(&mut self, at: Timestamp) {
        let Some(failures) = &self.case.failures else { return };
        let first = failures.partition_point(|failure| *failure < at);
        let coming = failures.iter().zip(&mut self.came.announced).skip(first);
        let mut found = false;
        for (failure, announced) in coming {
            if failure.micros_since(at) > self.case.lead_us {
                break;
            }
            found = true;
            announced.get_or_insert(at);
        }
        if !found && self.counts(at) {
            self.came.without_failure += 1;
        }
    }

    /// An alarm with its end, or at the end of time.
    fn list(&mut self, alarm: &Alarm) {
        let Case { from, to, .. } = self.case;
        let end = alarm.cleared_at.unwrap_or(to).min(to);
        if end <= from {
            // It was over before.
            return;
        }
        let begin = alarm.raised_at.max(from);
        self.came.totals.in_alarm_s += seconds(end.micros_since(begin));
        if self.came.spans.len() < COMPARED_MAX {
            self.came.spans.push((begin, end));
        } else {
            self.came.more_spans = true;
        }
        if self.came.alarms.len() >= ALARMS_LISTED {
            return;
        }
        let item = BacktestAlarm {
            from: alarm.raised_at,
            to: alarm.cleared_at,
            severity: alarm.severity,
            worst: self.worst,
            message: alarm.message.clone(),
            context: alarm.context.clone(),
        };
        let size = serde_json::to_string(&item).map_or(usize::MAX, |text| text.len());
        match self.case.room.checked_sub(size) {
            Some(left) => {
                self.case.room = left;
                self.came.alarms.push(item);
            }
            // The first ones are listed, not those that happen to be small.
            None => self.case.room = 0,
        }
    }

    fn look_at_tickets(&mut self, alarm: &Alarm, at: Timestamp) {
        if let Some(record) = &mut self.ticket {
            record.ticket.active_alarms = i64::from(alarm.active);
        }
        let last = self.ticket.as_ref();
        let own = last.filter(|_| self.is_on_ticket);
        let policy = &self.case.policy;
        let urgency = priority(alarm.severity, self.case.criticality);
        let urgent = |record: &TicketRecord| {
            escalate(record, alarm.severity, urgency, at).unwrap_or_else(|| record.clone())
        };
        let (record, happened) =
            match decide(Seen { alarm, policy, own, last, brief: false, flapping: false, now: at })
            {
                Decision::Nothing | Decision::NoteCleared(_) => return,
                Decision::Open => (self.open(alarm, at), Happened::Opened),
                Decision::Join(record) | Decision::Escalate(record) => {
                    (urgent(record), Happened::Changed)
                }
                Decision::Reopen(record) => {
                    let mut again = reopen(record, TicketState::New, at);
                    again.worst = Some(alarm.severity);
                    again.ticket.priority = again.ticket.priority.min(urgency);
                    (again, Happened::Reopened)
                }
                Decision::Resolve(record) => {
                    let code = ResolutionCode::SelfCleared;
                    (resolve(record, code, None, policy.reopen_within_s, at), Happened::Changed)
                }
            };
        self.is_on_ticket = true;
        self.note(&record, happened, at);
        self.ticket = Some(record);
    }

    fn open(&self, alarm: &Alarm, at: Timestamp) -> TicketRecord {
        let new = Opened {
            id: TicketId(Uuid::nil()),
            number: 0,
            organization: alarm.organization_id,
            machine: alarm.machine_id,
            cause: cause(alarm),
            title: title(alarm),
            description: String::new(),
            priority: priority(alarm.severity, self.case.criticality),
            worst: Some(alarm.severity),
            by: Actor::Platform,
            began_at: Some(at),
        };
        opened(new, at)
    }

    fn note(&mut self, record: &TicketRecord, happened: Happened, at: Timestamp) {
        let counts = self.counts(at);
        let (ticket, came) = (&record.ticket, &mut self.came);
        match happened {
            Happened::Opened => {
                came.totals.tickets += i64::from(counts);
                let fits = counts && came.tickets.len() < TICKETS_LISTED;
                self.listed_ticket = fits.then_some(came.tickets.len());
                if fits {
                    let (opened_at, priority) = (ticket.created_at, ticket.priority);
                    came.tickets.push(BacktestTicket { opened_at, priority, reopened: 0 });
                }
            }
            Happened::Reopened => came.totals.reopened += i64::from(counts),
            Happened::Changed => {}
        }
        if let Some(item) = self.listed_ticket.and_then(|place| came.tickets.get_mut(place)) {
            item.priority = ticket.priority;
            item.reopened = ticket.reopened;
        }
    }

    /// The end of time: what is active stays so.
    pub(crate) fn finish(mut self) -> Came {
        if let Some(alarm) = self.active.take() {
            self.list(&alarm);
        }
        let mut came = self.came;
        let whole = seconds(self.case.to.micros_since(self.case.from));
        came.totals.in_alarm_share = came.totals.in_alarm_s / whole.max(1e-6);
        came.totals.failures = self.case.failures.map(|failures| {
            let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
            let known = count(failures.len());
            let announced = count(came.announced.iter().flatten().count());
            let alarms_without_failure = came.without_failure;
            BacktestFailures { known, announced, missed: known - announced, alarms_without_failure }
        });
        came
    }
}

/// What happens to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happened {
    Opened,
    Reopened,
    Changed,
}

#[allow(clippy::cast_precision_loss, reason = "400 days are far below 2^53 microseconds")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "tally_tests.rs"]
mod tests;
