//! The bus of this process: a supervised broker, or one by URL.

use anyhow::Context;
use millwright_bus::{Bus, ExternalBroker, Supervisor};

/// A bus and, if it is ours, its broker.
pub(crate) struct RunningBus {
    pub(crate) bus: Bus,
    supervisor: Option<Supervisor>,
}

impl RunningBus {
    /// Starts the broker as a child of this program, or connects to the given one.
    pub(crate) fn start(url: Option<&str>) -> anyhow::Result<Self> {
        if let Some(url) = url {
            let broker = ExternalBroker::new(url, None).context("--bus can't be used")?;
            return Ok(Self { bus: Bus::external(&broker), supervisor: None });
        }
        let program = std::env::current_exe().context("this program can't be found")?;
        let supervisor = Supervisor::start(program, vec!["broker".to_owned()]);
        Ok(Self { bus: Bus::supervised(&supervisor), supervisor: Some(supervisor) })
    }

    /// Says goodbye, then ends the broker.
    pub(crate) async fn stop(self) {
        self.bus.close().await;
        if let Some(supervisor) = self.supervisor {
            supervisor.stop().await;
        }
    }
}
