//! The way of orders to machines: by this process's gateway, else over the bus to another one's.

use std::sync::Arc;

use bytes::Bytes;
use millwright_bus::Bus;
use millwright_dispatch::{Delivery, Dispatch, NotTaken};
use millwright_gateway::Gateway;
use millwright_gateway::presence::{Notice, Presence};
use millwright_gateway::registry::NotTaken as NotSeated;
use millwright_schemas::MachineId;
use millwright_schemas::topics::{self, DownChannel};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::worker::now;

/// Hands orders over. A bus that is dead stops none to machines that are connected here.
pub(crate) struct Orders {
    /// This process's, if it has one.
    gateway: Option<Arc<Gateway>>,
    bus: Bus,
}

impl Orders {
    pub(crate) const fn new(gateway: Option<Arc<Gateway>>, bus: Bus) -> Self {
        Self { gateway, bus }
    }
}

impl Delivery for Orders {
    fn deliver(
        &self,
        machine: MachineId,
        channel: DownChannel,
        payload: Bytes,
    ) -> Result<(), NotTaken> {
        let here = self.gateway.as_ref().map_or(Err(NotSeated::NotConnected), |gateway| {
            gateway.send_down(machine, channel, payload.clone())
        });
        match here {
            Ok(()) => Ok(()),
            Err(NotSeated::NotConnected) => self
                .bus
                .publish(topics::down(machine, channel), payload)
                .map_err(|error| NotTaken(error.to_string())),
            Err(full) => Err(NotTaken(full.to_string())),
        }
    }
}

/// Sends what is due to machines as soon as they can be reached.
pub(crate) async fn follow_presence(
    dispatch: Dispatch,
    mut notices: mpsc::Receiver<Notice>,
    stop: CancellationToken,
) {
    loop {
        let notice = tokio::select! {
            () = stop.cancelled() => return,
            notice = notices.recv() => notice,
        };
        let Some(Notice { machine, presence, .. }) = notice else { return };
        if presence != Presence::Reachable {
            continue;
        }
        if let Err(error) = dispatch.send_due(machine, now()).await {
            // The next look finds it.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(machine.id = %machine, error, "what waits for a machine wasn't sent");
        }
    }
}
