//! The rules that machines watch by themselves: made into a document, signed, handed over, followed
//! up until the agent has said that it has them.
//!
//! The document is made anew from what is stored whenever it is looked at; only its version and a
//! name of its content are kept. So whatever has changed it (a rule, the machine's model, its limits,
//! its site's time zone), it is enough that somebody looks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millwright_detection::conditions::needs::learns;
use millwright_detection::rules::{CompiledRule, RuleSet, Watched};
use millwright_schemas::api::rules::Parameters;
use millwright_schemas::limits::{CONFIG_CLAIMS_MAX_BYTES, RULES_ON_MACHINE_MAX};
use millwright_schemas::wire::rules::{ConfigClaims, GivenRule};
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::rules::on_machines::{self, OnMachine};
use millwright_store::telemetry::rule_states::WatchedRow;
use millwright_store::work::RulesReported;
use millwright_store::{Store, StoreError};
use serde_json::Value;
use uuid::Uuid;

use crate::limits::{CONFIG_ENVELOPE_BYTES, RULES_AGAIN_S, RULES_BATCH};
use crate::{Dispatch, WorkError};

/// What is remembered between two looks. None of it is needed: without it more is sent.
#[derive(Debug, Default)]
pub(crate) struct RulesDesk {
    /// All rules, as of a revision.
    set: Mutex<Option<(i64, Arc<RuleSet>)>>,
    /// Machines that were given a document and haven't said that they have it.
    given: Mutex<HashMap<MachineId, Given>>,
}

/// A document that was handed over.
#[derive(Debug, Clone, Copy)]
struct Given {
    version: i64,
    at: Timestamp,
    times: u32,
}

/// How far the worker has come in looking at machines' rules.
#[derive(Debug, Default)]
pub struct RuleRounds {
    /// All machines have been looked at since the rules were at this revision.
    done: Option<i64>,
    /// The round that is under way: since which revision, and after which machine it goes on.
    walk: Option<(i64, Option<MachineId>)>,
    /// After which of those that are waited for it goes on.
    waiting: Option<MachineId>,
}

/// What a machine is to watch.
#[derive(Debug, Clone, PartialEq)]
struct Document {
    rules: Vec<Value>,
    parameters: Parameters,
    time_zone: Option<String>,
    /// Rules that found no place.
    left_out: usize,
    /// Names all that is above.
    content: Uuid,
}

impl Document {
    fn of(set: &RuleSet, machine: MachineId, row: WatchedRow) -> Result<Self, StoreError> {
        let WatchedRow { model, organizations, parameters, time_zone } = row;
        let mut watching = set.watching(&Watched { machine, model, organizations });
        // A rule that learns does so from what is stored, which the machine hasn't got.
        watching.retain(|rule| !learns(&rule.rule().condition));
        let around = size(&(&parameters, &time_zone))? + CONFIG_ENVELOPE_BYTES;
        let (rules, left_out) = fitting(&watching, CONFIG_CLAIMS_MAX_BYTES.saturating_sub(around))?;
        let content = serde_json::to_vec(&(&rules, &parameters, &time_zone)).map_err(corrupt)?;
        let content = Uuid::new_v5(&Uuid::nil(), &content);
        Ok(Self { rules, parameters, time_zone, left_out, content })
    }
}

fn corrupt(error: serde_json::Error) -> StoreError {
    StoreError::corrupt("rules", error)
}

fn size(value: &impl serde::Serialize) -> Result<usize, StoreError> {
    Ok(serde_json::to_vec(value).map_err(corrupt)?.len())
}

/// Those that have room, in their order, and how many have none.
fn fitting(
    watching: &[Arc<CompiledRule>],
    bytes: usize,
) -> Result<(Vec<Value>, usize), StoreError> {
    let (mut rules, mut left) = (Vec::new(), bytes);
    for rule in watching {
        let given = serde_json::to_value(GivenRule::from(rule.rule())).map_err(corrupt)?;
        let needed = size(&given)? + 1;
        if rules.len() < RULES_ON_MACHINE_MAX && needed <= left {
            left -= needed;
            rules.push(given);
        }
    }
    let left_out = watching.len() - rules.len();
    Ok((rules, left_out))
}

