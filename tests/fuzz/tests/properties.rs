//! The same targets on generated input: nonsense, near-misses of what is right, and what is right,
//! which must come back as it was written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use millwright_fuzz::{TARGETS, targets};
use millwright_schemas::MachineId;
use millwright_schemas::enrollment::EnrollmentCode;
use millwright_schemas::topics::{self, DownChannel, UpChannel};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

fn any_target() -> impl Strategy<Value = fn(&[u8])> {
    (0..TARGETS.len()).prop_map(|index| TARGETS[index].run)
}

fn any_machine() -> impl Strategy<Value = MachineId> {
    any::<u128>().prop_map(|bits| MachineId(uuid::Uuid::from_u128(bits)))
}

/// JSON of the forms that machines and local programs send, with anything where values stand.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop_oneof![
            3 => prop::sample::select(WORDS).prop_map(str::to_owned),
            1 => ".{0,12}".prop_map(String::from),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|pairs: Vec<(String, Value)>| pairs.into_iter().collect::<Value>()),
        ]
    })
}

const WORDS: &[&str] = &[
    "samples",
    "values",
    "ts",
    "ts_us",
    "outbox",
    "seq",
    "through_ts",
    "quality",
    "good",
    "id",
    "type",
    "data",
    "code",
    "source",
    "severity",
    "message",
    "context",
    "faults",
    "major",
    "fault.raised",
    "fault.cleared",
    "fault.snapshot",
    "command.rejected",
    "command.succeeded",
    "agent.capabilities",
    "time.requested",
    "help.requested",
    "command_id",
    "reason",
    "commands",
    "ledger",
    "ord",
    "nonce",
    "request",
    "status",
    "fault_raise",
    "fault",
    "decide",
    "decision",
    "stop",
    "simulate",
    "help",
    "sub",
    "aud",
    "iat",
    "exp",
    "jti",
    "name",
    "args",
    "deadline_s",
    "certificate",
    "0198b2c4-7c1e-7000-8000-0123456789ab",
    "version",
    "command_keys",
    "keys",
    "ca_certificates",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn nonsense(run in any_target(), data in prop::collection::vec(any::<u8>(), 0..400)) {
        run(&data);
    }

    #[test]
    fn json_of_about_the_right_form(run in any_target(), first in any::<u8>(), json in any_json()) {
        let text = json.to_string();
        run(text.as_bytes());
        // Some targets take their first byte as a choice.
        run(&[&[first][..], text.as_bytes()].concat());
    }

    #[test]
    fn a_message_with_a_few_bytes_changed(
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..5),
        value in any::<f64>(),
        ts in any::<i64>(),
    ) {
        let message = json!({
            "outbox": "0198b2c4-7c1e-7000-8000-0123456789ab", "seq": 7, "through_ts": ts,
            "samples": [{"ts": ts, "values": {"a": value, "b": "x", "c": null, "d": true},
                         "quality": {"a": "bad"}}],
        });
        let mut bytes = message.to_string().into_bytes();
        for (position, byte) in changes {
            let index = position.index(bytes.len());
            bytes[index] = byte;
        }
        targets::telemetry::target(&bytes);
        targets::ingest::target(&[&[1][..], &*bytes].concat());
    }

    #[test]
    fn topics_come_back_as_they_were_written(
        machine in any_machine(),
        other in any_machine(),
        name in "[a-z0-9_/]{1,20}",
    ) {
        for channel in [UpChannel::Telemetry, UpChannel::Events] {
            let written = topics::up(machine, channel.clone());
            let read = topics::parse_up(&written, other).unwrap();
            prop_assert_eq!((read.machine, read.channel), (machine, channel));
        }
        for channel in DownChannel::ALL {
            let written = topics::down(machine, channel);
            prop_assert_eq!(topics::parse_down(&written), Ok((machine, channel)));
            let filter = topics::parse_down_filter(&written, other).unwrap();
            prop_assert!(filter.covers(machine, channel) && !filter.covers(other, channel));
        }
        let all = topics::parse_down_filter(&topics::down_filter(machine), machine).unwrap();
        prop_assert!(DownChannel::ALL.iter().all(|channel| all.covers(machine, *channel)));
        targets::topics::target(format!("{}/up/{name}", topics::root(machine)).as_bytes());
        targets::topics::target(format!("mw/v1/me/up/{name}").as_bytes());
    }

    #[test]
    fn enrolment_codes_come_back(secret in any::<[u8; 16]>(), fingerprint in any::<[u8; 32]>()) {
        let code = EnrollmentCode::new(secret, fingerprint);
        let read: EnrollmentCode = code.to_string().parse().unwrap();
        prop_assert_eq!(read.to_string(), code.to_string());
    }

    #[test]
    fn certificates_with_a_few_bytes_changed(
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
        cut in any::<Index>(),
    ) {
        let mut der = request();
        for (position, byte) in changes {
            let index = position.index(der.len());
            der[index] = byte;
        }
        targets::certificates::target(&der);
        der.truncate(cut.index(der.len()));
        targets::certificates::target(&der);
    }
}

/// A certificate request, DER.
fn request() -> Vec<u8> {
    let key = rcgen::KeyPair::generate().unwrap();
    rcgen::CertificateParams::default().serialize_request(&key).unwrap().der().to_vec()
}

#[test]
fn every_target_has_a_corpus_and_passes_it() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in TARGETS {
        let mut inputs = 0;
        for entry in std::fs::read_dir(folder.join(target.name)).unwrap() {
            (target.run)(&std::fs::read(entry.unwrap().path()).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0, "{}", target.name);
    }
}
