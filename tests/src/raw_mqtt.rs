//! MQTT in bytes: a client that can also do what no decent client does.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest wait for a packet.
const ANSWER: Duration = Duration::from_secs(15);
/// Packets that are larger than this aren't answers.
const PACKET_MAX: usize = 1024 * 1024;

/// The protocol's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V3,
    /// MQTT 5.
    V5,
}

impl Version {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V3, Self::V5];
}

/// What a CONNECT says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Connect<'a> {
    /// Client id.
    pub client_id: &'a str,
    /// User name.
    pub user: Option<&'a str>,
    /// Password.
    pub password: Option<&'a str>,
    /// Topic and payload of a will.
    pub will: Option<(&'a str, &'a [u8])>,
}

/// A packet as received.
#[derive(Debug, Clone)]
pub struct Packet {
    /// Type in the upper four bits, flags in the lower.
    pub first: u8,
    /// What follows the fixed header.
    pub body: Vec<u8>,
}

/// A message that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// On which topic.
    pub topic: String,
    /// The rest of the packet: packet id, properties and payload.
    pub rest: Vec<u8>,
}

/// What MQTT runs over.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Debug {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Debug> Stream for S {}

/// A connection.
#[derive(Debug)]
pub struct RawMqtt {
    stream: Box<dyn Stream>,
    version: Version,
    packet_id: u16,
    delivered: VecDeque<Delivered>,
}

impl RawMqtt {
    /// Connects TCP and TLS. The server may refuse the certificate only after this.
    pub async fn open(
        address: SocketAddr,
        host: &str,
        tls: Arc<ClientConfig>,
        version: Version,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(host.to_owned())?;
        let stream = TlsConnector::from(tls).connect(name, stream).await?;
        Ok(Self::over(Box::new(stream), version))
    }

    /// Over a stream on which nothing was said yet.
    #[must_use]
    pub fn over(stream: Box<dyn Stream>, version: Version) -> Self {
        Self { stream, version, packet_id: 0, delivered: VecDeque::new() }
    }

    /// Sends CONNECT and gives the code of CONNACK; an error when the server just closes.
    pub async fn connect(&mut self, connect: &Connect<'_>) -> anyhow::Result<u8> {
        let mut body = Vec::new();
        put_text(&mut body, b"MQTT");
        body.push(if self.version == Version::V3 { 4 } else { 5 });
        let mut flags = 0b10;
        flags |= if connect.will.is_some() { 0b1100 } else { 0 };
        flags |= if connect.password.is_some() { 0b0100_0000 } else { 0 };
        flags |= if connect.user.is_some() { 0b1000_0000 } else { 0 };
        body.push(flags);
        body.extend(60u16.to_be_bytes());
        self.put_no_properties(&mut body);
        put_text(&mut body, connect.client_id.as_bytes());
        if let Some((topic, payload)) = connect.will {
            self.put_no_properties(&mut body);
            put_text(&mut body, topic.as_bytes());
            put_text(&mut body, payload);
        }
        for text in [connect.user, connect.password].into_iter().flatten() {
            put_text(&mut body, text.as_bytes());
        }
        self.send(0x10, &body).await?;
        let answer = self.packet().await?;
        ensure!(answer.first == 0x20, "{answer:?} is not CONNACK");
        answer.body.get(1).copied().context("a CONNACK with a code")
    }

    /// Subscribes one filter with QoS 1 and gives the code of SUBACK.
    pub async fn subscribe(&mut self, filter: &str) -> anyhow::Result<u8> {
        let id = self.next_id();
        let mut body = id.to_be_bytes().to_vec();
        self.put_no_properties(&mut body);
        put_text(&mut body, filter.as_bytes());
        body.push(1);
        self.send(0x82, &body).await?;
        let answer = self.answer(0x90, id).await?;
        answer.body.last().copied().context("a SUBACK with a code")
    }

    /// Publishes with QoS 1 and gives the code of PUBACK; in MQTT 3.1.1 that is always 0.
    pub async fn publish(&mut self, topic: &str, payload: &[u8]) -> anyhow::Result<u8> {
        let id = self.send_publish(topic, payload).await?;
        let answer = self.answer(0x40, id).await?;
        Ok(answer.body.get(2).copied().unwrap_or(0))
    }

