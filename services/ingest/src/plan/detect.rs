//! What rules see of a message.

use millwright_detection::conditions::value::Reading;
use millwright_schemas::wire::telemetry::{Point, SampleValue};
use millwright_schemas::{Quality, Timestamp};

use super::consequence::Source;
use super::planner::{Place, Planner};
use crate::decode::Reported;
use crate::machine::MachineState;

impl Planner<'_> {
    /// Rules look at the newest values only: an older one never raises or clears today's alarm.
    /// Those of a message come in the order of their times, and those of one moment at once: two
    /// signals that jump together never differ.
    pub(super) fn detect(
        &mut self,
        source: Source,
        state: &mut MachineState,
        mut newest: Vec<&Point>,
    ) {
        let at = |point: &Point| point.ts.unwrap_or(source.received_at);
        newest.sort_by_key(|point| at(point));
        for moment in newest.chunk_by(|a, b| at(a) == at(b)) {
            let samples = moment.iter().map(|point| (point.signal.as_str(), reading(point)));
            let changes = state.watch.instant(at(moment[0]), samples);
            self.changes(source, &changes);
        }
    }

    /// An event that must come now and then has come, unless its stream has said that it was too
    /// late for that, or its time hasn't come.
    pub(super) fn detect_event(
        &mut self,
        place: Place,
        state: &mut MachineState,
        event: &Reported,
    ) {
        let passed = event.ts < Timestamp::from_micros(place.passed);
        let (clock, received_at) = (&state.clock, place.source.received_at);
        let is_of_clock = event.ts.micros() > clock.begins_ts();
        // What we gave a time is never ahead of it, whatever our clock was.
        let ahead = event.ts_is_device_time && clock.is_ahead(event.ts, received_at);
        if !passed && is_of_clock && !ahead {
            let changes = state.watch.event(&event.event_type, event.ts);
            self.changes(place.source, &changes);
        }
    }
}

fn reading(point: &Point) -> Reading<'_> {
    if point.quality == Quality::Bad {
        return Reading::Unusable;
    }
    match &point.value {
        SampleValue::Number(number) => Reading::Number(*number),
        SampleValue::Boolean(value) => Reading::Boolean(*value),
        SampleValue::Text(text) => Reading::Text(text),
        SampleValue::Null => Reading::Unusable,
    }
}
