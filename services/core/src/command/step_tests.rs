//! Every state and every event.

use uuid::Uuid;

use super::*;

const OWN: LedgerId = LedgerId(Uuid::from_u128(1));
const OTHER: LedgerId = LedgerId(Uuid::from_u128(2));

const EVENTS: [(&str, Event); 23] = [
    ("approved", Event::Approved),
    ("refused", Event::Refused),
    ("unfit", Event::Unfit),
    ("sent", Event::Sent(Some(OWN))),
    ("sent without ledger", Event::Sent(None)),
    ("sent for another", Event::Sent(Some(OTHER))),
    ("cancel", Event::CancelRequested),
    ("expiry", Event::ExpiryPassed),
    ("ledger changed", Event::LedgerChanged),
    ("never received", Event::NeverReceived),
    ("out of use", Event::OutOfUse),
    ("received", Event::Reported(Report::Received)),
    ("awaiting consent", Event::Reported(Report::AwaitingConsent)),
    ("started", Event::Reported(Report::Started)),
    ("progress", Event::Reported(Report::Progress)),
    ("succeeded", Event::Reported(Report::Succeeded)),
    ("failed", Event::Reported(Report::Failed)),
    ("timed out", Event::Reported(Report::TimedOut)),
    ("canceled", Event::Reported(Report::Canceled)),
    ("interrupted", Event::Reported(Report::Interrupted)),
    ("rejected", Event::Reported(Report::Rejected(Some(Rejection::UnknownCommand)))),
    ("rejected expired", Event::Reported(Report::Rejected(Some(Rejection::Expired)))),
    ("rejected ledger", Event::Reported(Report::Rejected(Some(Rejection::OtherLedger)))),
];

/// `-` nothing changes, `!` illegal, `+` changed within the state, else the state after it.
/// Columns: awaiting approval, queued, sent without a ledger, sent, received, awaiting consent,
/// running, unconfirmed, any end.
const TABLE: &str = "
approved            | qu !  !  !  !  !  !  !  !
refused             | re !  !  !  !  !  !  !  !
unfit               | !  re re !  !  !  !  !  !
sent                | !  se +  -  !  !  !  !  !
sent without ledger | !  se -  !  !  !  !  !  !
sent for another    | !  se +  !  !  !  !  !  !
cancel              | ca ca +  +  +  +  +  +  !
expiry              | ex ex un un -  -  -  -  -
ledger changed      | -  -  -  in in in in in -
never received      | -  -  ex ex in in in ex -
out of use          | ca ca in in in in in in -
received            | rc rc rc rc -  -  -  rc -
awaiting consent    | ac ac ac ac ac -  -  ac -
started             | ru ru ru ru ru ru -  ru -
progress            | ru ru ru ru ru ru -+ ru -
succeeded           | su su su su su su su su -
failed              | fa fa fa fa fa fa fa fa -
timed out           | to to to to to to to to -
canceled            | ca ca ca ca ca ca ca ca -
interrupted         | in in in in in in in in -
rejected            | re re re re re re in re -
rejected expired    | ex ex ex ex ex ex in ex -
rejected ledger     | -  -  -  in in in in in -
";

fn out(reached: Reached, ledger: Option<LedgerId>) -> State {
    State::Out(Out { reached, ledger, cancel: false })
}

fn columns() -> Vec<Vec<State>> {
    let ends = CommandState::ALL.iter().filter(|word| word.is_final());
    vec![
        vec![State::AwaitingApproval],
        vec![State::Queued],
        vec![out(Reached::Sent, None)],
        vec![out(Reached::Sent, Some(OWN))],
        vec![out(Reached::Received, Some(OWN))],
        vec![out(Reached::AwaitingConsent, Some(OWN))],
        vec![out(Reached::Running, Some(OWN))],
        vec![out(Reached::Unconfirmed, Some(OWN))],
        ends.map(|word| State::of(*word, Some(OWN), false)).collect(),
    ]
}

fn word(short: &str) -> Option<CommandState> {
    use CommandState as W;
    Some(match short {
        "qu" => W::Queued,
        "se" => W::Sent,
        "rc" => W::Received,
        "ac" => W::AwaitingConsent,
        "ru" => W::Running,
        "un" => W::Unconfirmed,
        "su" => W::Succeeded,
        "fa" => W::Failed,
        "to" => W::TimedOut,
        "re" => W::Rejected,
        "ca" => W::Canceled,
        "ex" => W::Expired,
        "in" => W::Interrupted,
        _ => return None,
    })
}

