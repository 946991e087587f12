//! Packets written byte by byte, without the codec that the gateway uses.

/// A packet with this first byte.
pub(crate) fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(length(body.len()));
    bytes.extend_from_slice(body);
    bytes
}

pub(crate) fn length(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let digit = u8::try_from(value % 128).unwrap();
        value /= 128;
        bytes.push(if value > 0 { digit | 0x80 } else { digit });
        if value == 0 {
            return bytes;
        }
    }
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    binary(text.as_bytes())
}

pub(crate) fn binary(value: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(value.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(value);
    bytes
}

/// CONNECT, as its parts.
#[derive(Clone)]
pub(crate) struct Connect<'a> {
    pub(crate) level: u8,
    pub(crate) client_id: &'a str,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) properties: Vec<u8>,
    pub(crate) will: Option<Will<'a>>,
    pub(crate) user_name: Option<&'a str>,
    pub(crate) password: Option<&'a [u8]>,
}

#[derive(Clone, Copy)]
pub(crate) struct Will<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) delay_s: u32,
}

pub(crate) const WILL: Will<'static> =
    Will { topic: "mw/v1/me/up/events", payload: b"gone", qos: 1, retain: false, delay_s: 0 };

pub(crate) fn v3() -> Connect<'static> {
    Connect {
        level: 4,
        client_id: "c",
        clean: true,
        keep_alive: 60,
        properties: Vec::new(),
        will: None,
        user_name: None,
        password: None,
    }
}

pub(crate) fn v5() -> Connect<'static> {
    Connect { level: 5, ..v3() }
}

impl Connect<'_> {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let is_v5 = self.level == 5;
        let mut flags = 0;
        flags |= if self.clean { 0x02 } else { 0 };
        flags |= if self.user_name.is_some() { 0x80 } else { 0 };
        flags |= if self.password.is_some() { 0x40 } else { 0 };
        if let Some(will) = &self.will {
            flags |= 0x04 | (will.qos << 3) | if will.retain { 0x20 } else { 0 };
        }
        let mut body = text("MQTT");
        body.extend([self.level, flags]);
        body.extend(self.keep_alive.to_be_bytes());
        if is_v5 {
            body.extend(length(self.properties.len()));
            body.extend(&self.properties);
        }
        body.extend(text(self.client_id));
        if let Some(will) = &self.will {
            if is_v5 && will.delay_s > 0 {
                body.extend([5, 0x18]);
                body.extend(will.delay_s.to_be_bytes());
            } else if is_v5 {
                body.push(0);
            }
            body.extend(text(will.topic));
            body.extend(binary(will.payload));
        }
        body.extend(self.user_name.map(text).unwrap_or_default());
        body.extend(self.password.map(binary).unwrap_or_default());
        packet(0x10, &body)
    }
}

/// PUBLISH with QoS 0 (id 0) or 1, without flags; `level` 4 or 5.
pub(crate) fn publish(level: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    publish_flags(level, if id == 0 { 0x30 } else { 0x32 }, topic, id, payload)
}

pub(crate) fn publish_flags(level: u8, kind: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    if kind & 0x06 != 0 {
        body.extend(id.to_be_bytes());
    }
    if level == 5 {
        body.push(0);
    }
    body.extend_from_slice(payload);
    packet(kind, &body)
}

pub(crate) fn subscribe(level: u8, id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if level == 5 {
        body.push(0);
    }
    for (filter, options) in filters {
        body.extend(text(filter));
        body.push(*options);
    }
    packet(0x82, &body)
}

pub(crate) fn unsubscribe(level: u8, id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if level == 5 {
        body.push(0);
    }
    for filter in filters {
        body.extend(text(filter));
    }
    packet(0xA2, &body)
}

/// PUBACK from the client, in the short form that both versions know.
pub(crate) fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

/// PUBACK as the gateway writes it in MQTT 5.
pub(crate) fn puback_v5(id: u16, reason: u8) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    packet(0x40, &[high, low, reason, 0])
}

pub(crate) fn disconnect_v5(reason: u8) -> Vec<u8> {
    packet(0xE0, &[reason, 0])
}

pub(crate) const PINGREQ: [u8; 2] = [0xC0, 0];
pub(crate) const PINGRESP: [u8; 2] = [0xD0, 0];
pub(crate) const DISCONNECT: [u8; 2] = [0xE0, 0];
pub(crate) const CONNACK_V3: [u8; 4] = [0x20, 2, 0, 0];
