//! Which rules are tried on late samples: those that watch the machine now, as they are now.

use std::sync::Arc;

use millwright_detection::conditions::needs::{learns, reach_s};
use millwright_detection::rules::{CompiledRule, RuleSet, Watched};
use millwright_detection::surroundings::Surroundings;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::{Store, StoreError, rules};

use super::limits::{AROUND_S, REACH_S_MAX};
use crate::backtests::trial::Sources;

/// The rules of a machine, and what surrounds it now.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) rules: Vec<Arc<CompiledRule>>,
    pub(super) sources: Arc<Sources>,
    pub(super) around: Surroundings,
    /// How far any of them looks back, in seconds.
    reach_s: i64,
}

impl Rules {
    /// Those that can say something of the time before `to`. A rule that learns can't: what it had
    /// learned then isn't known. One that looks back further than is read can't either, nor one that was
    /// changed since.
    pub(super) async fn of(
        store: &Store,
        machine: MachineId,
        to: Timestamp,
    ) -> Result<Self, StoreError> {
        let watched = rules::on_machines::watched(store, machine).await?;
        let Some(row) = watched else { return Ok(Self::new(Vec::new(), Surroundings::default())) };
        let (set, _) = RuleSet::compile(rules::on_machines::enabled(store).await?);
        let watched = Watched { machine, model: row.model, organizations: row.organizations };
        let mut found = set.watching(&watched);
        found.retain(|compiled| {
            let rule = compiled.rule();
            let reach_s = reach_of(compiled);
            !learns(&rule.condition)
                && reach_s <= REACH_S_MAX
                && rule.updated_at <= to.plus_seconds(reach_s)
        });
        let around = Surroundings { parameters: row.parameters, time_zone: row.time_zone };
        Ok(Self::new(found, around))
    }

    fn new(rules: Vec<Arc<CompiledRule>>, around: Surroundings) -> Self {
        let sources = Sources::of(rules.iter().map(|compiled| compiled.rule()));
        let reach_s = rules.iter().map(|compiled| reach_of(compiled)).max().unwrap_or(0);
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

/// How far a rule looks back, in whole seconds.
pub(super) fn reach_of(compiled: &CompiledRule) -> i64 {
    let reach = reach_s(&compiled.rule().condition).ceil();
    #[allow(clippy::cast_possible_truncation, reason = "a float as an integer saturates")]
    let seconds = reach as i64;
    seconds.max(0)
}