#[test]
fn every_state_and_event_has_a_row() {
    let rows: Vec<_> = TABLE.lines().filter_map(|line| line.split_once('|')).collect();
    assert_eq!(rows.len(), EVENTS.len());
    let columns = columns();
    let states: usize = columns.iter().map(Vec::len).sum();
    assert_eq!(states, CommandState::ALL.len() + 1, "sent is there twice");
    for ((name, event), (row, cells)) in EVENTS.into_iter().zip(rows) {
        assert_eq!(row.trim(), name);
        let cells: Vec<_> = cells.split_whitespace().collect();
        assert_eq!(cells.len(), columns.len(), "{name}");
        for (states, cell) in columns.iter().zip(cells) {
            for state in states {
                check(*state, name, event, cell);
            }
        }
    }
}

fn check(state: State, name: &str, event: Event, cell: &str) {
    let what = format!("{name} at {state:?}");
    match (step(state, event), cell) {
        (Err(illegal), "!") => {
            assert_eq!((illegal.state, illegal.allowed), (state.word(), state.moves()), "{what}");
        }
        (Ok(step), "-") => assert_eq!(step, unchanged(state), "{what}"),
        (Ok(step), "-+") => {
            assert_eq!(step.state, state, "{what}");
            assert!(!step.effects.is_empty(), "{what}");
        }
        (Ok(step), "+") => {
            assert_eq!(step.state.word(), state.word(), "{what}");
            assert!(step.state != state && !step.effects.is_empty(), "{what}");
        }
        (Ok(step), cell) => {
            assert_eq!(Some(step.state.word()), word(cell), "{what}");
            let told = step.effects.iter().filter(|effect| matches!(effect, Effect::Record(_)));
            assert_eq!(told.count(), 1, "{what}: every change is recorded");
        }
        (step, cell) => unreachable!("{what}: {step:?} where {cell} is expected"),
    }
}

#[test]
fn whatever_happens_once_happens_once() {
    for state in columns().into_iter().flatten() {
        for (name, event) in EVENTS {
            let Ok(once) = step(state, event) else { continue };
            let Ok(twice) = step(once.state, event) else { continue };
            assert_eq!(once.state, twice.state, "{name} twice at {state:?}");
            let only_output = twice.effects.iter().all(|effect| {
                matches!(effect, Effect::AppendOutput | Effect::Tell("command.progress"))
            });
            assert!(only_output, "{name} twice at {state:?}: {:?}", twice.effects);
        }
    }
}

#[test]
fn a_command_is_signed_for_one_ledger_only() {
    for state in columns().into_iter().flatten() {
        for (name, event) in EVENTS {
            let (State::Out(before), Ok(step)) = (state, step(state, event)) else { continue };
            if let (Some(own), State::Out(after)) = (before.ledger, step.state) {
                assert_eq!(after.ledger, Some(own), "{name} at {state:?}");
            }
        }
    }
}

#[test]
fn a_cancellation_stays_wanted_until_the_end() {
    let State::Out(running) = out(Reached::Sent, Some(OWN)) else { unreachable!("it is out") };
    let mut state = State::Out(Out { cancel: true, ..running });
    for report in [Report::Received, Report::AwaitingConsent, Report::Started] {
        let next = step(state, Event::Reported(report));
        state = next.map(|step| step.state).unwrap_or(state);
        assert!(matches!(state, State::Out(Out { cancel: true, .. })), "{report:?}");
    }
}

#[test]
fn what_is_refused_names_what_is_allowed() {
    let refused = |state, event| step(state, event).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(
        refused(State::Ended(End::Succeeded), Event::CancelRequested),
        Err("a command that is succeeded can't be canceled; allowed now: nothing".to_owned())
    );
    assert_eq!(
        refused(State::Queued, Event::Approved),
        Err("a command that is queued can't be approved; allowed now: cancel".to_owned())
    );
}

#[test]
fn reports_are_read_from_events() {
    let report = CommandReport {
        reason: Some(Rejection::Busy),
        ..CommandReport::new(millwright_schemas::CommandId(Uuid::nil()))
    };
    let commands = EventType::KNOWN.iter().filter(|name| name.starts_with("command."));
    let mut read = 0;
    for name in commands {
        let event_type = EventType::parse(name).unwrap_or(EventType::AgentStarted);
        assert!(Report::read(&event_type, &report).is_some(), "{name}");
        read += 1;
    }
    assert_eq!(read, 10);
    assert_eq!(Report::read(&EventType::AgentStarted, &report), None);
    let rejected = Report::read(&EventType::CommandRejected, &report);
    assert_eq!(rejected, Some(Report::Rejected(Some(Rejection::Busy))));
}
