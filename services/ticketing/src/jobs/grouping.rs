//! An alarm would open a ticket, but others share its cause: all of them go on one, the likely root
//! first. Tickets that the others have opened meanwhile, and nobody has taken up, go into it too.

use std::collections::{BTreeMap, BTreeSet};

use millwright_core::access::Actor;
use millwright_core::alarm::rank;
use millwright_core::ticket::{
    Joining, Sign, TicketRecord, cause, group, group_title, is_of_time, is_open, is_untouched,
    join, merge, priority, root, tie,
};
use millwright_schemas::api::alarms::Alarm;
use millwright_schemas::api::tickets::{AlarmRole, AlarmTie, Priority, TicketState};
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{AlarmId, Timestamp};
use millwright_store::machines::fleet;
use millwright_store::tickets::{Near, Neighbour, Place, comments};
use millwright_store::{Scope, StoreError, Tx, alarms, changes, tickets};
use serde_json::Value;

use super::alarm::{Case, about};
use super::opening::{self, Again, Opening};
use crate::closing::close_one;
use crate::limits::{GROUP_TICKETS_MAX, GROUPED_AT_ONCE, MEMBERS_MAX, NEIGHBOURS_MAX};
use crate::roots::{self, Settled};
use crate::trace::{self, Happening, UNTOLD, data, tell};

/// What belongs together with an alarm that has no ticket.
pub(super) struct Group {
    /// The alarm itself and others that have no ticket.
    free: Vec<Neighbour>,
    ties: BTreeMap<AlarmId, AlarmTie>,
    /// Open tickets of others: those that people have taken up first, then the oldest.
    tickets: Vec<Open>,
}

struct Open {
    untouched: bool,
    record: TicketRecord,
}

/// What belongs together with an alarm. `None`: nothing else that could share a ticket with it.
pub(super) async fn find(case: &Case<'_>) -> Result<Option<Group>, StoreError> {
    let (tx, alarm, machine, policy) = (case.tx, case.alarm, case.machine, case.policy);
    if !policy.grouping.enabled {
        return Ok(None);
    }
    let own = Neighbour {
        sign: Sign::new(alarm, machine.parent_id, machine.site_id),
        criticality: machine.criticality,
        ticket: None,
    };
    let near = Near {
        organization: alarm.organization_id,
        machine: machine.id,
        parent: machine.parent_id,
        site: machine.site_id,
        at: own.sign.at,
    };
    let mut all = vec![own];
    for other in tickets::near(tx, near, case.now, NEIGHBOURS_MAX).await? {
        let opens = rank(other.sign.severity) >= rank(policy.tickets.open_from);
        if other.sign.alarm != alarm.id && (opens || other.ticket.is_some()) {
            all.push(other);
        }
    }
    let signs: Vec<Sign> = all.iter().map(|one| one.sign.clone()).collect();
    let members = group(&signs, alarm.id, &policy.grouping);
    let ties: BTreeMap<_, _> = members.iter().map(|(sign, tie)| (sign.alarm, *tie)).collect();
    if ties.len() < 2 {
        return Ok(None);
    }
    all.retain(|one| ties.contains_key(&one.sign.alarm));
    let tickets = open_tickets(tx, &all, near.at).await?;
    let free = free(tx, alarm, all).await?;
    let alone = tickets.is_empty() && free.len() < 2;
    Ok((!alone).then_some(Group { free, ties, tickets }))
}

async fn open_tickets(
    tx: &Tx,
    members: &[Neighbour],
    at: Timestamp,
) -> Result<Vec<Open>, StoreError> {
    let ids: BTreeSet<_> = members.iter().filter_map(|one| one.ticket).collect();
    let mut open = Vec::new();
    for id in ids.into_iter().take(GROUP_TICKETS_MAX) {
        let record = tickets::load(tx, Scope::Platform, id).await?;
        if is_of_time(&record, at) {
            let untouched = is_untouched(&record) && !comments::any_of_others(tx, id).await?;
            open.push(Open { untouched, record });
        }
    }
    open.sort_by_key(|one| (one.untouched, one.record.ticket.id));
    Ok(open)
}

