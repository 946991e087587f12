//! How far rules that learn have come with a machine, for people who ask why they say nothing.

use std::collections::BTreeSet;

use millwright_core::access::{Caller, Permission};
use millwright_detection::anomaly::status::{LearningStage, LearningStatus};
use millwright_detection::anomaly::stored;
use millwright_detection::conditions::needs::{learns, needs};
use millwright_detection::rules::CompiledRule;
use millwright_schemas::api::learning::{LearningState, MachineLearning, RuleLearning};
use millwright_schemas::api::machines::MachineState;
use millwright_schemas::api::page::{LIMIT_MAX, PageQuery};
use millwright_schemas::api::rules::{Rule, RuleCondition};
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::machines::learning::Learned;
use millwright_store::machines::{fleet, learning};
use millwright_store::page::PageRequest;
use millwright_store::{Scope, Store, rules};
use uuid::Uuid;

use crate::AlarmError;
use crate::limits::LEARNING_RULES_MAX;

/// How far the rules that learn a machine have come with it.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn of_machine(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
) -> Result<MachineLearning, AlarmError> {
    caller.require(Permission::ReadRules)?;
    let scope = Scope::Organization(caller.organization);
    let found = fleet::get(store, scope, machine).await?;
    let (rules, complete) = learning_rules(store, scope, machine).await?;
    let ids: Vec<_> = rules.iter().map(|rule| rule.id).collect();
    let known = Known {
        in_use: found.state != MachineState::Decommissioned,
        since: learning::since(store, machine).await?,
        numbers: learning::numbers(store, machine).await?,
        learned: learning::learned(store, machine, &ids).await?,
    };
    let items = rules.into_iter().map(|rule| known.of(rule)).collect();
    Ok(MachineLearning { items, complete })
}

/// The rules that learn the machine, within the bound, and whether these are all.
async fn learning_rules(
    store: &Store,
    scope: Scope,
    machine: MachineId,
) -> Result<(Vec<Rule>, bool), AlarmError> {
    let filter = rules::Filter { machine: Some(machine), model: None };
    let mut wanted = PageQuery { limit: Some(LIMIT_MAX), cursor: None };
    let mut found: Vec<Rule> = Vec::new();
    loop {
        let page = PageRequest::<Uuid>::parse("rules", &wanted)?;
        let page = rules::list(store, scope, &filter, &page).await?;
        found.extend(page.items.into_iter().filter(|rule| learns(&rule.condition)));
        if found.len() > LEARNING_RULES_MAX || page.next_cursor.is_none() {
            break;
        }
        wanted.cursor = page.next_cursor;
    }
    let complete = found.len() <= LEARNING_RULES_MAX;
    found.truncate(LEARNING_RULES_MAX);
    Ok((found, complete))
}

/// What is known of a machine and its rules.
struct Known {
    in_use: bool,
    since: Option<Timestamp>,
    /// Its signals that are numbers.
    numbers: BTreeSet<String>,
    learned: Vec<Learned>,
}

impl Known {
    fn of(&self, rule: Rule) -> RuleLearning {
        let mut told = nothing(&rule);
        if !rule.enabled || !self.in_use {
            told.state = LearningState::Disabled;
            return told;
        }
        let unheard = self.unheard(&rule.condition);
        let row = self.learned.iter().find(|row| row.rule == rule.id);
        let gated = matches!(rule.condition, RuleCondition::While(_));
        // One that can't be compiled isn't watched, and has learned nothing.
        let status = row.and_then(|row| {
            let compiled = CompiledRule::compile(rule).ok()?;
            Some((row, stored::status(&compiled, &row.state, self.since)?))
        });
        match status {
            None => told.missing = unheard,
            Some((row, status)) => {
                tell(&mut told, row, status);
                if gated {
                    // What came while it doesn't watch was passed over, and isn't missing.
                    told.missing.retain(|signal| unheard.contains(signal));
                }
            }
        }
        told
    }

    /// Signals that the rule learns and of which the machine never told a number.
    fn unheard(&self, condition: &RuleCondition) -> Vec<String> {
        let learned = match condition {
            RuleCondition::While(of) => needs(&of.condition),
            condition => needs(condition),
        };
        let names = learned.into_iter().map(|need| need.signal);
        names.filter(|signal| !self.numbers.contains(signal)).collect()
    }
}

/// Of a rule of which nothing is stored.
fn nothing(rule: &Rule) -> RuleLearning {
    RuleLearning {
        rule_id: rule.id,
        rule_name: rule.name.clone(),
        state: LearningState::Waiting,
        seen: None,
        needed: None,
        learning_since: None,
        learning_until: None,
        watching_since: None,
        watching: 0,
        detectors: 0,
        missing: Vec::new(),
        as_of: None,
    }
}

fn tell(told: &mut RuleLearning, row: &Learned, status: LearningStatus) {
    told.as_of = Some(row.saved_at);
    told.watching = i64::try_from(status.watching).unwrap_or(i64::MAX);
    told.detectors = i64::try_from(status.detectors).unwrap_or(i64::MAX);
    told.missing = status.missing;
    match status.stage {
        LearningStage::Waiting { .. } => told.state = LearningState::Waiting,
        LearningStage::Learning { seen, needed, since, until } => {
            told.state = LearningState::Learning;
            told.seen = i64::try_from(seen).ok();
            told.needed = i64::try_from(needed).ok();
            (told.learning_since, told.learning_until) = (since, until);
        }
        LearningStage::Watching => {
            told.state = LearningState::Watching;
            told.watching_since = row.watching_since;
        }
    }
}
