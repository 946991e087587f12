//! The database, waited for: after a power cut it may be up later than the platform. Whoever watches
//! the process is told meanwhile that it lives, and what it waits for.

use std::error::Error;
use std::time::Duration;

use anyhow::Context as _;
use millwright_api::server::ServerConfig;
use millwright_api::waiting::Waiting;
use millwright_store::{Location, Store};

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
    let mut doorman = Doorman { door, waiting: None };
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
    if let Some(waiting) = doorman.waiting {
        waiting.end().await;
    }
    opened.with_context(|| format!("{location} can't be opened"))
}

/// Tells at the door why nobody comes in.
struct Doorman<'d> {
    door: Option<&'d ServerConfig>,
    waiting: Option<Waiting>,
}

impl Doorman<'_> {
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
