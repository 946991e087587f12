//! Every state and move, every alarm and ticket.

use millwright_schemas::api::audit::ActorRef;
use millwright_schemas::api::policies::TicketPolicy;
use millwright_schemas::api::tickets::{HoldReason, MoveTicket, ResolutionCode};
use serde_json::Map;

use super::*;
use crate::alarm::{Event, Raise, Silence, open as raise_alarm, step as alarm_step};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_763_775_000_000_000).plus_seconds(seconds)
}

fn record(state: TicketState) -> TicketRecord {
    let ticket = Ticket {
        id: "0198b2c4-7c1e-7000-8000-000000000004".parse().unwrap(),
        number: number_text(FIRST_NUMBER),
        organization_id: "0198b2c4-7c1e-7000-8000-000000000002".parse().unwrap(),
        machine_id: "0198b2c4-7c1e-7000-8000-000000000001".parse().unwrap(),
        title: "too warm".to_owned(),
        description: String::new(),
        state,
        hold_reason: None,
        resolution_code: None,
        resolution: None,
        priority: Priority::P2,
        assignee_id: None,
        opened_by: ActorRef { kind: "platform".to_owned(), id: None, name: None },
        reopened: 0,
        active_alarms: 0,
        alarms: 1,
        alarm_list: None,
        next_states: next_states(state).to_vec(),
        external_ids: Default::default(),
        version: 1,
        created_at: at(0),
        updated_at: at(0),
        resolved_at: None,
        closed_at: None,
        machine_name: None,
        assignee_name: None,
    };
    let close_at = (state == TicketState::Resolved).then(|| at(100));
    TicketRecord { ticket, cause: None, worst: Some(Severity::Major), close_at, began_at: None }
}

fn wanted(to: TicketState) -> MoveTicket {
    MoveTicket {
        to,
        hold_reason: (to == TicketState::OnHold).then_some(HoldReason::Parts),
        resolution_code: (to == TicketState::Resolved).then_some(ResolutionCode::Repaired),
        comment: Some("as said".to_owned()),
    }
}

#[test]
fn every_state_and_move_has_a_row() {
    use TicketState as S;
    // From, to: whether it is allowed, and whether it reopens.
    let table = [
        (S::New, S::New, false, false),
        (S::New, S::InProgress, true, false),
        (S::New, S::OnHold, true, false),
        (S::New, S::Resolved, true, false),
        (S::New, S::Closed, false, false),
        (S::New, S::Canceled, true, false),
        (S::InProgress, S::New, false, false),
        (S::InProgress, S::InProgress, false, false),
        (S::InProgress, S::OnHold, true, false),
        (S::InProgress, S::Resolved, true, false),
        (S::InProgress, S::Closed, false, false),
        (S::InProgress, S::Canceled, true, false),
        (S::OnHold, S::New, false, false),
        (S::OnHold, S::InProgress, true, false),
        (S::OnHold, S::OnHold, false, false),
        (S::OnHold, S::Resolved, true, false),
        (S::OnHold, S::Closed, false, false),
        (S::OnHold, S::Canceled, true, false),
        (S::Resolved, S::New, false, false),
        (S::Resolved, S::InProgress, true, true),
        (S::Resolved, S::OnHold, false, false),
        (S::Resolved, S::Resolved, false, false),
        (S::Resolved, S::Closed, true, false),
        (S::Resolved, S::Canceled, false, false),
        (S::Closed, S::New, false, false),
        (S::Closed, S::InProgress, true, true),
        (S::Closed, S::OnHold, false, false),
        (S::Closed, S::Resolved, false, false),
        (S::Closed, S::Closed, false, false),
        (S::Closed, S::Canceled, false, false),
        (S::Canceled, S::New, false, false),
        (S::Canceled, S::InProgress, false, false),
        (S::Canceled, S::OnHold, false, false),
        (S::Canceled, S::Resolved, false, false),
        (S::Canceled, S::Closed, false, false),
        (S::Canceled, S::Canceled, false, false),
    ];
    assert_eq!(table.len(), S::ALL.len() * S::ALL.len());
    for (from, to, allowed, reopens) in table {
        let moved = step(&record(from), &wanted(to), 60, at(10));
        let Ok(moved) = moved else {
            assert!(!allowed, "{from} to {to}");
            assert_eq!(moved, Err(IllegalMove { from, to }));
            continue;
        };
        assert!(allowed, "{from} to {to}");
        let ticket = &moved.ticket;
        assert_eq!((ticket.state, ticket.version), (to, 2));
        assert_eq!(ticket.reopened, i64::from(reopens), "{from} to {to}");
        assert_eq!(ticket.hold_reason.is_some(), to == S::OnHold);
        assert_eq!(ticket.resolution_code.is_some(), to == S::Resolved);
        assert_eq!(ticket.next_states, next_states(to));
        let ended = matches!(to, S::Closed | S::Canceled);
        assert_eq!(ticket.closed_at, ended.then(|| at(10)));
        assert_eq!(moved.close_at, (to == S::Resolved).then(|| at(70)));
    }
}

