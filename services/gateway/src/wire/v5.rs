//! MQTT 5.

use std::num::{NonZeroU16, NonZeroU32};

use rmqtt_codec::types::{Publish as CodecPublish, QoS};
use rmqtt_codec::v5::{
    Connect as V5Connect, ConnectAck, ConnectAckReason, Disconnect, DisconnectReasonCode, LastWill,
    Packet, PublishAck, PublishAckReason, Subscribe as V5Subscribe, SubscribeAck,
    SubscribeAckReason, UnsubscribeAck, UnsubscribeAckReason,
};

use super::packet::{
    AckCode, Connack, Connect, ConnectRefusal, Farewell, Fault, FilterCode, Incoming, Publish,
    Subscribe, Unsubscribe, Version, WillMessage,
};
use crate::limits::{IN_FLIGHT_MAX, PACKET_MAX_BYTES};

pub(super) fn incoming(packet: Packet) -> Result<Incoming, Fault> {
    Ok(match packet {
        Packet::Connect(packet) => Incoming::Connect(Box::new(connect(*packet))),
        Packet::Publish(packet) => Incoming::Publish(publish(*packet)?),
        Packet::PublishAck(packet) => Incoming::PubAck { packet_id: packet.packet_id.get() },
        Packet::Subscribe(packet) => Incoming::Subscribe(subscribe(packet)?),
        Packet::Unsubscribe(packet) => Incoming::Unsubscribe(Unsubscribe {
            packet_id: packet.packet_id.get(),
            filters: packet.topic_filters,
        }),
        Packet::PingRequest => Incoming::Ping,
        Packet::Disconnect(packet) => Incoming::Disconnect {
            with_will: packet.reason_code != DisconnectReasonCode::NormalDisconnection,
            session_expiry_s: packet.session_expiry_interval_secs,
        },
        _ => return Err(Fault::Protocol("a packet that clients don't send")),
    })
}

fn connect(packet: V5Connect) -> Connect {
    Connect {
        version: Version::V5,
        client_id: packet.client_id,
        clean_start: packet.clean_start,
        session_expiry_s: packet.session_expiry_interval_secs,
        keep_alive_s: packet.keep_alive,
        receive_max: packet.receive_max.map_or(u16::MAX, NonZeroU16::get),
        packet_max: packet.max_packet_size.map(NonZeroU32::get),
        extended_authentication: packet.auth_method.is_some() || packet.auth_data.is_some(),
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
        delay_s: will.will_delay_interval_sec.unwrap_or(0),
    }
}

fn publish(packet: CodecPublish) -> Result<Publish, Fault> {
    let properties = packet.properties.unwrap_or_default();
    if properties.topic_alias.is_some() {
        return Err(Fault::TopicAlias);
    }
    if packet.topic.is_empty() {
        return Err(Fault::Protocol("neither topic nor topic alias"));
    }
    if !properties.subscription_ids.is_empty() {
        return Err(Fault::Protocol("PUBLISH of a client with a subscription identifier"));
    }
    if properties.response_topic.is_some_and(|topic| topic.contains(['#', '+', '\0'])) {
        return Err(Fault::Protocol("response topic with a wildcard"));
    }
    Ok(Publish {
        topic: packet.topic,
        payload: packet.payload,
        qos: packet.qos.value(),
        retain: packet.retain,
        packet_id: packet.packet_id.map_or(0, NonZeroU16::get),
    })
}

fn subscribe(packet: V5Subscribe) -> Result<Subscribe, Fault> {
    if packet.id.is_some() {
        return Err(Fault::SubscriptionId);
    }
    let filters = packet.topic_filters.into_iter();
    Ok(Subscribe {
        packet_id: packet.packet_id.get(),
        filters: filters.map(|(filter, options)| (filter, options.qos.value())).collect(),
    })
}

pub(super) fn connack(connack: &Connack) -> Packet {
    let receive_max = u16::try_from(IN_FLIGHT_MAX).ok().and_then(NonZeroU16::new);
    Packet::ConnectAck(Box::new(ConnectAck {
        session_present: connack.session_present,
        session_expiry_interval_secs: connack.session_expiry_s,
        receive_max: receive_max.unwrap_or(NonZeroU16::MIN),
        max_qos: QoS::AtLeastOnce,
        max_packet_size: u32::try_from(PACKET_MAX_BYTES).ok(),
        assigned_client_id: connack.assigned_client_id.clone(),
        retain_available: false,
        subscription_identifiers_available: false,
        shared_subscription_available: false,
        ..ConnectAck::default()
    }))
}

