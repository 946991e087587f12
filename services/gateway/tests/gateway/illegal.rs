//! Bytes that no client may send; most of them pass the codec.

use millwright_gateway::limits::{
    CONTROL_PACKET_MAX_BYTES, FILTERS_PER_PACKET_MAX, FILTERS_PER_SESSION_MAX, PACKET_MAX_BYTES,
};
use millwright_gateway::session::End;
use millwright_gateway::wire::Farewell;

use crate::bench::{Bench, certificate, machine};
use crate::packets::{
    Connect, WILL, binary, length, packet, publish, subscribe, text, unsubscribe, v3, v5,
};

#[test]
fn before_connect_nothing_but_connect_is_read() {
    for bytes in [&b"GET / HTTP/1.1\r\n"[..], &[0xC0, 0], &[0x30], &[0], &[0xFF; 4], &[0x11]] {
        let mut bench = Bench::new(certificate());
        assert!(bench.feed(bytes).is_empty());
        assert!(matches!(bench.end(), Some(End::Refused(_))), "{bytes:x?} was accepted");
    }
}

#[test]
fn a_long_connect_is_refused_by_its_length_alone() {
    let mut bench = Bench::new(certificate());
    bench.feed(&[&[0x10][..], &length(CONTROL_PACKET_MAX_BYTES)].concat());
    assert_eq!(bench.end(), Some(End::Refused("too_large")));
    assert_eq!(bench.session.buffered(), 0);
}

#[test]
fn malformed_connects() {
    let good = v3().bytes();
    let body = &good[2..];
    let with_flags = |flags: u8, rest: &[u8]| {
        let mut body = text("MQTT");
        body.extend([4, flags, 0, 60]);
        body.extend(text("c"));
        body.extend(rest);
        packet(0x10, &body)
    };
    let v5_flags = |flags: u8, rest: &[u8]| {
        let mut body = text("MQTT");
        body.extend([5, flags, 0, 60, 0]);
        body.extend(text("c"));
        body.extend(rest);
        packet(0x10, &body)
    };
    let user = [text("u"), text("p")].concat();
    let cases: [(&str, Vec<u8>); 14] = [
        ("reserved flag", with_flags(0x03, &[])),
        ("trailing bytes", packet(0x10, &[body, b"x"].concat())),
        ("trailing bytes in 5", packet(0x10, &[&v5().bytes()[2..], b"x"].concat())),
        ("cut short", packet(0x10, &body[..body.len() - 1])),
        ("will QoS without will", with_flags(0x0A, &[])),
        ("will QoS without will in 5", v5_flags(0x0A, &[])),
        ("will retain without will in 5", v5_flags(0x22, &[])),
        ("will with QoS 3", with_flags(0x1E, &[binary(b"t"), binary(b"p")].concat())),
        ("password without user name", with_flags(0x42, &text("p"))),
        ("flags without fields", with_flags(0xC2, &[])),
        ("other name", packet(0x10, &[&text("MQTX")[..], &[4, 2, 0, 60, 0, 1, b'c']].concat())),
        ("name is not text", packet(0x10, &[0, 4, 0xFF, 0xFF, 0xFF, 0xFF, 4, 2, 0, 60, 0, 0])),
        (
            "client id is not UTF-8",
            with_flags(0x02, &[])
                .iter()
                .map(|byte| if *byte == b'c' { 0xFF } else { *byte })
                .collect(),
        ),
        ("long length", [&[0x10, 0x8D, 0x00][..], body].concat()),
    ];
    assert!(matches!(
        Bench::new(certificate()).feed(&with_flags(0xC2, &user))[..],
        [0x20, 2, 0, 5]
    ));
    for (name, bytes) in cases {
        let mut bench = Bench::new(certificate());
        let answer = bench.feed(&bytes);
        assert!(matches!(bench.end(), Some(End::Refused(_))), "{name} was accepted: {answer:x?}");
        assert!(bench.claims.is_empty(), "{name}: the directory was asked");
    }
}

