//! What ingest remembers of a machine between batches. Pure.

use std::collections::HashMap;

use millwright_detection::watch::Watch;
use millwright_schemas::{MachineId, OutboxId, SignalKind};
use millwright_store::telemetry::clocks::ClockRow;
use millwright_store::telemetry::machines::SeenRow;
use millwright_store::telemetry::series::SeriesRow;
use millwright_store::telemetry::streams::{CursorRow, GapRow, StreamKey, StreamTopic};

use crate::limits::{MachineLimits, NEW_SIGNALS_WINDOW_US, SEEN_EVERY_US};
use crate::machine_clock::MachineClock;
use crate::rules::NEVER;
use crate::stream::{Edits, Stream};

/// A machine's signals, streams and times, as stored; advanced by a batch. When the batch can't
/// be committed it is thrown away and read again.
#[derive(Debug)]
pub(crate) struct MachineState {
    pub(crate) series: HashMap<String, Series>,
    /// Receive times of the signals that are not older than the window.
    recent_signals: Vec<i64>,
    streams: HashMap<(OutboxId, StreamTopic), Stream>,
    seen: Seen,
    /// How far its clock is ahead of ours.
    pub(crate) clock: MachineClock,
    /// The rules that watch it.
    pub(crate) watch: Watch,
    /// Which revision of the rules that is.
    pub(crate) rules_of: i64,
    /// The last batch that had something of this machine.
    pub(crate) used_in: u64,
    /// Where it stands among those that are remembered; `None`: it has come in this batch.
    pub(crate) place: Option<usize>,
}

/// One signal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Series {
    /// Negative until it is stored: −1 for the first new one of the batch.
    pub(crate) id: i64,
    pub(crate) kind: Option<SignalKind>,
    /// The newest time of all that is stored.
    pub(crate) stored_ts: i64,
    /// The newest one that wasn't ahead of its time: rules see what is later. The same unless a clock
    /// is, or was, ahead.
    pub(crate) latest_ts: i64,
    /// Batch, and place among the batch's newest values.
    pub(crate) slot: (u64, usize),
}

#[derive(Debug, Default)]
struct Seen {
    written_at: Option<i64>,
    /// What this batch writes.
    due: Option<Heard>,
    /// Since the last one that is written.
    clock_offset_us: Option<i64>,
    through_ts: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    at: i64,
    clock_offset_us: Option<i64>,
    through_ts: Option<i64>,
}

/// Why a signal can't be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooManySignals {
    #[error("the machine has {0} signals already")]
    Ever(usize),
    #[error("the machine has had {0} new signals within a minute")]
    Lately(usize),
}

impl MachineState {
    pub(crate) fn new(last_seen_at: Option<i64>) -> Self {
        Self {
            series: HashMap::new(),
            recent_signals: Vec::new(),
            streams: HashMap::new(),
            seen: Seen { written_at: last_seen_at, ..Seen::default() },
            clock: MachineClock::default(),
            watch: Watch::default(),
            rules_of: NEVER,
            used_in: 0,
            place: None,
        }
    }

    pub(crate) fn add_stored_series(&mut self, row: SeriesRow) {
        self.recent_signals.push(row.created_at);
        let series = Series {
            id: row.id,
            kind: row.kind,
            stored_ts: row.stored_ts.unwrap_or(i64::MIN),
            latest_ts: row.latest_ts.unwrap_or(i64::MIN),
            slot: (0, 0),
        };
        self.series.insert(row.signal, series);
    }

    pub(crate) fn add_stored_cursor(&mut self, row: &CursorRow) {
        self.streams.insert((row.key.outbox, row.key.topic), Stream::stored(row));
    }

    pub(crate) fn add_stored_clock(&mut self, row: &ClockRow) {
        self.clock = MachineClock::stored(row);
    }

    pub(crate) fn add_stored_gap(&mut self, row: &GapRow) {
        if let Some(stream) = self.streams.get_mut(&(row.key.outbox, row.key.topic)) {
            stream.add_stored_gap(row);
        }
    }

