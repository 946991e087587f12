//! What the codec lets pass: checked on the bytes of a complete packet, before it decodes them.

use super::frame::{self, Frame};
use super::packet::{Fault, Version};
use crate::limits::PUBLISH_PROPERTIES_MAX_BYTES;

const TRUNCATED: Fault = Fault::Malformed("a field reaches beyond the packet");
const TRAILING: Fault = Fault::Malformed("bytes after the last field");

/// The version that a complete CONNECT asks for.
pub(super) fn version(packet: &[u8], frame: Frame) -> Result<Version, Fault> {
    let mut fields = Fields(&packet[frame.header..frame.len]);
    let name = fields.binary()?;
    let level = fields.byte()?;
    match (name, level) {
        (b"MQTT", 4) => Ok(Version::V3),
        (b"MQTT", 5) => Ok(Version::V5),
        // 3.1, and what is yet to come.
        (b"MQTT" | b"MQIsdp", _) => Err(Fault::UnsupportedVersion),
        _ => Err(Fault::Malformed("protocol name")),
    }
}

/// Checks a complete packet.
pub(super) fn check(packet: &[u8], frame: Frame, version: Version) -> Result<(), Fault> {
    let body = Fields(&packet[frame.header..frame.len]);
    match packet[0] {
        frame::CONNECT => connect(body, version),
        frame::PINGREQ => body.end(),
        frame::DISCONNECT if version == Version::V3 => body.end(),
        frame::SUBSCRIBE if version == Version::V3 => subscribe_v3(body),
        kind if kind & 0xF0 == frame::PUBLISH => publish(body, kind, version),
        _ => Ok(()),
    }
}

fn connect(mut fields: Fields<'_>, version: Version) -> Result<(), Fault> {
    fields.binary()?;
    fields.byte()?;
    let flags = fields.byte()?;
    let (user_name, password, will) = (flags & 0x80 != 0, flags & 0x40 != 0, flags & 0x04 != 0);
    if flags & 0x01 != 0 {
        return Err(Fault::Malformed("reserved flag of CONNECT"));
    }
    if !will && flags & 0x38 != 0 {
        return Err(Fault::Malformed("QoS or retain flag without a will"));
    }
    if flags & 0x18 == 0x18 {
        return Err(Fault::Malformed("will with QoS 3"));
    }
    if password && !user_name && version == Version::V3 {
        return Err(Fault::Malformed("password without user name"));
    }
    fields.take(2)?;
    if version == Version::V5 {
        fields.properties()?;
    }
    fields.binary()?;
    if will {
        if version == Version::V5 {
            fields.properties()?;
        }
        fields.binary()?;
        fields.binary()?;
    }
    for present in [user_name, password] {
        if present {
            fields.binary()?;
        }
    }
    fields.end()
}

fn publish(mut fields: Fields<'_>, kind: u8, version: Version) -> Result<(), Fault> {
    let topic = fields.binary()?;
    if topic.is_empty() && version == Version::V3 {
        return Err(Fault::TopicName);
    }
    if topic.contains(&0) {
        return Err(Fault::Malformed("NUL in a topic"));
    }
    if topic.iter().any(|byte| matches!(byte, b'#' | b'+')) {
        return Err(Fault::TopicName);
    }
    if kind & 0x06 != 0 && fields.take(2)? == [0, 0] {
        return Err(Fault::Protocol("packet identifier 0"));
    }
    if version == Version::V5 && fields.properties()?.len() > PUBLISH_PROPERTIES_MAX_BYTES {
        return Err(Fault::Malformed("too many properties"));
    }
    Ok(())
}

fn subscribe_v3(mut fields: Fields<'_>) -> Result<(), Fault> {
    fields.take(2)?;
    while !fields.0.is_empty() {
        fields.binary()?;
        if fields.byte()? > 2 {
            return Err(Fault::Malformed("reserved bits of a subscription"));
        }
    }
    Ok(())
}

/// Reads fields off the front of a packet's body.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (field, rest) = self.0.split_at_checked(count).ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(field)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        self.take(1).map(|field| field[0])
    }

    /// A field with two bytes of length before it.
    fn binary(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.take(2)?;
        self.take(usize::from(u16::from_be_bytes([length[0], length[1]])))
    }

    fn properties(&mut self) -> Result<&'a [u8], Fault> {
        let (length, digits) = frame::variable_length(self.0)?.ok_or(TRUNCATED)?;
        self.take(digits)?;
        self.take(length)
    }

    fn end(&self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(TRAILING) }
    }
}
