//! A machine as lean as can be: MQTT 3.1.1 over mTLS, written by hand, so that the load costs
//! little beside what is measured.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use millwright_schemas::MachineId;
use millwright_schemas::topics::{self, UpChannel};
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Loopback addresses that machines connect from: one alone has too few ports for a fleet.
const SOURCES: u8 = 16;
/// Longest wait for a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(60);

/// A machine with a certificate.
pub(crate) struct Machine {
    pub(crate) topic: String,
    id: String,
    host: String,
    port: u16,
    source: Ipv4Addr,
    tls: TlsConnector,
}

/// What a machine needs to know, however it was told. Certificates and the key are PEM.
pub(crate) struct Identity<'a> {
    pub(crate) id: MachineId,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) authorities: &'a str,
    pub(crate) certificate: &'a str,
    pub(crate) key: &'a str,
}

impl Machine {
    /// `number`: its place in the fleet.
    pub(crate) fn new(identity: &Identity<'_>, number: usize) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(identity.authorities.as_bytes()) {
            roots.add(certificate?)?;
        }
        let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
        let config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        let place = u8::try_from(number % usize::from(SOURCES))?;
        Ok(Self {
            topic: topics::up(identity.id, UpChannel::Telemetry),
            id: identity.id.to_string(),
            host: identity.host.to_owned(),
            port: identity.port,
            source: Ipv4Addr::new(127, 0, 0, 2 + place),
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Connects and waits for CONNACK.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        tokio::time::timeout(CONNECT_PATIENCE, self.open()).await.context("no CONNACK")?
    }

    async fn open(&self) -> Result<Connection> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.source, 0).into())?;
        let tcp = socket.connect((Ipv4Addr::LOCALHOST, self.port).into()).await?;
        tcp.set_nodelay(true)?;
        // A connection that is dropped is cut off, as by a failing network, and leaves no port
        // that has to rest.
        tcp.set_zero_linger()?;
        let name = ServerName::try_from(self.host.clone())?;
        let mut stream = self.tls.connect(name, tcp).await?;
        stream.write_all(&connect_packet(&self.id)).await?;
        let mut connack = [0; 4];
        stream.read_exact(&mut connack).await?;
        ensure!(connack == [0x20, 2, 0, 0], "refused: {connack:?}");
        let (read, write) = tokio::io::split(stream);
        Ok(Connection {
            reader: Acks { read, filled: Vec::new() },
            writer: Sender { write, packet: 0 },
        })
    }
}

/// An open connection, its two directions apart.
pub(crate) struct Connection {
    pub(crate) reader: Acks,
    pub(crate) writer: Sender,
}

/// The sending side.
pub(crate) struct Sender {
    write: WriteHalf<TlsStream<TcpStream>>,
    packet: u16,
}

impl Sender {
    /// The packet id that the next message will have.
    pub(crate) fn next_packet(&self) -> u16 {
        self.packet.wrapping_add(1).max(1)
    }

    /// Publishes with QoS 1; returns the packet id.
    pub(crate) async fn publish(&mut self, topic: &str, payload: &[u8]) -> Result<u16> {
        self.packet = self.next_packet();
        let mut packet = vec![0x32];
        push_length(&mut packet, 2 + topic.len() + 2 + payload.len());
        push_text(&mut packet, topic)?;
        packet.extend_from_slice(&self.packet.to_be_bytes());
        packet.extend_from_slice(payload);
        self.write.write_all(&packet).await?;
        self.write.flush().await?;
        Ok(self.packet)
    }
}

/// The receiving side: only PUBACKs come.
pub(crate) struct Acks {
    read: ReadHalf<TlsStream<TcpStream>>,
    filled: Vec<u8>,
}

impl Acks {
    /// Waits for the next PUBACK; returns its packet id.
    pub(crate) async fn next(&mut self) -> Result<u16> {
        while self.filled.len() < 4 {
            let mut chunk = [0; 1024];
            let count = self.read.read(&mut chunk).await?;
            ensure!(count > 0, "the platform closed the connection");
            self.filled.extend_from_slice(&chunk[..count]);
        }
        let ack: Vec<u8> = self.filled.drain(..4).collect();
        ensure!(ack[..2] == [0x40, 2], "not a PUBACK: {ack:?}");
        Ok(u16::from_be_bytes([ack[2], ack[3]]))
    }
}

fn connect_packet(client_id: &str) -> Vec<u8> {
    let mut packet = vec![0x10];
    push_length(&mut packet, 10 + 2 + client_id.len());
    packet.extend_from_slice(&[0, 4, b'M', b'Q', b'T', b'T', 4, 0b10, 0x0e, 0x10]);
    packet.extend_from_slice(&[0, u8::try_from(client_id.len()).unwrap_or(0)]);
    packet.extend_from_slice(client_id.as_bytes());
    packet
}

fn push_text(packet: &mut Vec<u8>, text: &str) -> Result<()> {
    let length = u16::try_from(text.len()).context("text too long")?;
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(text.as_bytes());
    Ok(())
}

fn push_length(packet: &mut Vec<u8>, mut length: usize) {
    loop {
        let byte = u8::try_from(length % 128).unwrap_or(0);
        length /= 128;
        packet.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            return;
        }
    }
}

/// A message of `samples` samples of one signal, a millisecond apart, as the agent writes it.
/// Each scenario has a signal of its own, so that its samples are new to the platform.
pub(crate) fn payload(
    outbox: uuid::Uuid,
    seq: u64,
    first_ts: i64,
    samples: usize,
    signal: &str,
) -> Vec<u8> {
    payload_of(outbox, seq, first_ts, samples, &[signal.to_owned()])
}

/// The same with a value of each of these signals in each sample.
pub(crate) fn payload_of(
    outbox: uuid::Uuid,
    seq: u64,
    first_ts: i64,
    samples: usize,
    signals: &[String],
) -> Vec<u8> {
    use std::fmt::Write as _;
    let names: usize = signals.iter().map(|signal| signal.len() + 12).sum();
    let mut text = String::with_capacity(80 + samples * (40 + names));
    let _ = write!(text, r#"{{"outbox":"{outbox}","seq":{seq},"samples":["#);
    for (ts, index) in (first_ts..).zip(0..samples) {
        let comma = if index == 0 { "" } else { "," };
        let value = 60 + ts % 997;
        let _ = write!(text, r#"{comma}{{"ts":{ts},"values":{{"#);
        for (place, signal) in signals.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let _ = write!(text, r#"{comma}"{signal}":{value}.25"#);
        }
        text.push_str("}}");
    }
    text.push_str("]}");
    text.into_bytes()
}

/// Milliseconds of now, at which a scenario's samples start.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_all_signals_in_each_sample() {
        let outbox = uuid::Uuid::nil();
        let signals = ["a".to_owned(), "b".to_owned()];
        let text = payload_of(outbox, 3, 1_000, 2, &signals);
        let wanted = concat!(
            r#"{"outbox":"00000000-0000-0000-0000-000000000000","seq":3,"samples":["#,
            r#"{"ts":1000,"values":{"a":63.25,"b":63.25}},"#,
            r#"{"ts":1001,"values":{"a":64.25,"b":64.25}}]}"#,
        );
        assert_eq!(String::from_utf8_lossy(&text), wanted);
        let one = payload(outbox, 1, 0, 1, "a");
        assert!(String::from_utf8_lossy(&one).ends_with(r#"[{"ts":0,"values":{"a":60.25}}]}"#));
    }
}
