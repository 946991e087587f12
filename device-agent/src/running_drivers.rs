//! All drivers of the agent, started and stopped together.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::collector::{Collector, Gathering};
use crate::config::Config;
use crate::drivers::DriverCommands;
use crate::known_signals::KnownSignals;
use crate::limits::READINGS_QUEUED;
use crate::outbox::OutboxHandle;
use crate::status::StatusBoard;
use crate::supervise::Supervisor;

/// The drivers' tasks and the collector behind them.
pub(crate) struct Drivers {
    stop: CancellationToken,
    tasks: JoinSet<()>,
    collector: JoinHandle<()>,
    /// Gives them orders.
    pub(crate) commands: DriverCommands,
    /// What they have delivered.
    pub(crate) known: KnownSignals,
}

impl Drivers {
    pub(crate) fn start(config: &Config, outbox: &OutboxHandle, board: &StatusBoard) -> Self {
        let stop = CancellationToken::new();
        let known = KnownSignals::default();
        let (readings, received) = mpsc::channel(READINGS_QUEUED);
        let gathering = Gathering {
            allowed: config.signals.allow.clone(),
            flush_interval: Duration::from_millis(config.signals.flush_interval_ms),
            samples_per_message: config.signals.samples_per_message,
            drivers: config.drivers.clone(),
            known: known.clone(),
        };
        let collector = Collector::new(outbox.clone(), board.clone(), gathering);
        let mut tasks = JoinSet::new();
        let (commands, orders) = DriverCommands::of(&config.drivers);
        for (driver, orders) in config.drivers.iter().zip(orders) {
            let supervisor = Supervisor {
                config: driver.clone(),
                outbox: outbox.clone(),
                readings: readings.clone(),
                board: board.clone(),
                orders,
                stop: stop.clone(),
            };
            tasks.spawn(supervisor.run());
        }
        let collector = tokio::spawn(collector.run(received));
        Self { stop, tasks, collector, commands, known }
    }

    /// Ends the drivers, then commits what they have delivered.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        if let Err(error) = self.collector.await {
            tracing::error!(%error, "the collector has failed");
        }
    }
}
