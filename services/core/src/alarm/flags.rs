//! What happens to an alarm that is there: one step a time.

use millwright_schemas::Timestamp;
use millwright_schemas::api::alarms::{
    Alarm, AlarmFeedback, AlarmOrigin, ClearReason, Suppression,
};

use super::{Event, Raise, Step, Told, follows, is_annunciated};
use crate::access::Actor;

/// What a person can do with an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Move {
    /// Tell that it was seen.
    Acknowledge,
    /// Put it aside.
    Shelve,
    /// Take it back.
    Unshelve,
    /// Take it out of service.
    TakeOutOfService,
    /// Return it to service.
    Return,
    /// Clear it by hand.
    Clear,
}

impl Move {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Acknowledge,
        Self::Shelve,
        Self::Unshelve,
        Self::TakeOutOfService,
        Self::Return,
        Self::Clear,
    ];

    /// Its word in the API's paths.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Shelve => "shelve",
            Self::Unshelve => "unshelve",
            Self::TakeOutOfService => "out-of-service",
            Self::Return => "return-to-service",
            Self::Clear => "clear",
        }
    }
}

/// The alarm is cleared, and the move needs an active one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the alarm is cleared: {} needs an active one; allowed now: {}", .wanted.as_str(), list(.allowed))]
pub struct Illegal {
    /// What was wanted.
    pub wanted: Move,
    /// What would change something now.
    pub allowed: Vec<Move>,
}

fn list(moves: &[Move]) -> String {
    if moves.is_empty() {
        return "nothing".to_owned();
    }
    moves.iter().map(|item| item.as_str()).collect::<Vec<_>>().join(", ")
}

/// What would change something now.
#[must_use]
pub fn allowed(alarm: &Alarm) -> Vec<Move> {
    let would = |item: &Move| match item {
        Move::Acknowledge => !alarm.acknowledged,
        Move::Shelve => alarm.active,
        // A rule clears its own: it would stay silent until the value has been good once.
        Move::Clear => alarm.active && alarm.origin != AlarmOrigin::Rule,
        Move::Unshelve => alarm.shelved_until.is_some(),
        Move::TakeOutOfService => alarm.active && !alarm.out_of_service,
        Move::Return => alarm.out_of_service,
    };
    Move::ALL.into_iter().filter(would).collect()
}

/// What an event makes of an alarm. `now` is the platform's time.
///
/// # Errors
/// [`Illegal`] when a person wants what a cleared alarm can't do. What the platform or a machine
/// tells is never illegal: it changes something or it doesn't.
pub fn step(alarm: &Alarm, event: Event<'_>, now: Timestamp) -> Result<Step, Illegal> {
    let illegal = |wanted| Illegal { wanted, allowed: allowed(alarm) };
    Ok(match event {
        Event::Raised(raise) => raised(alarm, raise, 1),
        Event::Listed(raise) => raised(alarm, raise, 0),
        Event::Cleared { reason: ClearReason::Manual, .. }
            if !alarm.active || alarm.origin == AlarmOrigin::Rule =>
        {
            return Err(illegal(Move::Clear));
        }
        Event::Cleared { reason, at } => cleared(alarm, reason, at, now),
        Event::Acknowledged(by) => acknowledged(alarm, by, now),
        Event::Shelved(_) if !alarm.active => return Err(illegal(Move::Shelve)),
        Event::Shelved(until) => shelved(alarm, until),
        Event::Unshelved => unshelved(alarm, now),
        Event::Suppressed(by) => suppressed(alarm, by),
        Event::Unsuppressed => unsuppressed(alarm, now),
        Event::TakenOutOfService if !alarm.active => {
            return Err(illegal(Move::TakeOutOfService));
        }
        Event::TakenOutOfService => service(alarm, true, now),
        Event::Returned => service(alarm, false, now),
        Event::Calmed => calmed(alarm, now),
        Event::Judged(feedback) => judged(alarm, feedback),
    })
}

fn unchanged(alarm: &Alarm) -> Step {
    Step { alarm: alarm.clone(), told: None, tickets: false }
}

fn changed(mut alarm: Alarm, action: &'static str, tickets: bool) -> Step {
    alarm.version += 1;
    Step { alarm, told: Some(Told { action, audited: true }), tickets }
}

