//! What transitions come to.

use serde_json::{Map, json};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_763_775_000_000_000).plus_seconds(seconds)
}

const DAY: i64 = 86_400;

fn case() -> Case {
    Case {
        machine: MachineId(Uuid::from_u128(1)),
        organization: OrganizationId(Uuid::from_u128(2)),
        criticality: Criticality::Normal,
        policy: TicketPolicy::default(),
        from: at(0),
        to: at(10 * DAY),
        lead_us: DAY * 1_000_000,
        failures: None,
        room: 1 << 20,
    }
}

fn found(seconds: i64, severity: Severity) -> Finding {
    let context = Map::from_iter([("value".to_owned(), json!(81.5))]);
    Finding { at: at(seconds), severity, message: "hot".to_owned(), context }
}

fn raised(seconds: i64, severity: Severity) -> Transition {
    Transition::Raised(found(seconds, severity))
}

fn changed(seconds: i64, severity: Severity) -> Transition {
    Transition::Changed(found(seconds, severity))
}

fn cleared(seconds: i64) -> Transition {
    Transition::Cleared { at: at(seconds) }
}

fn came(case: Case, transitions: &[Transition]) -> Came {
    let mut tally = Tally::new(case, (RuleId(Uuid::nil()), 1), "t");
    transitions.iter().for_each(|transition| tally.transition(transition));
    tally.finish()
}

#[test]
fn alarms_are_listed_and_their_time_is_summed_up() {
    let came = came(
        case(),
        &[
            raised(100, Severity::Minor),
            changed(150, Severity::Critical),
            changed(160, Severity::Major),
            cleared(200),
            raised(9 * DAY, Severity::Warning),
        ],
    );
    assert_eq!(came.totals.alarms, 2);
    assert_eq!(came.totals.in_alarm_s, 100.0 + 86_400.0);
    assert_eq!(came.totals.in_alarm_share, 86_500.0 / 864_000.0);
    let seen: Vec<_> =
        came.alarms.iter().map(|it| (it.from, it.to, it.severity, it.worst)).collect();
    let expected = [
        (at(100), Some(at(200)), Severity::Major, Severity::Critical),
        (at(9 * DAY), None, Severity::Warning, Severity::Warning),
    ];
    assert_eq!(seen, expected);
    assert_eq!(came.alarms[0].context["value"], 81.5);
    assert_eq!(came.spans, [(at(100), at(200)), (at(9 * DAY), at(10 * DAY))]);
    assert_eq!(came.totals.failures, None);
}

#[test]
fn what_began_before_is_listed_but_not_counted_and_what_is_after_is_neither() {
    let came = came(
        case(),
        &[
            raised(-500, Severity::Major),
            cleared(-400),
            raised(-300, Severity::Major),
            cleared(50),
            raised(10 * DAY, Severity::Major),
        ],
    );
    assert_eq!((came.totals.alarms, came.totals.tickets, came.totals.reopened), (0, 0, 0));
    assert_eq!(came.totals.in_alarm_s, 50.0);
    let seen: Vec<_> = came.alarms.iter().map(|it| (it.from, it.to)).collect();
    assert_eq!(seen, [(at(-300), Some(at(50)))]);
    assert_eq!(came.spans, [(at(0), at(50))]);
}

/// The default policy: from major on, reopened within a day.
#[test]
fn tickets_are_opened_reopened_and_made_more_urgent_by_the_policy() {
    let came = came(
        case(),
        &[
            raised(0, Severity::Minor),
            cleared(10),
            raised(100, Severity::Minor),
            changed(110, Severity::Major),
            changed(120, Severity::Critical),
            cleared(200),
            raised(200 + DAY - 1, Severity::Major),
            cleared(300 + DAY),
            raised(300 + 2 * DAY, Severity::Major),
            cleared(400 + 2 * DAY),
        ],
    );
    assert_eq!((came.totals.alarms, came.totals.tickets, came.totals.reopened), (4, 2, 1));
    let seen: Vec<_> =
        came.tickets.iter().map(|it| (it.opened_at, it.priority.as_str(), it.reopened)).collect();
    assert_eq!(seen, [(at(110), "P1", 1), (at(300 + 2 * DAY), "P2", 0)]);
}

#[test]
fn a_ticket_that_stays_open_takes_all_alarms() {
    let policy = TicketPolicy { resolve_when_cleared: false, ..TicketPolicy::default() };
    let case = Case { policy, criticality: Criticality::High, ..case() };
    let came = came(
        case,
        &[
            raised(0, Severity::Major),
            cleared(10),
            raised(5 * DAY, Severity::Major),
            cleared(6 * DAY),
        ],
    );
    assert_eq!((came.totals.alarms, came.totals.tickets, came.totals.reopened), (2, 1, 0));
    assert_eq!(came.tickets[0].priority.as_str(), "P1");
}

#[test]
fn a_failure_is_announced_by_an_alarm_that_is_raised_in_time_before() {
    let failures = Some(vec![at(100), at(2 * DAY), at(2 * DAY + 5), at(8 * DAY)]);
    let alarms = [
        raised(-10, Severity::Minor),
        cleared(-5),
        raised(2 * DAY - 600, Severity::Minor),
        cleared(2 * DAY - 500),
        raised(2 * DAY, Severity::Minor),
        cleared(2 * DAY + 1),
        raised(5 * DAY, Severity::Minor),
        cleared(5 * DAY + 1),
        raised(8 * DAY + 1, Severity::Minor),
    ];
    let came = came(Case { failures, ..case() }, &alarms);
    let early = Some(at(2 * DAY - 600));
    assert_eq!(came.announced, [Some(at(-10)), early, early, None]);
    let expected =
        BacktestFailures { known: 4, announced: 3, missed: 1, alarms_without_failure: 2 };
    assert_eq!(came.totals.failures, Some(expected));
}

#[test]
fn all_are_counted_whatever_fits_into_the_list() {
    let alarms = |count: i64| -> Vec<Transition> {
        (0..count).flat_map(|n| [raised(n * 100, Severity::Minor), cleared(n * 100 + 50)]).collect()
    };
    let many = came(case(), &alarms(250));
    assert_eq!((many.totals.alarms, many.alarms.len()), (250, ALARMS_LISTED));
    assert_eq!((many.spans.len(), many.more_spans), (250, false));
    let narrow = came(Case { room: 400, ..case() }, &alarms(250));
    assert_eq!(narrow.totals, many.totals);
    assert!((1..5).contains(&narrow.alarms.len()), "{}", narrow.alarms.len());
    assert_eq!(narrow.alarms[..], many.alarms[..narrow.alarms.len()]);
}

#[test]
fn a_rule_that_is_switched_off_ends_its_alarm() {
    let mut tally = Tally::new(case(), (RuleId(Uuid::nil()), 1), "t");
    tally.transition(&raised(100, Severity::Major));
    tally.switched_off(at(150));
    let came = tally.finish();
    assert_eq!(came.alarms[0].to, Some(at(150)));
    assert_eq!(came.totals.in_alarm_s, 50.0);
}
