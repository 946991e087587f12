//! Watching machines' connections: a machine that is away for too long is an alarm.

use std::time::Duration;

use millwright_alarms::contact_watch::{ContactWatch, watch_tick};
use millwright_detection::contact::Watching;
use millwright_store::Store;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::worker::now;

/// How often the platform looks.
const TICK: Duration = Duration::from_secs(1);
/// Seconds between two looks after which the platform itself was away: it was stopped, its
/// computer slept, or its database didn't answer. Machines then get the whole time again.
const PAUSE_MAX_S: i64 = 5;

/// Looks until stopped. `timeout_s`: how long a machine may be away.
pub(crate) async fn watch(store: Store, timeout_s: i64, stop: CancellationToken) {
    let mut watching = Watching::begin(now(), PAUSE_MAX_S);
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let at = now();
        let watch = ContactWatch { watching_since: watching.tick(at), timeout_s };
        match watch_tick(&store, watch, at).await {
            Ok(found) if found.lost > 0 || found.back > 0 => {
                tracing::info!(found.lost, found.back, "contact with machines");
            }
            Ok(_) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "contact with machines can't be watched now");
            }
        }
    }
}
