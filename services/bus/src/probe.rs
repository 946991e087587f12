//! Asks a broker whether it still works: a message to oneself and back.

use std::time::Duration;

use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, Outgoing, Packet, QoS};
use tokio::time::timeout;

use crate::endpoint::Endpoint;
use crate::topics::PROBE;

/// Requests that the probe has on their way at once.
const REQUESTS: usize = 4;

/// Why a broker is not taken for a working one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProbeError {
    #[error("the broker doesn't answer in {} s", .0.as_secs_f32())]
    Timeout(Duration),
    #[error("the broker's connection failed")]
    Connection(#[from] ConnectionError),
    #[error("the probe's own queue is full")]
    Queue(#[from] rumqttc::ClientError),
}

/// A connection over which a broker is asked again and again.
pub(crate) struct Probe {
    client: AsyncClient,
    eventloop: EventLoop,
    sent: u64,
}

impl Probe {
    /// Connects and subscribes to its own messages.
    pub(crate) async fn connect(
        endpoint: &Endpoint,
        client_id: String,
        limit: Duration,
    ) -> Result<Self, ProbeError> {
        let (client, eventloop) = AsyncClient::new(endpoint.options(client_id), REQUESTS);
        let mut probe = Self { client, eventloop, sent: 0 };
        timeout(limit, probe.subscribe()).await.map_err(|_| ProbeError::Timeout(limit))??;
        Ok(probe)
    }

    async fn subscribe(&mut self) -> Result<(), ProbeError> {
        loop {
            match self.eventloop.poll().await? {
                Event::Incoming(Packet::ConnAck(_)) => {
                    self.client.try_subscribe(PROBE, QoS::AtLeastOnce)?;
                }
                Event::Incoming(Packet::SubAck(_)) => return Ok(()),
                _ => {}
            }
        }
    }

    /// Sends a message to itself: through the broker's connection, its router and its log.
    pub(crate) async fn ask(&mut self, limit: Duration) -> Result<(), ProbeError> {
        self.sent += 1;
        let question = self.sent.to_be_bytes();
        self.client.try_publish(PROBE, QoS::AtLeastOnce, false, question)?;
        let answer = async {
            loop {
                match self.eventloop.poll().await? {
                    Event::Incoming(Packet::Publish(answer)) if answer.payload[..] == question => {
                        return Ok(());
                    }
                    _ => {}
                }
            }
        };
        timeout(limit, answer).await.map_err(|_| ProbeError::Timeout(limit))?
    }

    /// Says goodbye, so that the broker doesn't see a broken connection.
    pub(crate) async fn close(mut self, limit: Duration) -> Result<(), ProbeError> {
        self.client.try_disconnect()?;
        let goodbye = async {
            while !matches!(self.eventloop.poll().await?, Event::Outgoing(Outgoing::Disconnect)) {}
            Ok(())
        };
        timeout(limit, goodbye).await.map_err(|_| ProbeError::Timeout(limit))?
    }
}
