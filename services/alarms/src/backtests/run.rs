//! Doing backtests: a job each. Machine by machine, piece by piece; between pieces it rests, notes how
//! far it is, and sees whether it is still wanted. Begun anew, it begins from the front.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use millwright_detection::conditions::needs::reach_s;
use millwright_detection::rules::CompiledRule;
use millwright_detection::surroundings::Surroundings;
use millwright_schemas::api::backtests::{BacktestResult, KnownFailure};
use millwright_schemas::api::machines::Machine;
use millwright_schemas::api::rules::Rule;
use millwright_schemas::{BacktestId, MachineId, Timestamp};
use millwright_store::backtests::{self, Ending, Progress, StoredBacktest};
use millwright_store::jobs::{self, Job, JobError, JobHandler};
use millwright_store::machines::{fleet, sites};
use millwright_store::telemetry::reads::history::{History, Wanted};
use millwright_store::work::{self, BacktestDue, PreviewDue, Work as _};
use millwright_store::{Scope, Store, StoreError, policies};

use super::limits::{
    ATTEMPTS_MAX, BEFORE_S_MAX, LEASE_S, LISTED_MAX_BYTES, LOOK, NOTE, PREVIEW_TIME_MAX, REST_MAX,
    REST_PART, RESULT_MAX_BYTES, TIME_MAX, VALUES_MAX,
};
use super::report::{Heard, Report};
use super::request::Request;
use super::tally::Case;
use super::trial::{Sources, Trial};

/// Does backtests: previews, or all others.
#[derive(Clone)]
pub struct Backtests {
    kinds: &'static [&'static str],
    store: Store,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    is_stopping: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl std::fmt::Debug for Backtests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backtests").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

impl Backtests {
    /// Backtests of this database, by this clock, without previews. When the platform is stopping, what
    /// runs is given back and begun anew later.
    pub fn new(
        store: Store,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        is_stopping: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        let kinds: &'static [&'static str] = &[BacktestDue::KIND];
        Self { kinds, store, now: Arc::new(now), is_stopping: Arc::new(is_stopping) }
    }

    /// The previews alone. Another worker does them, so that they needn't wait for the others.
    pub fn previews(
        store: Store,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        is_stopping: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { kinds: &[PreviewDue::KIND], ..Self::new(store, now, is_stopping) }
    }
}

/// Which one a job is about.
fn backtest_of(job: &Job) -> Result<BacktestId, JobError> {
    if job.kind == PreviewDue::KIND {
        return Ok(work::payload::<PreviewDue>(job)?.backtest);
    }
    // Before previews had jobs of their own, theirs were of this kind too.
    Ok(work::payload::<BacktestDue>(job)?.backtest)
}

#[async_trait]
impl JobHandler for Backtests {
    fn kinds(&self) -> &'static [&'static str] {
        self.kinds
    }

    async fn run(&self, job: &Job) -> Result<(), JobError> {
        let id = backtest_of(job)?;
        if job.attempts > ATTEMPTS_MAX {
            let error = format!("interrupted: begun {ATTEMPTS_MAX} times, never ended");
            backtests::finish(&self.store, id, Ending::Failed(error), (self.now)()).await?;
            return Ok(());
        }
        if !backtests::begin(&self.store, id, (self.now)()).await? {
            return Ok(());
        }
        let stored = backtests::get(&self.store, Scope::Platform, id).await?;
        let ending = match Box::pin(Run::new(self, job, &stored).carry_out(&stored)).await {
            Ok(result) => ended(&result),
            Err(Stop::Unwanted) => Ending::Canceled,
            Err(Stop::Failed(error)) => Ending::Failed(error),
            // Another does it now.
            Err(Stop::Lost) => return Ok(()),
            Err(Stop::Stopping) => return Err(JobError::Later("the platform stops".to_owned())),
            Err(Stop::Store(error)) => return Err(error.into()),
        };
        if let Ending::Failed(error) = &ending {
            tracing::info!(backtest.id = %id, error, "a backtest was given up");
        }
        backtests::finish(&self.store, id, ending, (self.now)()).await?;
        Ok(())
    }
}

fn ended(result: &BacktestResult) -> Ending {
    match serde_json::to_string(result) {
        Ok(text) if text.len() <= RESULT_MAX_BYTES => Ending::Succeeded(text),
        Ok(text) => {
            let (size, most) = (text.len(), RESULT_MAX_BYTES);
            Ending::Failed(format!("the result has {size} bytes, at most {most} are kept"))
        }
        Err(error) => Ending::Failed(format!("the result can't be written: {error}")),
    }
}

