//! Bytes between a WebSocket and the gateway.

use std::pin::pin;
use std::time::Instant;

use actix_web::dev::Payload;
use actix_ws::{CloseCode, Session};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split};
use tokio::time::timeout;

use super::chatter::Chatter;
use super::frames::{Decoder, Fault, Piece};
use crate::limits::{FRAME_SENT_BYTES, WEBSOCKET_CLOSE_TIMEOUT};

/// Carries until either side ends, then closes the other. The gateway's own times and bounds hold:
/// what it doesn't read isn't read here, and what can't be sent it can't write.
pub(super) async fn carry(session: Session, from_machine: Payload, machine: DuplexStream) {
    let (from_gateway, to_gateway) = split(machine);
    let mut down = pin!(down(from_gateway, session.clone()));
    let code = tokio::select! {
        code = up(from_machine, session.clone(), to_gateway) => {
            // What it said last, such as DISCONNECT, is still heard.
            let _ = timeout(WEBSOCKET_CLOSE_TIMEOUT, &mut down).await;
            code
        }
        code = &mut down => code,
    };
    // Into a queue that a peer that doesn't read keeps full: TCP then ends the connection.
    let _ = timeout(WEBSOCKET_CLOSE_TIMEOUT, session.close(code.map(Into::into))).await;
}

/// Tells the gateway the end of what comes.
async fn up(
    from_machine: Payload,
    session: Session,
    mut to_gateway: WriteHalf<DuplexStream>,
) -> Option<CloseCode> {
    let code = receive(from_machine, session, &mut to_gateway).await;
    // It has ended itself, or hears it.
    let _ = to_gateway.shutdown().await;
    code
}

/// From the machine. Returns what it is told at the end; `None`: it has gone by itself.
async fn receive(
    mut from_machine: Payload,
    mut session: Session,
    to_gateway: &mut WriteHalf<DuplexStream>,
) -> Option<CloseCode> {
    let (mut decoder, mut input) = (Decoder::default(), BytesMut::new());
    let mut chatter = Chatter::new(Instant::now());
    loop {
        let piece = match decoder.next(&mut input) {
            Ok(Some(piece)) => piece,
            Ok(None) => {
                let bytes = from_machine.next().await?.ok()?;
                if input.is_empty() {
                    // Without a copy, and nothing stays reserved.
                    input = BytesMut::from(bytes);
                } else {
                    input.extend_from_slice(&bytes);
                }
                continue;
            }
            Err(Fault::Text) => return Some(CloseCode::Unsupported),
            Err(Fault::Protocol(_)) => return Some(CloseCode::Protocol),
        };
        match piece {
            Piece::Data(bytes) => {
                // MQTT packets may lie across frames, and frames across packets.
                if to_gateway.write_all(&bytes).await.is_err() {
                    // The gateway has ended; what it said last is on its way down.
                    std::future::pending::<()>().await;
                }
                continue;
            }
            Piece::Ping(bytes) => session.pong(&bytes).await.ok()?,
            Piece::Idle => {}
            Piece::Close => return Some(CloseCode::Normal),
        }
        if !chatter.is_fine(Instant::now()) {
            return Some(CloseCode::Policy);
        }
    }
}

/// Towards the machine, until the gateway has ended the connection.
async fn down(mut from_gateway: ReadHalf<DuplexStream>, mut session: Session) -> Option<CloseCode> {
    let mut chunk = vec![0; FRAME_SENT_BYTES];
    loop {
        let bytes = match from_gateway.read(&mut chunk).await {
            Ok(0) | Err(_) => return Some(CloseCode::Normal),
            Ok(bytes) => bytes,
        };
        session.binary(Bytes::copy_from_slice(&chunk[..bytes])).await.ok()?;
    }
}
