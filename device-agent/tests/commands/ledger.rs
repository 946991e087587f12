//! The ledger on a disk that fails and crashes: what it says and what is told are one.

use millwright_agent::limits::LEDGER_ENTRIES;
use millwright_agent::orders::{
    Catalogue, Decision, Entry, EntryState, Happening, LedgerHead, Local, Outcome, Step, decide,
};
use millwright_agent::outbox::{Outbox, OutboxError, OutboxSettings, Topic};
use millwright_schemas::wire::command::{CommandClaims, CommandReport, Rejection};
use millwright_schemas::wire::events;
use millwright_schemas::{CommandId, MachineId, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, json};
use uuid::Uuid;

use crate::disk::Disk;

const SETTINGS: OutboxSettings = OutboxSettings {
    max_bytes: 1024 * 1024,
    event_reserve_bytes: 128 * 1024,
    samples_per_message: 10,
};
const NOW_S: i64 = 1_763_775_000;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW_S * 1_000)
}

fn open(disk: &Disk) -> Outbox {
    Outbox::open_with(disk.opener(), SETTINGS).unwrap()
}

fn claims(number: u128, ledger: LedgerHead) -> CommandClaims {
    CommandClaims {
        jti: CommandId(Uuid::from_u128(number)),
        aud: MachineId(Uuid::from_u128(1)),
        iat: NOW_S,
        exp: NOW_S + 60,
        name: "move".to_owned(),
        args: json!({ "percent": 5 }).as_object().unwrap().clone(),
        deadline_s: 10,
        ord: u64::try_from(number).unwrap(),
        ledger: Some(ledger.id),
        by: "Ada".to_owned(),
        ticket: None,
        purpose: None,
    }
}

fn entry(number: u128, ledger: LedgerHead) -> Entry {
    Entry { claims: claims(number, ledger), received_at: now(), state: EntryState::Received }
}

fn enter(outbox: &mut Outbox, number: u128) -> Result<CommandId, OutboxError> {
    let entry = entry(number, outbox.ledger()?);
    let id = entry.claims.jti;
    outbox.enter_command(&entry, &CommandReport::new(id), true, now())?;
    Ok(id)
}

fn happens(outbox: &mut Outbox, id: CommandId, happening: Happening) -> Result<Step, OutboxError> {
    outbox.step_command(happening, &CommandReport::new(id), now())
}

/// The last thing that was told of a command.
fn last_told(outbox: &mut Outbox, id: CommandId) -> Option<String> {
    let waiting = outbox.peek(Topic::Events, 0, usize::MAX, usize::MAX).unwrap();
    let events = waiting.iter().map(|waiting| events::decode(&waiting.payload).unwrap());
    let own = events.filter(|event| event.data.get("command_id") == Some(&json!(id)));
    own.last().map(|event| event.event_type.as_str().to_owned())
}

fn state(outbox: &mut Outbox, id: CommandId) -> Option<EntryState> {
    outbox.ledger_entry(id).unwrap().map(|entry| entry.state)
}

#[test]
fn a_command_is_entered_told_and_kept_through_a_crash_in_every_state() {
    let disk = Disk::default();
    let mut outbox = open(&disk);
    let ledger = outbox.ledger().unwrap();
    let id = enter(&mut outbox, 7).unwrap();
    for (happening, expected) in [
        (Happening::Asked, EntryState::AwaitingConsent),
        (Happening::Started, EntryState::Running),
        (Happening::AgentEnded, EntryState::Final(Outcome::Interrupted)),
    ] {
        disk.crash(0);
        outbox = open(&disk);
        assert_eq!(outbox.ledger().unwrap(), LedgerHead { last_ord: 7, ..ledger });
        assert_eq!(outbox.open_commands().unwrap().len(), 1);
        assert_eq!(happens(&mut outbox, id, happening).unwrap(), Step::To(expected));
        assert_eq!(happens(&mut outbox, id, happening).unwrap_or(Step::Same), Step::Same);
        assert_eq!(state(&mut outbox, id), Some(expected));
        assert_eq!(last_told(&mut outbox, id).unwrap(), expected.event_type().as_str());
    }
    disk.crash(0);
    let mut outbox = open(&disk);
    assert!(outbox.open_commands().unwrap().is_empty());
    assert!(matches!(happens(&mut outbox, id, Happening::Started), Err(OutboxError::Command(_))));
    assert!(outbox.ledger_entry(id).unwrap().unwrap().claims.args.is_empty());
    let unknown = CommandId(Uuid::from_u128(99));
    assert!(matches!(
        happens(&mut outbox, unknown, Happening::Started),
        Err(OutboxError::UnknownCommand(_))
    ));
}

#[test]
fn a_new_store_has_a_new_ledger() {
    let (a, b) =
        (open(&Disk::default()).ledger().unwrap(), open(&Disk::default()).ledger().unwrap());
    assert_ne!(a.id, b.id);
    assert_eq!((a.last_ord, b.last_ord), (0, 0));
}

