//! Bytes between a WebSocket and the gateway.

use std::pin::pin;
use std::time::Instant;

use actix_web::web::Bytes;
use actix_ws::{CloseCode, Item, Message, MessageStream, ProtocolError, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::chatter::Chatter;
use crate::limits::{
    FIRST_FRAMES_MAX_BYTES, FRAME_MAX_BYTES, FRAME_SENT_BYTES, WEBSOCKET_CLOSE_TIMEOUT,
};

/// Carries until either side ends, then closes the other. The gateway's own times and bounds hold:
/// what it doesn't read isn't read here, and what can't be sent it can't write.
pub(super) async fn carry(session: Session, frames: MessageStream, machine: DuplexStream) {
    let (from_gateway, to_gateway) = split(machine);
    let answered = Notify::new();
    let frames = frames.max_frame_size(FIRST_FRAMES_MAX_BYTES);
    let mut down = pin!(down(from_gateway, session.clone(), &answered));
    let code = tokio::select! {
        code = up(frames, session.clone(), to_gateway, &answered) => {
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
    frames: MessageStream,
    session: Session,
    mut to_gateway: WriteHalf<DuplexStream>,
    answered: &Notify,
) -> Option<CloseCode> {
    let code = receive(frames, session, &mut to_gateway, answered).await;
    // It has ended itself, or hears it.
    let _ = to_gateway.shutdown().await;
    code
}

/// From the machine. Returns what it is told at the end; `None`: it has gone by itself.
async fn receive(
    mut frames: MessageStream,
    mut session: Session,
    to_gateway: &mut WriteHalf<DuplexStream>,
    answered: &Notify,
) -> Option<CloseCode> {
    let mut is_answered = false;
    let mut chatter = Chatter::new(Instant::now());
    loop {
        let frame = tokio::select! {
            () = answered.notified(), if !is_answered => {
                // It has been let in, or is about to be told that it isn't.
                is_answered = true;
                frames = frames.max_frame_size(FRAME_MAX_BYTES);
                continue;
            }
            frame = frames.recv() => frame,
        };
        let bytes = match frame {
            Some(Ok(Message::Binary(bytes))) => bytes,
            // MQTT packets may lie across frames, and so across parts of a message.
            Some(Ok(Message::Continuation(
                Item::FirstBinary(bytes) | Item::Continue(bytes) | Item::Last(bytes),
            ))) => bytes,
            Some(Ok(Message::Ping(bytes))) => {
                if session.pong(&bytes).await.is_err() {
                    return None;
                }
                Bytes::new()
            }
            Some(Ok(Message::Pong(_) | Message::Nop)) => Bytes::new(),
            // MQTT 5, 6.0.0-1: binary frames only.
            Some(Ok(Message::Text(_) | Message::Continuation(Item::FirstText(_)))) => {
                return Some(CloseCode::Unsupported);
            }
            Some(Err(ProtocolError::Overflow)) => return Some(CloseCode::Size),
            Some(Err(ProtocolError::Io(_))) | None => return None,
            Some(Err(_)) => return Some(CloseCode::Protocol),
            Some(Ok(Message::Close(_))) => return Some(CloseCode::Normal),
        };
        if bytes.is_empty() {
            if !chatter.is_fine(Instant::now()) {
                return Some(CloseCode::Policy);
            }
        } else if to_gateway.write_all(&bytes).await.is_err() {
            // The gateway has ended the connection; what it said last is on its way down.
            std::future::pending::<()>().await;
        }
    }
}

/// Towards the machine, until the gateway has ended the connection.
async fn down(
    mut from_gateway: ReadHalf<DuplexStream>,
    mut session: Session,
    answered: &Notify,
) -> Option<CloseCode> {
    let mut chunk = vec![0; FRAME_SENT_BYTES];
    loop {
        let bytes = match from_gateway.read(&mut chunk).await {
            Ok(0) | Err(_) => return Some(CloseCode::Normal),
            Ok(bytes) => bytes,
        };
        answered.notify_one();
        if session.binary(Bytes::copy_from_slice(&chunk[..bytes])).await.is_err() {
            return None;
        }
    }
}
