//! Looking at late samples, part by part of a span. What was found is stored with the part's end in one
//! transaction, so that it can be begun anew at any time.

use std::sync::Arc;
use std::time::Instant;

use millwright_core::alarm::Key;
use millwright_detection::rules::CompiledRule;
use millwright_schemas::Timestamp;
use millwright_schemas::api::alarms::{Alarm, AlarmOrigin};
use millwright_schemas::api::backtests::BacktestAlarm;
use millwright_schemas::api::machines::Machine;
use millwright_schemas::api::policies::TicketPolicy;
use millwright_schemas::api::revisions::RevisionKind;
use millwright_store::machines::fleet;
use millwright_store::revisions::{self, Due, LateRun, NewRevision};
use millwright_store::telemetry::reads::history::{History, Wanted};
use millwright_store::{Scope, Store, StoreError, Tx, alarms};
use serde_json::Map;

use super::compare::{Window, compare};
use super::limits::{
    ATTEMPTS_MAX, COMPARED_MAX, LEASE_S, LISTED_MAX_BYTES, NOTE, QUIET_S, REST_MAX, REST_PART,
    SPAN_S_MAX, VALUES_MAX, WAIT_S,
};
use super::rules::{Rules, Tried, reach_of};
use crate::backtests::tally::Case;
use crate::backtests::trial::{Outcome, Trial};

/// Looks at late samples.
#[derive(Clone)]
pub struct Revisions {
    store: Store,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    is_stopping: Arc<dyn Fn() -> bool + Send + Sync>,
    values_max: usize,
}

impl std::fmt::Debug for Revisions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revisions").finish_non_exhaustive()
    }
}