#[test]
fn old_commands_are_forgotten_but_never_run_again() {
    let mut outbox = open(&Disk::default());
    let waits = enter(&mut outbox, 1).unwrap();
    for number in 2..=u128::from(LEDGER_ENTRIES) + 50 {
        let id = enter(&mut outbox, number).unwrap();
        happens(&mut outbox, id, Happening::Started).unwrap();
        happens(&mut outbox, id, Happening::Ended { well: true }).unwrap();
        let sent = outbox.peek(Topic::Events, 0, 10, usize::MAX).unwrap();
        outbox.remove_through(Topic::Events, sent.last().unwrap().seq).unwrap();
    }
    assert_eq!(state(&mut outbox, waits), Some(EntryState::Received), "it isn't over");
    let ledger = outbox.ledger().unwrap();
    let (forgotten, kept) = (claims(2, ledger), claims(u128::from(LEDGER_ENTRIES) + 50, ledger));
    assert_eq!(state(&mut outbox, forgotten.jti), None);
    assert_eq!(state(&mut outbox, kept.jti), Some(EntryState::Final(Outcome::Succeeded)));
    let local = Local {
        machine: forgotten.aud,
        ledger,
        waiting: 0,
        catalogue: &Catalogue::default(),
        now: Some(now()),
    };
    let decision = decide(&forgotten, None, &local);
    let out_of_order =
        matches!(decision, Decision::Reject { reason: Rejection::OutOfOrder, counts: false, .. });
    assert!(out_of_order, "{decision:?}");
}

#[test]
fn reports_find_room_in_a_full_outbox() {
    let mut outbox = open(&Disk::default());
    let id = enter(&mut outbox, 1).unwrap();
    happens(&mut outbox, id, Happening::Started).unwrap();
    let data = json!({ "x": "x".repeat(60_000) }).as_object().unwrap().clone();
    let event = events::EventType::parse("test.filler").unwrap();
    while outbox.append_event(event.clone(), data.clone(), now()).is_ok() {}
    let report = CommandReport {
        output: Some("\n".repeat(64 * 1024)),
        result: Some(json!({ "x": "y".repeat(30_000) })),
        ..CommandReport::new(id)
    };
    let ended = Happening::Ended { well: true };
    assert!(outbox.step_command(ended, &report, now()).is_ok());
    assert_eq!(last_told(&mut outbox, id).unwrap(), "command.succeeded");
}

#[test]
fn the_time_floor_is_kept() {
    let disk = Disk::default();
    let mut outbox = open(&disk);
    assert_eq!(outbox.time_floor().unwrap(), None);
    outbox.keep_time_floor(now()).unwrap();
    disk.crash(0);
    assert_eq!(open(&disk).time_floor().unwrap(), Some(now()));
}

#[derive(Debug, Clone)]
enum Action {
    Enter(u128),
    Happens(u128, Happening),
    /// The disk is full after so many writes.
    Fill(u32),
    /// Power fails; of what wasn't synced so much has reached the disk.
    Crash(usize),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let happening = prop_oneof![
        Just(Happening::Asked),
        Just(Happening::Rejected(Rejection::Expired)),
        Just(Happening::Started),
        Just(Happening::Canceled),
        Just(Happening::Ended { well: true }),
        Just(Happening::Ended { well: false }),
        Just(Happening::TimedOut),
        Just(Happening::AgentEnded),
    ];
    let action = prop_oneof![
        3 => (1u128..6).prop_map(Action::Enter),
        6 => ((1u128..6), happening).prop_map(|(id, happening)| Action::Happens(id, happening)),
        1 => (0u32..12).prop_map(Action::Fill),
        1 => (0usize..6).prop_map(Action::Crash),
    ];
    proptest::collection::vec(action, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the disk fails: a command begins at most once, and the ledger and the events that
    /// wait tell the same.
    #[test]
    fn at_most_once_whatever_the_disk_does(actions in actions()) {
        let disk = Disk::default();
        let mut outbox = open(&disk);
        let mut begun: Map<String, serde_json::Value> = Map::new();
        for action in actions {
            match action {
                Action::Enter(number) => {
                    let id = CommandId(Uuid::from_u128(number));
                    if matches!(outbox.ledger_entry(id), Ok(None)) {
                        let _ = enter(&mut outbox, number);
                    }
                }
                Action::Happens(number, happening) => {
                    let id = CommandId(Uuid::from_u128(number));
                    if let Ok(Step::To(EntryState::Running)) = happens(&mut outbox, id, happening) {
                        let twice = begun.insert(id.to_string(), true.into());
                        prop_assert_eq!(twice, None, "{} began twice", id);
                    }
                }
                Action::Fill(writes) => disk.fill_after(Some(writes)),
                Action::Crash(kept) => {
                    disk.crash(kept);
                    drop(outbox);
                    outbox = open(&disk);
                    for entry in outbox.open_commands().unwrap() {
                        let _ = happens(&mut outbox, entry.claims.jti, Happening::AgentEnded);
                    }
                }
            }
        }
        disk.crash(0);
        drop(outbox);
        let mut outbox = open(&disk);
        for number in 1..6 {
            let id = CommandId(Uuid::from_u128(number));
            let told = last_told(&mut outbox, id);
            let state = state(&mut outbox, id);
            prop_assert_eq!(state.map(|state| state.event_type().as_str().to_owned()), told);
        }
    }
}
