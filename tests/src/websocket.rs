//! A WebSocket in bytes (RFC 6455): a client that can also do what no decent client does.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::raw_mqtt::{RawMqtt, Version};

/// Longest wait for a frame.
const ANSWER: Duration = Duration::from_secs(15);
/// Frames that are larger than this aren't answers.
const FRAME_MAX: usize = 1024 * 1024;
/// Bytes between MQTT and the frames that carry it.
const PIPE: usize = 64 * 1024;
/// The key and the answer to it that stand in RFC 6455, 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Kinds of frames.
pub const CONTINUATION: u8 = 0x0;
/// Text.
pub const TEXT: u8 = 0x1;
/// Bytes.
pub const BINARY: u8 = 0x2;
/// Goodbye.
pub const CLOSE: u8 = 0x8;
/// Are you there?
pub const PING: u8 = 0x9;
/// I am.
pub const PONG: u8 = 0xA;

/// A frame as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its kind.
    pub kind: u8,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The code of a close frame.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        let code = self.payload.first_chunk().filter(|_| self.kind == CLOSE);
        code.map(|code| u16::from_be_bytes(*code))
    }
}

/// A connection after its handshake.
#[derive(Debug)]
pub struct WebSocket {
    stream: TcpStream,
}

/// The bytes of a request for a WebSocket at `/mqtt`; an empty `protocol` asks for none.
#[must_use]
pub fn request(protocol: &str) -> String {
    let protocol = match protocol {
        "" => String::new(),
        protocol => format!("Sec-WebSocket-Protocol: {protocol}\r\n"),
    };
    format!(
        "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{protocol}\r\n"
    )
}

/// Sends a request; gives the stream and the head of the answer.
pub async fn ask(address: SocketAddr, request: &str) -> anyhow::Result<(TcpStream, String)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(request.as_bytes()).await?;
    let head = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        anyhow::Ok(String::from_utf8(head)?)
    };
    let head = tokio::time::timeout(ANSWER, head).await.context("no answer in time")??;
    Ok((stream, head))
}

impl WebSocket {
    /// Connects, with sub-protocol `mqtt`.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let (stream, head) = ask(address, &request("mqtt")).await?;
        let lower = head.to_lowercase();
        ensure!(head.starts_with("HTTP/1.1 101"), "{head}");
        ensure!(lower.contains("sec-websocket-protocol: mqtt\r\n"), "{head}");
        ensure!(head.contains(ACCEPT), "{head}");
        Ok(Self { stream })
    }

    /// Sends any bytes.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// Sends one frame that is whole.
    pub async fn send(&mut self, kind: u8, payload: &[u8]) -> anyhow::Result<()> {
        self.send_bytes(&frame(true, kind, payload)).await
    }

    /// The next frame; an error when the server closes or says nothing for long.
    pub async fn next(&mut self) -> anyhow::Result<Frame> {
        tokio::time::timeout(ANSWER, read_frame(&mut self.stream)).await.context("no frame")?
    }

    /// The code of the close frame that comes next but for data; then the end.
    pub async fn closed(&mut self) -> anyhow::Result<Option<u16>> {
        loop {
            let frame = self.next().await?;
            if frame.kind == CLOSE {
                return Ok(frame.code());
            }
        }
    }

    /// Waits until the connection ends, without reading what comes.
    pub async fn cut(&self, within: Duration) -> anyhow::Result<()> {
        let end = self.stream.ready(tokio::io::Interest::ERROR);
        tokio::time::timeout(within, end).await.context("still open")??;
        Ok(())
    }

    /// Speaks MQTT over it.
    #[must_use]
    pub fn into_mqtt(self, version: Version) -> RawMqtt {
        let (client, carrier) = tokio::io::duplex(PIPE);
        let (mut from_client, mut to_client) = tokio::io::split(carrier);
        let (mut from_server, mut to_server) = self.stream.into_split();
        tokio::spawn(async move {
            let mut chunk = vec![0; PIPE];
            while let Ok(bytes @ 1..) = from_client.read(&mut chunk).await {
                if to_server.write_all(&frame(true, BINARY, &chunk[..bytes])).await.is_err() {
                    return;
                }
            }
            let _ = to_server.write_all(&frame(true, CLOSE, &1000_u16.to_be_bytes())).await;
        });
        tokio::spawn(async move {
            while let Ok(frame) = read_frame(&mut from_server).await {
                if frame.kind == CLOSE || to_client.write_all(&frame.payload).await.is_err() {
                    break;
                }
            }
            let _ = to_client.shutdown().await;
        });
        RawMqtt::over(Box::new(client), version)
    }
}

/// The bytes of a frame of a client, which masks what it sends.
#[must_use]
pub fn frame(is_last: bool, kind: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    let mut bytes = vec![kind | if is_last { 0x80 } else { 0 }];
    match payload.len() {
        length @ ..=125 => bytes.push(0x80 | u8::try_from(length).expect("short")),
        length => match u16::try_from(length) {
            Ok(length) => {
                bytes.push(0x80 | 126);
                bytes.extend(length.to_be_bytes());
            }
            Err(_) => {
                bytes.push(0x80 | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        },
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// CONNECT of a machine with a token, MQTT 5.
#[must_use]
pub fn connect_bytes(machine: &str, token: &str) -> Vec<u8> {
    let text = |text: &str| {
        let length = u16::try_from(text.len()).expect("a short text");
        [&length.to_be_bytes()[..], text.as_bytes()].concat()
    };
    let head = [&text("MQTT")[..], &[5, 0xC2, 0, 60, 0]].concat();
    let body = [head, text(machine), text(machine), text(token)].concat();
    // Its length needs two digits.
    let length = u16::try_from(body.len()).expect("short");
    assert!((128..16_384).contains(&length), "{length}");
    let digits = [(length % 128) | 0x80, length / 128];
    let digits = digits.map(|digit| u8::try_from(digit).expect("seven bits and one"));
    [&[0x10][..], &digits[..], &body].concat()
}

async fn read_frame(stream: &mut (impl AsyncReadExt + Unpin)) -> anyhow::Result<Frame> {
    let kind = stream.read_u8().await.context("the server closed the connection")?;
    let length = match stream.read_u8().await? {
        126 => usize::from(stream.read_u16().await?),
        127 => usize::try_from(stream.read_u64().await?)?,
        short => usize::from(short),
    };
    ensure!(length <= FRAME_MAX, "a frame of {length} bytes, or a masked one");
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok(Frame { kind: kind & 0x0f, payload })
}
