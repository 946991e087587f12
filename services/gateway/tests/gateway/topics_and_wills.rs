//! What a machine may name: topics, filters, wills.

use std::time::Duration;

use millwright_gateway::session::End;
use millwright_schemas::topics::{self, UpChannel};

use crate::bench::{Bench, certificate, child, machine, stranger};
use crate::packets::{
    CONNACK_V3, Connect, DISCONNECT, WILL, Will, packet, puback_v5, publish, subscribe, v3, v5,
};

fn tricks() -> Vec<String> {
    let own = topics::root(machine());
    let id = machine().to_string();
    let stranger = topics::root(stranger());
    vec![
        format!("{stranger}/up/events"),
        format!("{}/up/events", topics::root(child())),
        format!("{own}/../{}/up/events", stranger.trim_start_matches("mw/v1/")),
        format!("mw/v1/00/{id}/up/events"),
        format!("mw/v1/AB/{id}/up/events"),
        format!("mw/v1/ab/{}/up/events", id.to_uppercase()),
        format!("mw/v1/ab/{{{id}}}/up/events"),
        format!("mw/v1/ab/{}/up/events", id.replace('-', "")),
        format!("{own}/down/command"),
        format!("{own}/up"),
        format!("{own}/up/"),
        format!("{own}//up/events"),
        format!("/{own}/up/events"),
        format!("{own}/up/{}", "x".repeat(300)),
        "mw/v1/me".to_owned(),
        "mw/v1/ME/up/events".to_owned(),
        "mw/v1/me/me/up/events".to_owned(),
        "mw/v2/me/up/events".to_owned(),
        "$SYS/broker".to_owned(),
        " mw/v1/me/up/events".to_owned(),
    ]
}

#[test]
fn no_trick_reaches_a_foreign_topic() {
    for topic in tricks() {
        let mut bench = Bench::v5();
        assert_eq!(bench.feed(&publish(5, &topic, 1, b"x")), puback_v5(1, 0x87), "{topic}");
        assert!(bench.messages.is_empty(), "{topic} was accepted");
        let mut bench = Bench::v3();
        bench.feed(&publish(4, &topic, 1, b"x"));
        assert!(bench.end().is_some() && bench.messages.is_empty(), "{topic} was accepted");
    }
}

#[test]
fn no_trick_makes_a_foreign_will() {
    for topic in tricks() {
        for (connect, refused) in [(v3(), vec![0x20, 2, 0, 5]), (v5(), vec![0x20, 3, 0, 0x87, 0])] {
            let mut bench = Bench::new(certificate());
            let connect = Connect { will: Some(Will { topic: &topic, ..WILL }), ..connect };
            assert_eq!(bench.feed(&connect.bytes()), refused, "{topic}");
            assert_eq!(bench.session.take_will(), None);
        }
    }
}

#[test]
fn no_trick_subscribes_to_foreign_topics() {
    let own = topics::root(machine());
    let stranger = topics::root(stranger());
    for filter in [
        "#",
        "+/#",
        "mw/#",
        "mw/v1/#",
        "mw/v1/+/+/down/#",
        "mw/v1/ab/+/down/#",
        "mw/v1/me/#",
        "mw/v1/me/+/command",
        "mw/v1/me/up/#",
        "mw/v1/+/down/#",
        "$SYS/#",
        "",
        &format!("{own}/#"),
        &format!("{own}/up/#"),
        &format!("{stranger}/down/#"),
        &format!("{}/down/#", topics::root(child())),
        &format!("{}/down/#", own.to_uppercase()),
    ] {
        let mut bench = Bench::v5();
        let answer = bench.feed(&subscribe(5, 1, &[(filter, 1)]));
        assert_eq!(answer, [0x90, 4, 0, 1, 0, 0x87], "{filter}");
        assert!(bench.session.take_newly_reachable().is_empty(), "{filter}");
    }
}

#[test]
fn a_parent_speaks_for_its_children_and_nobody_elses() {
    let topic = topics::up(child(), UpChannel::Events);
    let mut bench = Bench::with_child(&v5());
    assert!(bench.feed(&publish(5, &topic, 1, b"x")).is_empty());
    assert_eq!(bench.messages[0].machine, child());
    assert_eq!(bench.commit(1), puback_v5(1, 0));

    bench.session.set_children(Default::default());
    assert_eq!(bench.feed(&publish(5, &topic, 2, b"x")), puback_v5(2, 0x87));
    assert_eq!(bench.messages.len(), 1);

    let mut bench =
        Bench::with_child(&Connect { will: Some(Will { topic: &topic, ..WILL }), ..v3() });
    bench.session.end(End::Lost);
    assert_eq!(bench.session.take_will().unwrap().machine, child());
}

#[test]
fn the_will_is_published_at_an_abnormal_end_only() {
    let connect = Connect { will: Some(Will { retain: true, ..WILL }), ..v3() };
    for (end, published) in [
        (End::Lost, true),
        (End::KeepAlive, true),
        (End::WriteStall, true),
        (End::Failed, true),
        (End::Takeover, false),
        (End::Revoked, false),
        (End::Expired, false),
        (End::Shutdown, false),
    ] {
        let mut bench = Bench::new(certificate());
        // Retain is ignored in 3.1.1.
        assert_eq!(bench.feed(&connect.bytes()), CONNACK_V3);
        assert_eq!(bench.session.take_will(), None, "while it lives");
        bench.session.end(end);
        let will = bench.session.take_will();
        assert_eq!(will.is_some(), published, "{end:?}");
        assert_eq!(bench.session.take_will(), None, "twice");
        if let Some(will) = will {
            assert_eq!((will.channel, &will.payload[..]), (UpChannel::Events, &b"gone"[..]));
        }
    }
    let mut bench = Bench::connected(&connect);
    bench.feed(&DISCONNECT);
    assert_eq!(bench.session.take_will(), None);
    let mut bench = Bench::connected(&connect);
    bench.feed(&[0x00, 0x00]);
    assert!(bench.session.take_will().is_some(), "after a protocol error");
}

#[test]
fn mqtt_5_can_ask_for_its_will_and_delay_it() {
    let connect = Connect { will: Some(Will { delay_s: 30, ..WILL }), ..v5() };
    let mut bench = Bench::connected(&connect);
    bench.feed(&packet(0xE0, &[0x04]));
    assert_eq!(bench.end(), Some(End::DisconnectedWithWill));
    assert_eq!(bench.session.take_will().unwrap().delay, Duration::from_secs(30));

    let connect = Connect { will: Some(Will { delay_s: u32::MAX, ..WILL }), ..v5() };
    let mut bench = Bench::connected(&connect);
    bench.session.end(End::Lost);
    assert_eq!(bench.session.take_will().unwrap().delay, Duration::from_secs(3_600));
}

#[test]
fn an_unknown_channel_is_passed_on() {
    let mut bench = Bench::v3();
    bench.feed(&publish(4, "mw/v1/me/up/vendor/x", 1, b"x"));
    assert_eq!(bench.messages[0].channel, UpChannel::Other("vendor/x".to_owned()));
}
