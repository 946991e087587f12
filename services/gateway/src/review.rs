//! Compares live connections with the database: who has no valid credential any more is cut, and
//! what stands as connected and isn't is recorded as ended.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use millwright_ingest::intake::Generation;
use millwright_schemas::MachineId;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::directory::{Change, Directory, SessionKey, Unavailable};
use crate::limits::LEFT_SESSION_S;
use crate::registry::Registry;
use crate::session::End;

/// Why a connection ended of whose end nobody was told at the time: the database was away then.
const LEFT: &str = "lost";

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

/// Looks again and again for connections that stand as open at this gateway and aren't there: their
/// end couldn't be recorded when it came. Without this, such a machine would count as connected for
/// ever. Runs until it is dropped.
pub(crate) async fn close_left(
    directory: &dyn Directory,
    registry: &Registry,
    interval: Duration,
    after: Duration,
) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut left = Left::default();
    loop {
        ticks.tick().await;
        if let Err(error) = look(directory, registry, &mut left, after).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "recorded connections not reviewed");
        }
    }
}

async fn look(
    directory: &dyn Directory,
    registry: &Registry,
    left: &mut Left,
    after: Duration,
) -> Result<(), Unavailable> {
    let held = directory.held().await?;
    let live = registry.live().into_iter().map(|live| (live.machine, live.generation)).collect();
    for key in left.due(held, &live, Instant::now(), after) {
        tracing::info!(machine.id = %key.machine, "a connection had ended without being recorded");
        directory.closed(&key, LEFT, LEFT_SESSION_S).await?;
    }
    Ok(())
}

/// Connections that aren't there, and since when that is known.
#[derive(Debug, Default)]
struct Left(HashMap<(MachineId, Generation), Instant>);

impl Left {
    /// Those of the recorded connections that have been missing for so long. One that is just being
    /// opened or closed is missing for a moment.
    fn due(
        &mut self,
        held: Vec<SessionKey>,
        live: &HashSet<(MachineId, Generation)>,
        now: Instant,
        after: Duration,
    ) -> Vec<SessionKey> {
        let known = std::mem::take(&mut self.0);
        let mut due = Vec::new();
        for key in held {
            let connection = (key.machine, key.generation);
            if live.contains(&connection) {
                continue;
            }
            let since = known.get(&connection).copied().unwrap_or(now);
            // Kept until it is recorded: that may fail once more.
            self.0.insert(connection, since);
            if now.duration_since(since) >= after {
                due.push(key);
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn key(n: u128, generation: i64) -> SessionKey {
        let (machine, generation) = (MachineId(Uuid::from_u128(n)), Generation(generation));
        SessionKey { machine, generation, client_id: String::new() }
    }

    #[test]
    fn only_what_is_missing_for_long_is_due_and_a_new_connection_counts_anew() {
        let (start, after) = (Instant::now(), Duration::from_secs(30));
        let at = |s| start + Duration::from_secs(s);
        let mut left = Left::default();
        let live = HashSet::from([(key(1, 1).machine, Generation(1))]);
        let held = || vec![key(1, 1), key(2, 5), key(3, 1)];
        assert_eq!(left.due(held(), &live, at(0), after), []);
        assert_eq!(left.due(held(), &live, at(29), after), []);
        // The third has reconnected meanwhile.
        let later = || vec![key(1, 1), key(2, 5), key(3, 2)];
        assert_eq!(left.due(later(), &live, at(30), after), [key(2, 5)]);
        assert_eq!(left.due(later(), &live, at(31), after), [key(2, 5)], "until it is recorded");
        assert_eq!(left.due(vec![key(3, 2)], &live, at(60), after), [key(3, 2)]);
        assert_eq!(left.due(vec![], &live, at(61), after), []);
        assert_eq!(left.due(vec![key(3, 2)], &live, at(62), after), [], "forgotten meanwhile");
    }
}
