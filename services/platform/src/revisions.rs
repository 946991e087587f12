//! What came late: looked at when nothing more comes.

use std::time::Duration;

use millwright_alarms::revisions::Revisions;
use millwright_store::Store;
use tokio_util::sync::CancellationToken;

use crate::worker::now;

/// How often it is looked for. Looking costs no turn at the writer.
const LOOK: Duration = Duration::from_secs(30);

/// Looks until stopped.
pub(crate) async fn run(store: Store, stop: CancellationToken) {
    let ending = stop.clone();
    let revisions = Revisions::new(store, now, move || ending.is_cancelled());
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        while !stop.is_cancelled() {
            match revisions.look_at_next().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "late samples can't be looked at now");
                    break;
                }
            }
        }
    }
}
