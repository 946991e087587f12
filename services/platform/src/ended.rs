//! What ends by time: shelving, maintenance, the wait for a parent's machines, and resolved tickets
//! that nothing has reopened.

use std::time::Duration;

use millwright_alarms::ended;
use millwright_alarms::limits::ENDED_BATCH;
use millwright_store::{Store, StoreError};
use millwright_ticketing::closing;
use millwright_ticketing::limits::CLOSED_BATCH;
use tokio_util::sync::CancellationToken;

use crate::worker::now;

/// How often it is looked for. Looking costs no turn at the writer.
const LOOK: Duration = Duration::from_secs(1);
/// Transactions of one kind in a row; then the others have their turn.
const IN_A_ROW: usize = 20;

/// Ends what is over until stopped.
pub(crate) async fn run(store: Store, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = end_all(&store).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "what is over can't be ended now");
        }
    }
}

async fn end_all(store: &Store) -> Result<(), StoreError> {
    for _ in 0..IN_A_ROW {
        if ended::shelving(store, now()).await? < ENDED_BATCH {
            break;
        }
    }
    for _ in 0..IN_A_ROW {
        if ended::maintenance(store, now()).await? < ENDED_BATCH {
            break;
        }
    }
    for _ in 0..IN_A_ROW {
        if ended::parents_lost(store, now()).await? < ENDED_BATCH {
            break;
        }
    }
    for _ in 0..IN_A_ROW {
        if ended::parents_maintained(store, now()).await? < ENDED_BATCH {
            break;
        }
    }
    for _ in 0..IN_A_ROW {
        if ended::flapping(store, now()).await? < ENDED_BATCH {
            break;
        }
    }
    for _ in 0..IN_A_ROW {
        if closing::close_resolved(store, now()).await? < CLOSED_BATCH {
            break;
        }
    }
    Ok(())
}