/// Why a run ends before its end.
#[derive(Debug)]
enum Stop {
    /// Canceled, or gone.
    Unwanted,
    /// It makes no sense to go on.
    Failed(String),
    /// Its job has gone to another.
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

/// Two rules at most, the second to compare with.
struct Rules {
    rule: Arc<CompiledRule>,
    against: Option<Arc<CompiledRule>>,
    sources: Arc<Sources>,
    /// How far before the beginning they look, in seconds.
    before_s: i64,
}

impl Rules {
    fn compile(request: &Request) -> Result<Self, Stop> {
        let both = || std::iter::once(&request.rule).chain(&request.against);
        let compiled = |rule: &Rule| {
            CompiledRule::compile(rule.clone()).map(Arc::new).map_err(|problems| {
                let first = problems.into_iter().next();
                let told = first.map(|it| format!("{}: {}", it.field, it.message));
                let name = &rule.name;
                Stop::Failed(format!("rule {name:?}: {}", told.unwrap_or_default()))
            })
        };
        let reach = both().map(|rule| reach_s(&rule.condition)).fold(0.0, f64::max);
        #[allow(clippy::cast_possible_truncation, reason = "a float as an integer saturates")]
        let before_s = (reach.ceil() as i64).clamp(0, BEFORE_S_MAX);
        Ok(Self {
            rule: compiled(&request.rule)?,
            against: request.against.as_ref().map(compiled).transpose()?,
            sources: Arc::new(Sources::of(both())),
            before_s,
        })
    }

    fn all(&self) -> impl Iterator<Item = &Arc<CompiledRule>> {
        std::iter::once(&self.rule).chain(&self.against)
    }
}

/// One backtest that runs.
struct Run<'a> {
    by: &'a Backtests,
    job: &'a Job,
    id: BacktestId,
    time_max: Duration,
    values: i64,
    started: Instant,
    looked: Option<Instant>,
    noted: Instant,
}

impl<'a> Run<'a> {
    fn new(by: &'a Backtests, job: &'a Job, stored: &StoredBacktest) -> Self {
        let started = Instant::now();
        let (id, values, looked) = (stored.id, 0, None);
        let time_max = if stored.preview { PREVIEW_TIME_MAX } else { TIME_MAX };
        Self { by, job, id, time_max, values, started, looked, noted: started }
    }

    async fn carry_out(mut self, stored: &StoredBacktest) -> Result<BacktestResult, Stop> {
        let request = Request::read(stored)?;
        let rules = Rules::compile(&request)?;
        let scope = Scope::Organization(stored.organization);
        let mut report = Report::new(rules.against.is_some());
        for (place, machine) in request.machines.iter().enumerate() {
            let progress = Part { of: request.machines.len(), place };
            self.look(progress.done(0.0)).await?;
            let found = match fleet::get(&self.by.store, scope, *machine).await {
                // It belongs to somebody else meanwhile.
                Err(StoreError::NotFound(_)) => continue,
                found => found?,
            };
            self.machine(scope, &request, &rules, &found, progress, &mut report).await?;
        }
        self.note(1.0).await?;
        Ok(report.finish(request.left_out))
    }

    async fn machine(
        &mut self,
        scope: Scope,
        request: &Request,
        rules: &Rules,
        machine: &Machine,
        part: Part,
        report: &mut Report,
    ) -> Result<(), Stop> {
        let store = &self.by.store;
        let begin = request.from.plus_seconds(-rules.before_s);
        let failures = failures_of(&request.known_failures, machine.id);
        let mut trials = self.trials(request, rules, machine, &failures).await?;
        let wanted = Wanted {
            signals: &rules.sources.signals,
            events: &rules.sources.events,
            from: begin,
            to: request.to,
        };
        let mut history = match History::open(store, scope, machine.id, wanted).await {
            Err(StoreError::NotFound(_)) => return Ok(()),
            opened => opened?,
        };
        while let Some(piece) = history.next(store).await? {
            self.values = self.values.saturating_add(i64::try_from(piece.len()).unwrap_or(0));
            let reached = piece.last().map_or(begin, |sample| sample.at);
            let start = Instant::now();
            trials = off_the_way(trials, move |trial| trial.hear(&piece)).await?;
            self.look(part.done(share(begin, request.to, reached))).await?;
            tokio::time::sleep((start.elapsed() / REST_PART).min(REST_MAX)).await;
        }
        let until = history.told_until().map(|until| until.min(request.to));
        let missing: Vec<usize> = history.missing().collect();
        let mut outcomes = trials.into_iter().map(|trial| trial.finish(until));
        let Some(rule) = outcomes.next() else { return Ok(()) };
        let (id, sources) = (machine.id, &*rules.sources);
        let heard = Heard { machine: id, sources, missing: &missing, failures: &failures };
        report.add(heard, rule, outcomes.next());
        Ok(())
    }

    /// The rules at a machine, with what surrounds it now.
    async fn trials(
        &self,
        request: &Request,
        rules: &Rules,
        machine: &Machine,
        failures: &[KnownFailure],
    ) -> Result<Vec<Trial>, Stop> {
        let store = &self.by.store;
        let time_zone = match machine.site_id {
            None => None,
            // The site of a machine may be of an organization above.
            Some(site) => match sites::get(store, Scope::Platform, site).await {
                Err(StoreError::NotFound(_)) => None,
                site => Some(site?.time_zone),
            },
        };
        let around = Surroundings { parameters: machine.parameters.clone(), time_zone };
        let policy = policies::get(store, machine.organization_id).await?;
        let times = || failures.iter().map(|failure| failure.at).collect();
        let runs = request.machines.len() * rules.all().count();
        let case = Case {
            machine: machine.id,
            organization: machine.organization_id,
            criticality: machine.criticality,
            policy: policy.tickets,
            from: request.from,
            to: request.to,
            lead_us: request.lead_s.saturating_mul(1_000_000),
            failures: (!request.known_failures.is_empty()).then(times),
            room: LISTED_MAX_BYTES / runs.max(1),
        };
        let in_use = machine.commissioned_at.unwrap_or(machine.created_at);
        let begin = request.from.plus_seconds(-rules.before_s);
        let begins = begin.max(in_use);
        let trial = |rule: &Arc<CompiledRule>| {
            let (rule, sources) = (Arc::clone(rule), Arc::clone(&rules.sources));
            Trial::new(rule, &around, sources, case.clone(), begins).learning_from(begin)
        };
        Ok(rules.all().map(trial).collect())
    }

