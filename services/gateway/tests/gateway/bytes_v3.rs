//! MQTT 3.1.1, byte by byte.

use millwright_gateway::limits::SESSION_KEPT_MAX_S;
use millwright_gateway::session::{Admission, ChildSet, End, Peer, Presented, Refused};
use millwright_gateway::wire::Farewell;
use millwright_schemas::Secret;
use millwright_schemas::topics::UpChannel;

use crate::bench::{Bench, certificate, machine};
use crate::packets::{
    CONNACK_V3, Connect, DISCONNECT, PINGREQ, PINGRESP, packet, puback, publish, publish_flags,
    subscribe, text, unsubscribe, v3,
};

#[test]
fn connect_is_answered() {
    let mut bench = Bench::new(certificate());
    assert_eq!(bench.feed(&v3().bytes()), CONNACK_V3);
    assert_eq!(bench.claims[0].machine, machine());
    assert_eq!(bench.claims[0].kept_s, 0);
}

#[test]
fn refusals_of_connect() {
    let long = "x".repeat(129);
    let cases: [(&str, Peer, Connect<'_>, Vec<u8>); 7] = [
        ("long client id", certificate(), Connect { client_id: &long, ..v3() }, vec![2]),
        (
            "empty client id without clean session",
            certificate(),
            Connect { client_id: "", clean: false, ..v3() },
            vec![2],
        ),
        ("nobody", Peer::Anonymous, v3(), vec![4]),
        (
            "user name without password",
            Peer::Anonymous,
            Connect { user_name: Some("0198b2c4-7c1e-7000-8000-0123456789ab"), ..v3() },
            vec![4],
        ),
        (
            "user name that is no machine",
            Peer::Anonymous,
            Connect { user_name: Some("admin"), password: Some(b"x"), ..v3() },
            vec![4],
        ),
        (
            "certificate of one machine, user name of another",
            certificate(),
            Connect { user_name: Some("0198b2c4-7c1e-7000-8000-0123456789ef"), ..v3() },
            vec![5],
        ),
        ("certificate without a machine", Peer::Unusable, v3(), vec![5]),
    ];
    for (name, peer, connect, code) in cases {
        let mut bench = Bench::new(peer);
        assert_eq!(bench.feed(&connect.bytes()), [&[0x20, 2, 0], &code[..]].concat(), "{name}");
        assert!(matches!(bench.end(), Some(End::Refused(_))), "{name}");
        assert!(bench.claims.is_empty(), "{name}: the directory was asked");
    }
}

#[test]
fn the_directory_can_refuse() {
    for (refused, code) in
        [(Refused::BadCredentials, 4), (Refused::NotAuthorized, 5), (Refused::Unavailable, 3)]
    {
        let mut bench = Bench::new(certificate());
        bench.admission = Err(refused);
        assert_eq!(bench.feed(&v3().bytes()), [0x20, 2, 0, code]);
        assert!(matches!(bench.end(), Some(End::Refused(_))));
    }
}

#[test]
fn a_token_is_passed_on_unchecked() {
    let mut bench = Bench::new(Peer::Anonymous);
    let user_name = machine().to_string();
    let connect = Connect { user_name: Some(&user_name), password: Some(b"secret"), ..v3() };
    assert_eq!(bench.feed(&connect.bytes()), CONNACK_V3);
    assert_eq!(bench.claims[0].presented, Presented::Token(Secret::new("secret")));
    assert!(!format!("{:?}", bench.claims[0]).contains("secret"));
}

#[test]
fn an_upper_case_user_name_is_another_name() {
    let mut bench = Bench::new(certificate());
    let user_name = machine().to_string().to_uppercase();
    bench.feed(&Connect { user_name: Some(&user_name), ..v3() }.bytes());
    assert_eq!(bench.end(), Some(End::Refused("foreign_user_name")));
}

#[test]
fn mqtt_3_1_and_the_future_are_refused_in_words_they_understand() {
    let mut body = text("MQIsdp");
    body.extend([3, 2, 0, 60]);
    body.extend(text("c"));
    for bytes in [
        packet(0x10, &body),
        Connect { level: 3, ..v3() }.bytes(),
        Connect { level: 6, ..v3() }.bytes(),
    ] {
        let mut bench = Bench::new(certificate());
        assert_eq!(bench.feed(&bytes), [0x20, 2, 0, 1]);
        assert_eq!(bench.end(), Some(End::Refused("unsupported_version")));
    }
}

#[test]
fn puback_leaves_only_after_commit_and_in_order() {
    let mut bench = Bench::v3();
    for id in [7, 3, 9] {
        assert!(bench.feed(&publish(4, "mw/v1/me/up/telemetry", id, b"{}")).is_empty());
    }
    assert_eq!(bench.messages.len(), 3);
    assert_eq!(bench.messages[0].machine, machine());
    assert_eq!(bench.messages[0].channel, UpChannel::Telemetry);
    assert_eq!(bench.commit(1), puback(7));
    assert!(bench.commit(1).is_empty());
    assert_eq!(bench.commit(3), [puback(3), puback(9)].concat());
}

#[test]
fn qos_0_is_not_acknowledged_but_counted() {
    let mut bench = Bench::v3();
    bench.feed(&publish(4, "mw/v1/me/up/events", 0, b"a"));
    bench.feed(&publish(4, "mw/v1/me/up/events", 5, b"b"));
    assert_eq!(bench.messages.len(), 2);
    assert!(bench.commit(1).is_empty());
    assert_eq!(bench.commit(2), puback(5));
}

#[test]
fn a_packet_id_may_be_used_again_at_once_and_dup_means_nothing() {
    let mut bench = Bench::v3();
    bench.feed(&publish(4, "mw/v1/me/up/events", 5, b"a"));
    bench.feed(&publish_flags(4, 0x3A, "mw/v1/me/up/events", 5, b"a"));
    assert_eq!(bench.messages.len(), 2);
    assert_eq!(bench.commit(2), [puback(5), puback(5)].concat());
}

#[test]
fn the_retained_flag_is_ignored() {
    let mut bench = Bench::v3();
    bench.feed(&publish_flags(4, 0x33, "mw/v1/me/up/events", 5, b"a"));
    assert_eq!(bench.commit(1), puback(5));
}

#[test]
fn qos_2_and_foreign_topics_close() {
    let cases = [
        (publish_flags(4, 0x34, "mw/v1/me/up/events", 5, b""), End::Fault(Farewell::Qos)),
        (publish(4, "mw/v1/me/down/command", 5, b""), End::Fault(Farewell::NotAuthorized)),
        (publish(4, "mw/v1/me/down/command", 0, b""), End::Fault(Farewell::NotAuthorized)),
    ];
    for (bytes, end) in cases {
        let mut bench = Bench::v3();
        assert!(bench.feed(&bytes).is_empty());
        assert_eq!(bench.end(), Some(end));
        assert!(bench.messages.is_empty());
    }
}

#[test]
fn subscribe_and_unsubscribe() {
    let mut bench = Bench::v3();
    let filters = [("mw/v1/me/down/#", 2), ("mw/v1/me/down/time", 0), ("#", 1), ("$SYS/#", 0)];
    assert_eq!(bench.feed(&subscribe(4, 10, &filters)), [0x90, 6, 0, 10, 1, 0, 0x80, 0x80]);
    let filters = ["mw/v1/me/down/#", "never/there"];
    assert_eq!(bench.feed(&unsubscribe(4, 11, &filters)), [0xB0, 2, 0, 11]);
    assert!(bench.remembered.is_empty(), "a clean session is not remembered");
}

#[test]
fn a_kept_session_goes_on_with_its_filters() {
    let mut bench = Bench::connected(&Connect { clean: false, ..v3() });
    assert_eq!(bench.claims[0].kept_s, SESSION_KEPT_MAX_S);
    bench.feed(&subscribe(4, 1, &[("mw/v1/me/down/#", 1)]));
    let filters = bench.remembered.pop().unwrap();
    bench.feed(&subscribe(4, 2, &[("mw/v1/me/down/#", 1)]));
    assert!(bench.remembered.is_empty(), "nothing has changed");

    let mut again = Bench::new(certificate());
    again.admission =
        Ok(Admission { children: ChildSet::default(), earlier: Some(filters.clone()) });
    assert_eq!(again.feed(&Connect { clean: false, ..v3() }.bytes()), [0x20, 2, 1, 0]);
    assert_eq!(again.session.take_newly_reachable(), [machine()]);

    let mut clean = Bench::new(certificate());
    clean.admission = Ok(Admission { children: ChildSet::default(), earlier: Some(filters) });
    assert_eq!(clean.feed(&v3().bytes()), CONNACK_V3);
    assert!(clean.session.take_newly_reachable().is_empty());
}

#[test]
fn suback_waits_until_the_filters_are_remembered() {
    let mut bench = Bench::connected(&Connect { clean: false, ..v3() });
    bench.session.receive(&subscribe(4, 1, &[("mw/v1/me/down/#", 1)]));
    bench.session.receive(&PINGREQ);
    bench.session.advance(bench.now);
    assert!(bench.drain().is_empty() && !bench.session.wants_bytes());
    assert!(bench.session.take_question().is_some());
    bench.session.remembered(true);
    assert_eq!(bench.settle(), [&[0x90, 3, 0, 1, 1][..], &PINGRESP].concat());
}

#[test]
fn filters_that_cannot_be_remembered_end_the_session() {
    let mut bench = Bench::connected(&Connect { clean: false, ..v3() });
    bench.session.receive(&subscribe(4, 1, &[("mw/v1/me/down/#", 1)]));
    bench.session.advance(bench.now);
    bench.session.remembered(false);
    assert_eq!(bench.end(), Some(End::Failed));
    assert!(bench.drain().is_empty());
}

#[test]
fn ping_and_disconnect() {
    let mut bench = Bench::v3();
    assert_eq!(bench.feed(&PINGREQ), PINGRESP);
    assert!(bench.feed(&DISCONNECT).is_empty());
    assert_eq!(bench.end(), Some(End::Disconnected));
}

#[test]
fn what_ends_a_session_from_outside_is_silent() {
    for end in [End::Takeover, End::Shutdown, End::Revoked, End::Failed] {
        let mut bench = Bench::v3();
        bench.feed(&publish(4, "mw/v1/me/up/events", 5, b"a"));
        bench.session.end(end);
        assert!(bench.commit(1).is_empty(), "{end:?}: acknowledged after the end");
        assert_eq!(bench.end(), Some(end));
    }
}
