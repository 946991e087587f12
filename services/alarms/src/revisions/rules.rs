//! Which rules are tried on late samples: those that watch the machine now, as they are now.

use std::sync::Arc;

use millwright_detection::conditions::needs::{learns, reach_s};
use millwright_detection::rules::{CompiledRule, RuleSet, Watched};
use millwright_detection::surroundings::Surroundings;
use millwright_schemas::Timestamp;
use millwright_schemas::api::machines::Machine;
use millwright_store::machines::surroundings;
use millwright_store::upkeep::Kept;
use millwright_store::{Store, StoreError, rules};

use super::limits::{AROUND_S, REACH_S_MAX};
use crate::backtests::trial::Sources;

/// A rule that is tried.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    pub(super) rule: Arc<CompiledRule>,
    /// Of alarms that begin from this time on it can say something: since then it has judged as it does
    /// now, by values that are still there.
    pub(super) since: Timestamp,
}

/// The rules of a machine, and what surrounds it now.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) rules: Vec<Tried>,
    pub(super) sources: Arc<Sources>,
    pub(super) around: Surroundings,
    /// How far any of them looks back, in seconds.
    reach_s: i64,
}

impl Rules {
    /// Those that can say something of the time before `to`. A rule that learns can't: what it had
    /// learned then isn't known. One that looks back further than is read can't either, nor one that was
    /// changed since, or whose machine was, nor one of which retention has removed values since.
    pub(super) async fn of(
        store: &Store,
        machine: &Machine,
        to: Timestamp,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let watched = rules::on_machines::watched(store, machine.id).await?;
        let Some(row) = watched else { return Ok(Self::new(Vec::new(), Surroundings::default())) };
        let (set, _) = RuleSet::compile(rules::on_machines::enabled(store).await?);
        let watched =
            Watched { machine: machine.id, model: row.model, organizations: row.organizations };
        let found = set.watching(&watched).into_iter().filter(|compiled| {
            !learns(&compiled.rule().condition) && reach_of(compiled) <= REACH_S_MAX
        });
        let changed = surroundings::since(store, machine.id).await?;
        let kept = Kept::read(store, machine.organization_id, machine.id, now).await?;
        let tried = found.map(|rule| Tried { since: since(&rule, changed, &kept), rule });
        let tried = tried.filter(|it| it.since <= to.plus_seconds(reach_of(&it.rule)));
        let around = Surroundings { parameters: row.parameters, time_zone: row.time_zone };
        Ok(Self::new(tried.collect(), around))
    }

    fn new(rules: Vec<Tried>, around: Surroundings) -> Self {
        let sources = Sources::of(rules.iter().map(|tried| tried.rule.rule()));
        let reach_s = rules.iter().map(|tried| reach_of(&tried.rule)).max().unwrap_or(0);
        Self { rules, sources: Arc::new(sources), around, reach_s }
    }

    /// From when on is to be read for a span that begins then.
    pub(super) fn begin(&self, from: Timestamp) -> Timestamp {
        from.plus_seconds(-self.reach_s - AROUND_S)
    }

    /// Until when is to be read for a span that ends then.
    pub(super) fn end(&self, to: Timestamp) -> Timestamp {
        to.plus_seconds(self.reach_s + AROUND_S)
    }

    /// The end of the span for which it is to be read until then.
    pub(super) fn span_end(&self, end: Timestamp) -> Timestamp {
        end.plus_seconds(-self.reach_s - AROUND_S)
    }
}

/// Of alarms from when on a rule can say something. `changed`: since when what surrounds the machine is as
/// it is.
fn since(rule: &CompiledRule, changed: Option<Timestamp>, kept: &Kept) -> Timestamp {
    let sources = Sources::of([rule.rule()]);
    let by_model = rule.rule().model.is_some();
    let changed = changed.filter(|_| by_model || rule.depends_on_machine());
    let signals = sources.signals.iter().filter_map(|signal| kept.signal(signal)).max();
    let events = kept.events().filter(|_| !sources.events.is_empty());
    // It finds its feet before it can say something.
    let kept = signals.max(events).map(|kept| kept.plus_seconds(reach_of(rule) + AROUND_S));
    changed.into_iter().chain(kept).fold(rule.rule().updated_at, Ord::max)
}

/// How far a rule looks back, in whole seconds.
pub(super) fn reach_of(compiled: &CompiledRule) -> i64 {
    let reach = reach_s(&compiled.rule().condition).ceil();
    #[allow(clippy::cast_possible_truncation, reason = "a float as an integer saturates")]
    let seconds = reach as i64;
    seconds.max(0)
}
