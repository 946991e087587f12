//! Messages towards the machine.

use bytes::Bytes;
use millwright_gateway::limits::DOWN_WINDOW;
use millwright_gateway::session::{Delivery, Down, End};
use millwright_gateway::wire::Farewell;
use millwright_schemas::topics::{self, DownChannel};

use crate::bench::{ANY_PACE, Bench, child, machine};
use crate::packets::{Connect, puback, publish, subscribe, unsubscribe, v3, v5};

fn down(machine: millwright_schemas::MachineId) -> Down {
    Down { machine, channel: DownChannel::Command, payload: Bytes::from_static(b"jws") }
}

#[test]
fn what_is_subscribed_is_delivered_under_the_name_it_was_asked_for() {
    for level in [4, 5] {
        let mut bench = Bench::of(level);
        assert!(bench.send_down(DownChannel::Command, b"x").is_empty(), "not subscribed");
        bench.feed(&subscribe(level, 1, &[("mw/v1/me/down/#", 1)]));
        let expected = publish(level, "mw/v1/me/down/command", 1, b"jws");
        assert_eq!(bench.send_down(DownChannel::Command, b"jws"), expected);
        bench.feed(&unsubscribe(level, 2, &["mw/v1/me/down/#"]));
        assert!(bench.send_down(DownChannel::Command, b"jws").is_empty());

        let own = topics::down(machine(), DownChannel::Command);
        bench.feed(&subscribe(level, 3, &[(&own, 0)]));
        let expected = publish(level, &own, 0, b"jws");
        assert_eq!(bench.send_down(DownChannel::Command, b"jws"), expected, "QoS 0 as asked");
        assert!(bench.send_down(DownChannel::Time, b"jws").is_empty(), "another channel");
        assert!(bench.feed(&puback(1)).is_empty(), "the first is still acknowledged");
        assert_eq!(bench.end(), None);
    }
}

#[test]
fn no_more_are_in_flight_than_the_client_takes() {
    for (receive_max, expected) in [(2_u16, 2), (1_000, usize::from(DOWN_WINDOW))] {
        let [high, low] = receive_max.to_be_bytes();
        let mut bench = Bench::connected(&Connect { properties: vec![0x21, high, low], ..v5() });
        bench.feed(&subscribe(5, 1, &[("mw/v1/me/down/#", 1)]));
        let mut sent = 0;
        while bench.session.can_deliver() {
            assert_eq!(bench.session.deliver(down(machine())), Delivery::Sent);
            sent += 1;
        }
        assert_eq!(sent, expected);
        bench.feed(&puback(1));
        assert!(bench.session.can_deliver());
        bench.feed(&puback(1));
        assert_eq!(bench.end(), Some(End::Fault(Farewell::Protocol)), "acknowledged twice");
    }
}

#[test]
fn ids_in_flight_are_not_given_again() {
    let mut bench = Bench::paced(&v3(), ANY_PACE);
    bench.feed(&subscribe(4, 1, &[("mw/v1/me/down/#", 1)]));
    bench.send_down(DownChannel::Command, b"stays");
    for round in 0..u32::from(u16::MAX) {
        let bytes = bench.send_down(DownChannel::Command, b"x");
        let id = u16::from_be_bytes([bytes[bytes.len() - 3], bytes[bytes.len() - 2]]);
        assert!(id > 1, "round {round} used id {id}");
        bench.feed(&puback(id));
    }
    assert_eq!(bench.end(), None);
}

#[test]
fn ids_of_both_directions_are_apart() {
    let mut bench = Bench::v3();
    bench.feed(&subscribe(4, 1, &[("mw/v1/me/down/#", 1)]));
    bench.send_down(DownChannel::Command, b"x");
    bench.feed(&publish(4, "mw/v1/me/up/events", 1, b"x"));
    assert_eq!(bench.commit(1), puback(1));
    assert!(bench.feed(&puback(1)).is_empty());
    assert_eq!(bench.end(), None);
}

#[test]
fn a_message_for_a_child_goes_to_its_parent_while_it_is_its_child() {
    let mut bench = Bench::with_child(&v3());
    bench.feed(&subscribe(4, 1, &[(&topics::down_filter(child()), 1)]));
    assert_eq!(bench.session.take_newly_reachable(), [child()]);
    assert_eq!(bench.session.deliver(down(child())), Delivery::Sent);
    let topic = topics::down(child(), DownChannel::Command);
    assert_eq!(bench.drain(), publish(4, &topic, 1, b"jws"));
    assert_eq!(bench.session.deliver(down(machine())), Delivery::NotSubscribed);
    bench.session.set_children(Default::default());
    assert_eq!(bench.session.deliver(down(child())), Delivery::NotSubscribed);
}

#[test]
fn a_message_that_is_too_long_for_the_client_is_not_sent() {
    let mut bench = Bench::connected(&Connect { properties: vec![0x27, 0, 0, 0, 60], ..v5() });
    bench.feed(&subscribe(5, 1, &[("mw/v1/me/down/#", 1)]));
    let long = Down { payload: Bytes::from(vec![b'x'; 60]), ..down(machine()) };
    assert_eq!(bench.session.deliver(long), Delivery::TooLarge);
    assert!(bench.drain().is_empty());
    assert_eq!(bench.session.deliver(down(machine())), Delivery::Sent);
}
