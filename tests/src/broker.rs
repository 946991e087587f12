//! A broker as an external bus: the test sees and sends what goes over it.

use std::process::ExitStatus;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::process::Process;
use crate::{eventually, ports, programs};

const USER: &str = "bus";
const PASSWORD: &str = "a password of the bus";
const READY: Duration = Duration::from_secs(20);

/// `millwright broker` with credentials that the test knows.
#[derive(Debug)]
pub struct Broker {
    process: Option<Process>,
    port: u16,
    folder: TempDir,
}

impl Broker {
    /// Starts it and waits until it listens.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut broker = Self { process: None, port: ports::free().port(), folder };
        broker.resume().await;
        broker
    }

    /// Starts it again on its port, and doesn't wait for it.
    pub fn start_again(&mut self) {
        let log = self.folder.path().join("broker.log");
        let mut command = programs::millwright();
        let mut process = Process::start("millwright broker", command.arg("broker"), log);
        let config = json!({"port": self.port, "user": USER, "password": PASSWORD});
        process.write_line(&config.to_string());
        self.process = Some(process);
    }

    /// Starts it again on its port, and waits until it listens.
    pub async fn resume(&mut self) {
        self.start_again();
        let address = ("127.0.0.1", self.port);
        eventually("the broker listens", READY, async || {
            tokio::net::TcpStream::connect(address).await?;
            Ok(())
        })
        .await;
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.take().expect("the broker runs").kill();
    }

    /// The process id.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("the broker runs").id()
    }

    /// How it ended by itself, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let ended = self.process.as_mut()?.ended();
        if ended.is_some() {
            self.process = None;
        }
        ended
    }

    /// For `--bus`.
    #[must_use]
    pub fn url(&self) -> String {
        let password = PASSWORD.replace(' ', "%20");
        format!("mqtt://{USER}:{password}@127.0.0.1:{}", self.port)
    }

    /// Somebody on the bus who sees every order.
    pub async fn intruder(&self) -> Intruder {
        let mut options = MqttOptions::new("intruder", "127.0.0.1", self.port);
        options.set_credentials(USER, PASSWORD).set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut events) = AsyncClient::new(options, 100);
        client.subscribe("mw/v1/+/+/down/+", QoS::AtLeastOnce).await.expect("the queue has room");
        let (seen, orders) = mpsc::unbounded_channel();
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let mut ready = Some(ready);
        let task = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        ready.take().map(|ready| ready.send(()));
                    }
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let text = String::from_utf8_lossy(&publish.payload).into_owned();
                        if seen.send((publish.topic, text)).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        tokio::time::timeout(READY, is_ready).await.expect("SUBACK in time").expect("SUBACK");
        Intruder { client, orders, task }
    }
}

/// Somebody on the bus.
#[derive(Debug)]
pub struct Intruder {
    client: AsyncClient,
    orders: mpsc::UnboundedReceiver<(String, String)>,
    task: JoinHandle<()>,
}

impl Intruder {
    /// Sends an order as if it were the platform's.
    pub async fn inject(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        let sent = self.client.publish(topic, QoS::AtLeastOnce, false, payload).await;
        sent.expect("the queue has room");
    }

    /// The next order of this channel (`command`, `cancel`…) that went over the bus, with its
    /// topic.
    pub async fn next(&mut self, channel: &str) -> (String, String) {
        let end = format!("/down/{channel}");
        let wanted = async {
            loop {
                let (topic, order) = self.orders.recv().await.expect("the bus is there");
                if topic.ends_with(&end) {
                    return (topic, order);
                }
            }
        };
        tokio::time::timeout(READY, wanted).await.expect("an order in time")
    }
}

impl Drop for Intruder {
    fn drop(&mut self) {
        self.task.abort();
    }
}
