//! MQTT 5, byte by byte.

use millwright_gateway::session::{Admission, ChildSet, End, Peer, Refused};
use millwright_gateway::wire::Farewell;

use crate::bench::{Bench, certificate, machine};
use crate::packets::{
    Connect, DISCONNECT, PINGREQ, PINGRESP, WILL, Will, disconnect_v5, packet, puback_v5, publish,
    publish_flags, subscribe, text, unsubscribe, v5,
};

/// Receive Maximum 100, Maximum QoS 1, Retain Available 0, Maximum Packet Size 270336, no
/// subscription identifiers, no shared subscriptions.
const LIMITS: [u8; 16] = [0x21, 0, 100, 0x24, 1, 0x25, 0, 0x27, 0, 4, 0x20, 0, 0x29, 0, 0x2A, 0];

fn connack(present: u8, more: &[u8]) -> Vec<u8> {
    let properties = [more, &LIMITS].concat();
    packet(
        0x20,
        &[&[present, 0, u8::try_from(properties.len()).unwrap()], &properties[..]].concat(),
    )
}

#[test]
fn connack_names_the_limits() {
    let mut bench = Bench::new(certificate());
    assert_eq!(bench.feed(&v5().bytes()), connack(0, &[]));
}

#[test]
fn a_client_without_id_gets_one() {
    let mut bench = Bench::new(certificate());
    let answer = bench.feed(&Connect { client_id: "", ..v5() }.bytes());
    let id = [&[0x12][..], &text(&machine().to_string())].concat();
    let position = answer.windows(id.len()).position(|window| window == id);
    assert!(position.is_some(), "no assigned id in {answer:x?}");
    assert_eq!(bench.claims[0].client_id, machine().to_string());
}

#[test]
fn a_session_is_kept_only_with_an_expiry() {
    let expiry = |seconds: u32| [&[0x11][..], &seconds.to_be_bytes()].concat();
    let mut bench = Bench::new(certificate());
    bench.feed(&Connect { clean: false, ..v5() }.bytes());
    assert_eq!(bench.claims[0].kept_s, 0, "expiry 0 ends the session with the connection");

    let mut bench = Bench::new(certificate());
    bench.admission = Ok(Admission { children: ChildSet::default(), earlier: Some(Vec::new()) });
    let connect = Connect { clean: false, properties: expiry(60), ..v5() };
    assert_eq!(bench.feed(&connect.bytes()), connack(1, &[]));
    assert_eq!((bench.claims[0].kept_s, bench.session.kept_s()), (60, 60));
    bench.feed(&packet(0xE0, &[&[0, 5][..], &expiry(0)].concat()));
    assert_eq!(bench.session.kept_s(), 0, "expiry 0 at the end forgets it");
    assert_eq!(bench.end(), Some(End::Disconnected));

    let mut bench = Bench::new(certificate());
    let connect = Connect { properties: expiry(u32::MAX), ..v5() };
    // For ever is cut to 30 days, and the client is told.
    assert_eq!(bench.feed(&connect.bytes()), connack(0, &expiry(2_592_000)));

    let mut bench = Bench::v5();
    let answer = bench.feed(&packet(0xE0, &[&[0, 5][..], &expiry(9)].concat()));
    assert_eq!(answer, disconnect_v5(0x82), "too late to be kept");
}

