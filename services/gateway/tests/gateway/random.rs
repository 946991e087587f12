//! Random and mutated bytes: no panic, bounded memory, nothing after the end.

use millwright_gateway::limits::{
    IN_FLIGHT_MAX, OUTPUT_MAX_BYTES, PACKET_MAX_BYTES, READ_CHUNK_BYTES,
};
use millwright_gateway::session::Peer;
use proptest::prelude::*;

use crate::bench::{Bench, certificate, machine};
use crate::packets::{
    Connect, DISCONNECT, PINGREQ, WILL, packet, puback, publish, publish_flags, subscribe,
    unsubscribe, v3, v5,
};

/// What a plausible client sends.
fn plausible(level: u8) -> Vec<Vec<u8>> {
    vec![
        publish(level, "mw/v1/me/up/telemetry", 1, b"{}"),
        publish(level, "mw/v1/me/up/events", 0, b"{}"),
        publish(level, "foreign", 2, b"{}"),
        publish_flags(level, 0x3B, "mw/v1/me/up/events", 3, b"x"),
        subscribe(level, 4, &[("mw/v1/me/down/#", 1), ("#", 2)]),
        unsubscribe(level, 5, &["mw/v1/me/down/#"]),
        puback(1),
        PINGREQ.to_vec(),
        DISCONNECT.to_vec(),
        packet(0xE0, &[4, 5, 0x11, 0, 0, 0, 1]),
        packet(0x32, &[0, 1, b'a', 0, 1, 3, 0x23, 0, 1]),
        Connect { level, ..v3() }.bytes(),
    ]
}

fn run(peer: Peer, chunks: &[Vec<u8>]) {
    let mut bench = Bench::new(peer);
    let mut ended = false;
    for chunk in chunks {
        // As the connection does: nothing is read while it isn't wanted.
        if !bench.session.wants_bytes() && !ended {
            let messages = bench.messages.len() as u64;
            bench.commit(messages);
        }
        let output = bench.feed(chunk);
        assert!(!ended || output.is_empty(), "bytes after the end");
        assert!(output.len() <= OUTPUT_MAX_BYTES + PACKET_MAX_BYTES);
        assert!(bench.session.buffered() <= PACKET_MAX_BYTES + READ_CHUNK_BYTES);
        assert!(bench.session.in_flight() <= IN_FLIGHT_MAX);
        ended = bench.end().is_some();
    }
    assert!(bench.messages.iter().all(|message| message.machine == machine()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8)) {
        run(certificate(), &chunks);
        run(Peer::Anonymous, &chunks);
    }

    #[test]
    fn mutated_sessions(
        level in prop_oneof![Just(4_u8), Just(5_u8)],
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        with_will in any::<bool>(),
    ) {
        let packets = plausible(level);
        let connect = if level == 5 { v5() } else { v3() };
        let will = with_will.then_some(WILL);
        let mut bytes = Connect { will, clean: false, ..connect }.bytes();
        for pick in picks {
            bytes.extend(&packets[pick.index(packets.len())]);
        }
        for (position, value) in mutations {
            let index = position.index(bytes.len());
            bytes[index] = value;
        }
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        cuts.push(bytes.len());
        let mut start = 0;
        let chunks: Vec<Vec<u8>> = cuts
            .into_iter()
            .map(|cut| {
                let chunk = bytes[start..cut].to_vec();
                start = cut;
                chunk
            })
            .collect();
        run(certificate(), &chunks);
    }
}