    /// Publishes with QoS 1 without waiting; gives the packet id.
    pub async fn send_publish(&mut self, topic: &str, payload: &[u8]) -> anyhow::Result<u16> {
        let id = self.next_id();
        let mut body = Vec::with_capacity(topic.len() + payload.len() + 8);
        put_text(&mut body, topic.as_bytes());
        body.extend(id.to_be_bytes());
        self.put_no_properties(&mut body);
        body.extend(payload);
        self.send(0x32, &body).await?;
        Ok(id)
    }

    /// Waits for the PUBACK of a message and gives its code.
    pub async fn acknowledged(&mut self, id: u16) -> anyhow::Result<u8> {
        Ok(self.answer(0x40, id).await?.body.get(2).copied().unwrap_or(0))
    }

    /// Says goodbye.
    pub async fn disconnect(mut self) -> anyhow::Result<()> {
        self.send(0xe0, &[]).await?;
        self.stream.shutdown().await?;
        Ok(())
    }

    /// Proves that the connection still works.
    pub async fn ping(&mut self) -> anyhow::Result<()> {
        self.send(0xc0, &[]).await?;
        loop {
            let packet = self.packet().await?;
            if packet.first == 0xd0 {
                return Ok(());
            }
            self.keep(&packet)?;
        }
    }

    /// Waits until the server ends the connection.
    pub async fn closed(&mut self, within: Duration) -> anyhow::Result<()> {
        let end = async { while self.read_packet().await.is_ok() {} };
        tokio::time::timeout(within, end).await.context("the connection is still open")
    }

    /// Messages that were delivered beside the answers so far.
    #[must_use]
    pub fn delivered(&self) -> Vec<Delivered> {
        self.delivered.iter().cloned().collect()
    }

    /// Sends any packet.
    pub async fn send(&mut self, first: u8, body: &[u8]) -> anyhow::Result<()> {
        let mut packet = vec![first];
        let mut length = body.len();
        loop {
            let digit = u8::try_from(length % 128)?;
            length /= 128;
            packet.push(if length > 0 { digit | 0x80 } else { digit });
            if length == 0 {
                break;
            }
        }
        packet.extend(body);
        self.stream.write_all(&packet).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Sends any bytes.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// The next packet; an error when the server closes or says nothing for long.
    pub async fn packet(&mut self) -> anyhow::Result<Packet> {
        tokio::time::timeout(ANSWER, self.read_packet()).await.context("no answer in time")?
    }

    async fn read_packet(&mut self) -> anyhow::Result<Packet> {
        let first = self.stream.read_u8().await.context("the server closed the connection")?;
        let (mut length, mut shift) = (0usize, 0);
        loop {
            let digit = self.stream.read_u8().await?;
            length |= usize::from(digit & 0x7f) << shift;
            shift += 7;
            if digit & 0x80 == 0 {
                break;
            }
            ensure!(shift < 28, "a length of more than four bytes");
        }
        ensure!(length <= PACKET_MAX, "a packet of {length} bytes");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok(Packet { first, body })
    }

    /// Waits for the answer to the packet with this id; keeps what is delivered meanwhile.
    async fn answer(&mut self, first: u8, id: u16) -> anyhow::Result<Packet> {
        loop {
            let packet = self.packet().await?;
            if packet.first & 0xf0 == first && packet.body.starts_with(&id.to_be_bytes()) {
                return Ok(packet);
            }
            self.keep(&packet)?;
        }
    }

    fn keep(&mut self, packet: &Packet) -> anyhow::Result<()> {
        match packet.first >> 4 {
            3 => {
                let (length, rest) = packet.body.split_at_checked(2).context("a topic")?;
                let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                let (topic, rest) = rest.split_at_checked(length).context("a whole topic")?;
                let topic = String::from_utf8(topic.to_vec())?;
                self.delivered.push_back(Delivered { topic, rest: rest.to_vec() });
                Ok(())
            }
            4 | 9 | 13 => Ok(()),
            14 => bail!("the server says goodbye: {:?}", packet.body),
            kind => bail!("an unexpected packet of type {kind}"),
        }
    }

    fn next_id(&mut self) -> u16 {
        self.packet_id = self.packet_id % 60_000 + 1;
        self.packet_id
    }

    fn put_no_properties(&self, body: &mut Vec<u8>) {
        if self.version == Version::V5 {
            body.push(0);
        }
    }
}

fn put_text(body: &mut Vec<u8>, text: &[u8]) {
    body.extend(u16::try_from(text.len()).expect("a short text").to_be_bytes());
    body.extend(text);
}
