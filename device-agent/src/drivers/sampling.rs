//! How often a driver measures, and changing it while it runs.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::driver::OperateError;

/// Ticks from now on.
pub(super) fn ticks(every: Duration) -> Interval {
    ticking(Instant::now(), every)
}

/// Ticks from one interval after now on.
pub(super) fn ticks_after(every: Duration) -> Interval {
    ticking(Instant::now() + every, every)
}

fn ticking(start: Instant, every: Duration) -> Interval {
    let mut ticks = interval_at(start, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// The argument of `set_sampling`. It counts until the agent is started again: what counts then is
/// the operator's configuration.
pub(super) fn sampling_interval_ms(
    args: &Map<String, Value>,
    allowed: &RangeInclusive<u64>,
) -> Result<u64, OperateError> {
    let value = args.get("interval_ms").unwrap_or(&Value::Null);
    value.as_u64().filter(|interval_ms| allowed.contains(interval_ms)).ok_or_else(|| {
        let (start, end) = (allowed.start(), allowed.end());
        let rule = format!("{value} is not a whole number between {start} and {end}");
        OperateError::Argument { argument: "interval_ms", rule }
    })
}
