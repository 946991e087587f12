//! What a machine has measured and reported, in the order of its times, piece by piece.
//!
//! Each signal and each type of event is a source that is read ahead by a bounded number of values. A
//! piece reaches to the earliest time up to which all sources have been read; what was read beyond it
//! waits for the next one. So memory is bounded however long the history is, and every piece is whole:
//! nothing of its times comes later.

use millwright_schemas::{MachineId, Quality, SignalKind, Timestamp};

use super::received::{self, PACKED_MAX, Raw, RawRange, RawSeries, RawValue, Take};
use super::scoped::require_machine;
use crate::engine::Cell;
use crate::telemetry::series::kind_from;
use crate::{Scope, Store, StoreError};

/// Values of all sources together that are read ahead, more or less.
const VALUES_AHEAD: usize = 20_000;
/// Of packed days so many times more: a day is unpacked as a whole, and that again for each part of it. Of all
/// sources together that is at most 400,000 values, some 40 MB.
const PACKED_MORE: usize = 20;
/// Texts are larger: so many times fewer of them.
const TEXTS_FEWER: usize = 10;
/// Values of one source that are read ahead at least.
const VALUES_AHEAD_MIN: usize = 100;
/// How far back the last value before the beginning is looked for: 31 days, in microseconds.
const BEFORE_US: i64 = 31 * 86_400_000_000;

/// What is to be read of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// These signals.
    pub signals: &'a [String],
    /// Reported events of these types.
    pub events: &'a [String],
    /// From this time on, and of each source the last one before, if it isn't too old.
    pub from: Timestamp,
    /// Before this time.
    pub to: Timestamp,
}

/// A machine's history, as far as it was read.
#[derive(Debug)]
pub struct History {
    machine: MachineId,
    to: i64,
    sources: Vec<Source>,
    told_until: Option<Timestamp>,
}

/// Something that a source says.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// The source: its place among the wanted signals, and behind them among the events.
    pub source: usize,
    /// What it says.
    pub value: SampleOf,
}

/// What a source says.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleOf {
    /// Nothing usable: null, or of bad quality.
    Unusable,
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A text.
    Text(String),
    /// An event was reported.
    Event,
}

#[derive(Debug)]
struct Source {
    feed: Feed,
    /// Read, not handed out; oldest last.
    ahead: Vec<(i64, SampleOf)>,
    /// Where to read on; `None`: all was read.
    next: Option<i64>,
}

#[derive(Debug)]
enum Feed {
    /// A signal that the machine doesn't have.
    Nothing,
    Series(RawSeries),
    Event(String),
}

impl History {
    /// Begins to read.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the machine is outside the scope.
    pub async fn open(
        store: &Store,
        scope: Scope,
        machine: MachineId,
        wanted: Wanted<'_>,
    ) -> Result<Self, StoreError> {
        require_machine(store, scope, machine).await?;
        let from = wanted.from.micros();
        let mut sources = Vec::with_capacity(wanted.signals.len() + wanted.events.len());
        for signal in wanted.signals {
            let feed = series(store, machine, signal).await?.map_or(Feed::Nothing, Feed::Series);
            sources.push(Source::new(feed, from));
        }
        for event in wanted.events {
            sources.push(Source::new(Feed::Event(event.clone()), from));
        }
        for source in &mut sources {
            source.ahead = source.before(store, machine, from).await?;
        }
        let told_until = told_until(store, machine).await?;
        Ok(Self { machine, to: wanted.to.micros(), sources, told_until })
    }

    /// Which of the wanted signals the machine doesn't have, by their places.
    pub fn missing(&self) -> impl Iterator<Item = usize> {
        let all = self.sources.iter().enumerate();
        all.filter(|(_, source)| matches!(source.feed, Feed::Nothing)).map(|(place, _)| place)
    }

    /// Up to when the machine has said that nothing older will come, or has sent anything; `None`: it
    /// never has.
    #[must_use]
    pub const fn told_until(&self) -> Option<Timestamp> {
        self.told_until
    }

    /// The next piece, in the order of times, those of one time in the order of their sources; `None`
    /// at the end.
    ///
    /// # Errors
    /// When the database can't be used or a row isn't understood.
    pub async fn next(&mut self, store: &Store) -> Result<Option<Vec<Sample>>, StoreError> {
        let share = share(self.sources.len());
        for source in &mut self.sources {
            if source.ahead.is_empty() {
                source.read(store, self.machine, self.to, share).await?;
            }
        }
        let through = self.sources.iter().filter_map(Source::known_through).min();
        let mut piece = Vec::new();
        for (place, source) in self.sources.iter_mut().enumerate() {
            source.take_through(through.unwrap_or(i64::MAX), place, &mut piece);
        }
        // Stable: the sources of one time stay in their order.
        piece.sort_by_key(|sample: &Sample| sample.at);
        Ok((!piece.is_empty()).then_some(piece))
    }
}

/// Values that each of so many sources is read ahead by, more or less.
const fn share(sources: usize) -> usize {
    match VALUES_AHEAD.checked_div(sources) {
        Some(share) => share,
        None => VALUES_AHEAD,
    }
}

/// The same of packed days.
const fn packed_share(share: usize) -> usize {
    let more = share * PACKED_MORE;
    if more < PACKED_MAX { more } else { PACKED_MAX }
}

