//! Brings what rules have learned up to what is stored, one after the other, in no batch: reads the samples of
//! weeks as they were received, and gives them to the rule by the code that hears them live. So what it knows
//! then is what it would know if it had been there.

use std::collections::VecDeque;
use std::time::Instant;

use millwright_detection::conditions::value::Reading;
use millwright_schemas::{MachineId, RuleId, SignalKind, Timestamp};
use millwright_store::telemetry::detector_states;
use millwright_store::{Store, StoreError};
use tokio::time::sleep;

use super::rebuilds::{Job, Kept, Outcome, Rebuilds, Wanted};
use super::said::Said;
use crate::limits::{
    REBUILD_KEPT_EVERY, REBUILD_READ, REBUILD_REST_MAX, REBUILD_SAMPLES, REBUILD_TRIES,
    REBUILD_UNPACKED, REBUILD_YIELD, RETRY_MAX, RETRY_MIN,
};
use crate::metrics::IngestMetrics;

/// Rebuilds what is asked for, for ever.
pub(crate) async fn run(store: Store, rebuilds: Rebuilds, metrics: IngestMetrics) {
    loop {
        let mut job = rebuilds.next().await;
        metrics.set_rebuilds_waiting(rebuilds.waiting());
        let (key, ticket) = (job.key(), job.rebuild.ticket());
        let ended = rebuild(&store, &rebuilds, &metrics, &mut job).await;
        let Job { rebuild, taken, .. } = *job;
        let outcome = match ended {
            Ended::Whole => Outcome::Done { rebuild: Box::new(rebuild), taken },
            Ended::Failed => Outcome::Failed,
            Ended::Unwanted => continue,
        };
        rebuilds.end(key, ticket, outcome);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Whole,
    Failed,
    Unwanted,
}

fn warn(error: &StoreError, machine: MachineId, rule: RuleId) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(machine.id = %machine, rule.id = %rule, error, "rebuilding failed");
}

