//! The collector's loop.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::progress::{Progress, believable};
use super::unsaved::Unsaved;
use crate::clock;
use crate::drivers::DriverConfig;
use crate::known_signals::KnownSignals;
use crate::limits::UNSAVED_RETRY;
use crate::outbox::{Appended, Delivery, OutboxError, OutboxHandle, Readings};
use crate::signals::{self, AllowedSignals};
use crate::status::StatusBoard;

/// What a driver's task sends.
#[derive(Debug)]
pub enum FromDriver {
    /// A reading.
    Reading(Delivery),
    /// The driver with this name has ended.
    Ended(String),
}

/// Gathers readings and commits them to the outbox.
pub struct Collector {
    outbox: OutboxHandle,
    board: StatusBoard,
    allowed: Vec<AllowedSignals>,
    flush_interval: Duration,
    samples_per_message: usize,
    unsaved: Unsaved,
    /// What the disk didn't take, or perhaps did: given again as it is.
    failed: Option<Readings>,
    progress: Progress,
    drivers: Vec<DriverConfig>,
    known: KnownSignals,
    /// When what is gathered is committed.
    due: Option<Instant>,
    disk_full: bool,
}

/// How the collector filters and packs.
#[derive(Debug, Clone)]
pub struct Gathering {
    /// What may leave.
    pub allowed: Vec<AllowedSignals>,
    /// Longest wait before a commit.
    pub flush_interval: Duration,
    /// Samples that are worth a commit.
    pub samples_per_message: usize,
    /// All drivers.
    pub drivers: Vec<DriverConfig>,
    /// Takes note of what leaves.
    pub known: KnownSignals,
}

impl Collector {
    /// A collector for these drivers.
    #[must_use]
    pub fn new(outbox: OutboxHandle, board: StatusBoard, gathering: Gathering) -> Self {
        Self {
            outbox,
            board,
            allowed: gathering.allowed,
            flush_interval: gathering.flush_interval,
            samples_per_message: gathering.samples_per_message,
            unsaved: Unsaved::default(),
            failed: None,
            progress: Progress::new(
                gathering.drivers.iter().map(|driver| driver.name().to_owned()).collect(),
            ),
            drivers: gathering.drivers,
            known: gathering.known,
            due: None,
            disk_full: false,
        }
    }

    /// Runs until all drivers' senders are gone, and commits what is left.
    pub async fn run(mut self, mut readings: mpsc::Receiver<FromDriver>) {
        loop {
            let due = self.due;
            tokio::select! {
                received = readings.recv(), if !self.unsaved.is_full() => match received {
                    Some(received) => self.receive(received),
                    None => break,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            if self.due.is_some_and(|due| due <= Instant::now()) {
                self.flush().await;
            }
        }
        self.flush().await;
    }

    fn receive(&mut self, received: FromDriver) {
        let mut delivery = match received {
            FromDriver::Reading(delivery) => delivery,
            FromDriver::Ended(driver) => {
                self.progress.ended(&driver);
                return;
            }
        };
        if let Some(last) = delivery.reading.samples.iter().map(|sample| sample.ts).max() {
            self.progress.delivered(&delivery.driver, last);
        }
        let refused = signals::filter(&self.allowed, &mut delivery.reading);
        if refused > 0 {
            self.board.update(|status| status.refused_values += refused);
        }
        if let Some(driver) = self.drivers.iter().find(|known| known.name() == delivery.driver) {
            self.known.note(driver, &delivery.reading);
        }
        self.unsaved.push(delivery);
        if self.disk_full {
            self.show_unsaved();
        } else if self.unsaved.faults() > 0 || self.unsaved.samples() >= self.samples_per_message {
            // A fault shouldn't wait, and a full message needn't.
            self.due = Some(Instant::now());
        } else {
            self.due.get_or_insert_with(|| Instant::now() + self.flush_interval);
        }
    }

    /// Commits what failed before, unchanged but for a promise that no longer holds, then what
    /// has come since.
    async fn flush(&mut self) {
        self.due = None;
        let now = clock::now();
        if let Some(mut failed) = self.failed.take() {
            failed.through = failed.through.and_then(|through| believable(through, now));
            self.commit(failed).await;
        }
        if self.failed.is_none() && !self.unsaved.is_empty() {
            let (deliveries, lost_samples) = self.unsaved.take();
            let unsaved = lost_samples.div_ceil(self.samples_per_message) as u64;
            let through = self.progress.through(now);
            self.commit(Readings { through, unsaved, ..Readings::new(deliveries) }).await;
        }
    }

    async fn commit(&mut self, readings: Readings) {
        let result = self
            .outbox
            .add(move |outbox| {
                let result = outbox.append(&readings);
                Ok((readings, result))
            })
            .await;
        match result {
            Ok((_, Ok(appended))) => self.committed(appended),
            Ok((readings, Err(error))) if error.is_storage() => {
                self.failed = Some(readings);
                self.keep(&error);
            }
            // Trying again wouldn't help, and holding on would stop everything after it.
            Ok((_, Err(error))) | Err(error) => {
                tracing::error!(%error, "readings can't be stored and are lost");
                self.board.update(|status| status.problem = Some(error.to_string()));
            }
        }
    }

    fn committed(&mut self, appended: Appended) {
        if std::mem::take(&mut self.disk_full) {
            tracing::info!("the disk takes readings again");
        }
        if appended.refused_events > 0 {
            tracing::error!(faults = appended.refused_events, "faults found no room in the outbox");
        }
        self.board.update(|status| {
            status.disk_problem = None;
            status.unsaved_samples = 0;
            status.refused_values += appended.refused_values;
            status.refused_events += appended.refused_events;
        });
    }

    fn keep(&mut self, error: &OutboxError) {
        if !self.disk_full {
            tracing::error!(%error, "the disk takes no readings; they are kept in memory");
        }
        self.disk_full = true;
        self.due = Some(Instant::now() + UNSAVED_RETRY);
        self.board.update(|status| status.disk_problem = Some(error.to_string()));
        self.show_unsaved();
    }

    fn show_unsaved(&self) {
        let failed = self.failed.iter().flat_map(|readings| &readings.deliveries);
        let failed: usize = failed.map(|delivery| delivery.reading.samples.len()).sum();
        let samples = (failed + self.unsaved.samples()) as u64;
        self.board.update(|status| status.unsaved_samples = samples);
    }
}