impl RulesDesk {
    fn set_of(&self, revision: i64) -> Option<Arc<RuleSet>> {
        let kept = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(of, _)| *of == revision).map(|(_, set)| Arc::clone(set))
    }

    fn keep(&self, revision: i64, set: &Arc<RuleSet>) {
        let mut kept = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((revision, Arc::clone(set)));
    }

    async fn rules(&self, store: &Store) -> Result<Arc<RuleSet>, StoreError> {
        // Before the rules: what is read may be newer than this says, never older.
        let revision = on_machines::revision(store).await?;
        if let Some(set) = self.set_of(revision) {
            return Ok(set);
        }
        let (set, refused) = RuleSet::compile(on_machines::enabled(store).await?);
        for (rule, problems) in refused {
            tracing::error!(rule.id = %rule, ?problems, "a stored rule can't be watched");
        }
        let set = Arc::new(set);
        self.keep(revision, &set);
        Ok(set)
    }

    fn given(&self) -> MutexGuard<'_, HashMap<MachineId, Given>> {
        // Nothing panics while it is held.
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, machine: MachineId) {
        self.given().remove(&machine);
    }

    /// Whether this version should be handed over now; takes note that it is.
    fn take_turn(&self, machine: MachineId, version: i64, now: Timestamp) -> bool {
        let mut given = self.given();
        let times = match given.get(&machine).filter(|last| last.version == version) {
            Some(last) => {
                let pause = (RULES_AGAIN_S.0 << last.times.min(16)).min(RULES_AGAIN_S.1);
                if now < last.at.plus_seconds(pause) {
                    return false;
                }
                last.times + 1
            }
            None => 0,
        };
        given.insert(machine, Given { version, at: now, times });
        true
    }
}

impl Dispatch {
    /// A machine has said by which version it watches: it is given the current one, if it is
    /// another.
    pub(crate) async fn welcome(
        &self,
        machine: MachineId,
        version: u64,
        received_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), WorkError> {
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        let known = on_machines::of(self.store(), machine).await?;
        let is_news =
            |known: OnMachine| known.applied_version != version && known.applied_at <= received_at;
        if known.is_none_or(is_news) {
            let tx = self.store().begin().await?;
            let known = match on_machines::load(&tx, machine).await? {
                // What it said of its rules was about another version.
                Some(known) => OnMachine {
                    applied_version: version,
                    applied_at: received_at,
                    watching: 0,
                    refused: Vec::new(),
                    ..known
                },
                None => OnMachine::new(version, received_at),
            };
            on_machines::put(&tx, machine, &known).await?;
            tx.commit().await?;
        }
        self.rules_desk().forget(machine);
        self.send_rules(machine, now).await
    }

    /// A machine has told what it watches by.
    pub(crate) async fn take_applied(&self, reported: RulesReported) -> Result<(), WorkError> {
        let RulesReported { machine, received_at, applied } = reported;
        let version = i64::try_from(applied.version).unwrap_or(i64::MAX);
        let tx = self.store().begin().await?;
        let known = on_machines::load(&tx, machine).await?;
        if known.as_ref().is_some_and(|known| known.applied_at > received_at) {
            // It has said something else since.
            return Ok(());
        }
        let known = OnMachine {
            applied_version: version,
            applied_at: received_at,
            watching: applied.watching.into(),
            refused: applied.refused,
            ..known.unwrap_or_else(|| OnMachine::new(version, received_at))
        };
        on_machines::put(&tx, machine, &known).await?;
        tx.commit().await?;
        if known.applied_version == known.version {
            self.rules_desk().forget(machine);
        }
        Ok(())
    }

    /// Makes a machine's document anew, and hands it over if the machine hasn't got it. What was
    /// handed over lately waits for its answer.
    async fn send_rules(&self, machine: MachineId, now: Timestamp) -> Result<(), WorkError> {
        let Some((known, document)) = self.renew(machine).await? else { return Ok(()) };
        if known.applied_version == known.version {
            self.rules_desk().forget(machine);
            return Ok(());
        }
        if !self.rules_desk().take_turn(machine, known.version, now) {
            return Ok(());
        }
        let claims = ConfigClaims {
            aud: machine,
            iat: now.seconds(),
            version: u64::try_from(known.version).unwrap_or(0),
            rules: document.rules,
            parameters: document.parameters,
            time_zone: document.time_zone,
        };
        let order = self.sign_config(&claims)?;
        self.hand_over(order);
        Ok(())
    }