    /// How much memory it takes up, in signals, gaps and rules.
    pub(crate) fn entries(&self) -> usize {
        let gaps = self.streams.values().map(Stream::gap_count).sum::<usize>();
        self.series.len() + gaps + self.watch.len()
    }

    /// Up to when rules have seen a series, or won't.
    pub(crate) fn seen_to(&self, series: &Series) -> i64 {
        series.latest_ts.max(self.clock.begins_ts())
    }

    /// What its streams have said of the time that has passed was by a clock that isn't gone by any more.
    pub(crate) fn set_streams_back(&mut self, to: i64) {
        self.streams.values_mut().for_each(|stream| stream.set_back(to));
    }

    /// Up to when a counted stream has said that nothing older will come.
    pub(crate) fn passed(&self, outbox: OutboxId, topic: StreamTopic) -> i64 {
        let stream = self.streams.get(&(outbox, topic));
        stream.and_then(|stream| stream.through_ts).unwrap_or(i64::MIN)
    }

    /// Whether one more signal may be added, seen first at `received_at`; counts it if so.
    pub(crate) fn admit_signal(
        &mut self,
        received_at: i64,
        limits: &MachineLimits,
    ) -> Result<(), TooManySignals> {
        if self.series.len() >= limits.signals {
            return Err(TooManySignals::Ever(self.series.len()));
        }
        self.recent_signals.retain(|at| *at > received_at - NEW_SIGNALS_WINDOW_US);
        if self.recent_signals.len() >= limits.new_signals_a_minute {
            return Err(TooManySignals::Lately(self.recent_signals.len()));
        }
        self.recent_signals.push(received_at);
        Ok(())
    }

    /// A message of a counted stream has arrived. The outbox that had to be forgotten for it.
    pub(crate) fn observe_stream(
        &mut self,
        (outbox, topic, seq): (OutboxId, StreamTopic, u64),
        through_ts: Option<i64>,
        received_at: i64,
        limits: &MachineLimits,
    ) -> Option<OutboxId> {
        let known = self.streams.contains_key(&(outbox, topic));
        let forgotten = if known { None } else { self.make_room(outbox, limits) };
        let stream = self.streams.entry((outbox, topic)).or_default();
        let before = stream.gap_count();
        stream.observe(i64::try_from(seq).unwrap_or(i64::MAX), through_ts, received_at);
        if stream.gap_count() <= before {
            return forgotten;
        }
        while self.streams.values().map(Stream::gap_count).sum::<usize>() > limits.gaps {
            let fullest = self.streams.iter_mut().max_by_key(|(key, s)| (s.gap_count(), **key));
            if !fullest.is_some_and(|(_, stream)| stream.merge_closest()) {
                break;
            }
        }
        forgotten
    }

    fn make_room(&mut self, outbox: OutboxId, limits: &MachineLimits) -> Option<OutboxId> {
        let mut newest: HashMap<OutboxId, i64> = HashMap::new();
        for ((known, _), stream) in &self.streams {
            if *known == outbox {
                return None;
            }
            let at = newest.entry(*known).or_insert(i64::MIN);
            *at = stream.updated_at.max(*at);
        }
        if newest.len() < limits.outboxes {
            return None;
        }
        let (oldest, _) = newest.into_iter().min_by_key(|(outbox, at)| (*at, *outbox))?;
        self.streams.retain(|(known, _), _| *known != oldest);
        Some(oldest)
    }

    /// The machine was heard. What is written depends on the messages only, not on how they are
    /// batched.
    pub(crate) fn hear(
        &mut self,
        received_at: i64,
        clock_offset_us: Option<i64>,
        through_ts: Option<i64>,
    ) {
        let seen = &mut self.seen;
        // A message that waited looks like a clock that is slow: the largest value is nearest.
        seen.clock_offset_us = seen.clock_offset_us.max(clock_offset_us);
        seen.through_ts = seen.through_ts.max(through_ts);
        if seen.written_at.is_none_or(|at| received_at >= at.saturating_add(SEEN_EVERY_US)) {
            seen.written_at = Some(received_at);
            let offset = seen.clock_offset_us.take();
            let before = seen.due.and_then(|due| due.clock_offset_us);
            seen.due = Some(Heard {
                at: received_at,
                clock_offset_us: offset.or(before),
                through_ts: seen.through_ts,
            });
        }
    }

