//! Samples: each value to its series, its place and the newest values.

use millwright_schemas::api::telemetry::LiveSample;
use millwright_schemas::wire::telemetry::{Point, RejectedValue, SampleValue};
use millwright_schemas::{MachineId, SignalKind, Timestamp};
use millwright_store::telemetry::late::LateRow;
use millwright_store::telemetry::latest::LatestRow;
use millwright_store::telemetry::points::{PointRow, TextRow};
use millwright_store::telemetry::series::NewSeries;

use super::planner::{Place, Plan, Planner};
use crate::decode::Message;
use crate::machine::{MachineState, Series};
use crate::machine_clock::Turn;

impl Planner<'_> {
    /// Takes a message's points; `timed`: the places of those to which we gave a time. Those that can't be
    /// stored.
    pub(super) fn samples(
        &mut self,
        place: Place,
        state: &mut MachineState,
        message: &Message,
        (points, timed): (&[Point], &[usize]),
    ) -> Vec<RejectedValue> {
        let uplink = message.uplink();
        let watched = self.known.watched.contains(&uplink.machine);
        let (mut refused, mut newest) = (Vec::new(), Vec::new());
        for (n, point) in points.iter().enumerate() {
            let is_timed = timed.binary_search(&n).is_ok();
            match self.point(place, state, message, (point, is_timed)) {
                Ok(is_newest) => {
                    if is_newest && !state.watch.is_empty() {
                        newest.push(point);
                    }
                    if watched {
                        let samples = self.planned.live.entry(uplink.machine).or_default();
                        samples.push(live_sample(message, point));
                    }
                }
                Err(reason) => refused.push(reason),
            }
        }
        self.detect(place.source, state, newest);
        refused
    }

    /// Whether rules are to see it.
    fn point(
        &mut self,
        place: Place,
        state: &mut MachineState,
        message: &Message,
        (point, is_timed): (&Point, bool),
    ) -> Result<bool, RejectedValue> {
        if !state.series.contains_key(&point.signal) {
            self.add_series(state, message, point)?;
        }
        let clock = state.clock;
        let Some(series) = state.series.get_mut(&point.signal) else { return Ok(false) };
        let plan = &mut self.planned.plan;
        fix_kind(plan, series, point)?;
        let (machine, received_at) = (place.source.machine, message.uplink().received_at);
        let at = point.ts.unwrap_or(received_at);
        // The time that we gave may be ahead of the receipt as well, when our clock was set back.
        let (ts, ahead) = (at.micros(), !is_timed && clock.is_ahead(at, received_at));
        let in_order = !ahead && ts > series.latest_ts && ts > clock.begins_ts();
        let (key, may_be_stored) = ((series.id, ts), ts <= series.stored_ts);
        push(plan, series, message, point, ts);
        if in_order || ts > series.stored_ts {
            let mut row = latest_row(series.id, ts, point, received_at);
            row.unseen = !in_order;
            note_newest(plan, series, self.known.batch, row, in_order);
        }
        let in_time = in_order && ts >= place.passed;
        if in_time {
            if may_be_stored {
                plan.retaken.insert(key);
            }
            return Ok(true);
        }
        if !plan.retaken.contains(&key) {
            *plan.late.entry(machine).or_insert(0) += 1;
        }
        if ahead {
            *plan.ahead.entry(machine).or_insert(0) += 1;
        }
        if state.watch.hears(&point.signal) {
            widen(plan, machine, ts, received_at);
        }
        Ok(false)
    }

    /// The machine goes by another clock from now on: its rules begin anew. If that clock is less ahead, what
    /// came before is ahead of its time, and rules see what comes now.
    pub(super) fn turn(&mut self, machine: MachineId, state: &mut MachineState, turn: Turn) {
        let Turn { at, back } = turn;
        state.watch.begin_anew(Timestamp::from_micros(at), back);
        if !back {
            return;
        }
        state.set_streams_back(at);
        let plan = &mut self.planned.plan;
        plan.unlearned.push((machine, at));
        for series in state.series.values_mut().filter(|series| series.latest_ts > at) {
            let (batch, slot) = series.slot;
            if let Some(row) = plan.latest.get_mut(slot).filter(|_| batch == self.known.batch) {
                row.unseen = true;
            }
            plan.in_time.remove(&series.id);
            // New ones aren't stored yet.
            if series.id > 0 {
                plan.set_back.push(series.id);
            }
            series.latest_ts = i64::MIN;
        }
    }

    fn add_series(
        &mut self,
        state: &mut MachineState,
        message: &Message,
        point: &Point,
    ) -> Result<(), RejectedValue> {
        let uplink = message.uplink();
        let created_at = uplink.received_at.micros();
        state
            .admit_signal(created_at, self.known.limits)
            .map_err(|error| rejected(point, "too_many_signals", error.to_string()))?;
        let kind = point.value.kind();
        let rows = &mut self.planned.plan.new_series;
        rows.push(NewSeries {
            machine: uplink.machine,
            signal: point.signal.clone(),
            kind,
            created_at,
        });
        let id = -i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let never = i64::MIN;
        let series = Series { id, kind, stored_ts: never, latest_ts: never, slot: (0, 0) };
        state.series.insert(point.signal.clone(), series);
        Ok(())
    }
}