/// Those that have no ticket, the alarm itself first. One whose own cause has an open ticket joins
/// that by its own job.
async fn free(
    tx: &Tx,
    about: &Alarm,
    members: Vec<Neighbour>,
) -> Result<Vec<Neighbour>, StoreError> {
    let mut free = Vec::new();
    for one in members.into_iter().filter(|one| one.ticket.is_none()).take(GROUPED_AT_ONCE) {
        if one.sign.alarm != about.id {
            let alarm = alarms::load(tx, Scope::Platform, one.sign.alarm).await?;
            let last = tickets::last_of_alarm(tx, &alarm).await?;
            if last.is_some_and(|last| is_open(last.ticket.state)) {
                continue;
            }
        }
        free.push(one);
    }
    Ok(free)
}

impl Group {
    /// Whether none of them has a ticket.
    pub(super) fn is_new(&self) -> bool {
        self.tickets.is_empty()
    }

    fn joining(&self) -> Vec<Joining> {
        let of = |one: &Neighbour| Joining {
            severity: one.sign.severity,
            priority: priority(one.sign.severity, one.criticality),
        };
        self.free.iter().map(of).collect()
    }

    fn tie(&self, root: &Sign, sign: &Sign) -> AlarmTie {
        let known = || self.ties.get(&sign.alarm).copied();
        tie(root, sign).or_else(known).unwrap_or(AlarmTie::SameSite)
    }

    /// Puts those without a ticket on one.
    async fn put_on(
        &self,
        tx: &Tx,
        record: &TicketRecord,
        root: (&Sign, AlarmTie),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (organization, ticket) = (record.ticket.organization_id, record.ticket.id);
        for Neighbour { sign, .. } in &self.free {
            let (role, tie) = match sign.alarm == root.0.alarm {
                true => (AlarmRole::Root, root.1),
                false => (AlarmRole::Symptom, self.tie(root.0, sign)),
            };
            let place = Place { organization, ticket, alarm: sign.alarm, role, tie };
            tickets::put_alarm_on(tx, place, now).await?;
        }
        Ok(())
    }

    /// The likely root of those without a ticket.
    fn root(&self) -> Result<(&Sign, AlarmTie), StoreError> {
        let signs: Vec<&Sign> = self.free.iter().map(|one| &one.sign).collect();
        root(&signs).ok_or_else(|| StoreError::corrupt("alarms", "a group without members"))
    }

    /// When the first of those without a ticket began.
    fn began_at(&self) -> Option<Timestamp> {
        self.free.iter().map(|one| one.sign.at).min()
    }

    fn count_causes(&self) -> usize {
        let key = |one: &Neighbour| {
            let sign = &one.sign;
            (sign.machine, sign.origin, sign.source.clone(), sign.code.clone())
        };
        self.free.iter().map(key).collect::<BTreeSet<_>>().len()
    }

    fn alarm_ids(&self) -> Value {
        self.free.iter().map(|one| Value::String(one.sign.alarm.to_string())).collect()
    }
}