    /// What is to be written about when it was heard.
    pub(crate) fn take_seen(&mut self, machine: MachineId) -> Option<SeenRow> {
        let due = self.seen.due.take()?;
        Some(SeenRow {
            machine,
            last_seen_at: due.at,
            clock_offset_us: due.clock_offset_us,
            through_ts: due.through_ts,
        })
    }

    pub(crate) fn take_edits(&mut self, machine: MachineId, edits: &mut Edits) {
        for ((outbox, topic), stream) in &mut self.streams {
            let key = StreamKey { machine, outbox: *outbox, topic: *topic };
            stream.take_edits(key, edits);
        }
    }
}

impl Default for MachineState {
    fn default() -> Self {
        Self::new(None)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const LIMITS: MachineLimits =
        MachineLimits { signals: 5, new_signals_a_minute: 2, outboxes: 2, gaps: 3, rule_work: 1 };

    #[test]
    fn new_signals_are_limited_by_the_minute_and_for_ever() {
        let mut state = MachineState::default();
        let admit = |state: &mut MachineState, at: i64| {
            let admitted = state.admit_signal(at, &LIMITS);
            if admitted.is_ok() {
                let series = Series { id: 1, kind: None, stored_ts: 0, latest_ts: 0, slot: (0, 0) };
                state.series.insert(format!("s{}", state.series.len()), series);
            }
            admitted
        };
        assert_eq!(admit(&mut state, 0), Ok(()));
        assert_eq!(admit(&mut state, 1), Ok(()));
        assert_eq!(admit(&mut state, 2), Err(TooManySignals::Lately(2)));
        assert_eq!(admit(&mut state, NEW_SIGNALS_WINDOW_US), Ok(()));
        assert_eq!(admit(&mut state, 2 * NEW_SIGNALS_WINDOW_US), Ok(()));
        assert_eq!(admit(&mut state, 3 * NEW_SIGNALS_WINDOW_US), Ok(()));
        assert_eq!(admit(&mut state, 4 * NEW_SIGNALS_WINDOW_US), Err(TooManySignals::Ever(5)));
    }

    #[test]
    fn the_longest_unused_outbox_is_forgotten() {
        let mut state = MachineState::default();
        let outbox = |n: u128| OutboxId(Uuid::from_u128(n));
        let mut observe = |n: u128, at: i64| {
            state.observe_stream((outbox(n), StreamTopic::Events, 1), None, at, &LIMITS)
        };
        assert_eq!(observe(1, 1), None);
        assert_eq!(observe(2, 2), None);
        assert_eq!(observe(1, 3), None);
        assert_eq!(observe(3, 4), Some(outbox(2)));
    }

    #[test]
    fn gaps_are_merged_beyond_their_bound() {
        let mut state = MachineState::default();
        for seq in [2, 4, 9, 11, 20] {
            let stream = (OutboxId(Uuid::nil()), StreamTopic::Telemetry, seq);
            state.observe_stream(stream, None, 0, &LIMITS);
        }
        let mut edits = Edits::default();
        state.take_edits(MachineId(Uuid::nil()), &mut edits);
        let gaps: Vec<_> = edits.gaps.iter().map(|gap| (gap.from_seq, gap.to_seq)).collect();
        assert_eq!(gaps, [(1, 8), (10, 10), (12, 19)]);
    }

    #[test]
    fn last_seen_is_written_once_a_second() {
        let mut state = MachineState::default();
        let machine = MachineId(Uuid::nil());
        state.hear(10, Some(-5), None);
        state.hear(11, Some(-2), None);
        let row = state.take_seen(machine).unwrap();
        assert_eq!((row.last_seen_at, row.clock_offset_us), (10, Some(-5)));
        state.hear(12, None, Some(7));
        assert_eq!(state.take_seen(machine), None);
        state.hear(10 + SEEN_EVERY_US, None, None);
        let row = state.take_seen(machine).unwrap();
        assert_eq!((row.clock_offset_us, row.through_ts), (Some(-2), Some(7)));
    }
}
