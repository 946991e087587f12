//! The bus: a child of the platform's only process, or a broker that several processes share.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use millwright_tests::Broker;
use nix::sys::signal::Signal;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::platform::Platform;
use crate::processes::{self, Stopped};

/// How often it is looked whether a child that must be away was started again.
const AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) enum Bus {
    /// The platform starts it again.
    Child(Arc<Mutex<Platform>>),
    /// Whoever runs it starts it again.
    Shared(Box<Broker>),
}

impl Bus {
    /// Kills it; returns whether it was there.
    pub(crate) async fn kill(&mut self, down: Duration) -> anyhow::Result<bool> {
        match self {
            Self::Child(platform) => kill_child(platform).await,
            Self::Shared(broker) => {
                broker.kill();
                sleep(down).await;
                broker.start_again();
                Ok(true)
            }
        }
    }

    /// Kills it, and a child again whenever it was started again, for this time.
    pub(crate) async fn keep_away(&mut self, lasts: Duration) -> anyhow::Result<()> {
        match self {
            Self::Child(platform) => {
                let end = Instant::now() + lasts;
                while Instant::now() < end {
                    kill_child(platform).await?;
                    sleep(AGAIN).await;
                }
            }
            Self::Shared(_) => {
                self.kill(lasts).await?;
            }
        }
        Ok(())
    }

    /// Stops it for a time; returns whether it was there.
    pub(crate) async fn pause(&mut self, pause: Duration) -> anyhow::Result<bool> {
        let process = match self {
            Self::Child(platform) => platform.lock().await.broker(),
            Self::Shared(broker) => Some(broker.process_id()),
        };
        let Some(process) = process else { return Ok(false) };
        let stopped = Stopped::stop(process)?;
        sleep(pause).await;
        drop(stopped);
        Ok(true)
    }

    /// Starts it again if it has ended by itself and nobody else does.
    pub(crate) fn look_after(&mut self) -> Option<ExitStatus> {
        let Self::Shared(broker) = self else { return None };
        let status = broker.ended()?;
        broker.start_again();
        Some(status)
    }
}

async fn kill_child(platform: &Mutex<Platform>) -> anyhow::Result<bool> {
    let Some(broker) = platform.lock().await.broker() else { return Ok(false) };
    processes::signal(broker, Signal::SIGKILL)?;
    Ok(true)
}
