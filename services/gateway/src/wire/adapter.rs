//! One connection's codec: its version is that of its CONNECT.

use std::num::NonZeroU16;

use bytes::{Buf, Bytes, BytesMut};
use bytestring::ByteString;
use rmqtt_codec::error::DecodeError;
use rmqtt_codec::types::{Publish as CodecPublish, QoS};
use rmqtt_codec::{v3, v5};
use tokio_util::codec::{Decoder, Encoder};

use super::packet::{
    AckCode, Connack, ConnectRefusal, Farewell, Fault, FilterCode, Incoming, Version,
};
use super::{frame, strict};

/// Decodes what a client sends, encodes what it gets.
///
/// Frames are cut here, not by the codec: so the declared length is checked before memory is
/// reserved for it, and every packet is decoded from its own allocation. A payload that waits for
/// its commit then holds its packet, never the read buffer.
#[derive(Debug, Default)]
pub struct Wire {
    codec: Option<Codec>,
    packet_max: Option<u32>,
}

#[derive(Debug)]
enum Codec {
    V3(v3::Codec),
    V5(v5::Codec),
}

enum Outgoing {
    V3(v3::Packet),
    V5(v5::Packet),
}

impl Wire {
    /// A connection that hasn't said which version it speaks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The version, once CONNECT has named it.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match self.codec {
            None => None,
            Some(Codec::V3(_)) => Some(Version::V3),
            Some(Codec::V5(_)) => Some(Version::V5),
        }
    }

    /// Takes the next complete packet off the input; `None`: more bytes are needed.
    ///
    /// # Errors
    /// What is wrong with the bytes; nothing can be decoded after it.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Incoming>, Fault> {
        let Some(frame) = frame::first(input, self.codec.is_some())? else { return Ok(None) };
        if self.codec.is_none() {
            self.codec = Some(match strict::version(input, frame)? {
                Version::V3 => Codec::V3(v3::Codec::new(0)),
                Version::V5 => Codec::V5(v5::Codec::new(0, 0)),
            });
        }
        let version = self.version().unwrap_or(Version::V3);
        strict::check(input, frame, version)?;
        let mut packet = BytesMut::with_capacity(frame.len);
        packet.extend_from_slice(&input[..frame.len]);
        input.advance(frame.len);
        let incoming = self.decode_packet(&mut packet)?;
        if let Incoming::Connect(connect) = &incoming {
            self.packet_max = connect.packet_max;
        }
        Ok(Some(incoming))
    }

    fn decode_packet(&mut self, packet: &mut BytesMut) -> Result<Incoming, Fault> {
        let incomplete = Fault::Malformed("length of the packet");
        match &mut self.codec {
            Some(Codec::V3(codec)) => {
                let (packet, _) =
                    codec.decode(packet).map_err(|error| fault(&error))?.ok_or(incomplete)?;
                super::v3::incoming(packet)
            }
            Some(Codec::V5(codec)) => {
                let (packet, _) =
                    codec.decode(packet).map_err(|error| fault(&error))?.ok_or(incomplete)?;
                super::v5::incoming(packet)
            }
            None => Err(Fault::Protocol("the first packet is not CONNECT")),
        }
    }

    /// CONNACK of an accepted connection. As for all that follow: false when it can't be sent,
    /// because it is longer than the client accepts.
    pub fn connack(&mut self, connack: &Connack, output: &mut BytesMut) -> bool {
        let packet = match self.codec {
            Some(Codec::V5(_)) => Outgoing::V5(super::v5::connack(connack)),
            _ => Outgoing::V3(super::v3::connack(connack)),
        };
        self.put(packet, output)
    }

    /// CONNACK of a refused connection.
    pub fn refuse(&mut self, refusal: ConnectRefusal, output: &mut BytesMut) {
        match self.codec {
            Some(Codec::V5(_)) => {
                self.put(Outgoing::V5(super::v5::refusal(refusal)), output);
            }
            Some(Codec::V3(_)) => {
                if let Some(packet) = super::v3::refusal(refusal) {
                    self.put(Outgoing::V3(packet), output);
                }
            }
            // An unknown version gets the answer that all versions up to 3.1.1 understand.
            None if refusal == ConnectRefusal::UnsupportedVersion => {
                output.extend_from_slice(&[0x20, 0x02, 0x00, 0x01]);
            }
            None => {}
        }
    }

    /// PUBACK. MQTT 3.1.1 has no code for a refusal; the session closes instead.
    pub fn puback(&mut self, packet_id: u16, code: AckCode, output: &mut BytesMut) -> bool {
        let Some(packet_id) = NonZeroU16::new(packet_id) else { return false };
        let packet = match self.codec {
            Some(Codec::V5(_)) => Outgoing::V5(super::v5::puback(packet_id, code)),
            _ => Outgoing::V3(v3::Packet::PublishAck { packet_id }),
        };
        self.put(packet, output)
    }

    /// SUBACK.
    pub fn suback(&mut self, packet_id: u16, codes: &[FilterCode], output: &mut BytesMut) -> bool {
        let Some(packet_id) = NonZeroU16::new(packet_id) else { return false };
        let packet = match self.codec {
            Some(Codec::V5(_)) => Outgoing::V5(super::v5::suback(packet_id, codes)),
            _ => Outgoing::V3(super::v3::suback(packet_id, codes)),
        };
        self.put(packet, output)
    }

    /// UNSUBACK.
    pub fn unsuback(
        &mut self,
        packet_id: u16,
        codes: &[FilterCode],
        output: &mut BytesMut,
    ) -> bool {
        let Some(packet_id) = NonZeroU16::new(packet_id) else { return false };
        let packet = match self.codec {
            Some(Codec::V5(_)) => Outgoing::V5(super::v5::unsuback(packet_id, codes)),
            _ => Outgoing::V3(v3::Packet::UnsubscribeAck { packet_id }),
        };
        self.put(packet, output)
    }

    /// PINGRESP.
    pub fn pong(&mut self, output: &mut BytesMut) -> bool {
        let packet = match self.codec {
            Some(Codec::V5(_)) => Outgoing::V5(v5::Packet::PingResponse),
            _ => Outgoing::V3(v3::Packet::PingResponse),
        };
        self.put(packet, output)
    }

    /// PUBLISH to the client, with QoS 1 and this id, or with QoS 0.
    pub fn publish(
        &mut self,
        topic: ByteString,
        payload: Bytes,
        packet_id: Option<NonZeroU16>,
        output: &mut BytesMut,
    ) -> bool {
        let is_v5 = matches!(self.codec, Some(Codec::V5(_)));
        let publish = Box::new(CodecPublish {
            dup: false,
            retain: false,
            qos: if packet_id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce },
            topic,
            packet_id,
            payload,
            properties: is_v5.then(Default::default),
        });
        let packet = if is_v5 {
            Outgoing::V5(v5::Packet::Publish(publish))
        } else {
            Outgoing::V3(v3::Packet::Publish(publish))
        };
        self.put(packet, output)
    }

    /// DISCONNECT with the reason, which only MQTT 5 knows.
    pub fn disconnect(&mut self, farewell: Farewell, output: &mut BytesMut) {
        if let Some(Codec::V5(_)) = self.codec {
            self.put(Outgoing::V5(super::v5::disconnect(farewell)), output);
        }
    }

    /// The codec isn't told the client's limit: its arithmetic wraps around for small ones.
    fn put(&mut self, packet: Outgoing, output: &mut BytesMut) -> bool {
        let before = output.len();
        let encoded = match (&mut self.codec, packet) {
            (Some(Codec::V3(codec)), Outgoing::V3(packet)) => codec.encode(packet, output).is_ok(),
            (Some(Codec::V5(codec)), Outgoing::V5(packet)) => codec.encode(packet, output).is_ok(),
            _ => false,
        };
        let limit = self.packet_max.map_or(usize::MAX, |limit| limit as usize);
        let sent = encoded && output.len() - before <= limit;
        if !sent {
            output.truncate(before);
        }
        sent
    }
}

fn fault(error: &DecodeError) -> Fault {
    match *error {
        DecodeError::InvalidClientId => Fault::ClientId,
        DecodeError::MaxSizeExceeded { size, .. } => Fault::TooLarge(size as usize),
        DecodeError::InvalidTopicName => Fault::TopicName,
        DecodeError::InvalidTopicFilter => Fault::Protocol("no topic filter"),
        DecodeError::UnsupportedProtocolLevel => Fault::UnsupportedVersion,
        DecodeError::Utf8Error => Fault::Malformed("text is not UTF-8"),
        _ => Fault::Malformed("packet"),
    }
}
