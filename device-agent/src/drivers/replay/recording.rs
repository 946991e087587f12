//! Both files of a recording as one stream in order of time.

use millwright_schemas::Timestamp;
use millwright_schemas::wire::events::FaultCleared;

use super::batch::Batch;
use super::config::{FaultsConfig, ReplayConfig, delimiter};
use super::position::{Clear, ReplayPosition};
use super::rows::{FaultParser, SampleParser};
use super::source::Source;
use super::stamps::Stamps;
use super::table::Table;
use super::times::TimeFormat;
use crate::driver::{FaultChange, Sample};
use crate::drivers::limits::{REPLAY_ACTIVE_FAULTS_MAX, REPLAY_VALUES_PER_READING_MAX};

/// What comes next. At the same time rows come first, then clears, then faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Row,
    Clear,
    Fault,
}

/// An open recording and the place in it.
pub(super) struct Recording {
    config: ReplayConfig,
    rows: Source<SampleParser>,
    faults: Option<Source<FaultParser>>,
    clears: Vec<Clear>,
    stamps: Stamps,
    rows_max: usize,
}

impl Recording {
    /// Opens the files and checks their columns.
    pub(super) fn open(config: &ReplayConfig) -> Result<Self, String> {
        let mut table = Table::open(&config.path, delimiter(&config.delimiter)?)?;
        table.filter(&config.filter.0)?;
        let time = table.column(&config.timestamp_column)?;
        let parser = SampleParser::new(config, &table)?;
        let values_bound = (REPLAY_VALUES_PER_READING_MAX / parser.columns()).max(1);
        let rows = Source::new(table, time, TimeFormat::new(&config.timestamp_format)?, parser);
        let faults =
            config.faults.as_ref().map(|faults| open_faults(config, faults)).transpose()?;
        Ok(Self {
            rows,
            faults,
            clears: Vec::new(),
            stamps: Stamps::new(config.time, config.speed),
            rows_max: config.rows_per_reading().min(values_bound),
            config: config.clone(),
        })
    }

    /// Goes on at a position; begins anew when it is of other files.
    pub(super) fn go_to(&mut self, position: ReplayPosition) -> Result<(), String> {
        let faults_path = self.config.faults.as_ref().map(|faults| &faults.path);
        if position.path != self.config.path
            || position.faults.as_ref().map(|(path, _)| path) != faults_path
        {
            tracing::warn!(driver = self.config.name, "another file than before: from its start");
            return Ok(());
        }
        self.rows.go_to(position.rows)?;
        if let (Some(source), Some((_, place))) = (&mut self.faults, position.faults) {
            source.go_to(place)?;
        }
        self.clears = position.clears;
        self.stamps.restore(position.stamps);
        Ok(())
    }

    /// What is delivered next; `None` at the end. What comes before an error is delivered first.
    pub(super) fn collect(&mut self, now: Timestamp) -> Result<Option<Batch>, String> {
        let paced = self.config.speed > 0.0;
        let mut batch = Batch::default();
        loop {
            let (at, next) = match self.peek() {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(_) if !batch.is_empty() => break,
                Err(error) => return Err(error),
            };
            if batch.ends_before(at, next == Next::Row, self.rows_max, paced) {
                break;
            }
            if next == Next::Fault && self.clears.len() >= REPLAY_ACTIVE_FAULTS_MAX {
                if batch.is_empty() {
                    return Err(format!("more than {REPLAY_ACTIVE_FAULTS_MAX} faults are active"));
                }
                break;
            }
            self.take(next, now, &mut batch);
        }
        if batch.is_empty() {
            return Ok(None);
        }
        let checkpoint = serde_json::to_vec(&self.position());
        batch.reading.checkpoint = Some(checkpoint.map_err(|error| error.to_string())?);
        Ok(Some(batch))
    }

    fn position(&self) -> ReplayPosition {
        let faults = self.config.faults.as_ref().zip(self.faults.as_ref());
        ReplayPosition {
            path: self.config.path.clone(),
            rows: self.rows.place(),
            faults: faults.map(|(config, source)| (config.path.clone(), source.place())),
            clears: self.clears.clone(),
            stamps: self.stamps.state(),
        }
    }

    fn peek(&mut self) -> Result<Option<(Timestamp, Next)>, String> {
        let row = self.rows.peek()?.map(|at| (at, Next::Row));
        let fault = match &mut self.faults {
            Some(faults) => faults.peek()?.map(|at| (at, Next::Fault)),
            None => None,
        };
        let clear = self.clears.first().map(|clear| (clear.at, Next::Clear));
        Ok([row, clear, fault].into_iter().flatten().min())
    }

    fn take(&mut self, next: Next, now: Timestamp, batch: &mut Batch) {
        match next {
            Next::Row => {
                let Some((at, values)) = self.rows.take() else { return };
                batch.add_sample(at, Sample { ts: self.stamps.sample(at, now), values });
            }
            Next::Fault => {
                let Some((at, fault)) = self.faults.as_mut().and_then(Source::take) else { return };
                let stamp = self.stamps.fault(at, now);
                self.await_clear(at, &fault.code, &fault.source);
                batch.add_fault(at, stamp, FaultChange::Raised(stamp, fault));
            }
            Next::Clear => {
                let Clear { at, code, source } = self.clears.remove(0);
                let stamp = self.stamps.fault(at, now);
                let cleared = FaultCleared { code, source };
                batch.add_fault(at, stamp, FaultChange::Cleared(stamp, cleared));
            }
        }
    }

    /// A fault that comes again while it is active clears later.
    fn await_clear(&mut self, at: Timestamp, code: &str, source: &str) {
        let after_s = self.config.faults.as_ref().and_then(|faults| faults.clear_after_s);
        let Some(after_s) = after_s else { return };
        #[allow(clippy::cast_possible_truncation, reason = "at most a year")]
        let at = at.plus_micros((after_s * 1e6) as i64);
        self.clears.retain(|clear| clear.code != code || clear.source != source);
        let index = self.clears.partition_point(|clear| clear.at <= at);
        let clear = Clear { at, code: code.to_owned(), source: source.to_owned() };
        self.clears.insert(index, clear);
    }
}

fn open_faults(
    config: &ReplayConfig,
    faults: &FaultsConfig,
) -> Result<Source<FaultParser>, String> {
    let mut table = Table::open(&faults.path, delimiter(config.faults_delimiter(faults))?)?;
    table.filter(&faults.filter.0)?;
    let time = table.column(config.faults_timestamp_column(faults))?;
    let format = TimeFormat::new(config.faults_timestamp_format(faults))?;
    let parser = FaultParser::new(faults, &table)?;
    Ok(Source::new(table, time, format, parser))
}
