//! Looking after stored telemetry: rollups, compression, retention. What it does is in the store;
//! here is when. One task after the other has a slice of time, so that none waits for another's end.

mod task;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use millwright_store::upkeep::{self, Done, Steps, Turn, packing, retention, rollups, timescale};
use millwright_store::{Store, StoreError};
use prometheus::{IntGaugeVec, Opts, Registry};
use tokio_util::sync::CancellationToken;

use self::task::{Note, Task, next_due, take_due};
use crate::limits::{COMPRESSION_REST, UPKEEP_REST, UPKEEP_SLICE};
use crate::worker::now;

/// How often rollups are brought up to date.
const ROLLUPS: Duration = Duration::from_secs(20);
/// How often TimescaleDB refreshes its aggregates.
const REFRESH: Duration = Duration::from_secs(60);
/// How often old data are compressed and removed.
const RETENTION: Duration = Duration::from_secs(3_600);
/// After which time it is asked again for the turn that another process has.
const TURN_RETRY: Duration = Duration::from_secs(5);
/// First time after the start: not while machines come back.
const FIRST_RETENTION: Duration = Duration::from_secs(120);

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
    let start = Instant::now();
    let later = start + FIRST_RETENTION;
    let mut tasks = vec![
        Task::new("rollups", ROLLUPS, start),
        Task::new("retention", RETENTION, later),
        Task::new("compression", RETENTION, later).resting(COMPRESSION_REST),
    ];
    if timescale::is_there(&store) {
        tasks.push(Task::new("refresh", REFRESH, start));
    }
    let places = Places::default();
    let mut upkeep = Upkeep { store, succeeded, stop, tasks, places };
    while !upkeep.pause().await {
        if let Err(error) = upkeep.look().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "stored telemetry can't be looked after now");
        }
    }
}

/// How far the rounds have got.
#[derive(Debug, Default)]
struct Places {
    rollups: rollups::Round,
    retention: retention::Round,
    packing: packing::Round,
    /// Chunks that TimescaleDB has compressed in this round.
    chunks: BTreeSet<String>,
}

struct Upkeep {
    store: Store,
    succeeded: IntGaugeVec,
    stop: CancellationToken,
    tasks: Vec<Task>,
    places: Places,
}

impl Upkeep {
    /// Waits until something is due; whether it is to stop.
    async fn pause(&self) -> bool {
        let due = next_due(&self.tasks).unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => true,
            () = tokio::time::sleep_until(due.into()) => false,
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let due = take_due(&mut self.tasks, Instant::now());
        let turn = upkeep::take_turn(&self.store).await;
        if !matches!(turn, Ok(Some(_))) {
            // Another process does it, or nobody can: a round mustn't wait for its next hour.
            for place in &due {
                self.tasks[*place].again_at(Instant::now() + TURN_RETRY);
            }
        }
        let Some(turn) = turn? else { return Ok(()) };
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

    /// One slice of a task.
    async fn run(&mut self, place: usize, turn: &Turn) -> Result<Done, StoreError> {
        let (stop, started) = (self.stop.clone(), Instant::now());
        let in_time = move || !stop.is_cancelled() && started.elapsed() < UPKEEP_SLICE;
        let steps = Steps::new(turn, &in_time);
        let name = self.tasks[place].name;
        match name {
            "rollups" => self.rollups(&steps.resting(UPKEEP_REST)).await,
            "retention" => {
                let wanted = retention::Wanted::read(&self.store, now()).await?;
                let steps = steps.resting(UPKEEP_REST);
                retention::run(&self.store, &wanted, &mut self.places.retention, &steps).await
            }
            "refresh" => {
                turn.check().await?;
                // Of what is partly removed nothing is made anew: it would lose what is gone.
                let wanted = retention::Wanted::read(&self.store, now()).await?;
                timescale::refresh(&self.store, wanted.newest_raw(), now().micros()).await?;
                Ok(Done { count: 0, finished: true })
            }
            _ if timescale::is_there(&self.store) => self.compress_chunks(&steps).await,
            _ => {
                let wanted = retention::Wanted::read(&self.store, now()).await?;
                let round = &mut self.places.packing;
                let done = packing::run(&self.store, &wanted, round, &steps).await?;
                Ok(Done { count: done.days, finished: done.finished })
            }
        }
    }

    async fn rollups(&mut self, steps: &Steps<'_>) -> Result<Done, StoreError> {
        // Told at the end: rollups don't wait for it.
        let room = upkeep::make_room(&self.store, now()).await;
        let done = rollups::run(&self.store, &mut self.places.rollups, steps).await?;
        room.map(|()| done)
    }

    /// With TimescaleDB: by whole chunks, when everybody's values in them may be.
    async fn compress_chunks(&mut self, steps: &Steps<'_>) -> Result<Done, StoreError> {
        let wanted = retention::Wanted::read(&self.store, now()).await?;
        let Some(before) = wanted.oldest_packing() else {
            return Ok(Done { count: 0, finished: true });
        };
        let mut count = 0;
        while steps.go_on().await? {
            let step = timescale::compress(&self.store, before, &mut self.places.chunks).await?;
            count += step;
            if step == 0 {
                self.places.chunks.clear();
                return Ok(Done { count, finished: true });
            }
        }
        Ok(Done { count, finished: false })
    }

    async fn note(
        &mut self,
        place: usize,
        outcome: Result<Done, StoreError>,
    ) -> Result<(), StoreError> {
        let task = &mut self.tasks[place];
        let counted = |count| i64::try_from(count).unwrap_or(i64::MAX);
        match outcome {
            Ok(done) => match task.ended(done, Instant::now()) {
                Note::Progress(count) => {
                    upkeep::note_progress(&self.store, task.name, now(), counted(count)).await
                }
                told => {
                    let at = now();
                    self.succeeded.with_label_values(&[task.name]).set(at.micros() / 1_000_000);
                    let Note::WentWell(count) = told else { return Ok(()) };
                    upkeep::note(&self.store, task.name, at, Ok(counted(count))).await
                }
            },
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                let text = format!("{error}{}", cause.unwrap_or_default());
                tracing::warn!(
                    task = task.name,
                    error = text.as_str(),
                    "a task on stored telemetry failed"
                );
                task.failed(Instant::now());
                upkeep::note(&self.store, task.name, now(), Err(&text)).await
            }
        }
    }
}
