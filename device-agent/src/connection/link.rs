//! The MQTT client behind a queue of events.
//!
//! The client's event loop runs in a task of its own and is never cancelled in the middle of a
//! step: a packet that it has taken from its queue would be lost. Each connection has its own
//! client, so that nothing of an old one is sent again behind our back.

use std::time::Duration;

use millwright_schemas::topics::{self, UpChannel};
use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, NetworkOptions, QoS,
    TlsConfiguration, Transport,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::websocket::WebSocketLink;
use crate::commands::Notice;
use crate::identity::{Identity, IdentityError};
use crate::limits::{
    CONNECT_TIMEOUT, IN_FLIGHT_MESSAGES, MQTT_EVENTS, NOTICES_IN_FLIGHT, PACKET_BYTES,
};
use crate::outbox::{Topic, Waiting};
use crate::trusted_time::TimeKeeper;

/// Room in the client's queue besides the window: subscribe, disconnect and notices.
const CONTROL_PACKETS: usize = 4 + NOTICES_IN_FLIGHT;

/// The client takes nothing more: its queue is larger than the window, so it has ended.
#[derive(Debug, thiserror::Error)]
#[error("the MQTT client has ended")]
pub(super) struct LinkClosed;

/// One connection.
pub(super) struct Link {
    client: AsyncClient,
    events: mpsc::Receiver<Result<Event, ConnectionError>>,
    poller: JoinHandle<()>,
    topics: [String; 2],
    down: String,
}

impl Link {
    /// Starts connecting, by WebSocket if one is prepared; the first event tells how that went.
    pub(super) fn open(
        identity: &Identity,
        time: &TimeKeeper,
        keep_alive: Duration,
        websocket: Option<WebSocketLink>,
    ) -> Result<Self, IdentityError> {
        let machine = identity.machine_id;
        let mut options = match websocket {
            None => by_mqtt(identity, time)?,
            Some(websocket) => by_websocket(identity, time, websocket)?,
        };
        options
            .set_clean_session(true)
            .set_keep_alive(keep_alive)
            .set_max_packet_size(PACKET_BYTES, PACKET_BYTES)
            // Packet ids go round within this number; twice the window, so that an id is free
            // again before its turn comes.
            .set_inflight(
                u16::try_from((IN_FLIGHT_MESSAGES + NOTICES_IN_FLIGHT) * 2).unwrap_or(u16::MAX),
            );
        let (client, mut event_loop) =
            AsyncClient::new(options, IN_FLIGHT_MESSAGES + CONTROL_PACKETS);
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
        network.set_tcp_nodelay(true);
        event_loop.set_network_options(network);
        let (events, receiver) = mpsc::channel(MQTT_EVENTS);
        Ok(Self {
            client,
            events: receiver,
            poller: tokio::spawn(poll(event_loop, events)),
            topics: [
                topics::up(machine, UpChannel::Events),
                topics::up(machine, UpChannel::Telemetry),
            ],
            down: topics::down_filter(machine),
        })
    }

    /// The next event; after an error nothing more comes.
    pub(super) async fn next(&mut self) -> Result<Event, Box<dyn std::error::Error + Send + Sync>> {
        match self.events.recv().await {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Box::new(error)),
            None => Err(Box::new(LinkClosed)),
        }
    }

    /// Subscribes all that the platform sends to this machine.
    pub(super) fn subscribe(&self) -> Result<(), LinkClosed> {
        self.client.try_subscribe(&self.down, QoS::AtLeastOnce).map_err(|_| LinkClosed)
    }

    /// Queues a message. It counts for nothing until its PUBACK.
    pub(super) fn publish(&self, topic: Topic, message: Waiting) -> Result<(), LinkClosed> {
        let name = match topic {
            Topic::Events => &self.topics[0],
            Topic::Telemetry => &self.topics[1],
        };
        self.client
            .try_publish(name, QoS::AtLeastOnce, false, message.payload)
            .map_err(|_| LinkClosed)
    }

    /// Queues an event that isn't in the outbox.
    pub(super) fn publish_notice(&self, notice: Notice) -> Result<(), LinkClosed> {
        self.client
            .try_publish(&self.topics[0], QoS::AtLeastOnce, false, notice)
            .map_err(|_| LinkClosed)
    }

    /// Queues DISCONNECT behind all that was queued before.
    pub(super) fn disconnect(&self) -> Result<(), LinkClosed> {
        self.client.try_disconnect().map_err(|_| LinkClosed)
    }
}

fn by_mqtt(identity: &Identity, time: &TimeKeeper) -> Result<MqttOptions, IdentityError> {
    let (host, port) = (identity.mqtt.host.clone(), identity.mqtt.port);
    let mut options = MqttOptions::new(identity.machine_id.to_string(), host, port);
    let tls = TlsConfiguration::Rustls(identity.tls_client(time)?);
    options.set_transport(Transport::tls_with_config(tls));
    Ok(options)
}

fn by_websocket(
    identity: &Identity,
    time: &TimeKeeper,
    websocket: WebSocketLink,
) -> Result<MqttOptions, IdentityError> {
    let machine = identity.machine_id.to_string();
    let WebSocketLink { url, is_encrypted, proof } = websocket;
    // The port counts for nothing: it is in the URL.
    let mut options = MqttOptions::new(machine.clone(), url, 0);
    options.set_credentials(machine, proof);
    options.set_transport(if is_encrypted {
        Transport::wss_with_config(TlsConfiguration::Rustls(identity.https_client(time)?))
    } else {
        Transport::ws()
    });
    Ok(options)
}

impl Drop for Link {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

async fn poll(mut event_loop: EventLoop, events: mpsc::Sender<Result<Event, ConnectionError>>) {
    loop {
        let event = event_loop.poll().await;
        let failed = event.is_err();
        if events.send(event).await.is_err() || failed {
            return;
        }
    }
}