pub(super) fn refusal(refusal: ConnectRefusal) -> Packet {
    let reason_code = match refusal {
        ConnectRefusal::UnsupportedVersion => ConnectAckReason::UnsupportedProtocolVersion,
        ConnectRefusal::Malformed => ConnectAckReason::MalformedPacket,
        ConnectRefusal::ClientId => ConnectAckReason::ClientIdentifierNotValid,
        ConnectRefusal::BadCredentials => ConnectAckReason::BadUserNameOrPassword,
        ConnectRefusal::NotAuthorized => ConnectAckReason::NotAuthorized,
        ConnectRefusal::Unavailable => ConnectAckReason::ServerUnavailable,
        ConnectRefusal::Quota => ConnectAckReason::QuotaExceeded,
        ConnectRefusal::AuthenticationMethod => ConnectAckReason::BadAuthenticationMethod,
        ConnectRefusal::RetainNotSupported => ConnectAckReason::RetainNotSupported,
        ConnectRefusal::QosNotSupported => ConnectAckReason::QosNotSupported,
    };
    // The default of the codec leaves all limits out, as a refusal should.
    Packet::ConnectAck(Box::new(ConnectAck { reason_code, ..ConnectAck::default() }))
}

pub(super) fn puback(packet_id: NonZeroU16, code: AckCode) -> Packet {
    let reason_code = match code {
        AckCode::Success => PublishAckReason::Success,
        AckCode::NotAuthorized => PublishAckReason::NotAuthorized,
    };
    Packet::PublishAck(PublishAck {
        packet_id,
        reason_code,
        properties: Vec::new(),
        reason_string: None,
    })
}

pub(super) fn suback(packet_id: NonZeroU16, codes: &[FilterCode]) -> Packet {
    let status = codes.iter().map(|code| match code {
        FilterCode::Granted(0) => SubscribeAckReason::GrantedQos0,
        FilterCode::Granted(_) => SubscribeAckReason::GrantedQos1,
        FilterCode::Shared => SubscribeAckReason::SharedSubscriptionNotSupported,
        FilterCode::Quota => SubscribeAckReason::QuotaExceeded,
        FilterCode::NotAuthorized | FilterCode::Unknown => SubscribeAckReason::NotAuthorized,
    });
    Packet::SubscribeAck(SubscribeAck {
        packet_id,
        properties: Vec::new(),
        reason_string: None,
        status: status.collect(),
    })
}

pub(super) fn unsuback(packet_id: NonZeroU16, codes: &[FilterCode]) -> Packet {
    let status = codes.iter().map(|code| match code {
        FilterCode::Granted(_) => UnsubscribeAckReason::Success,
        _ => UnsubscribeAckReason::NoSubscriptionExisted,
    });
    Packet::UnsubscribeAck(UnsubscribeAck {
        packet_id,
        properties: Vec::new(),
        reason_string: None,
        status: status.collect(),
    })
}

pub(super) fn disconnect(farewell: Farewell) -> Packet {
    use DisconnectReasonCode as Code;
    Packet::Disconnect(Disconnect::new(match farewell {
        Farewell::Malformed => Code::MalformedPacket,
        Farewell::Protocol => Code::ProtocolError,
        Farewell::Failed => Code::ImplementationSpecificError,
        Farewell::NotAuthorized => Code::NotAuthorized,
        Farewell::Busy => Code::ServerBusy,
        Farewell::Shutdown => Code::ServerShuttingDown,
        Farewell::KeepAlive => Code::KeepAliveTimeout,
        Farewell::Takeover => Code::SessionTakenOver,
        Farewell::TopicName => Code::TopicNameInvalid,
        Farewell::TopicAlias => Code::TopicAliasInvalid,
        Farewell::TooLarge => Code::PacketTooLarge,
        Farewell::Quota => Code::QuotaExceeded,
        Farewell::Revoked => Code::AdministrativeAction,
        Farewell::Expired => Code::MaximumConnectTime,
        Farewell::Retain => Code::RetainNotSupported,
        Farewell::Qos => Code::QosNotSupported,
        Farewell::SubscriptionId => Code::SubscriptionIdentifiersNotSupported,
    }))
}
