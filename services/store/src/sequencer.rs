//! The worker that gives domain events their positions.

use std::time::Duration;

use tokio::sync::watch;

use crate::{Engine, Store, StoreError, events};

/// How often it looks even when nobody has woken it: another process may have written.
const POLL: Duration = Duration::from_secs(1);
/// First pause after an error; doubled up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(100);
/// Longest pause after an error.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Follows the last position that was given. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Positions(watch::Receiver<i64>);

impl Positions {
    /// The last position.
    #[must_use]
    pub fn last(&self) -> i64 {
        *self.0.borrow()
    }

    /// Waits until there is a position after `position`. Returns at once if there is one;
    /// `false` when the sequencer has ended.
    pub async fn beyond(&mut self, position: i64) -> bool {
        self.0.wait_for(|last| *last > position).await.is_ok()
    }

    /// Waits until the sequencer has ended: the platform stops.
    pub async fn ended(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// The sequencer, about to run.
#[derive(Debug)]
pub struct Sequencer {
    store: Store,
    last: watch::Sender<i64>,
}

impl Sequencer {
    /// Prepares it, and what others follow it by.
    ///
    /// # Errors
    /// When the last position can't be read.
    pub async fn new(store: Store) -> Result<(Self, Positions), StoreError> {
        let (last, positions) = watch::channel(events::last_position(&store).await?);
        Ok((Self { store, last }, Positions(positions)))
    }

    /// Runs until `stop` is true or its sender is gone; gives what is waiting then a position.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut pause = RETRY_MIN;
        loop {
            match self.assign_all().await {
                Ok(()) => pause = RETRY_MIN,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "events wait for their positions"
                    );
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        _ = stop.wait_for(|stop| *stop) => return,
                    }
                    pause = (pause * 2).min(RETRY_MAX);
                    continue;
                }
            }
            if *stop.borrow() || stop.has_changed().is_err() {
                return;
            }
            tokio::select! {
                () = self.store.events_appended() => {}
                () = tokio::time::sleep(POLL) => {}
                // Once more around, for what was committed meanwhile.
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    async fn assign_all(&self) -> Result<(), StoreError> {
        while let Some(last) = events::assign_positions(&self.store).await? {
            self.last.send_replace(last);
        }
        if self.store.engine() == Engine::Postgres {
            // Another process may have given some.
            let last = events::last_position(&self.store).await?;
            self.last.send_if_modified(|known| std::mem::replace(known, last) != last);
        }
        Ok(())
    }
}
