//! The database, waited for: after a power cut it may be up later than the platform. Whoever watches
//! the process is told meanwhile that it lives, and what it waits for.

use std::error::Error;
use std::time::Duration;

use anyhow::Context as _;
use millwright_api::server::ServerConfig;
use millwright_api::waiting::Waiting;
use millwright_store::{Location, Store, is_unavailable};

/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(2);
/// An attempt that takes longer is told of.
const HUSH: Duration = Duration::from_secs(2);

/// Opens the database. Waits for a server that can't be reached; what doesn't change by waiting,
/// such as a wrong password, is an error at once. While that takes its time, it is told at the door
/// of the API, if this process has one.
pub(super) async fn open(
    location: &Location,
    door: Option<&ServerConfig>,
) -> anyhow::Result<Store> {
    let mut doorman = Doorman::new(door);
    let opened = loop {
        let mut opening = Box::pin(Store::open(location));
        let opened = tokio::select! {
            opened = &mut opening => opened,
            () = tokio::time::sleep(HUSH) => {
                // It may also wait for another process that migrates it.
                doorman.tell("it is being opened, and perhaps migrated".to_owned());
                opening.await
            }
        };
        match opened {
            Err(error) if error.is_transient() && matches!(location, Location::Postgres(_)) => {
                tracing::warn!(
                    error = &error as &dyn Error,
                    "{location} can't be reached; trying again every {} s",
                    PAUSE.as_secs()
                );
                // Without its cause, which isn't for everybody's eyes.
                doorman.tell(error.to_string());
            }
            opened => break opened,
        }
        tokio::time::sleep(PAUSE).await;
    };
    doorman.end().await;
    opened.with_context(|| format!("{location} can't be opened"))
}

/// Steps of the start that use the database which was opened.
pub(super) struct Steps<'c> {
    location: &'c Location,
    door: Option<&'c ServerConfig>,
}

impl<'c> Steps<'c> {
    /// Of this database; told at this door.
    pub(super) const fn new(location: &'c Location, door: Option<&'c ServerConfig>) -> Self {
        Self { location, door }
    }

    /// Does one. Anew when the server can't be used any more: to end would only have the process started again.
    pub(super) async fn take<T>(
        &self,
        step: impl AsyncFn() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut doorman = Doorman::new(self.door);
        let done = loop {
            match step().await {
                Err(error) if self.may_come_back(&error) => {
                    tracing::warn!(
                        error = error.as_ref() as &dyn Error,
                        "{} can't be used any more; trying again every {} s",
                        self.location,
                        PAUSE.as_secs()
                    );
                    doorman.tell("database is not available".to_owned());
                    tokio::time::sleep(PAUSE).await;
                }
                done => break done,
            }
        };
        doorman.end().await;
        done
    }

    fn may_come_back(&self, error: &anyhow::Error) -> bool {
        matches!(self.location, Location::Postgres(_)) && is_unavailable(error.as_ref())
    }
}

/// Tells at the door why nobody comes in.
struct Doorman<'d> {
    door: Option<&'d ServerConfig>,
    waiting: Option<Waiting>,
}

impl<'d> Doorman<'d> {
    const fn new(door: Option<&'d ServerConfig>) -> Self {
        Self { door, waiting: None }
    }

    async fn end(self) {
        if let Some(waiting) = self.waiting {
            waiting.end().await;
        }
    }

    fn tell(&mut self, reason: String) {
        match (&self.waiting, self.door) {
            (Some(waiting), _) => waiting.tell(reason),
            (None, Some(door)) => match Waiting::start(door, reason) {
                Ok(waiting) => self.waiting = Some(waiting),
                // Waiting goes on without it.
                Err(error) => tracing::warn!(%error, "nobody can be told that it waits"),
            },
            (None, None) => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::Cell;
    use std::path::PathBuf;

    use anyhow::{anyhow, ensure};

    use super::*;

    /// Nobody listens there.
    fn nowhere() -> Location {
        Location::Postgres("postgres://nobody@127.0.0.1:1/nothing".to_owned())
    }

    #[tokio::test]
    async fn a_step_waits_for_a_server_that_has_gone_away_and_for_nothing_else() {
        let tries = Cell::new(0);
        let step = async || {
            tries.set(tries.get() + 1);
            if tries.get() == 1 {
                Store::open(&nowhere()).await.context("a step")?;
            }
            ensure!(tries.get() != 2, "another reason");
            Ok(tries.get())
        };
        let away = nowhere();
        let error = Steps::new(&away, None).take(step).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), tries.get()), ("another reason", 2));

        let in_a_folder = Location::Folder(PathBuf::from("/nowhere"));
        let step = async || {
            tries.set(tries.get() + 1);
            Store::open(&nowhere()).await.map(drop).map_err(|error| anyhow!(error))
        };
        let taken = Steps::new(&in_a_folder, None).take(step).await;
        assert!(taken.is_err(), "nobody is waited for");
        assert_eq!(tries.get(), 3);
    }
}