/// Severity and message follow the newest raise, up and down; the count follows all of them.
fn raised(before: &Alarm, raise: &Raise, count: i64) -> Step {
    let newest = follows(raise.at, raise.received_at, before.changed_at);
    if !before.active || (count == 0 && !newest) {
        return unchanged(before);
    }
    let mut alarm = before.clone();
    alarm.count += count;
    if newest {
        alarm.severity = raise.severity;
        alarm.message.clone_from(&raise.message);
    }
    let worded = alarm.severity != before.severity || alarm.message != before.message;
    if count == 0 && !worded {
        return unchanged(before);
    }
    if newest {
        alarm.changed_at = raise.at;
    }
    let told = is_annunciated(&alarm, raise.received_at);
    let tickets = told && alarm.severity != before.severity;
    let step = changed(alarm, "alarm.changed", tickets);
    Step { told: Some(Told { action: "alarm.changed", audited: worded }), ..step }
}

fn cleared(before: &Alarm, reason: ClearReason, at: Timestamp, now: Timestamp) -> Step {
    // What a machine or a rule tells is late when something newer is known; a person, or the end
    // of a rule or machine, is never late.
    let told_by_time = matches!(reason, ClearReason::Normal | ClearReason::Snapshot);
    if !before.active || (told_by_time && !follows(at, now, before.changed_at)) {
        return unchanged(before);
    }
    let mut alarm = before.clone();
    alarm.active = false;
    alarm.cleared_at = Some(at.max(alarm.raised_at));
    alarm.clear_reason = Some(reason);
    alarm.suppressed_by = None;
    // Without a ticket it may have been too brief for one so far.
    let tickets = alarm.ticket_id.is_some() || (told_by_time && is_annunciated(before, now));
    changed(alarm, "alarm.cleared", tickets)
}

fn acknowledged(before: &Alarm, by: Actor, now: Timestamp) -> Step {
    if before.acknowledged {
        return unchanged(before);
    }
    let mut alarm = before.clone();
    alarm.acknowledged = true;
    alarm.acknowledged_by = Some(by.into());
    alarm.acknowledged_at = Some(now);
    changed(alarm, "alarm.acknowledged", false)
}

fn shelved(before: &Alarm, until: Timestamp) -> Step {
    if before.shelved_until == Some(until) {
        return unchanged(before);
    }
    let mut alarm = before.clone();
    alarm.shelved_until = Some(until);
    changed(alarm, "alarm.shelved", false)
}

fn unshelved(before: &Alarm, now: Timestamp) -> Step {
    if before.shelved_until.is_none() {
        return unchanged(before);
    }
    let mut alarm = before.clone();
    alarm.shelved_until = None;
    let tickets = is_annunciated(&alarm, now);
    changed(alarm, "alarm.unshelved", tickets)
}

/// Maintenance goes before the loss of a parent, because it is what a person has said; that of the
/// machine itself before that of its parent.
fn suppressed(before: &Alarm, by: Suppression) -> Step {
    let weight = |by| match by {
        Suppression::Maintenance => 2,
        Suppression::ParentMaintenance => 1,
        Suppression::ParentLost => 0,
    };
    let weaker = before.suppressed_by.is_some_and(|now| weight(by) <= weight(now));
    if !before.active || weaker {
        return unchanged(before);
    }
    let mut alarm = before.clone();
    alarm.suppressed_by = Some(by);
    changed(alarm, "alarm.suppressed", false)
}

fn unsuppressed(before: &Alarm, now: Timestamp) -> Step {
    if before.suppressed_by.is_none() {
        return unchanged(before);
    }
    let mut alarm = before.clone();
    alarm.suppressed_by = None;
    let tickets = is_annunciated(&alarm, now);
    changed(alarm, "alarm.unsuppressed", tickets)
}

fn service(before: &Alarm, out: bool, now: Timestamp) -> Step {
    if before.out_of_service == out {
        return unchanged(before);
    }
    let mut alarm = before.clone();
    alarm.out_of_service = out;
    let action = if out { "alarm.out_of_service" } else { "alarm.returned_to_service" };
    let tickets = is_annunciated(&alarm, now);
    changed(alarm, action, tickets)
}

/// What its end has not decided while it came and went is decided now.
fn calmed(before: &Alarm, now: Timestamp) -> Step {
    if before.flapping.is_none() {
        return unchanged(before);
    }
    let mut alarm = before.clone();
    alarm.flapping = None;
    let tickets = alarm.ticket_id.is_some() || is_annunciated(&alarm, now);
    changed(alarm, "alarm.calmed", tickets)
}

/// The last word counts; the same person's same word again changes nothing.
fn judged(before: &Alarm, feedback: &AlarmFeedback) -> Step {
    let same = |said: &AlarmFeedback| {
        said.verdict == feedback.verdict && said.note == feedback.note && said.by == feedback.by
    };
    if before.feedback.as_ref().is_some_and(same) {
        return unchanged(before);
    }
    let mut alarm = before.clone();
    alarm.feedback = Some(feedback.clone());
    changed(alarm, "alarm.feedback", false)
}
