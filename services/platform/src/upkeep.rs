//! Looking after stored telemetry: rollups, compression, retention. What it does is in the store;
//! here is when.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use millwright_store::upkeep::{self, Steps, Turn, packing, retention, rollups, timescale};
use millwright_store::{Store, StoreError};
use prometheus::{IntGaugeVec, Opts, Registry};
use tokio_util::sync::CancellationToken;

use crate::worker::now;

/// How often rollups are brought up to date.
const ROLLUPS: Duration = Duration::from_secs(20);
/// Pause between two steps, so that machines' messages come first.
const STEP_PAUSE: Duration = Duration::from_millis(20);
/// How often TimescaleDB refreshes its aggregates.
const REFRESH: Duration = Duration::from_secs(60);
/// How often old data are compressed and removed.
const RETENTION: Duration = Duration::from_secs(3_600);
/// First time after the start: not while machines come back.
const FIRST_RETENTION: Duration = Duration::from_secs(120);
/// How long values are packed without a break, so that rollups don't wait; the rest follows with them.
const PACKING: Duration = Duration::from_secs(10);
/// How often it is noted that a task had nothing to do.
const NOTE_IDLE: Duration = Duration::from_secs(300);

/// Registers when each task last went well.
pub(crate) fn metrics(registry: &Registry) -> Result<IntGaugeVec, prometheus::Error> {
    let help = "When a task on stored telemetry last went well, in seconds since 1970";
    let options = Opts::new("millwright_upkeep_succeeded_timestamp_seconds", help);
    let succeeded = IntGaugeVec::new(options, &["task"])?;
    registry.register(Box::new(succeeded.clone()))?;
    Ok(succeeded)
}

/// Goes on until stopped.
pub(crate) async fn run(store: Store, succeeded: IntGaugeVec, stop: CancellationToken) {
    let round = packing::Round::default();
    let mut upkeep = Upkeep { store, succeeded, stop, tasks: Vec::new(), round };
    let start = Instant::now();
    upkeep.tasks.push(Task::new("rollups", ROLLUPS, start));
    upkeep.tasks.push(Task::new("retention", RETENTION, start + FIRST_RETENTION));
    if timescale::is_there(&upkeep.store) {
        upkeep.tasks.push(Task::new("refresh", REFRESH, start));
    }
    upkeep.tasks.push(Task::new("compression", RETENTION, start + FIRST_RETENTION));
    while !upkeep.pause().await {
        if let Err(error) = upkeep.look().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "stored telemetry can't be looked after now");
        }
    }
}

/// Something that is done again and again.
#[derive(Debug)]
struct Task {
    name: &'static str,
    every: Duration,
    due: Instant,
    noted: Option<Instant>,
}

impl Task {
    const fn new(name: &'static str, every: Duration, due: Instant) -> Self {
        Self { name, every, due, noted: None }
    }
}

struct Upkeep {
    store: Store,
    succeeded: IntGaugeVec,
    stop: CancellationToken,
    tasks: Vec<Task>,
    /// How far packing has got.
    round: packing::Round,
}

