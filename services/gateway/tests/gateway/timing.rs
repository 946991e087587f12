//! Deadlines and what is held back, with a clock of the test's own.

use std::time::Duration;

use millwright_gateway::limits::{
    CONNECT_TIMEOUT, IN_FLIGHT_MAX, IN_FLIGHT_MAX_BYTES, OUTPUT_MAX_BYTES, WRITE_STALL_TIMEOUT,
};
use millwright_gateway::session::{End, Question};
use millwright_gateway::settings::Pace;

use crate::bench::{ANY_PACE, Bench, certificate};
use crate::packets::{Connect, PINGREQ, PINGRESP, disconnect_v5, puback, publish, v3, v5};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn connect_must_be_complete_in_time() {
    let mut bench = Bench::new(certificate());
    let bytes = v3().bytes();
    for byte in &bytes[..bytes.len() - 1] {
        bench.feed(&[*byte]);
        bench.pass(CONNECT_TIMEOUT / 40);
    }
    bench.pass(CONNECT_TIMEOUT);
    assert_eq!(bench.end(), Some(End::Refused("connect_timeout")));
}

#[test]
fn no_deadline_runs_while_the_directory_is_asked() {
    let mut bench = Bench::new(certificate());
    bench.session.receive(&v3().bytes());
    bench.session.advance(bench.now);
    assert!(matches!(bench.session.take_question(), Some(Question::Admit(_))));
    assert_eq!(bench.session.deadline(), None);
    assert!(!bench.session.wants_bytes());
}

#[test]
fn keep_alive_is_one_and_a_half_times() {
    let mut bench = Bench::connected(&Connect { keep_alive: 10, ..v5() });
    assert!(bench.pass(14 * SECOND).is_empty());
    assert_eq!(bench.feed(&PINGREQ), PINGRESP);
    assert!(bench.pass(14 * SECOND).is_empty());
    assert_eq!(bench.pass(SECOND), disconnect_v5(0x8D));
    assert_eq!(bench.end(), Some(End::KeepAlive));
}

#[test]
fn only_complete_packets_refresh_the_keep_alive() {
    let mut bench = Bench::connected(&Connect { keep_alive: 10, ..v3() });
    let bytes = publish(4, "mw/v1/me/up/events", 1, &[b'x'; 60]);
    for byte in &bytes[..15] {
        bench.feed(&[*byte]);
        bench.pass(SECOND);
    }
    assert_eq!(bench.end(), Some(End::KeepAlive));
}

#[test]
fn keep_alive_0_never_ends() {
    let mut bench = Bench::connected(&Connect { keep_alive: 0, ..v3() });
    assert_eq!(bench.session.deadline(), None);
    bench.pass(1_000_000 * SECOND);
    assert_eq!(bench.end(), None);
}

#[test]
fn the_receive_maximum_is_kept_by_not_decoding_further() {
    for level in [4, 5] {
        let mut bench = Bench::of(level);
        for id in 1..=u16::try_from(IN_FLIGHT_MAX).unwrap() + 20 {
            bench.feed(&publish(level, "mw/v1/me/up/events", id, b"x"));
        }
        assert_eq!(bench.messages.len(), IN_FLIGHT_MAX);
        assert!(!bench.session.wants_bytes());
        bench.commit(5);
        assert_eq!(bench.messages.len(), IN_FLIGHT_MAX + 5);
        bench.commit(u64::try_from(IN_FLIGHT_MAX).unwrap());
        assert_eq!(bench.messages.len(), IN_FLIGHT_MAX + 20);
        assert!(bench.session.wants_bytes());
    }
}

#[test]
fn bytes_that_wait_for_their_commit_are_bounded() {
    let mut bench = Bench::v3();
    let payload = vec![b'x'; 250_000];
    // With QoS 0 as well: nothing is acknowledged, but it waits all the same.
    for id in [1, 0, 2, 0, 3, 0, 4, 0] {
        bench.feed(&publish(4, "mw/v1/me/up/events", id, &payload));
    }
    let taken: usize = bench.messages.iter().map(|message| message.payload.len()).sum();
    assert!(taken < IN_FLIGHT_MAX_BYTES + payload.len(), "{taken} bytes were taken");
    assert!(!bench.session.wants_bytes());
    bench.commit(8);
    assert_eq!(bench.messages.len(), 8);
}

#[test]
fn keep_alive_does_not_run_while_decoding_is_held_back() {
    let mut bench = Bench::connected(&Connect { keep_alive: 1, ..v3() });
    bench.intake_open = false;
    bench.feed(&publish(4, "mw/v1/me/up/events", 1, b"x"));
    bench.feed(&PINGREQ);
    assert_eq!(bench.session.deadline(), None);
    bench.pass(100 * SECOND);
    assert_eq!(bench.end(), None);
    bench.intake_open = true;
    assert_eq!(bench.settle(), PINGRESP);
    assert_eq!(bench.commit(1), puback(1));
    bench.pass(SECOND);
    assert_eq!(bench.end(), None, "the time starts anew");
    bench.pass(SECOND);
    assert_eq!(bench.end(), Some(End::KeepAlive));
}