    /// Sees whether it is to go on, and notes how far it is.
    async fn look(&mut self, progress: f64) -> Result<(), Stop> {
        if (self.by.is_stopping)() {
            return Err(Stop::Stopping);
        }
        if self.started.elapsed() > self.time_max {
            let seconds = self.time_max.as_secs();
            return Err(Stop::Failed(format!(
                "took longer than {seconds} s; try fewer machines or a shorter time"
            )));
        }
        if self.values > VALUES_MAX {
            return Err(Stop::Failed(format!(
                "more than {VALUES_MAX} values; try fewer machines or a shorter time"
            )));
        }
        let store = &self.by.store;
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            if !backtests::is_wanted(store, self.id).await? {
                return Err(Stop::Unwanted);
            }
            self.looked = Some(Instant::now());
        }
        if self.noted.elapsed() >= NOTE { self.note(progress).await } else { Ok(()) }
    }

    /// Notes how far it is, and keeps the job.
    async fn note(&mut self, progress: f64) -> Result<(), Stop> {
        let store = &self.by.store;
        let until = (self.by.now)().plus_seconds(LEASE_S);
        if !jobs::extend(store, self.job, until).await? {
            return Err(Stop::Lost);
        }
        backtests::advance(store, self.id, Progress { progress, values: self.values }).await?;
        self.noted = Instant::now();
        Ok(())
    }
}

/// One machine of all.
#[derive(Debug, Clone, Copy)]
struct Part {
    of: usize,
    place: usize,
}

impl Part {
    /// The share of the whole that is done when so much of this part is.
    #[allow(clippy::cast_precision_loss, reason = "at most 50")]
    fn done(self, part: f64) -> f64 {
        (self.place as f64 + part) / self.of.max(1) as f64
    }
}

#[allow(clippy::cast_precision_loss, reason = "a share needs few digits")]
fn share(begin: Timestamp, end: Timestamp, reached: Timestamp) -> f64 {
    let whole = end.micros_since(begin).max(1);
    (reached.micros_since(begin) as f64 / whole as f64).clamp(0.0, 1.0)
}

fn failures_of(known: &[KnownFailure], machine: MachineId) -> Vec<KnownFailure> {
    let mut own: Vec<_> = known.iter().filter(|it| it.machine_id == machine).cloned().collect();
    own.sort_by_key(|failure| failure.at);
    own
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
        tracing::error!(%error, "the engine failed in a backtest");
        Stop::Failed("the engine failed; the log tells more".to_owned())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use millwright_core::access::Actor;
    use millwright_schemas::api::backtests::BacktestState;
    use millwright_schemas::{JobId, OrganizationId, UserId};
    use millwright_store::Location;
    use millwright_test_database::TestDatabase;
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    fn stored(preview: bool) -> StoredBacktest {
        StoredBacktest {
            id: BacktestId(Uuid::nil()),
            organization: OrganizationId(Uuid::nil()),
            created_by: Actor::User(UserId(Uuid::nil())),
            request: String::new(),
            state: BacktestState::Running,
            progress: 0.0,
            values: 0,
            cancel_requested: false,
            error: None,
            result: None,
            created_at: Timestamp::from_micros(0),
            started_at: None,
            ended_at: None,
            preview,
        }
    }

    #[tokio::test]
    async fn a_preview_is_given_up_while_another_goes_on() {
        let folder = TestDatabase::new().await;
        let store = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
        let by = Backtests::new(store, || Timestamp::from_micros(0), || false);
        let job = Job {
            id: JobId(Uuid::nil()),
            kind: PreviewDue::KIND.to_owned(),
            ordering_key: String::new(),
            payload: Value::Null,
            attempts: 1,
            last_error: None,
        };
        let long = PREVIEW_TIME_MAX + Duration::from_secs(1);
        let started = Instant::now().checked_sub(long).unwrap();
        let looked = async |preview: bool| {
            let mut run = Run { started, ..Run::new(&by, &job, &stored(preview)) };
            run.look(0.5).await
        };
        let Err(Stop::Failed(told)) = looked(true).await else { panic!("it goes on") };
        assert_eq!(told, "took longer than 30 s; try fewer machines or a shorter time");
        // It goes on to what comes next: whether it is still there.
        assert!(matches!(looked(false).await, Err(Stop::Unwanted)));
    }
}