#[test]
fn refusals_of_connect() {
    let long = "x".repeat(129);
    let cases: [(&str, Peer, Connect<'_>, u8); 7] = [
        ("long client id", certificate(), Connect { client_id: &long, ..v5() }, 0x85),
        ("nobody", Peer::Anonymous, v5(), 0x86),
        ("no machine", Peer::Unusable, v5(), 0x87),
        (
            "extended authentication",
            certificate(),
            Connect { properties: [&[0x15][..], &text("x")].concat(), ..v5() },
            0x8C,
        ),
        (
            "retained will",
            certificate(),
            Connect { will: Some(Will { retain: true, ..WILL }), ..v5() },
            0x9A,
        ),
        (
            "will with QoS 2",
            certificate(),
            Connect { will: Some(Will { qos: 2, ..WILL }), ..v5() },
            0x9B,
        ),
        (
            "receive maximum 0",
            certificate(),
            Connect { properties: vec![0x21, 0, 0], ..v5() },
            0x81,
        ),
    ];
    for (name, peer, connect, code) in cases {
        let mut bench = Bench::new(peer);
        assert_eq!(bench.feed(&connect.bytes()), [0x20, 3, 0, code, 0], "{name}");
        assert!(matches!(bench.end(), Some(End::Refused(_))), "{name}");
    }
    for (refused, code) in [
        (Refused::BadCredentials, 0x86),
        (Refused::NotAuthorized, 0x87),
        (Refused::Unavailable, 0x88),
    ] {
        let mut bench = Bench::new(certificate());
        bench.admission = Err(refused);
        assert_eq!(bench.feed(&v5().bytes()), [0x20, 3, 0, code, 0]);
    }
}

#[test]
fn a_refused_topic_takes_its_place_in_the_order() {
    let mut bench = Bench::v5();
    let mut bytes = publish(5, "mw/v1/me/up/telemetry", 1, b"a");
    bytes.extend(publish(5, "somewhere/else", 2, b"b"));
    bytes.extend(publish(5, "mw/v1/me/up/telemetry", 3, b"c"));
    bytes.extend(publish(5, "mw/v1/me/down/command", 4, b"d"));
    assert!(bench.feed(&bytes).is_empty(), "a refusal overtook a commit");
    assert_eq!(bench.messages.len(), 2);
    assert_eq!(bench.commit(1), [puback_v5(1, 0), puback_v5(2, 0x87)].concat());
    assert_eq!(bench.commit(2), [puback_v5(3, 0), puback_v5(4, 0x87)].concat());
    assert_eq!(bench.feed(&publish(5, "x", 5, b"")), puback_v5(5, 0x87), "nothing to wait for");
}

#[test]
fn what_closes_is_named() {
    let alias = packet(0x32, &[&text("mw/v1/me/up/events")[..], &[0, 1, 3, 0x23, 0, 1]].concat());
    let no_topic = packet(0x32, &[0, 0, 0, 1, 0]);
    let subscription_id = packet(0x82, &[&[0, 1, 2, 0x0B, 1][..], &text("a"), &[1]].concat());
    let cases: [(&str, Vec<u8>, u8); 12] = [
        ("QoS 2", publish_flags(5, 0x34, "mw/v1/me/up/events", 1, b""), 0x9B),
        ("retain", publish_flags(5, 0x33, "mw/v1/me/up/events", 1, b""), 0x9A),
        ("QoS 0 to a foreign topic", publish(5, "x", 0, b""), 0x87),
        ("topic alias", alias, 0x94),
        ("no topic", no_topic, 0x82),
        ("wildcard in a topic", publish(5, "mw/v1/me/up/#", 1, b""), 0x90),
        ("subscription identifier", subscription_id, 0xA1),
        ("unknown PUBACK", packet(0x40, &[0, 9]), 0x82),
        ("PUBREL", packet(0x62, &[0, 9]), 0x82),
        ("AUTH", packet(0xF0, &[]), 0x82),
        ("second CONNECT", v5().bytes(), 0x82),
        ("packet id 0", publish_flags(5, 0x32, "mw/v1/me/up/events", 0, b""), 0x82),
    ];
    for (name, bytes, reason) in cases {
        let mut bench = Bench::v5();
        assert_eq!(bench.feed(&bytes), disconnect_v5(reason), "{name}");
        assert!(matches!(bench.end(), Some(End::Fault(_))), "{name}");
        assert!(bench.messages.is_empty(), "{name}");
        assert!(bench.feed(&PINGREQ).is_empty(), "{name}: answered after the end");
    }
}

#[test]
fn subscribe_and_unsubscribe() {
    let mut bench = Bench::v5();
    let filters = [
        ("mw/v1/me/down/#", 2),
        ("mw/v1/me/down/time", 0x2C),
        ("#", 1),
        ("$share/g/mw/v1/me/down/#", 1),
    ];
    let suback = [0x90, 7, 0, 10, 0, 1, 0, 0x87, 0x9E];
    assert_eq!(bench.feed(&subscribe(5, 10, &filters)), suback);
    let filters = ["mw/v1/me/down/#", "mw/v1/me/down/config"];
    assert_eq!(bench.feed(&unsubscribe(5, 11, &filters)), [0xB0, 5, 0, 11, 0, 0, 17]);
}

#[test]
fn what_ends_a_session_from_outside_is_named() {
    let cases =
        [(End::Takeover, 0x8E), (End::Shutdown, 0x8B), (End::Revoked, 0x98), (End::Failed, 0x83)];
    for (end, reason) in cases {
        let mut bench = Bench::v5();
        bench.feed(&publish(5, "mw/v1/me/up/events", 5, b"a"));
        bench.session.end(end);
        assert_eq!(bench.commit(1), disconnect_v5(reason), "{end:?}");
    }
}

#[test]
fn ping_and_disconnect() {
    let mut bench = Bench::v5();
    assert_eq!(bench.feed(&PINGREQ), PINGRESP);
    assert!(bench.feed(&DISCONNECT).is_empty());
    assert_eq!(bench.end(), Some(End::Disconnected));
}

#[test]
fn nothing_longer_than_the_client_accepts_is_sent() {
    // A packet limit so small that the codec's own arithmetic would wrap around.
    for limit in [1_u32, 4, 20] {
        let properties = [&[0x27][..], &limit.to_be_bytes()].concat();
        let mut bench = Bench::new(certificate());
        let answer = bench.feed(&Connect { properties, ..v5() }.bytes());
        assert!(answer.len() <= limit as usize, "{answer:x?}");
        assert_eq!(bench.end(), Some(End::Fault(Farewell::TooLarge)));
    }
    let properties = vec![0x27, 0, 0, 0, 30];
    let mut bench = Bench::connected(&Connect { properties, ..v5() });
    let filters: Vec<(&str, u8)> = vec![("mw/v1/me/down/#", 1); 40];
    assert_eq!(bench.feed(&subscribe(5, 1, &filters)), disconnect_v5(0x95));
}