#[test]
fn who_does_not_read_is_not_served_and_cut() {
    let mut bench = Bench::paced(&Connect { keep_alive: 0, ..v3() }, ANY_PACE);
    let pings = PINGREQ.repeat(OUTPUT_MAX_BYTES);
    bench.session.receive(&pings);
    bench.session.advance(bench.now);
    assert_eq!(bench.session.output().len(), OUTPUT_MAX_BYTES);
    assert!(!bench.session.wants_bytes());
    bench.session.write_blocked(bench.now);
    bench.session.expire(bench.now + WRITE_STALL_TIMEOUT - SECOND);
    assert_eq!(bench.end(), None);
    assert!(bench.session.expire(bench.now + WRITE_STALL_TIMEOUT));
    assert_eq!(bench.end(), Some(End::WriteStall));
}

#[test]
fn a_trickle_does_not_save_a_slow_reader() {
    let mut bench = Bench::paced(&v3(), ANY_PACE);
    bench.session.receive(&PINGREQ.repeat(OUTPUT_MAX_BYTES));
    bench.session.advance(bench.now);
    bench.session.write_blocked(bench.now);
    for _ in 0..10 {
        bench.now += WRITE_STALL_TIMEOUT / 10;
        bench.session.wrote(10, bench.now);
        bench.session.write_blocked(bench.now);
    }
    assert!(bench.session.expire(bench.now));
}

#[test]
fn who_sends_too_many_messages_is_slowed_down_and_loses_nothing() {
    for level in [4, 5] {
        let pace = Pace { messages_per_s: 10, messages_burst: 20, ..ANY_PACE };
        let mut bench = Bench::paced(&Connect { level, ..v3() }, pace);
        let ids = 1..=50_u16;
        let sent: Vec<u8> = ids
            .clone()
            .flat_map(|id| publish(level, "mw/v1/me/up/events", id, &id.to_be_bytes()))
            .collect();
        bench.feed(&sent);
        // CONNECT is one of the burst.
        assert_eq!(bench.messages.len(), 19);
        assert!(!bench.session.wants_bytes());
        assert!(!bench.commit(19).is_empty(), "acknowledgements aren't held back");
        assert_eq!(bench.messages.len(), 19, "a commit ends no pause");
        let start = bench.now;
        while bench.messages.len() < 50 {
            let wait = bench.session.deadline().unwrap() - bench.now;
            assert!(wait <= SECOND / 10, "{wait:?}");
            bench.pass(wait);
        }
        let passed = bench.now - start;
        assert!((3 * SECOND..4 * SECOND).contains(&passed), "31 messages in {passed:?}");
        let order: Vec<_> = bench.messages.iter().map(|message| message.payload.to_vec()).collect();
        assert_eq!(order, ids.map(|id| id.to_be_bytes().to_vec()).collect::<Vec<_>>());
        bench.pass(10 * SECOND);
        assert!(bench.session.wants_bytes());
        assert!(bench.session.pauses() >= 30);
        assert_eq!(bench.end(), None);
    }
}

#[test]
fn who_sends_too_many_bytes_is_slowed_down_without_losing_its_keep_alive() {
    let pace = Pace { bytes_per_s: 1_000, bytes_burst: 2_000, ..ANY_PACE };
    let mut bench = Bench::paced(&Connect { keep_alive: 1, ..v3() }, pace);
    bench.feed(&publish(4, "mw/v1/me/up/events", 1, &[b'x'; 10_000]));
    assert_eq!(bench.messages.len(), 1);
    assert!(bench.feed(&PINGREQ).is_empty());
    assert!(bench.pass(8 * SECOND).is_empty(), "8,000 bytes and more are owed");
    assert!(!bench.session.wants_bytes());
    assert_eq!(bench.end(), None);
    assert_eq!(bench.pass(SECOND), PINGRESP);
    assert!(bench.session.wants_bytes());
    bench.pass(SECOND);
    assert_eq!(bench.end(), None, "the time starts anew");
    bench.pass(SECOND);
    assert_eq!(bench.end(), Some(End::KeepAlive));
}

#[test]
fn an_ordinary_machine_is_never_slowed_down() {
    let mut bench = Bench::v3();
    let message = publish(4, "mw/v1/me/up/events", 1, b"x");
    // 4,000 a second, for 10 s.
    for _ in 0..100 {
        for _ in 0..400 {
            bench.feed(&message);
            let accepted = bench.messages.len() as u64;
            bench.commit(accepted);
        }
        bench.pass(SECOND / 10);
    }
    assert_eq!(bench.messages.len(), 40_000);
    assert_eq!(bench.session.pauses(), 0);
}
