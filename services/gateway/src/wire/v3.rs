//! MQTT 3.1.1.

use std::num::NonZeroU16;

use rmqtt_codec::types::QoS;
use rmqtt_codec::v3::{
    Connect as V3Connect, ConnectAck, ConnectAckReason, LastWill, Packet, SubscribeReturnCode,
};

use super::packet::{
    Connack, Connect, ConnectRefusal, Fault, FilterCode, Incoming, Publish, Subscribe, Unsubscribe,
    Version, WillMessage,
};

pub(super) fn incoming(packet: Packet) -> Result<Incoming, Fault> {
    Ok(match packet {
        Packet::Connect(packet) => Incoming::Connect(Box::new(connect(*packet))),
        Packet::Publish(packet) => Incoming::Publish(Publish {
            topic: packet.topic,
            payload: packet.payload,
            qos: packet.qos.value(),
            retain: packet.retain,
            packet_id: packet.packet_id.map_or(0, NonZeroU16::get),
        }),
        Packet::PublishAck { packet_id } => Incoming::PubAck { packet_id: packet_id.get() },
        Packet::Subscribe { packet_id, topic_filters } => Incoming::Subscribe(Subscribe {
            packet_id: packet_id.get(),
            filters: topic_filters.into_iter().map(|(filter, qos)| (filter, qos.value())).collect(),
        }),
        Packet::Unsubscribe { packet_id, topic_filters } => Incoming::Unsubscribe(Unsubscribe {
            packet_id: packet_id.get(),
            filters: topic_filters,
        }),
        Packet::PingRequest => Incoming::Ping,
        Packet::Disconnect => Incoming::Disconnect { with_will: false, session_expiry_s: None },
        _ => return Err(Fault::Protocol("a packet that clients don't send")),
    })
}

fn connect(packet: V3Connect) -> Connect {
    Connect {
        version: Version::V3,
        client_id: packet.client_id,
        clean_start: packet.clean_session,
        session_expiry_s: if packet.clean_session { 0 } else { u32::MAX },
        keep_alive_s: packet.keep_alive,
        receive_max: u16::MAX,
        packet_max: None,
        extended_authentication: false,
        will: packet.last_will.map(will),
        user_name: packet.username,
        password: packet.password,
    }
}

fn will(will: LastWill) -> WillMessage {
    WillMessage {
        topic: will.topic,
        payload: will.message,
        qos: will.qos.value(),
        retain: will.retain,
        delay_s: 0,
    }
}

pub(super) fn connack(connack: &Connack) -> Packet {
    Packet::ConnectAck(ConnectAck {
        return_code: ConnectAckReason::ConnectionAccepted,
        session_present: connack.session_present,
    })
}

/// `None`: version 3.1.1 has no code for it, and just closes.
pub(super) fn refusal(refusal: ConnectRefusal) -> Option<Packet> {
    let return_code = match refusal {
        ConnectRefusal::Malformed => return None,
        ConnectRefusal::UnsupportedVersion => ConnectAckReason::UnacceptableProtocolVersion,
        ConnectRefusal::ClientId => ConnectAckReason::IdentifierRejected,
        ConnectRefusal::Unavailable | ConnectRefusal::Quota => ConnectAckReason::ServiceUnavailable,
        ConnectRefusal::BadCredentials => ConnectAckReason::BadUserNameOrPassword,
        ConnectRefusal::NotAuthorized
        | ConnectRefusal::AuthenticationMethod
        | ConnectRefusal::RetainNotSupported
        | ConnectRefusal::QosNotSupported => ConnectAckReason::NotAuthorized,
    };
    Some(Packet::ConnectAck(ConnectAck { return_code, session_present: false }))
}

pub(super) fn suback(packet_id: NonZeroU16, codes: &[FilterCode]) -> Packet {
    let status = codes.iter().map(|code| match code {
        FilterCode::Granted(0) => SubscribeReturnCode::Success(QoS::AtMostOnce),
        FilterCode::Granted(_) => SubscribeReturnCode::Success(QoS::AtLeastOnce),
        _ => SubscribeReturnCode::Failure,
    });
    Packet::SubscribeAck { packet_id, status: status.collect() }
}