impl Case<'_> {
    /// Does what belongs together with the alarm on one ticket.
    pub(super) async fn join_group(self, group: &Group) -> Result<(), StoreError> {
        match group.tickets.split_first() {
            Some((target, others)) => self.into_ticket(group, &target.record, others).await,
            None => self.open_group(group).await,
        }
    }

    /// None of them has a ticket: the root opens one for all, or reopens its last one.
    async fn open_group(self, group: &Group) -> Result<(), StoreError> {
        let (tx, now, (sign, reason)) = (self.tx, self.now, group.root()?);
        let root = alarms::load(tx, Scope::Platform, sign.alarm).await?;
        let joining = group.joining();
        let urgent = joining.iter().map(|one| one.priority).min().unwrap_or(Priority::P4);
        let worst = joining.iter().map(|one| one.severity).max_by_key(|one| rank(*one));
        let last = tickets::last_of_alarm(tx, &root).await?;
        let last = last.filter(|last| last.ticket.state == TicketState::Resolved);
        let record = match last {
            Some(last) if last.close_at.is_some_and(|at| now < at) => {
                let made = roots::has_made_title(tx, &last).await?;
                let again = Again {
                    priority: urgent,
                    worst,
                    by: Actor::Platform,
                    began_at: group.began_at(),
                    data: about(&root),
                };
                let record = opening::again(tx, &last, again, now).await?;
                group.put_on(tx, &record, (sign, reason), now).await?;
                self.settle(record, made).await?
            }
            last => {
                if let Some(last) = last {
                    close_one(tx, &last, now).await?;
                }
                let record = self.open_for(group, &root, (urgent, worst)).await?;
                group.put_on(tx, &record, (sign, reason), now).await?;
                record
            }
        };
        let mut what = self.happening("ticket.alarms_grouped", "alarms_grouped");
        what.data = about(&root);
        what.data.insert("reason".to_owned(), reason.as_str().into());
        what.data.insert("count".to_owned(), group.free.len().into());
        what.data.insert("alarm_ids".to_owned(), group.alarm_ids());
        tell(tx, &record.ticket, what).await?;
        self.note_flapping(&record).await?;
        if root.id != self.alarm.id {
            self.collect_of(&record, root.id, root.machine_id).await?;
            return self.keep_evidence(&record).await;
        }
        self.collect(&record).await
    }

    async fn open_for(
        &self,
        group: &Group,
        root: &Alarm,
        (priority, worst): (Priority, Option<Severity>),
    ) -> Result<TicketRecord, StoreError> {
        let machine = fleet::load(self.tx, Scope::Platform, root.machine_id).await?;
        let others = group.count_causes().saturating_sub(1);
        let opening = Opening {
            machine: root.machine_id,
            organization: root.organization_id,
            cause: cause(root),
            title: group_title(root, &machine.name, u64::try_from(others).unwrap_or(u64::MAX)),
            description: String::new(),
            priority,
            worst,
            by: Actor::Platform,
            began_at: group.began_at(),
            data: about(root),
        };
        opening::open(self.tx, opening, self.now).await
    }

    /// Looks for the root of a ticket that has just been saved, and saves it again if it has become
    /// another.
    pub(super) async fn settle(
        &self,
        saved: TicketRecord,
        title: bool,
    ) -> Result<TicketRecord, StoreError> {
        let mut record = saved.clone();
        roots::settle(self.tx, &mut record, title, self.now).await?;
        if record == saved {
            return Ok(saved);
        }
        record.ticket.version += 1;
        tickets::save(self.tx, Scope::Platform, &record, saved.ticket.version).await?;
        let details = changes::differences(&saved.ticket, &record.ticket, &UNTOLD)?;
        let (ticket, by) = (&record.ticket, Actor::Platform);
        trace::record(self.tx, ticket, "ticket.updated", details, by, self.now).await?;
        Ok(record)
    }

    /// Those without a ticket, and tickets that nobody has taken up, go into this one.
    async fn into_ticket(
        self,
        group: &Group,
        target: &TicketRecord,
        others: &[Open],
    ) -> Result<(), StoreError> {
        let (tx, now) = (self.tx, self.now);
        let made = roots::has_made_title(tx, target).await?;
        let (own, mut joining) = (group.root()?, group.joining());
        let current = tickets::members(tx, target.ticket.id, 1).await?.pop();
        let against = current.as_ref().map_or(own.0, |current| &current.sign);
        // Whoever is the root now: that is looked for when all are there.
        let nobody = (against, AlarmTie::Only);
        group.put_on(tx, target, nobody, now).await?;
        let mut merged = Vec::new();
        for other in others.iter().filter(|other| other.untouched) {
            if self.take_over(group, &other.record, target, against).await? {
                let severity = other.record.worst.unwrap_or(Severity::Indeterminate);
                joining.push(Joining { severity, priority: other.record.ticket.priority });
                merged.push(&other.record);
            }
        }
        let mut record = join(target, &joining, now);
        let began = merged.iter().map(|from: &&TicketRecord| from.began_at);
        record.began_at = began.chain([target.began_at, group.began_at()]).flatten().min();
        let settled = roots::settle(tx, &mut record, made, now).await?;
        tickets::save(tx, Scope::Platform, &record, target.ticket.version).await?;
        self.tell_joined(group, target, &record).await?;
        self.note_flapping(&record).await?;
        for from in merged {
            let pairs = [("number", from.ticket.number.clone().into())];
            self.tell_more(&record, "ticket.merged", "ticket_merged", data(pairs)).await?;
        }
        if record.ticket.priority != target.ticket.priority {
            let mut more = about(self.alarm);
            more.insert("from".to_owned(), target.ticket.priority.as_str().into());
            more.insert("to".to_owned(), record.ticket.priority.as_str().into());
            self.tell_more(&record, "ticket.updated", "priority_raised", more).await?;
        }
        let Some(Settled { root, reason, instead_of: Some(before) }) = settled else {
            return Ok(());
        };
        let mut more = about(&root);
        more.insert("reason".to_owned(), reason.as_str().into());
        more.insert("instead_of".to_owned(), before.to_string().into());
        self.tell_more(&record, "ticket.root_changed", "root_changed", more).await?;
        self.collect_of(&record, root.id, root.machine_id).await
    }

    /// Takes all alarms of an untouched ticket over. `false`: they are too many.
    async fn take_over(
        &self,
        group: &Group,
        from: &TicketRecord,
        target: &TicketRecord,
        root: &Sign,
    ) -> Result<bool, StoreError> {
        let (tx, now) = (self.tx, self.now);
        let (organization, ticket) = (target.ticket.organization_id, target.ticket.id);
        let members = tickets::members(tx, from.ticket.id, MEMBERS_MAX + 1).await?;
        if u64::try_from(members.len()).is_ok_and(|count| count > MEMBERS_MAX) {
            return Ok(false);
        }
        for member in members {
            let (alarm, role) = (member.sign.alarm, AlarmRole::Symptom);
            let place =
                Place { organization, ticket, alarm, role, tie: group.tie(root, &member.sign) };
            tickets::put_alarm_on(tx, place, now).await?;
            tickets::move_evidence(tx, alarm, from.ticket.id, ticket).await?;
        }
        let merged = merge(from, &target.ticket.number, now);
        tickets::save(tx, Scope::Platform, &merged, from.ticket.version).await?;
        let what = Happening {
            action: "ticket.moved",
            note: "merged",
            text: String::new(),
            data: data([
                ("from", from.ticket.state.as_str().into()),
                ("to", TicketState::Canceled.as_str().into()),
                ("into", target.ticket.number.clone().into()),
                ("ticket_id", target.ticket.id.to_string().into()),
            ]),
            by: Actor::Platform,
            at: now,
        };
        tell(tx, &merged.ticket, what).await?;
        Ok(true)
    }

    /// One alarm has joined, or several at once.
    async fn tell_joined(
        &self,
        group: &Group,
        before: &TicketRecord,
        record: &TicketRecord,
    ) -> Result<(), StoreError> {
        let tie = group.ties.get(&self.alarm.id).copied().unwrap_or(AlarmTie::SameSite);
        let mut what = match group.free.len() {
            1 => self.happening("ticket.alarm_joined", "alarm_joined"),
            _ => self.happening("ticket.alarms_grouped", "alarms_grouped"),
        };
        what.data.insert("reason".to_owned(), tie.as_str().into());
        what.data.extend(changes::differences(&before.ticket, &record.ticket, &UNTOLD)?);
        if group.free.len() > 1 {
            what.data.insert("count".to_owned(), group.free.len().into());
            what.data.insert("alarm_ids".to_owned(), group.alarm_ids());
        }
        tell(self.tx, &record.ticket, what).await
    }

    async fn tell_more(
        &self,
        record: &TicketRecord,
        action: &'static str,
        note: &'static str,
        data: serde_json::Map<String, Value>,
    ) -> Result<(), StoreError> {
        let mut what = self.happening(action, note);
        what.data = data;
        tell(self.tx, &record.ticket, what).await
    }
}
