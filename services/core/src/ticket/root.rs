//! Which alarm of a ticket is the likely root, and what the others are to it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use millwright_schemas::api::alarms::{Alarm, AlarmOrigin};
use millwright_schemas::api::tickets::AlarmTie;
use millwright_schemas::{AlarmId, MachineId, Timestamp};

use super::{Sign, TITLE_MAX, title};
use crate::alarm::rank;

/// Words of a fault's code that tell of power, and that tell of its loss; one of each makes the loss
/// of power.
const POWER: [&str; 4] = ["power", "mains", "supply", "ups"];
const LOST: [&str; 8] = ["lost", "loss", "fail", "failed", "failure", "outage", "off", "down"];

/// The likely root of alarms that belong together, and why it is rather than the next likely one.
/// In this order: lost contact with the machine that connects others of them; lost contact or
/// power; the most severe; the one that began first; one of the machine that connects others.
/// `None` when there are none.
#[must_use]
pub fn root<'a>(members: &[&'a Sign]) -> Option<(&'a Sign, AlarmTie)> {
    let connecting: BTreeSet<MachineId> = members.iter().filter_map(|sign| sign.parent).collect();
    let mut ordered: Vec<Standing<'_>> =
        members.iter().map(|sign| Standing::of(sign, &connecting)).collect();
    ordered.sort();
    let mut ordered = ordered.into_iter();
    let first = ordered.next()?;
    let reason = ordered.next().map_or(AlarmTie::Only, |second| first.reason(&second));
    let sign = members.iter().copied().find(|sign| sign.alarm == first.alarm)?;
    Some((sign, reason))
}

/// How likely an alarm is the root: the least one is it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Standing<'a> {
    no_lost_gateway: bool,
    nothing_lost: bool,
    severity: Reverse<u8>,
    at: Timestamp,
    not_upstream: bool,
    machine: MachineId,
    source: &'a str,
    code: &'a str,
    alarm: AlarmId,
    contact: bool,
}

impl<'a> Standing<'a> {
    fn of(sign: &'a Sign, connecting: &BTreeSet<MachineId>) -> Self {
        let contact = sign.origin == AlarmOrigin::Contact;
        let upstream = connecting.contains(&sign.machine);
        Self {
            no_lost_gateway: !(contact && upstream),
            nothing_lost: !contact && !tells_of_lost_power(sign),
            severity: Reverse(rank(sign.severity)),
            at: sign.at,
            not_upstream: !upstream,
            machine: sign.machine,
            source: &sign.source,
            code: &sign.code,
            alarm: sign.alarm,
            contact,
        }
    }

    /// What sets it before the next one.
    fn reason(&self, next: &Self) -> AlarmTie {
        if self.no_lost_gateway != next.no_lost_gateway {
            AlarmTie::GatewayLost
        } else if self.nothing_lost != next.nothing_lost {
            if self.contact { AlarmTie::ContactLost } else { AlarmTie::PowerLost }
        } else if self.severity != next.severity {
            AlarmTie::MostSevere
        } else if self.at != next.at {
            AlarmTie::Earliest
        } else if self.not_upstream != next.not_upstream {
            AlarmTie::Upstream
        } else {
            AlarmTie::Alike
        }
    }
}

fn tells_of_lost_power(sign: &Sign) -> bool {
    let has = |words: &[&str]| {
        let mut parts = sign.code.split(|c: char| !c.is_ascii_alphanumeric());
        parts.any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)))
    };
    sign.origin == AlarmOrigin::Fault && has(&POWER) && has(&LOST)
}

/// What an alarm is to the root of its ticket; `None` when only others of the group tie them.
#[must_use]
pub fn tie(root: &Sign, sign: &Sign) -> Option<AlarmTie> {
    let connects = |upper: &Sign, lower: &Sign| lower.parent == Some(upper.machine);
    if sign.is_same_key(root) {
        Some(AlarmTie::SameCause)
    } else if sign.machine == root.machine {
        Some(AlarmTie::SameMachine)
    } else if connects(root, sign)
        || connects(sign, root)
        || (sign.parent.is_some() && sign.parent == root.parent)
    {
        Some(AlarmTie::SameParent)
    } else if sign.site.is_some() && sign.site == root.site {
        Some(AlarmTie::SameSite)
    } else {
        None
    }
}

/// The title of a ticket: its root, and how many other causes are on it. With others, the root's
/// machine is named.
#[must_use]
pub fn group_title(root: &Alarm, machine_name: &str, others: u64) -> String {
    if others == 0 {
        return title(root);
    }
    let end = match others {
        1 => ", and 1 other alarm".to_owned(),
        _ => format!(", and {others} other alarms"),
    };
    let name: String = machine_name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let start = format!("{name}: {}", title(root));
    let fitting = TITLE_MAX.saturating_sub(end.chars().count());
    start.chars().take(fitting).chain(end.chars()).collect()
}
