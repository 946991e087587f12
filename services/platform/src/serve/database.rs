//! The database, waited for: after a power cut it may be up later than the platform.

use std::error::Error;
use std::time::Duration;

use anyhow::Context as _;
use millwright_store::{Location, Store};

/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(2);

/// Opens the database. Waits for a server that can't be reached; what doesn't change by waiting,
/// such as a wrong password, is an error at once.
pub(super) async fn open(location: &Location) -> anyhow::Result<Store> {
    loop {
        match Store::open(location).await {
            Err(error) if error.is_transient() && matches!(location, Location::Postgres(_)) => {
                tracing::warn!(
                    error = &error as &dyn Error,
                    "{location} can't be reached; trying again every {} s",
                    PAUSE.as_secs()
                );
            }
            result => return result.with_context(|| format!("{location} can't be opened")),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