#[test]
fn malformed_packets_close() {
    let topic = "mw/v1/me/up/events";
    let both: [(&str, Vec<u8>); 16] = [
        ("DUP with QoS 0", packet(0x38, &text(topic))),
        ("QoS 3", packet(0x36, &[&text(topic)[..], &[0, 1]].concat())),
        ("PINGREQ with a body", packet(0xC0, &[0])),
        ("PINGREQ with flags", packet(0xC1, &[])),
        ("SUBSCRIBE with flags 0", packet(0x80, &[0, 1, 0, 1, b'a', 1])),
        ("UNSUBSCRIBE with flags 0", packet(0xA0, &[0, 1, 0, 1, b'a'])),
        ("PUBACK with flags", packet(0x41, &[0, 1])),
        ("PUBACK without id", packet(0x40, &[])),
        ("PUBACK with id 0", packet(0x40, &[0, 0])),
        ("CONNACK", packet(0x20, &[0, 0])),
        ("SUBACK", packet(0x90, &[0, 1, 1])),
        ("PINGRESP", packet(0xD0, &[])),
        ("PUBREC", packet(0x50, &[0, 1])),
        ("type 0", packet(0x00, &[])),
        ("length of five bytes", vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF]),
        ("topic beyond the packet", packet(0x30, &[0, 9, b'a'])),
    ];
    for (name, bytes) in both {
        for level in [4, 5] {
            let mut bench = Bench::of(level);
            bench.feed(&bytes);
            assert!(matches!(bench.end(), Some(End::Fault(_))), "{name} was accepted in {level}");
        }
    }
}

#[test]
fn malformed_bodies_close() {
    let cases: [(&str, u8, Vec<u8>); 14] = [
        ("NUL in a topic", 4, publish(4, "mw/v1/me/up/a\0b", 1, b"")),
        ("wildcard in a topic", 4, publish(4, "mw/v1/+/up/events", 1, b"")),
        ("empty topic", 4, publish(4, "", 1, b"")),
        ("packet id 0", 4, packet(0x32, &[&text("mw/v1/me/up/events")[..], &[0, 0]].concat())),
        ("DISCONNECT with a body", 4, packet(0xE0, &[0])),
        ("reserved bits of a subscription", 4, subscribe(4, 1, &[("mw/v1/me/down/#", 0x81)])),
        ("subscription with QoS 3", 4, subscribe(4, 1, &[("mw/v1/me/down/#", 3)])),
        ("subscription without filter", 4, packet(0x82, &[0, 1])),
        ("subscription with id 0", 4, subscribe(4, 0, &[("mw/v1/me/down/#", 1)])),
        ("unsubscription without filter", 4, packet(0xA2, &[0, 1])),
        ("reserved bits of a subscription", 5, subscribe(5, 1, &[("mw/v1/me/down/#", 0xC1)])),
        ("topic is not UTF-8", 5, packet(0x32, &[0, 1, 0xFF, 0, 1, 0])),
        ("unknown property", 5, packet(0x32, &[0, 1, b'a', 0, 1, 2, 0x7F, 0])),
        ("AUTH in 3.1.1", 4, packet(0xF0, &[])),
    ];
    for (name, level, bytes) in cases {
        let mut bench = Bench::of(level);
        bench.feed(&bytes);
        assert!(matches!(bench.end(), Some(End::Fault(_))), "{name} was accepted in {level}");
        assert!(bench.messages.is_empty());
    }
}

#[test]
fn a_declared_length_over_the_limit_is_refused_before_memory_is_reserved() {
    for (bytes, level) in [
        ([&[0x32][..], &length(PACKET_MAX_BYTES)].concat(), 5),
        (vec![0x32, 0xFF, 0xFF, 0xFF, 0x7F], 4),
        ([&[0x82][..], &length(CONTROL_PACKET_MAX_BYTES)].concat(), 5),
        (vec![0xC0, 0xFF, 0xFF, 0xFF, 0x7F], 4),
    ] {
        let mut bench = Bench::of(level);
        bench.feed(&bytes);
        assert_eq!(bench.end(), Some(End::Fault(Farewell::TooLarge)));
        assert_eq!(bench.session.buffered(), 0);
    }
}

