//! Where one packet ends and the next begins; what is refused from its first bytes alone.

use super::packet::Fault;
use crate::limits::{CONTROL_PACKET_MAX_BYTES, PACKET_MAX_BYTES};

/// Bits of the first byte that name the kind of packet.
const KIND: u8 = 0xF0;

pub(super) const CONNECT: u8 = 0x10;
pub(super) const PUBLISH: u8 = 0x30;
pub(super) const PUBACK: u8 = 0x40;
pub(super) const SUBSCRIBE: u8 = 0x82;
pub(super) const UNSUBSCRIBE: u8 = 0xA2;
pub(super) const PINGREQ: u8 = 0xC0;
pub(super) const DISCONNECT: u8 = 0xE0;

/// One packet at the start of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Bytes of the fixed header.
    pub(super) header: usize,
    /// Bytes of the whole packet.
    pub(super) len: usize,
}

/// Finds the first packet; `None` while it is incomplete. Decides on the first byte and on the
/// declared length before a single byte of the body is waited for.
pub(super) fn first(input: &[u8], connected: bool) -> Result<Option<Frame>, Fault> {
    let Some(&kind) = input.first() else { return Ok(None) };
    check_kind(kind, connected)?;
    let Some((remaining, digits)) = variable_length(&input[1..])? else { return Ok(None) };
    let frame = Frame { header: 1 + digits, len: 1 + digits + remaining };
    let limit = if kind & KIND == PUBLISH { PACKET_MAX_BYTES } else { CONTROL_PACKET_MAX_BYTES };
    if frame.len > limit {
        return Err(Fault::TooLarge(frame.len));
    }
    Ok((input.len() >= frame.len).then_some(frame))
}

fn check_kind(kind: u8, connected: bool) -> Result<(), Fault> {
    if !connected {
        return match kind {
            CONNECT => Ok(()),
            _ => Err(Fault::Protocol("the first packet is not CONNECT")),
        };
    }
    match kind {
        CONNECT => Err(Fault::Protocol("second CONNECT")),
        PUBACK | SUBSCRIBE | UNSUBSCRIBE | PINGREQ | DISCONNECT => Ok(()),
        _ if kind & KIND == PUBLISH => check_publish_flags(kind),
        0x50 | 0x62 | 0x70 => Err(Fault::Protocol("QoS 2 is not in use")),
        0xF0 => Err(Fault::Protocol("AUTH is not in use")),
        0x20 | 0x90 | 0xB0 | 0xD0 => Err(Fault::Protocol("a packet that only servers send")),
        _ => Err(Fault::Malformed("reserved packet type or flags")),
    }
}

fn check_publish_flags(kind: u8) -> Result<(), Fault> {
    let (duplicate, qos) = (kind & 0x08 != 0, (kind >> 1) & 0x03);
    match (duplicate, qos) {
        (_, 3) => Err(Fault::Malformed("QoS 3")),
        (true, 0) => Err(Fault::Malformed("DUP with QoS 0")),
        _ => Ok(()),
    }
}

/// A variable byte integer with the number of its bytes; `None` while it is incomplete.
pub(super) fn variable_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Fault> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            if byte == 0 && index > 0 {
                return Err(Fault::Malformed("length is not in its shortest form"));
            }
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() >= 4 {
        return Err(Fault::Malformed("length of more than four bytes"));
    }
    Ok(None)
}
