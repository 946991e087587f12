//! Keeping a driver going: making it, reading, trying again; and handing it its orders.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::collector::FromDriver;
use crate::driver::{Driver, DriverError, OperateError};
use crate::drivers::{self, DriverConfig, DriverOrder, DriverOrders};
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
    /// What is to be done to the machine behind it.
    pub orders: DriverOrders,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Supervisor {
    /// Runs the driver until it ends, can't go on, or is stopped.
    pub async fn run(mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.supervise() => {}
        }
    }

    async fn supervise(&mut self) {
        let mut retry = Retry::new();
        let mut driver = loop {
            match self.make().await {
                Ok(driver) => break driver,
                Err(error) => {
                    if !self.note(&error, &mut retry, None).await {
                        return self.ended().await;
                    }
                }
            }
        };
        loop {
            // A reading that is waited for loses nothing when an order comes between.
            let read = tokio::select! {
                read = driver.next() => read,
                Some(order) = self.orders.recv() => {
                    carry_out(order, driver.as_mut()).await;
                    continue;
                }
            };
            match read {
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
                    if !self.note(&error, &mut retry, Some(driver.as_mut())).await {
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

    /// Waits before the next attempt; false when there is no point in one. Meanwhile orders are
    /// carried out, or refused while there is no driver.
    async fn note(
        &mut self,
        error: &DriverError,
        retry: &mut Retry,
        mut driver: Option<&mut dyn Driver>,
    ) -> bool {
        tracing::error!(driver = self.config.name(), %error, "the driver can't deliver");
        let lasting = matches!(error, DriverError::Configuration { .. });
        self.board.update_driver(self.config.name(), |status| {
            status.state = if lasting { DriverState::Failed } else { DriverState::Retrying };
            status.last_error = Some(error.to_string());
        });
        if lasting {
            return false;
        }
        let again = sleep(retry.next());
        tokio::pin!(again);
        loop {
            tokio::select! {
                () = &mut again => return true,
                Some(order) = self.orders.recv() => match &mut driver {
                    Some(driver) => carry_out(order, &mut **driver).await,
                    None => refuse(order, self.config.name(), error),
                },
            }
        }
    }

    async fn ended(&self) {
        let _ = self.readings.send(FromDriver::Ended(self.config.name().to_owned())).await;
    }
}

/// Carries out an order, unless whoever gave it has gone: it must not take effect late.
async fn carry_out(order: DriverOrder, driver: &mut dyn Driver) {
    if order.answer.is_closed() {
        return;
    }
    let result = driver.operate(&order.name, &order.args).await;
    let _ = order.answer.send(result);
}

fn refuse(order: DriverOrder, driver: &str, error: &DriverError) {
    let (driver, reason) = (driver.to_owned(), error.to_string());
    let _ = order.answer.send(Err(OperateError::NotRunning { driver, reason }));
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