    /// What the machine should watch now, under a new version if that is something else than before;
    /// `None`: nothing is to be sent to it.
    async fn renew(&self, machine: MachineId) -> Result<Option<(OnMachine, Document)>, WorkError> {
        let Some(known) = on_machines::of(self.store(), machine).await? else { return Ok(None) };
        let Some(row) = on_machines::watched(self.store(), machine).await? else {
            return Ok(None);
        };
        let set = self.rules_desk().rules(self.store()).await?;
        let document = Document::of(&set, machine, row)?;
        if !is_old(&known, &document) {
            let never_had_any = known.version == 0;
            return Ok((!never_had_any).then_some((known, document)));
        }
        let tx = self.store().begin().await?;
        let Some(known) = on_machines::load(&tx, machine).await? else { return Ok(None) };
        if !is_old(&known, &document) {
            return Ok(Some((known, document)));
        }
        let known = OnMachine {
            // Beyond what the machine has, whoever gave it that.
            version: known.version.max(known.applied_version).saturating_add(1),
            content: document.content,
            left_out: i64::try_from(document.left_out).unwrap_or(i64::MAX),
            ..known
        };
        on_machines::put(&tx, machine, &known).await?;
        tx.commit().await?;
        if document.left_out > 0 {
            let left_out = document.left_out;
            tracing::warn!(machine.id = %machine, left_out, "rules have no room on the machine");
        }
        Ok(Some((known, document)))
    }

    /// Goes on looking at machines' rules: at all of them when rules have changed, and at those that
    /// haven't said that they have theirs.
    ///
    /// # Errors
    /// When the database can't be used or nothing can be signed.
    pub async fn look_after_rules(
        &self,
        rounds: &mut RuleRounds,
        now: Timestamp,
    ) -> Result<(), WorkError> {
        let revision = on_machines::revision(self.store()).await?;
        if rounds.walk.is_none() && rounds.done != Some(revision) {
            rounds.walk = Some((revision, None));
        }
        if let Some((of, after)) = rounds.walk {
            let page = on_machines::connected(self.store(), after, RULES_BATCH).await?;
            self.look_at_rules(&page, now).await?;
            rounds.walk = next_page(&page).map(|last| (of, Some(last)));
            if rounds.walk.is_none() {
                rounds.done = Some(of);
            }
        }
        let page = on_machines::waiting(self.store(), rounds.waiting, RULES_BATCH).await?;
        self.look_at_rules(&page, now).await?;
        rounds.waiting = next_page(&page);
        Ok(())
    }

    /// What is wrong with one machine's rules must not hold up the others'.
    async fn look_at_rules(&self, machines: &[MachineId], now: Timestamp) -> Result<(), WorkError> {
        for machine in machines {
            match self.send_rules(*machine, now).await {
                Err(WorkError::Store(error)) if !error.is_transient() => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(machine.id = %machine, error, "a machine gets no rules");
                }
                done => done?,
            }
        }
        Ok(())
    }
}

/// Whether what is known was made of something else, or the machine has come by a version that was
/// never given to it. A machine that has no rules and needs none is left alone.
fn is_old(known: &OnMachine, document: &Document) -> bool {
    if known.version == 0 {
        return known.applied_version > 0 || !document.rules.is_empty();
    }
    known.content != document.content || known.applied_version > known.version
}