#[test]
fn the_longest_payload_is_accepted() {
    let payload = vec![b'x'; millwright_schemas::limits::PAYLOAD_MAX_BYTES];
    let mut bench = Bench::v5();
    bench.feed(&publish(5, "mw/v1/me/up/events", 1, &payload));
    assert_eq!(bench.messages[0].payload.len(), payload.len());
}

#[test]
fn properties_are_bounded() {
    let property = [&[0x26][..], &text("k"), &text("v")].concat();
    let properties = property.repeat(1_000);
    let mut body = [&text("mw/v1/me/up/events")[..], &[0, 1]].concat();
    body.extend(length(properties.len()));
    body.extend(properties);
    let mut bench = Bench::v5();
    bench.feed(&packet(0x32, &body));
    assert_eq!(bench.end(), Some(End::Fault(Farewell::Malformed)));
}

#[test]
fn filters_are_bounded_per_packet_and_per_session() {
    let many = vec![("mw/v1/me/down/#", 1); FILTERS_PER_PACKET_MAX + 1];
    let mut bench = Bench::v5();
    bench.feed(&subscribe(5, 1, &many));
    assert_eq!(bench.end(), Some(End::Fault(Farewell::Quota)));

    let many = vec!["mw/v1/me/down/#"; FILTERS_PER_PACKET_MAX + 1];
    let mut bench = Bench::v5();
    bench.feed(&unsubscribe(5, 1, &many));
    assert_eq!(bench.end(), Some(End::Fault(Farewell::Quota)));

    // Of one machine there are ten different filters, so it takes many children to get there.
    let children: Vec<_> = (0..FILTERS_PER_SESSION_MAX as u128)
        .map(|n| millwright_schemas::MachineId(uuid::Uuid::from_u128(n + 1)))
        .collect();
    let mut bench = Bench::v5();
    bench.session.set_children(children.iter().copied().collect());
    for child in &children {
        let filter = millwright_schemas::topics::down_filter(*child);
        assert_eq!(bench.feed(&subscribe(5, 1, &[(&filter, 1)])), [0x90, 4, 0, 1, 0, 1]);
    }
    let filter = millwright_schemas::topics::down_filter(machine());
    assert_eq!(bench.feed(&subscribe(5, 1, &[(&filter, 1)])), [0x90, 4, 0, 1, 0, 0x97]);
}

#[test]
fn split_anywhere_the_bytes_mean_the_same() {
    for level in [4, 5] {
        let connect = Connect { level, will: Some(WILL), ..v3() };
        let mut bytes = connect.bytes();
        bytes.extend(subscribe(level, 1, &[("mw/v1/me/down/#", 1), ("#", 0)]));
        bytes.extend(publish(level, "mw/v1/me/up/telemetry", 2, b"{\"values\":{\"a\":1}}"));
        bytes.extend(publish(level, "mw/v1/me/up/events", 0, b""));
        bytes.extend([0xC0, 0]);
        bytes.extend(unsubscribe(level, 3, &["mw/v1/me/down/#"]));
        bytes.extend(publish(level, "mw/v1/me/up/events", 4, &[b'x'; 300]));
        let whole = {
            let mut bench = Bench::new(certificate());
            let mut output = bench.feed(&bytes);
            output.extend(bench.commit(3));
            (output, bench.messages)
        };
        assert_eq!(whole.1.len(), 3);
        for position in 0..=bytes.len() {
            let mut bench = Bench::new(certificate());
            let mut output = bench.feed(&bytes[..position]);
            output.extend(bench.feed(&bytes[position..]));
            output.extend(bench.commit(3));
            assert_eq!((output, bench.messages), whole, "split at {position} in {level}");
        }
        let mut bench = Bench::new(certificate());
        let mut output = Vec::new();
        for byte in &bytes {
            output.extend(bench.feed(&[*byte]));
        }
        output.extend(bench.commit(3));
        assert_eq!((output, bench.messages), whole, "byte by byte in {level}");
    }
}
