//! Which alarms belong together: they begin close to each other in event time, at one machine, or
//! at several machines that stand at one site or are connected by one machine.
//!
//! It depends on nothing but what the alarms are: not on the order in which they became known, nor
//! on how many became known at once.

use std::collections::{BTreeMap, BTreeSet};

use millwright_schemas::api::alarms::{Alarm, AlarmOrigin};
use millwright_schemas::api::policies::GroupingPolicy;
use millwright_schemas::api::tickets::AlarmTie;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{AlarmId, MachineId, SiteId, Timestamp};

/// How long after its first alarm a group takes up more of them, in seconds: on a large site there
/// is always another alarm within the window.
pub const GROUP_SPAN_MAX_S: i64 = 3_600;

/// What grouping goes by: an alarm and where its machine stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// The alarm.
    pub alarm: AlarmId,
    /// Its machine.
    pub machine: MachineId,
    /// The machine that connects its machine.
    pub parent: Option<MachineId>,
    /// Where its machine stands.
    pub site: Option<SiteId>,
    /// Where the alarm comes from.
    pub origin: AlarmOrigin,
    /// The component.
    pub source: String,
    /// The fault's code, the rule's id, or `contact_lost`.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// When it began; see [`began`].
    pub at: Timestamp,
}

impl Sign {
    /// An alarm at a machine with this parent and site.
    #[must_use]
    pub fn new(alarm: &Alarm, parent: Option<MachineId>, site: Option<SiteId>) -> Self {
        Self {
            alarm: alarm.id,
            machine: alarm.machine_id,
            parent,
            site,
            origin: alarm.origin,
            source: alarm.source.clone(),
            code: alarm.code.clone(),
            severity: alarm.severity,
            at: began(alarm.raised_at, alarm.received_at),
        }
    }

    /// Whether both are alarms of one key.
    #[must_use]
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.machine == other.machine
            && self.origin == other.origin
            && self.source == other.source
            && self.code == other.code
    }
}

/// When an alarm began, in event time; a machine's clock that was ahead of its receipt says nothing.
#[must_use]
pub fn began(raised_at: Timestamp, received_at: Timestamp) -> Timestamp {
    raised_at.min(received_at)
}

/// Alarms that belong together for one reason.
struct Bundle<'a> {
    tie: AlarmTie,
    signs: Vec<&'a Sign>,
}

/// The alarms that belong together with one of them, itself included, as they began, each with why.
/// Only itself when it stands alone; empty when it isn't among them.
#[must_use]
pub fn group<'a>(
    signs: &'a [Sign],
    about: AlarmId,
    policy: &GroupingPolicy,
) -> Vec<(&'a Sign, AlarmTie)> {
    let bundles = if policy.enabled { bundles(signs, policy) } else { Vec::new() };
    let mut members = BTreeSet::from([about]);
    loop {
        let before = members.len();
        for bundle in &bundles {
            if bundle.signs.iter().any(|sign| members.contains(&sign.alarm)) {
                members.extend(bundle.signs.iter().map(|sign| sign.alarm));
            }
        }
        if members.len() == before {
            break;
        }
    }
    let mut together: Vec<_> = signs.iter().filter(|sign| members.contains(&sign.alarm)).collect();
    together.sort_by_key(|sign| order(sign));
    together.dedup_by_key(|sign| sign.alarm);
    together.into_iter().map(|sign| (sign, tie_of(sign, &bundles))).collect()
}

fn order(sign: &Sign) -> (Timestamp, MachineId, AlarmId) {
    (sign.at, sign.machine, sign.alarm)
}

/// The first reason, of the nearest kind.
fn tie_of(sign: &Sign, bundles: &[Bundle<'_>]) -> AlarmTie {
    bundles
        .iter()
        .find(|bundle| bundle.signs.iter().any(|one| one.alarm == sign.alarm))
        .map_or(AlarmTie::Only, |bundle| bundle.tie)
}

/// Of one machine, then below one parent, then at one site.
fn bundles<'a>(signs: &'a [Sign], policy: &GroupingPolicy) -> Vec<Bundle<'a>> {
    let window = window_us(policy);
    let mut found = Vec::new();
    for of_machine in by(signs, |sign| Some(sign.machine)).into_values() {
        let several = runs(of_machine, window).into_iter().filter(|run| run.len() > 1);
        found.extend(several.map(|signs| Bundle { tie: AlarmTie::SameMachine, signs }));
    }
    let mut families = by(signs, |sign| sign.parent);
    for sign in signs {
        if let Some(family) = families.get_mut(&sign.machine) {
            family.push(sign);
        }
    }
    for (parent, family) in families {
        for signs in runs(family, window) {
            if is_led_by(&signs, parent, window) || is_dense(&signs, window, policy) {
                found.push(Bundle { tie: AlarmTie::SameParent, signs });
            }
        }
    }
    for of_site in by(signs, |sign| sign.site).into_values() {
        let signs = runs(of_site, window).into_iter().filter(|run| is_dense(run, window, policy));
        found.extend(signs.map(|signs| Bundle { tie: AlarmTie::SameSite, signs }));
    }
    found
}

const fn window_us(policy: &GroupingPolicy) -> i64 {
    policy.window_s.saturating_mul(1_000_000)
}

fn by<K: Ord>(signs: &[Sign], key: impl Fn(&Sign) -> Option<K>) -> BTreeMap<K, Vec<&Sign>> {
    let mut sorted: BTreeMap<K, Vec<&Sign>> = BTreeMap::new();
    for sign in signs {
        if let Some(key) = key(sign) {
            sorted.entry(key).or_default().push(sign);
        }
    }
    sorted
}

/// Alarms of which each begins within the window after another one, within the span of a group.
fn runs(mut signs: Vec<&Sign>, window_us: i64) -> Vec<Vec<&Sign>> {
    signs.sort_by_key(|sign| order(sign));
    let mut runs: Vec<Vec<&Sign>> = Vec::new();
    for sign in signs {
        match runs.last_mut() {
            Some(run) if goes_on(run, sign, window_us) => run.push(sign),
            _ => runs.push(vec![sign]),
        }
    }
    runs
}

fn goes_on(run: &[&Sign], next: &Sign, window_us: i64) -> bool {
    let since = |sign: Option<&&Sign>| sign.map(|sign| next.at.micros_since(sign.at));
    since(run.last()).is_some_and(|gap| gap <= window_us)
        && since(run.first()).is_some_and(|span| span <= GROUP_SPAN_MAX_S * 1_000_000)
}

/// Whether the machine that connects the others is concerned, close to one of them.
fn is_led_by(run: &[&Sign], parent: MachineId, window_us: i64) -> bool {
    let (leads, children): (Vec<&Sign>, Vec<&Sign>) =
        run.iter().copied().partition(|sign| sign.machine == parent);
    let near = |lead: &Sign, child: &Sign| child.at.micros_since(lead.at).abs() <= window_us;
    leads.iter().any(|lead| children.iter().any(|child| near(lead, child)))
}

/// Whether enough machines are concerned within one window.
fn is_dense(run: &[&Sign], window_us: i64, policy: &GroupingPolicy) -> bool {
    let needed = usize::try_from(policy.machines).unwrap_or(usize::MAX);
    run.iter().enumerate().any(|(start, first)| {
        let within = run.iter().skip(start);
        let within = within.take_while(|sign| sign.at.micros_since(first.at) <= window_us);
        within.map(|sign| sign.machine).collect::<BTreeSet<_>>().len() >= needed
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