#[test]
fn an_illegal_move_names_the_allowed_ones() {
    let error = IllegalMove { from: TicketState::Resolved, to: TicketState::OnHold };
    let text = "the ticket is resolved: it can't go to on_hold; allowed: in_progress, closed";
    assert_eq!(error.to_string(), text);
    let error = IllegalMove { from: TicketState::Canceled, to: TicketState::New };
    assert!(error.to_string().ends_with("allowed: nothing, it is final"), "{error}");
}

#[test]
fn reasons_and_codes_stand_exactly_where_they_belong() {
    for to in TicketState::ALL {
        assert_eq!(check_move(&wanted(*to)), Ok(()), "{to}");
        let nothing =
            MoveTicket { to: *to, hold_reason: None, resolution_code: None, comment: None };
        let all = MoveTicket {
            hold_reason: Some(HoldReason::Parts),
            resolution_code: Some(ResolutionCode::Repaired),
            comment: Some(String::new()),
            ..nothing.clone()
        };
        let faults = |wanted: &MoveTicket| -> Vec<String> {
            let faults = check_move(wanted).err().map(|error| error.0).unwrap_or_default();
            faults.into_iter().map(|fault| fault.field).collect()
        };
        let (missing, too_much) = match to {
            TicketState::OnHold => (vec!["hold_reason"], vec!["resolution_code", "comment"]),
            TicketState::Resolved => (vec!["resolution_code"], vec!["hold_reason", "comment"]),
            _ => (vec![], vec!["hold_reason", "resolution_code", "comment"]),
        };
        assert_eq!(
            (faults(&nothing), faults(&all)),
            (
                missing.into_iter().map(str::to_owned).collect(),
                too_much.into_iter().map(str::to_owned).collect(),
            )
        );
    }
}

#[test]
fn priority_is_by_severity_and_criticality() {
    use Criticality as C;
    use Priority::{P1, P2, P3, P4};
    for (severity, high, normal, low) in [
        (Severity::Critical, P1, P1, P2),
        (Severity::Major, P1, P2, P3),
        (Severity::Minor, P2, P3, P4),
        (Severity::Warning, P3, P4, P4),
        (Severity::Indeterminate, P3, P4, P4),
    ] {
        for (criticality, expected) in [(C::High, high), (C::Normal, normal), (C::Low, low)] {
            assert_eq!(priority(severity, criticality), expected, "{severity:?} {criticality}");
        }
    }
}

fn alarm(severity: Severity) -> Alarm {
    let raise = Raise {
        machine: "0198b2c4-7c1e-7000-8000-000000000001".parse().unwrap(),
        organization: "0198b2c4-7c1e-7000-8000-000000000002".parse().unwrap(),
        origin: AlarmOrigin::Fault,
        source: "axis.x".to_owned(),
        code: "E-204".to_owned(),
        rule: None,
        severity,
        message: "too\nwarm".to_owned(),
        context: Map::new(),
        at: at(0),
        received_at: at(0),
    };
    let id = "0198b2c4-7c1e-7000-8000-000000000003".parse().unwrap();
    raise_alarm(None, &raise, Silence::default(), id).unwrap().alarm
}

fn word(decision: Decision<'_>) -> &'static str {
    match decision {
        Decision::Nothing => "nothing",
        Decision::Open => "open",
        Decision::Join(_) => "join",
        Decision::Reopen(_) => "reopen",
        Decision::Escalate(_) => "escalate",
        Decision::NoteCleared(_) => "note",
        Decision::Resolve(_) => "resolve",
    }
}

/// Decides about an alarm on a ticket, or on none while a ticket of its cause may be there.
fn decided(
    alarm: &Alarm,
    own: Option<TicketState>,
    last: Option<TicketState>,
    seconds: i64,
) -> &'static str {
    let (own, last) = (own.map(record), last.map(record));
    let policy = TicketPolicy::default();
    let last = last.as_ref().or(own.as_ref());
    word(decide(Seen {
        alarm,
        policy: &policy,
        own: own.as_ref(),
        last,
        brief: false,
        flapping: false,
        now: at(seconds),
    }))
}