impl Source {
    fn new(feed: Feed, from: i64) -> Self {
        let next = (!matches!(feed, Feed::Nothing)).then_some(from);
        Self { feed, ahead: Vec::new(), next }
    }

    /// The last one before the beginning.
    async fn before(
        &self,
        store: &Store,
        machine: MachineId,
        to: i64,
    ) -> Result<Vec<(i64, SampleOf)>, StoreError> {
        let from = to.saturating_sub(BEFORE_US);
        match &self.feed {
            Feed::Nothing => Ok(Vec::new()),
            Feed::Series(series) => {
                let range = RawRange { from, to, take: Take::Last };
                Ok(received::values(store, *series, range).await?.into_iter().map(sample).collect())
            }
            Feed::Event(event) => events(store, machine, event, (from, to), Take::Last).await,
        }
    }

    /// Reads ahead, if there is more.
    async fn read(
        &mut self,
        store: &Store,
        machine: MachineId,
        to: i64,
        share: usize,
    ) -> Result<(), StoreError> {
        let Some(from) = self.next.filter(|from| *from < to) else {
            self.next = None;
            return Ok(());
        };
        let (mut read, wanted): (Vec<(i64, SampleOf)>, usize) = match &self.feed {
            Feed::Nothing => (Vec::new(), 1),
            Feed::Series(series) => {
                let is_text = series.kind == Some(SignalKind::Text);
                let fewer = if is_text { TEXTS_FEWER } else { 1 };
                let count = (share / fewer).max(VALUES_AHEAD_MIN);
                let packed = packed_share(share);
                let range = RawRange { from, to, take: Take::First { count, packed } };
                let values = received::values(store, *series, range).await?;
                (values.into_iter().map(sample).collect(), count)
            }
            Feed::Event(event) => {
                let count = share.max(VALUES_AHEAD_MIN);
                let span = (from, to);
                let take = Take::First { count, packed: count };
                (events(store, machine, event, span, take).await?, count)
            }
        };
        let more = read.len() >= wanted;
        self.next = read.last().filter(|_| more).map(|(ts, _)| ts.saturating_add(1));
        read.reverse();
        self.ahead = read;
        Ok(())
    }

    /// Up to when all of it is read; `None`: to the end.
    fn known_through(&self) -> Option<i64> {
        self.next.map(|next| next.saturating_sub(1))
    }

    fn take_through(&mut self, through: i64, place: usize, piece: &mut Vec<Sample>) {
        while self.ahead.last().is_some_and(|(ts, _)| *ts <= through) {
            let Some((ts, value)) = self.ahead.pop() else { return };
            piece.push(Sample { at: Timestamp::from_micros(ts), source: place, value });
        }
    }
}

async fn series(
    store: &Store,
    machine: MachineId,
    signal: &str,
) -> Result<Option<RawSeries>, StoreError> {
    let sql = "SELECT id, kind FROM series WHERE machine_id = ? AND signal = ?";
    let row = store.reader_pool().first(sql, &[machine.uuid().into(), signal.into()]).await?;
    let Some(row) = row else { return Ok(None) };
    let kind = kind_from(row.get::<Option<String>>(1)?.as_deref())?;
    Ok(Some(RawSeries { id: row.get(0)?, kind }))
}

fn sample(value: RawValue) -> (i64, SampleOf) {
    let of = match value.value {
        _ if value.quality == Quality::Bad => SampleOf::Unusable,
        Raw::Null => SampleOf::Unusable,
        Raw::Number(number) => SampleOf::Number(number),
        Raw::Boolean(value) => SampleOf::Boolean(value),
        Raw::Text(text) => SampleOf::Text(text),
    };
    (value.ts, of)
}

/// Times at which such events were reported, each once.
async fn events(
    store: &Store,
    machine: MachineId,
    event: &str,
    (from, to): (i64, i64),
    take: Take,
) -> Result<Vec<(i64, SampleOf)>, StoreError> {
    let (order, limit) = match take {
        Take::First { count, .. } => ("ts", count),
        Take::Last => ("ts DESC", 1),
    };
    let sql = format!(
        "SELECT DISTINCT ts FROM machine_events \
         WHERE machine_id = ? AND ts >= ? AND ts < ? AND type = ? ORDER BY {order} LIMIT ?"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let cells: [Cell<'_>; 5] =
        [machine.uuid().into(), from.into(), to.into(), event.into(), limit.into()];
    let rows = store.reader_pool().fetch(&sql, &cells).await?;
    rows.iter().map(|row| Ok((row.get(0)?, SampleOf::Event))).collect()
}

async fn told_until(store: &Store, machine: MachineId) -> Result<Option<Timestamp>, StoreError> {
    let id = machine.uuid();
    let mut until: Option<i64> = None;
    // A clock that was ahead has told nothing.
    let newest = "SELECT max(CASE WHEN l.unseen = 0 THEN l.ts ELSE i.ts END) \
                  FROM series s JOIN latest l ON l.series_id = s.id \
                  LEFT JOIN latest_in_time i ON i.series_id = s.id WHERE s.machine_id = ?";
    let passed = "SELECT max(through_ts) FROM stream_cursors WHERE machine_id = ?";
    for sql in [passed, newest] {
        let row = store.reader_pool().first(sql, &[id.into()]).await?;
        let told: Option<i64> = row.map_or(Ok(None), |row| row.get(0))?;
        until = until.max(told);
    }
    Ok(until.map(Timestamp::from_micros))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "history_tests.rs"]
mod tests;