async fn rebuild(
    store: &Store,
    rebuilds: &Rebuilds,
    metrics: &IngestMetrics,
    job: &mut Job,
) -> Ended {
    let (key, ticket) = (job.key(), job.rebuild.ticket());
    let (machine, rule) = key;
    tracing::info!(machine.id = %machine, rule.id = %rule, "what a rule has learned is rebuilt");
    let (mut tries, mut pause) = (0, RETRY_MIN);
    loop {
        match attempt(store, rebuilds, job).await {
            Ok(ended) => {
                let taken = job.taken;
                tracing::info!(machine.id = %machine, rule.id = %rule, taken, ?ended, "rebuilt");
                return ended;
            }
            Err(error) => {
                warn(&error, machine, rule);
                tries += u32::from(error.blames_data());
            }
        }
        if tries >= REBUILD_TRIES {
            return Ended::Failed;
        }
        if !rebuilds.is_wanted(key, ticket) {
            return Ended::Unwanted;
        }
        // It goes on where it was, when the database is there again.
        metrics.rebuild_retries.inc();
        sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}

async fn attempt(store: &Store, rebuilds: &Rebuilds, job: &mut Job) -> Result<Ended, StoreError> {
    let (key, ticket) = (job.key(), job.rebuild.ticket());
    job.rebuild.begin();
    begin_at(store, job).await?;
    let mut merge = Merge::new(job);
    let mut kept_at = job.taken;
    loop {
        let started = Instant::now();
        merge.read(store).await?;
        let mut taken = 0;
        while let Some((at, samples)) = merge.next_moment() {
            let readings: Vec<(usize, Reading<'_>)> =
                samples.iter().map(|(place, said)| (*place, said.reading())).collect();
            if !job.rebuild.take(Timestamp::from_micros(at), &readings) {
                return Ok(Ended::Failed);
            }
            taken += samples.len();
            job.taken += samples.len() as u64;
            if taken >= REBUILD_YIELD {
                taken = 0;
                tokio::task::yield_now().await;
            }
        }
        if merge.is_over() {
            return Ok(Ended::Whole);
        }
        if !rebuilds.is_wanted(key, ticket) {
            return Ok(Ended::Unwanted);
        }
        if job.taken - kept_at >= REBUILD_KEPT_EVERY {
            kept_at = job.taken;
            if let Some((through, state)) = job.rebuild.kept() {
                let version = job.rebuild.version();
                let watching_since = job.rebuild.watching_since().map(Timestamp::micros);
                let so_far = Kept { version, through: through.micros(), state, watching_since };
                rebuilds.keep(key, ticket, so_far);
            }
        }
        // As long as it has worked: batches have a core for themselves half of the time, at least.
        sleep(started.elapsed().min(REBUILD_REST_MAX)).await;
    }
}

/// Passes over what is beyond the bound of samples. Signals that are learned together begin at one time, if that
/// is not the beginning of what may be taken.
async fn begin_at(store: &Store, job: &mut Job) -> Result<(), StoreError> {
    let share = REBUILD_SAMPLES / job.signals.len().max(1);
    let mut starts: Vec<(Wanted, i64)> = Vec::with_capacity(job.signals.len());
    for wanted in &job.signals {
        let mut stretch = wanted.stretch;
        if let Some(seen) = job.rebuild.seen(wanted.place) {
            stretch.after = stretch.after.max(seen.micros());
        }
        let within = detector_states::start_within(store, stretch, share).await?;
        starts.push((Wanted { stretch, ..*wanted }, within.min(wanted.newest)));
    }
    let cut = starts.iter().filter(|(it, start)| it.learned && *start > it.stretch.after);
    let at_once = cut.map(|(_, start)| *start).max().filter(|_| job.rebuild.is_together());
    for (wanted, start) in starts {
        let start = at_once.filter(|_| wanted.learned).map_or(start, |at| at.max(start));
        let start = start.max(wanted.stretch.after);
        if start > i64::MIN {
            job.rebuild.skip_to(wanted.place, Timestamp::from_micros(start));
        }
    }
    Ok(())
}

/// The stored samples of several signals, in the order of time.
struct Merge {
    signals: Vec<Source>,
    /// From this time on something was never judged.
    until: i64,
    moment: Vec<(usize, Said)>,
}

struct Source {
    place: usize,
    series: i64,
    kind: Option<SignalKind>,
    /// What is later isn't to be taken.
    to: i64,
    /// Up to here it was read.
    read: i64,
    /// Nothing is left to be read.
    ended: bool,
    waiting: VecDeque<(i64, Said)>,
}

impl Merge {
    fn new(job: &Job) -> Self {
        let signals = job.signals.iter().map(|wanted| Source {
            place: wanted.place,
            series: wanted.stretch.series,
            kind: wanted.kind,
            to: wanted.stretch.to,
            read: job.rebuild.seen(wanted.place).map_or(i64::MIN, Timestamp::micros),
            ended: false,
            waiting: VecDeque::new(),
        });
        Self { signals: signals.collect(), until: i64::MAX, moment: Vec::new() }
    }

    /// Reads more of those signals of which nothing is left.
    async fn read(&mut self, store: &Store) -> Result<(), StoreError> {
        let unpacked = REBUILD_UNPACKED / self.signals.len().max(1);
        for signal in &mut self.signals {
            if !signal.ended && signal.waiting.is_empty() {
                self.until = self.until.min(signal.read(store, unpacked).await?);
            }
        }
        Ok(())
    }

    /// The samples of the next moment; `None`: more must be read, or it is over.
    fn next_moment(&mut self) -> Option<(i64, &[(usize, Said)])> {
        if self.signals.iter().any(|signal| !signal.ended && signal.waiting.is_empty()) {
            return None;
        }
        let at = self.front().filter(|at| *at < self.until)?;
        self.moment.clear();
        for signal in &mut self.signals {
            if signal.waiting.front().is_some_and(|(ts, _)| *ts == at) {
                let said = signal.waiting.pop_front();
                self.moment.extend(said.map(|(_, said)| (signal.place, said)));
            }
        }
        Some((at, self.moment.as_slice()))
    }

    fn front(&self) -> Option<i64> {
        self.signals.iter().filter_map(|signal| signal.waiting.front().map(|(ts, _)| *ts)).min()
    }

    /// Whether there is nothing more to be taken.
    fn is_over(&self) -> bool {
        let is_behind = |at: i64| at >= self.until;
        // One that has more to be read has nothing left below its front.
        self.signals
            .iter()
            .all(|signal| signal.waiting.front().map_or(signal.ended, |(ts, _)| is_behind(*ts)))
    }
}

impl Source {
    /// Reads the next samples. From when on there is something that isn't to be taken; a time without end: not
    /// in these.
    async fn read(&mut self, store: &Store, unpacked: usize) -> Result<i64, StoreError> {
        let Self { series, kind, read, .. } = *self;
        let before = self.waiting.len();
        if kind == Some(SignalKind::Text) {
            let page = detector_states::committed_texts_after(store, series, read, REBUILD_READ);
            let page = page.await?;
            let said = |(ts, text, quality): (i64, Option<String>, i64)| {
                (ts, Said::of_text(text, quality))
            };
            self.waiting.extend(page.into_iter().map(said));
        } else {
            let most = (REBUILD_READ, unpacked);
            let page = detector_states::committed_after(store, series, read, most).await?;
            self.waiting.extend(page.iter().map(|it| (it.ts, Said::of_sample(it, kind))));
        }
        self.ended = self.waiting.len() - before < REBUILD_READ;
        self.read = self.waiting.back().map_or(read, |(ts, _)| *ts);
        let wanted = self.waiting.partition_point(|(ts, _)| *ts <= self.to);
        let Some((ts, _)) = self.waiting.get(wanted) else { return Ok(i64::MAX) };
        let ts = *ts;
        self.waiting.truncate(wanted);
        self.ended = true;
        Ok(ts)
    }
}
