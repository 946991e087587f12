//! Alarms that come and go.

use millwright_schemas::Timestamp;
use millwright_schemas::api::alarms::{Alarm, Flapping};
use millwright_schemas::api::policies::FlappingPolicy;

/// What a new alarm of a key is, when the key was raised often lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flap {
    /// For the new alarm.
    pub flapping: Flapping,
    /// Whether it begins with this one.
    pub begins: bool,
}

/// Whether a new alarm comes and goes. `last`: the one of its key before; `earlier`: when those
/// before it were raised. It begins when the key was raised more often than the policy allows within
/// its period, in event time; it goes on until it wasn't raised for as long, by the platform's clock.
#[must_use]
pub fn flap(
    new: &Alarm,
    last: Option<&Alarm>,
    earlier: &[Timestamp],
    policy: &FlappingPolicy,
) -> Option<Flap> {
    if !policy.enabled {
        return None;
    }
    let until = new.received_at.plus_seconds(policy.period_s);
    let going_on = last.and_then(|last| last.flapping).filter(|one| one.until > new.received_at);
    if let Some(before) = going_on {
        let count = before.count.saturating_add(1);
        return Some(Flap { flapping: Flapping { count, until, ..before }, begins: false });
    }
    let from = new.raised_at.plus_seconds(-policy.period_s);
    let lately = earlier.iter().filter(|at| **at > from).count();
    let count = i64::try_from(lately).unwrap_or(i64::MAX).saturating_add(1);
    let flapping = Flapping { since: new.raised_at, count, until };
    (count > policy.raises).then_some(Flap { flapping, begins: true })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