#[test]
fn an_alarm_without_a_ticket_opens_joins_or_reopens_one() {
    use TicketState as S;
    let major = alarm(Severity::Major);
    for (last, within, later) in [
        (None, "open", "open"),
        (Some(S::New), "join", "join"),
        (Some(S::InProgress), "join", "join"),
        (Some(S::OnHold), "join", "join"),
        (Some(S::Resolved), "reopen", "open"),
        (Some(S::Closed), "open", "open"),
        (Some(S::Canceled), "open", "open"),
    ] {
        assert_eq!(decided(&major, None, last, 99), within, "{last:?}");
        assert_eq!(decided(&major, None, last, 100), later, "{last:?}");
        for little in [Severity::Minor, Severity::Warning, Severity::Indeterminate] {
            assert_eq!(decided(&alarm(little), None, last, 99), "nothing", "{last:?}");
        }
        for event in [
            Event::Shelved(at(1_000)),
            Event::Suppressed(millwright_schemas::api::alarms::Suppression::Maintenance),
            Event::TakenOutOfService,
            Event::Cleared {
                reason: millwright_schemas::api::alarms::ClearReason::Normal,
                at: at(1),
            },
        ] {
            let silent = alarm_step(&major, event, at(1)).unwrap().alarm;
            assert_eq!(decided(&silent, None, last, 99), "nothing", "{event:?}");
        }
    }
}

#[test]
fn an_alarm_that_was_too_brief_for_a_look_opens_one_all_the_same() {
    let reason = millwright_schemas::api::alarms::ClearReason::Normal;
    let event = Event::Cleared { reason, at: at(1) };
    let policy = TicketPolicy::default();
    for (severity, expected) in [(Severity::Major, "open"), (Severity::Minor, "nothing")] {
        let over = alarm_step(&alarm(severity), event, at(1)).unwrap();
        assert!(over.tickets && !over.alarm.active);
        let seen = Seen {
            alarm: &over.alarm,
            policy: &policy,
            own: None,
            last: None,
            brief: true,
            flapping: false,
            now: at(9),
        };
        assert_eq!(word(decide(seen)), expected);
        assert_eq!(word(decide(Seen { brief: false, ..seen })), "nothing");
    }
}

#[test]
fn an_alarm_on_a_ticket_makes_it_more_urgent_or_ends_it() {
    use TicketState as S;
    let over = {
        let reason = millwright_schemas::api::alarms::ClearReason::Normal;
        let event = Event::Cleared { reason, at: at(1) };
        alarm_step(&alarm(Severity::Major), event, at(1)).unwrap().alarm
    };
    for (own, same, worse, cleared) in [
        (S::New, "nothing", "escalate", "resolve"),
        (S::InProgress, "nothing", "escalate", "resolve"),
        (S::OnHold, "nothing", "escalate", "resolve"),
        (S::Resolved, "nothing", "reopen", "nothing"),
        (S::Closed, "nothing", "open", "nothing"),
        (S::Canceled, "nothing", "open", "nothing"),
    ] {
        assert_eq!(decided(&alarm(Severity::Major), Some(own), None, 10), same, "{own}");
        assert_eq!(decided(&alarm(Severity::Minor), Some(own), None, 10), "nothing", "{own}");
        assert_eq!(decided(&alarm(Severity::Critical), Some(own), None, 10), worse, "{own}");
        assert_eq!(decided(&over, Some(own), None, 10), cleared, "{own}");
    }
}

#[test]
fn a_ticket_stays_open_while_others_are_active_or_policy_says_so() {
    let reason = millwright_schemas::api::alarms::ClearReason::Normal;
    let event = Event::Cleared { reason, at: at(1) };
    let over = alarm_step(&alarm(Severity::Major), event, at(1)).unwrap().alarm;
    for (active_alarms, resolve_when_cleared, expected) in
        [(0, true, "resolve"), (1, true, "note"), (0, false, "note")]
    {
        let mut own = record(TicketState::New);
        own.ticket.active_alarms = active_alarms;
        let policy = TicketPolicy { resolve_when_cleared, ..TicketPolicy::default() };
        let (own, now) = (Some(&own), at(9));
        let seen = Seen {
            alarm: &over,
            policy: &policy,
            own,
            last: own,
            brief: false,
            flapping: false,
            now,
        };
        assert_eq!(word(decide(seen)), expected);
        let coming_and_going = decide(Seen { flapping: true, ..seen });
        assert_eq!(word(coming_and_going), "nothing", "its end says nothing");
    }
}

#[test]
fn only_something_worse_raises_a_priority() {
    let mut lowered = record(TicketState::New);
    lowered.ticket.priority = Priority::P4;
    assert_eq!(escalate(&lowered, Severity::Major, Priority::P2, at(1)), None, "a person said P4");
    let raised = escalate(&lowered, Severity::Critical, Priority::P1, at(1)).unwrap();
    assert_eq!((raised.ticket.priority, raised.worst), (Priority::P1, Some(Severity::Critical)));
    let mut urgent = record(TicketState::New);
    urgent.ticket.priority = Priority::P1;
    let same = escalate(&urgent, Severity::Critical, Priority::P2, at(1)).unwrap();
    assert_eq!(same.ticket.priority, Priority::P1, "never lowered");
}