/// Notes what is the newest value of all that is stored of a series, or of all whose time had come
/// (`in_order`), or both.
fn note_newest(plan: &mut Plan, series: &mut Series, batch: u64, row: LatestRow, in_order: bool) {
    let ts = row.ts;
    if ts > series.stored_ts {
        let slot = plan.latest.get_mut(series.slot.1).filter(|_| series.slot.0 == batch);
        // The first one that is ahead: the newest in time isn't the newest any more.
        let parts =
            !in_order && series.latest_ts > i64::MIN && series.latest_ts == series.stored_ts;
        match slot {
            Some(slot) => {
                let before = std::mem::replace(slot, row);
                if parts {
                    plan.in_time.insert(series.id, before);
                }
            }
            None => {
                if parts {
                    plan.parted.push(series.id);
                }
                series.slot = (batch, plan.latest.len());
                plan.latest.push(row);
            }
        }
        series.stored_ts = ts;
    } else {
        plan.in_time.insert(series.id, row);
    }
    if in_order {
        series.latest_ts = ts;
    }
}

/// No rule that watches it has seen a sample of this time.
fn widen(plan: &mut Plan, machine: MachineId, ts: i64, received_at: Timestamp) {
    let marked_at = received_at.micros();
    let new = LateRow { machine, from: ts, to: ts, marked_at };
    let span = plan.late_spans.entry(machine).or_insert(new);
    span.from = span.from.min(ts);
    span.to = span.to.max(ts);
    span.marked_at = span.marked_at.max(marked_at);
}

/// A signal's kind is fixed by its first value that isn't null.
fn fix_kind(plan: &mut Plan, series: &mut Series, point: &Point) -> Result<(), RejectedValue> {
    match (series.kind, point.value.kind()) {
        (_, None) => Ok(()),
        (Some(fixed), Some(kind)) if fixed == kind => Ok(()),
        (Some(fixed), Some(kind)) => {
            let reason = format!("a {} for a signal of kind {}", kind.as_str(), fixed.as_str());
            Err(rejected(point, "kind_mismatch", reason))
        }
        (None, Some(kind)) => {
            series.kind = Some(kind);
            let new = usize::try_from(-series.id - 1).ok();
            match new.and_then(|place| plan.new_series.get_mut(place)) {
                Some(row) => row.kind = Some(kind),
                None => plan.fixed_kinds.push((series.id, kind)),
            }
            Ok(())
        }
    }
}

fn push(plan: &mut Plan, series: &Series, message: &Message, point: &Point, ts: i64) {
    let quality = point.quality.code();
    let row = |value| PointRow { series: series.id, ts, value, quality };
    let value = match &point.value {
        SampleValue::Text(text) => {
            let value = Some(text.clone());
            plan.texts.push(TextRow { series: series.id, ts, value, quality });
            return;
        }
        SampleValue::Null => match series.kind {
            Some(SignalKind::Text) => {
                plan.texts.push(TextRow { series: series.id, ts, value: None, quality });
                return;
            }
            Some(SignalKind::Number | SignalKind::Boolean) => None,
            None => {
                let machine = message.uplink().machine;
                plan.nulls.push((machine, point.signal.clone(), row(None)));
                return;
            }
        },
        SampleValue::Number(number) => Some(*number),
        SampleValue::Boolean(value) => Some(f64::from(u8::from(*value))),
    };
    if ts > series.stored_ts {
        plan.new_points.push(row(value));
    } else {
        plan.other_points.push(row(value));
    }
}

fn latest_row(series: i64, ts: i64, point: &Point, received_at: Timestamp) -> LatestRow {
    let (value, text) = match &point.value {
        SampleValue::Null => (None, None),
        SampleValue::Number(number) => (Some(*number), None),
        SampleValue::Boolean(value) => (Some(f64::from(u8::from(*value))), None),
        SampleValue::Text(text) => (None, Some(text.clone())),
    };
    let (quality, received_at) = (point.quality.code(), received_at.micros());
    LatestRow { series, ts, value, text, quality, received_at, unseen: false }
}

fn live_sample(message: &Message, point: &Point) -> LiveSample {
    let uplink = message.uplink();
    LiveSample {
        machine_id: uplink.machine,
        signal: point.signal.clone(),
        ts: point.ts.unwrap_or(uplink.received_at),
        value: point.value.to_json(),
        quality: point.quality,
        received_at: uplink.received_at,
    }
}

fn rejected(point: &Point, code: &'static str, reason: String) -> RejectedValue {
    RejectedValue { ts: point.ts, signal: point.signal.clone(), code, reason }
}
