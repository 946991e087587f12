//! Filters of a session: only `down` topics of the machine and of its children.

use std::collections::HashSet;
use std::sync::Arc;

use millwright_schemas::MachineId;
use millwright_schemas::topics::{self, DownChannel, DownFilter};

use crate::limits::FILTERS_PER_SESSION_MAX;
use crate::wire::FilterCode;

/// The machines that a machine also speaks for. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChildSet(Arc<HashSet<MachineId>>);

impl ChildSet {
    /// Whether this machine is among them.
    #[must_use]
    pub fn contains(&self, machine: MachineId) -> bool {
        self.0.contains(&machine)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = MachineId> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<MachineId> for ChildSet {
    fn from_iter<I: IntoIterator<Item = MachineId>>(machines: I) -> Self {
        Self(Arc::new(machines.into_iter().collect()))
    }
}

/// One filter of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// What it covers.
    pub filter: DownFilter,
    /// Granted quality of service: 0 or 1.
    pub qos: u8,
}

/// The filters of one session.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Vec<Subscription>);

impl Subscriptions {
    pub(super) fn new(mut subscriptions: Vec<Subscription>) -> Self {
        subscriptions.truncate(FILTERS_PER_SESSION_MAX);
        Self(subscriptions)
    }

    pub(super) fn to_vec(&self) -> Vec<Subscription> {
        self.0.clone()
    }

    pub(super) fn machines(&self) -> impl Iterator<Item = MachineId> + '_ {
        self.0.iter().map(|subscription| subscription.filter.machine)
    }

    pub(super) fn add(
        &mut self,
        filter: &str,
        qos: u8,
        own: MachineId,
        children: &ChildSet,
    ) -> FilterCode {
        if filter.starts_with("$share/") {
            return FilterCode::Shared;
        }
        let Ok(filter) = topics::parse_down_filter(filter, own) else {
            return FilterCode::NotAuthorized;
        };
        if filter.machine != own && !children.contains(filter.machine) {
            return FilterCode::NotAuthorized;
        }
        let qos = qos.min(1);
        let is_full = self.0.len() >= FILTERS_PER_SESSION_MAX;
        match self.0.iter_mut().find(|subscription| subscription.filter == filter) {
            Some(subscription) => subscription.qos = qos,
            None if is_full => return FilterCode::Quota,
            None => self.0.push(Subscription { filter, qos }),
        }
        FilterCode::Granted(qos)
    }

    pub(super) fn remove(&mut self, filter: &str, own: MachineId) -> FilterCode {
        let Ok(filter) = topics::parse_down_filter(filter, own) else { return FilterCode::Unknown };
        let before = self.0.len();
        self.0.retain(|subscription| subscription.filter != filter);
        if self.0.len() < before { FilterCode::Granted(0) } else { FilterCode::Unknown }
    }

    /// How a message would be delivered: quality of service, and whether its topic is written
    /// with the alias.
    pub(super) fn matching(&self, machine: MachineId, channel: DownChannel) -> Option<(u8, bool)> {
        self.0
            .iter()
            .filter(|subscription| subscription.filter.covers(machine, channel))
            .max_by_key(|subscription| subscription.qos)
            .map(|subscription| (subscription.qos, subscription.filter.alias))
    }
}