/// Where to go on behind a full page.
fn next_page(page: &[MachineId]) -> Option<MachineId> {
    let full = u64::try_from(page.len()).is_ok_and(|len| len >= RULES_BATCH);
    page.last().copied().filter(|_| full)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_schemas::api::rules::{Rule, RuleCondition, ThresholdCondition};
    use millwright_schemas::wire::events::Severity;

    use super::*;

    fn machine() -> MachineId {
        MachineId(Uuid::from_u128(5))
    }

    fn rule(n: u128, condition: RuleCondition) -> Rule {
        let at = Timestamp::from_micros(0);
        Rule {
            id: Uuid::from_u128(n).into(),
            organization_id: Uuid::from_u128(1).into(),
            name: "r".to_owned(),
            machine_id: Some(machine()),
            model: None,
            condition,
            severity: Severity::Major,
            message: None,
            enabled: true,
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    fn rules(count: u128, message_bytes: usize) -> RuleSet {
        let limit = ThresholdCondition::above("t".parse().unwrap(), 80.0);
        let rules = (0..count).map(|n| Rule {
            message: Some("x".repeat(message_bytes)),
            ..rule(100 + n, limit.clone().into())
        });
        let (set, refused) = RuleSet::compile(rules);
        assert_eq!(refused, []);
        set
    }

    fn watched() -> Watched {
        let organizations = vec![Uuid::from_u128(1).into()];
        Watched { machine: machine(), model: None, organizations }
    }

    fn row() -> WatchedRow {
        WatchedRow { organizations: vec![Uuid::from_u128(1).into()], ..WatchedRow::default() }
    }

    #[test]
    fn the_same_rules_are_the_same_document_and_others_are_not() {
        let first = Document::of(&rules(2, 1), machine(), row()).unwrap();
        assert_eq!(first, Document::of(&rules(2, 1), machine(), row()).unwrap());
        let zone = WatchedRow { time_zone: Some("Europe/Berlin".to_owned()), ..row() };
        let parameters = Parameters::from([("a".parse().unwrap(), 1.5_f64.try_into().unwrap())]);
        let limits = WatchedRow { parameters, ..row() };
        for other in [
            Document::of(&rules(3, 1), machine(), row()),
            Document::of(&rules(2, 2), machine(), row()),
            Document::of(&rules(2, 1), machine(), zone),
            Document::of(&rules(2, 1), machine(), limits),
        ] {
            assert_ne!(other.unwrap().content, first.content);
        }
    }

    #[test]
    fn a_rule_that_learns_stays_with_the_platform() {
        let learns = serde_json::json!({"kind": "anomaly", "signals": ["a", "b"]});
        let running = serde_json::json!({"kind": "while", "condition": learns,
            "while": {"kind": "state", "signal": "state", "is": ["running"]}});
        let rules = [(7, learns), (8, running)];
        let rules = rules.map(|(n, it)| rule(n, serde_json::from_value(it).unwrap()));
        let (set, refused) = RuleSet::compile(rules);
        assert_eq!(refused, []);
        assert_eq!(set.watching(&watched()).len(), 2);
        let document = Document::of(&set, machine(), row()).unwrap();
        assert_eq!((document.rules.len(), document.left_out), (0, 0));
    }

    #[test]
    fn what_has_no_room_is_left_out_and_counted() {
        let many = Document::of(&rules(120, 1), machine(), row()).unwrap();
        assert_eq!((many.rules.len(), many.left_out), (RULES_ON_MACHINE_MAX, 20));
        let large = Document::of(&rules(100, 500), machine(), row()).unwrap();
        assert!(large.rules.len() < 100 && large.left_out == 100 - large.rules.len());
        let claims = ConfigClaims {
            aud: machine(),
            iat: i64::MAX,
            version: u64::MAX,
            rules: large.rules,
            parameters: large.parameters,
            time_zone: large.time_zone,
        };
        assert!(serde_json::to_vec(&claims).unwrap().len() <= CONFIG_CLAIMS_MAX_BYTES);
    }

    #[test]
    fn what_is_not_answered_is_sent_again_ever_more_seldom() {
        let desk = RulesDesk::default();
        let at = |s: i64| Timestamp::from_micros(s * 1_000_000);
        let taken: Vec<i64> = (0..80).filter(|s| desk.take_turn(machine(), 1, at(*s))).collect();
        assert_eq!(taken, [0, 10, 30, 70]);
        assert!(desk.take_turn(machine(), 2, at(80)), "another version is sent at once");
        assert!(!desk.take_turn(machine(), 2, at(81)));
        desk.forget(machine());
        assert!(desk.take_turn(machine(), 2, at(82)));
    }
}