impl Upkeep {
    /// Waits until something is due; whether it is to stop.
    async fn pause(&self) -> bool {
        let due = self.tasks.iter().map(|task| task.due).min().unwrap_or_else(Instant::now);
        tokio::select! {
            () = self.stop.cancelled() => true,
            () = tokio::time::sleep_until(due.into()) => false,
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let started = Instant::now();
        let due: Vec<usize> =
            (0..self.tasks.len()).filter(|place| self.tasks[*place].due <= started).collect();
        for place in &due {
            self.tasks[*place].due = started + self.tasks[*place].every;
        }
        let Some(turn) = upkeep::take_turn(&self.store).await? else { return Ok(()) };
        let done = self.run_all(due, &turn).await;
        // Whatever has become of them: nobody else could do anything.
        let ended = turn.end().await;
        done.and(ended)
    }

    async fn run_all(&mut self, due: Vec<usize>, turn: &Turn) -> Result<(), StoreError> {
        for place in due {
            let outcome = self.run(place, turn).await;
            // Once it is lost, another process does it, and notes how it went.
            turn.check().await?;
            self.note(place, outcome).await?;
        }
        Ok(())
    }

    async fn run(&mut self, place: usize, turn: &Turn) -> Result<u64, StoreError> {
        let stop = self.stop.clone();
        let wanted = || !stop.is_cancelled();
        let steps = Steps::new(turn, &wanted);
        match self.tasks[place].name {
            "rollups" => self.rollups(&steps).await,
            "retention" => {
                let wanted = retention::Wanted::read(&self.store, now()).await?;
                retention::apply(&self.store, &wanted, &steps).await
            }
            "refresh" => {
                turn.check().await?;
                // Of what is partly removed nothing is made anew: it would lose what is gone.
                let wanted = retention::Wanted::read(&self.store, now()).await?;
                timescale::refresh(&self.store, wanted.newest_raw(), now().micros()).await?;
                Ok(0)
            }
            _ if timescale::is_there(&self.store) => self.compress_chunks(&steps).await,
            _ => self.pack(place, turn).await,
        }
    }

    /// With TimescaleDB: by whole chunks, when everybody's values in them may be.
    async fn compress_chunks(&self, steps: &Steps<'_>) -> Result<u64, StoreError> {
        let wanted = retention::Wanted::read(&self.store, now()).await?;
        let Some(before) = wanted.oldest_packing() else { return Ok(0) };
        let (mut compressed, mut seen) = (0, BTreeSet::new());
        while steps.go_on().await? {
            let step = timescale::compress(&self.store, before, &mut seen).await?;
            compressed += step;
            if step == 0 {
                break;
            }
        }
        Ok(compressed)
    }

    /// Without: by series and day.
    async fn pack(&mut self, place: usize, turn: &Turn) -> Result<u64, StoreError> {
        let wanted = retention::Wanted::read(&self.store, now()).await?;
        let (stop, started) = (self.stop.clone(), Instant::now());
        let in_time = || !stop.is_cancelled() && started.elapsed() < PACKING;
        let steps = Steps::new(turn, &in_time);
        let done = packing::run(&self.store, &wanted, &mut self.round, &steps).await?;
        if !done.finished {
            self.tasks[place].due = Instant::now() + ROLLUPS;
        }
        Ok(done.days)
    }

    async fn rollups(&self, steps: &Steps<'_>) -> Result<u64, StoreError> {
        // Told at the end: rollups don't wait for it.
        let room = upkeep::make_room(&self.store, now()).await;
        let mut series = 0;
        while steps.go_on().await? {
            let step = rollups::advance(&self.store).await? + rollups::repair(&self.store).await?;
            series += step;
            if step == 0 {
                break;
            }
            tokio::time::sleep(STEP_PAUSE).await;
        }
        room.map(|()| series)
    }

    async fn note(
        &mut self,
        place: usize,
        outcome: Result<u64, StoreError>,
    ) -> Result<(), StoreError> {
        let task = &mut self.tasks[place];
        let text = outcome.as_ref().err().map(|error| {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        });
        let outcome = match (&outcome, &text) {
            (Ok(done), _) => {
                self.succeeded.with_label_values(&[task.name]).set(now().micros() / 1_000_000);
                Ok(i64::try_from(*done).unwrap_or(i64::MAX))
            }
            (Err(_), text) => Err(text.as_deref().unwrap_or_default()),
        };
        if let Err(error) = outcome {
            tracing::warn!(task = task.name, error, "a task on stored telemetry failed");
        }
        if outcome == Ok(0) && task.noted.is_some_and(|at| at.elapsed() < NOTE_IDLE) {
            return Ok(());
        }
        task.noted = Some(Instant::now());
        upkeep::note(&self.store, task.name, now(), outcome).await
    }
}