/// Why a part of a span isn't looked at.
#[derive(Debug)]
enum Stop {
    /// It makes no sense to try again.
    GivenUp(&'static str),
    /// Another does it now.
    Lost,
    /// The platform is stopping.
    Stopping,
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A part of a span that was looked at.
#[derive(Debug, Default)]
struct Looked {
    /// Each rule with what came of it.
    outcomes: Vec<(Tried, Outcome)>,
}

/// What came of hearing a part.
enum Heard {
    Looked(Looked),
    /// There were too many values; up to this time there aren't.
    TooMany(Timestamp),
}

impl Revisions {
    /// Those of this database, by this clock. When the platform is stopping, what runs is given back and
    /// begun anew later.
    pub fn new(
        store: Store,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        is_stopping: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        let (now, is_stopping) = (Arc::new(now), Arc::new(is_stopping));
        Self { store, now, is_stopping, values_max: VALUES_MAX }
    }

    /// Reads so many values in one go, in place of [`VALUES_MAX`].
    #[must_use]
    pub fn at_most(self, values_max: usize) -> Self {
        Self { values_max, ..self }
    }

    /// Looks at what is due next; `false`: nothing is, or the platform is stopping.
    ///
    /// # Errors
    /// When the database can't be used; it is begun anew when its lease is over.
    pub async fn look_at_next(&self) -> Result<bool, StoreError> {
        let now = (self.now)();
        let due = Due {
            quiet_since: now.plus_seconds(-QUIET_S),
            waiting_since: now.plus_seconds(-WAIT_S),
        };
        let leased_until = now.plus_seconds(LEASE_S);
        let Some(run) = revisions::take(&self.store, due, now, leased_until).await? else {
            return Ok(false);
        };
        let machine = fleet::get(&self.store, Scope::Platform, run.machine).await?;
        let whole = run.to.min(run.from.plus_seconds(SPAN_S_MAX));
        let looked = if run.attempts > ATTEMPTS_MAX {
            Err(Stop::GivenUp("begun too often, never ended"))
        } else {
            Box::pin(self.look(&run, &machine, whole)).await
        };
        match looked {
            Ok((end, looked)) => self.settle(&run, &machine, end, &looked).await?,
            Err(Stop::GivenUp(reason)) => self.give_up(&run, &machine, whole, reason).await?,
            Err(Stop::Lost) => {}
            Err(Stop::Stopping) => return Ok(false),
            Err(Stop::Store(error)) => return Err(error),
        }
        Ok(true)
    }

    /// Looks at the beginning of a span, up to `whole` if there aren't too many values; up to when.
    async fn look(
        &self,
        run: &LateRun,
        machine: &Machine,
        whole: Timestamp,
    ) -> Result<(Timestamp, Looked), Stop> {
        let rules = Rules::of(&self.store, machine, run.to, (self.now)()).await?;
        if rules.rules.is_empty() {
            return Ok((run.to, Looked::default()));
        }
        let shorter = match self.hear(run, machine, &rules, whole).await? {
            Heard::Looked(looked) => return Ok((whole, looked)),
            Heard::TooMany(shorter) => shorter,
        };
        if shorter > run.from
            && let Heard::Looked(looked) = self.hear(run, machine, &rules, shorter).await?
        {
            return Ok((shorter, looked));
        }
        Err(Stop::GivenUp("too many values"))
    }

    /// Tries the rules on a part of a span.
    async fn hear(
        &self,
        run: &LateRun,
        machine: &Machine,
        rules: &Rules,
        to: Timestamp,
    ) -> Result<Heard, Stop> {
        let store = &self.store;
        let (begin, end) = (rules.begin(run.from), rules.end(to));
        let mut trials = trials(run, machine, rules, end);
        let wanted = Wanted {
            signals: &rules.sources.signals,
            events: &rules.sources.events,
            from: begin,
            to: end,
        };
        let mut history = History::open(store, Scope::Platform, run.machine, wanted).await?;
        let (mut values, mut noted) = (0_usize, Instant::now());
        while let Some(piece) = history.next(store).await? {
            if let Some(beyond) = piece.get(self.values_max.saturating_sub(values)) {
                return Ok(Heard::TooMany(rules.span_end(beyond.at)));
            }
            values = values.saturating_add(piece.len());
            let start = Instant::now();
            trials = off_the_way(trials, move |trial| trial.hear(&piece)).await?;
            self.keep(run, &mut noted).await?;
            tokio::time::sleep((start.elapsed() / REST_PART).min(REST_MAX)).await;
        }
        let until = history.told_until().map(|until| until.min(end));
        let outcomes = trials.into_iter().map(|trial| trial.finish(until));
        let outcomes = rules.rules.iter().cloned().zip(outcomes).collect();
        Ok(Heard::Looked(Looked { outcomes }))
    }

    /// Goes on, unless the platform is stopping or another has taken it.
    async fn keep(&self, run: &LateRun, noted: &mut Instant) -> Result<(), Stop> {
        if (self.is_stopping)() {
            return Err(Stop::Stopping);
        }
        if noted.elapsed() < NOTE {
            return Ok(());
        }
        let until = (self.now)().plus_seconds(LEASE_S);
        if !revisions::extend(&self.store, run, until).await? {
            return Err(Stop::Lost);
        }
        *noted = Instant::now();
        Ok(())
    }

    /// Stores what a part of a span has shown.
    async fn settle(
        &self,
        run: &LateRun,
        machine: &Machine,
        end: Timestamp,
        looked: &Looked,
    ) -> Result<(), StoreError> {
        let passed = revisions::passed(&self.store, run.machine).await?;
        let tx = self.store.begin().await?;
        let mut found = Vec::new();
        for (Tried { rule, since }, outcome) in &looked.outcomes {
            let shown = passed.max(outcome.last_value_at);
            let (from, to) = (run.from.max(*since), end.plus_seconds(reach_of(rule)));
            let window = Window { from, to, shown, known: outcome.known_since };
            found.append(&mut differences(&tx, machine, rule, outcome, window).await?);
        }
        self.end(tx, run, end, &found).await
    }

    /// Tells that a part of a span isn't looked at.
    async fn give_up(
        &self,
        run: &LateRun,
        machine: &Machine,
        end: Timestamp,
        reason: &str,
    ) -> Result<(), StoreError> {
        tracing::warn!(machine.id = %run.machine, reason, "late samples were not evaluated");
        let told = NewRevision {
            organization: machine.organization_id,
            machine: run.machine,
            rule: None,
            kind: RevisionKind::NotEvaluated,
            from: run.from,
            to: Some(end),
            severity: None,
            message: reason.to_owned(),
            context: Map::new(),
            alarm: None,
        };
        let tx = self.store.begin().await?;
        self.end(tx, run, end, &[told]).await
    }

    async fn end(
        &self,
        tx: Tx,
        run: &LateRun,
        end: Timestamp,
        found: &[NewRevision],
    ) -> Result<(), StoreError> {
        let stored = revisions::record(&tx, found, (self.now)()).await?;
        let rest = (end < run.to).then(|| end.plus_micros(1));
        if !revisions::settle(&tx, run, rest).await? {
            // Another does it now.
            return tx.rollback().await;
        }
        tx.commit().await?;
        if stored > 0 {
            tracing::info!(machine.id = %run.machine, stored, "late samples revise history");
        }
        Ok(())
    }
}

/// The rules at a machine, as it is now.
fn trials(run: &LateRun, machine: &Machine, rules: &Rules, end: Timestamp) -> Vec<Trial> {
    let case = Case {
        machine: run.machine,
        organization: machine.organization_id,
        criticality: machine.criticality,
        policy: TicketPolicy::default(),
        from: run.from,
        to: end,
        lead_us: 0,
        failures: None,
        room: LISTED_MAX_BYTES / rules.rules.len().max(1),
    };
    let in_use = machine.commissioned_at.unwrap_or(machine.created_at);
    let begins = rules.begin(run.from).max(in_use);
    let trial = |tried: &Tried| {
        let (rule, sources) = (Arc::clone(&tried.rule), Arc::clone(&rules.sources));
        Trial::new(rule, &rules.around, sources, case.clone(), begins)
    };
    rules.rules.iter().map(trial).collect()
}

/// How a rule's alarms differ from those that were raised.
async fn differences(
    tx: &Tx,
    machine: &Machine,
    rule: &CompiledRule,
    outcome: &Outcome,
    window: Window,
) -> Result<Vec<NewRevision>, StoreError> {
    if outcome.failed.is_some() || window.from > window.to {
        return Ok(Vec::new());
    }
    let code = rule.rule().id.to_string();
    let (origin, source) = (AlarmOrigin::Rule, rule.source());
    let key = Key { machine: machine.id, origin, source, code: &code };
    let last = outcome.came.spans.last().map_or(window.to, |(_, end)| window.to.max(*end));
    let between = (window.from, last.plus_micros(1));
    let recorded = alarms::active_between(tx, key, between, COMPARED_MAX).await?;
    if u64::try_from(recorded.len()).is_ok_and(|count| count >= COMPARED_MAX) {
        tracing::warn!(machine.id = %machine.id, rule.id = code, "too many alarms to compare");
        return Ok(Vec::new());
    }
    let differ = compare(&outcome.came, &recorded, window);
    let missed = differ.missed.into_iter().map(|alarm| missed(machine, rule, alarm));
    let unfounded = differ.unfounded.into_iter().map(|alarm| unfounded(machine, rule, alarm));
    Ok(missed.chain(unfounded).collect())
}

fn missed(machine: &Machine, rule: &CompiledRule, alarm: &BacktestAlarm) -> NewRevision {
    let rule = rule.rule();
    NewRevision {
        organization: machine.organization_id,
        machine: machine.id,
        rule: Some((rule.id, rule.version)),
        kind: RevisionKind::Missed,
        from: alarm.from,
        to: alarm.to,
        severity: Some(alarm.worst),
        message: alarm.message.clone(),
        context: alarm.context.clone(),
        alarm: None,
    }
}

fn unfounded(machine: &Machine, rule: &CompiledRule, alarm: &Alarm) -> NewRevision {
    let rule = rule.rule();
    NewRevision {
        organization: machine.organization_id,
        machine: machine.id,
        rule: Some((rule.id, rule.version)),
        kind: RevisionKind::Unfounded,
        from: alarm.raised_at,
        to: alarm.cleared_at,
        severity: Some(alarm.severity),
        message: alarm.message.clone(),
        context: alarm.context.clone(),
        alarm: Some(alarm.id),
    }
}

/// Judges on a thread where nothing waits.
async fn off_the_way(
    mut trials: Vec<Trial>,
    hear: impl Fn(&mut Trial) + Send + 'static,
) -> Result<Vec<Trial>, Stop> {
    let done = tokio::task::spawn_blocking(move || {
        trials.iter_mut().for_each(hear);
        trials
    });
    done.await.map_err(|error| {
        tracing::error!(%error, "the engine failed with late samples");
        Stop::GivenUp("the engine failed; the log tells more")
    })
}
