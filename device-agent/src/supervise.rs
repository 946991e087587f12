//! Keeping a driver going: making it, reading, trying again.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::collector::FromDriver;
use crate::driver::{Driver, DriverError};
use crate::drivers::{self, DriverConfig};
use crate::limits::DRIVER_RETRY;
use crate::outbox::{Delivery, OutboxHandle};
use crate::status::{DriverState, StatusBoard};

/// A driver and where its readings go.
pub struct Supervisor {
    /// Which driver.
    pub config: DriverConfig,
    /// Holds its checkpoint.
    pub outbox: OutboxHandle,
    /// Takes its readings.
    pub readings: mpsc::Sender<FromDriver>,
    /// Shows how it is.
    pub board: StatusBoard,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Supervisor {
    /// Runs the driver until it ends, can't go on, or is stopped.
    pub async fn run(self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.supervise() => {}
        }
    }

    async fn supervise(&self) {
        let mut retry = Retry::new();
        let mut driver = loop {
            match self.make().await {
                Ok(driver) => break driver,
                Err(error) => {
                    if !self.note(&error, &mut retry).await {
                        return self.ended().await;
                    }
                }
            }
        };
        loop {
            match driver.next().await {
                Ok(Some(reading)) => {
                    retry = Retry::new();
                    self.board.update_driver(self.config.name(), |status| {
                        status.state = DriverState::Running;
                        status.readings += 1;
                        status.last_error = None;
                    });
                    let driver = self.config.name().to_owned();
                    let delivery = FromDriver::Reading(Delivery { driver, reading });
                    if self.readings.send(delivery).await.is_err() {
                        return;
                    }
                }
                Ok(None) => {
                    tracing::info!(driver = self.config.name(), "nothing more will come");
                    self.board.update_driver(self.config.name(), |status| {
                        status.state = DriverState::Ended;
                    });
                    return self.ended().await;
                }
                Err(error) => {
                    if !self.note(&error, &mut retry).await {
                        return self.ended().await;
                    }
                }
            }
        }
    }

    async fn make(&self) -> Result<Box<dyn Driver>, DriverError> {
        let name = self.config.name().to_owned();
        let checkpoint =
            self.outbox.call(move |outbox| outbox.checkpoint(&name)).await.map_err(|error| {
                DriverError::Read {
                    driver: self.config.name().to_owned(),
                    reason: format!("its checkpoint: {error}"),
                }
            })?;
        drivers::create(&self.config, checkpoint)
    }

    /// Waits before the next attempt; false when there is no point in one.
    async fn note(&self, error: &DriverError, retry: &mut Retry) -> bool {
        tracing::error!(driver = self.config.name(), %error, "the driver can't deliver");
        let lasting = matches!(error, DriverError::Configuration { .. });
        self.board.update_driver(self.config.name(), |status| {
            status.state = if lasting { DriverState::Failed } else { DriverState::Retrying };
            status.last_error = Some(error.to_string());
        });
        if !lasting {
            sleep(retry.next()).await;
        }
        !lasting
    }

    async fn ended(&self) {
        let _ = self.readings.send(FromDriver::Ended(self.config.name().to_owned())).await;
    }
}

/// Doubling waits.
struct Retry(Duration);

impl Retry {
    const fn new() -> Self {
        Self(DRIVER_RETRY.0)
    }

    fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = (now * 2).min(DRIVER_RETRY.1);
        now
    }
}