#[test]
fn numbers_titles_and_causes() {
    for (text, number) in [
        ("T-1042", Some(1_042)),
        ("t-1042", Some(1_042)),
        ("1042", Some(1_042)),
        ("T-", None),
        ("", None),
        ("T--1", None),
        ("X-1", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(parse_number(text), number, "{text}");
    }
    assert_eq!(title(&alarm(Severity::Major)), "too warm (axis.x E-204)");
    let silent = Alarm { message: String::new(), ..alarm(Severity::Major) };
    assert_eq!(title(&silent), "axis.x E-204");
    let key = |source: &str, code: &str| {
        cause(&Alarm { source: source.to_owned(), code: code.to_owned(), ..silent.clone() })
    };
    assert_ne!(key("a:b", "c"), key("a", "b:c"));
    let lost = |code: &str| {
        let origin = AlarmOrigin::Contact;
        cause(&Alarm { origin, code: code.to_owned(), ..silent.clone() })
    };
    assert_eq!(lost("contact_lost"), format!("contact:{}", silent.machine_id));
}

#[test]
fn a_title_names_the_root_and_how_many_others() {
    let root = alarm(Severity::Major);
    assert_eq!(group_title(&root, "Lift", 0), title(&root));
    assert_eq!(group_title(&root, "Lift", 1), "Lift: too warm (axis.x E-204), and 1 other alarm");
    let many = group_title(&Alarm { message: "x".repeat(500), ..root }, "Li\nft", 12);
    assert_eq!(many.chars().count(), TITLE_MAX);
    assert!(many.starts_with("Li ft: xxx") && many.ends_with(", and 12 other alarms"), "{many}");
}

#[test]
fn a_ticket_that_no_person_has_touched_may_be_merged() {
    let untouched = {
        let mut record = record(TicketState::New);
        record.ticket.version = 7;
        record
    };
    assert!(is_untouched(&untouched));
    let mut worked_on = untouched.clone();
    worked_on.ticket.assignee_id = Some("0198b2c4-7c1e-7000-8000-000000000009".parse().unwrap());
    let mut by_hand = untouched.clone();
    by_hand.ticket.opened_by.kind = "user".to_owned();
    for touched in [worked_on, by_hand, record(TicketState::InProgress)] {
        assert!(!is_untouched(&touched), "{touched:?}");
    }
    let merged = merge(&untouched, "T-1000", at(5)).ticket;
    assert_eq!((merged.state, merged.version), (TicketState::Canceled, 8));
    assert_eq!(merged.resolution.as_deref(), Some("merged into T-1000"));
    assert_eq!(merged.closed_at, Some(at(5)));
}

#[test]
fn who_joins_makes_a_ticket_more_urgent_never_less() {
    let before = record(TicketState::New);
    let joining = |severity, priority| Joining { severity, priority };
    let little = join(&before, &[joining(Severity::Minor, Priority::P3)], at(1));
    assert_eq!((little.ticket.priority, little.worst), (Priority::P2, Some(Severity::Major)));
    // Not worse, but at a machine on which more depends.
    let all = [joining(Severity::Major, Priority::P1), joining(Severity::Minor, Priority::P4)];
    let more = join(&before, &all, at(1));
    assert_eq!((more.ticket.priority, more.worst), (Priority::P1, Some(Severity::Major)));
    assert_eq!((more.ticket.version, more.ticket.updated_at), (2, at(1)));
    let worse = join(&before, &[joining(Severity::Critical, Priority::P2)], at(1));
    assert_eq!((worse.ticket.priority, worse.worst), (Priority::P2, Some(Severity::Critical)));
}

#[test]
fn a_ticket_takes_up_others_only_near_its_own_beginning() {
    let of = |began_at| TicketRecord { began_at, ..record(TicketState::New) };
    let (near, far) = (at(GROUP_SPAN_MAX_S), at(GROUP_SPAN_MAX_S + 1));
    assert!(is_of_time(&of(Some(at(0))), near) && is_of_time(&of(Some(near)), at(0)));
    assert!(!is_of_time(&of(Some(at(0))), far) && !is_of_time(&of(Some(far)), at(0)));
    assert!(!is_of_time(&of(None), at(0)), "no alarm has opened it");
    let mut over = of(Some(at(0)));
    over.ticket.state = TicketState::Resolved;
    assert!(!is_of_time(&over, at(0)));
}
