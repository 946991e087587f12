//! Compares live connections with the database: who has no valid credential any more is cut.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::directory::{Change, Directory};
use crate::registry::Registry;
use crate::session::End;

/// Reviews at once when the directory says that something has changed, and every `interval`
/// whatever it says. Runs until it is dropped.
pub(crate) async fn run(directory: &dyn Directory, registry: &Registry, interval: Duration) {
    let mut changes = directory.changes();
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = changed(&mut changes) => {}
        }
        review(directory, registry).await;
    }
}

/// Waits for a change; for ever when nobody will tell of one.
async fn changed(changes: &mut watch::Receiver<u64>) {
    if changes.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn review(directory: &dyn Directory, registry: &Registry) {
    let live = registry.live();
    if live.is_empty() {
        return;
    }
    let changes = match directory.review(&live).await {
        Ok(changes) => changes,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "live connections not reviewed"
            );
            return;
        }
    };
    for (machine, generation, change) in changes {
        match change {
            Change::Revoked => registry.disconnect_generation(machine, generation, End::Revoked),
            Change::Expired => registry.disconnect_generation(machine, generation, End::Expired),
            Change::Superseded => {
                registry.disconnect_generation(machine, generation, End::Takeover);
            }
            Change::Children(children) => registry.set_children(machine, generation, &children),
        }
    }
}
