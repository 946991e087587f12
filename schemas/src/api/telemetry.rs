//! Signals, samples over time, reported events.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::ids::{EventId, MachineId, OutboxId};
use crate::signal::{Quality, SignalKind};
use crate::time::Timestamp;

/// Points a series when the caller doesn't say.
pub const POINTS_DEFAULT: u32 = 500;
/// Most points a series.
pub const POINTS_MAX: u32 = 5_000;
/// Most signals in one request.
pub const SIGNALS_MAX: usize = 20;
/// Most machines that one request for newest values may name.
pub const LATEST_MACHINES_MAX: usize = 200;
/// Machines in the list of those that send most, when the caller doesn't say.
pub const GROWTH_DEFAULT: u32 = 20;
/// Most machines in that list.
pub const GROWTH_MAX: u32 = 100;

/// A signal of a machine with its newest value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Signal {
    /// Its name.
    pub signal: String,
    /// Its unit, where it is known.
    pub unit: Option<String>,
    /// What kind of values it has; null while it only ever was null.
    pub kind: Option<SignalKind>,
    /// Device time of the newest value.
    pub ts: Option<Timestamp>,
    /// The newest value: a number, a boolean, a text, or null.
    pub value: Value,
    /// Quality of the newest value.
    pub quality: Option<Quality>,
    /// When the platform had the newest value.
    pub received_at: Option<Timestamp>,
}

/// Newest values of a machine, as a list over a fleet shows them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachineLatest {
    /// The machine.
    pub machine_id: MachineId,
    /// Of the signals asked for, those that it has, by name.
    pub signals: Vec<Signal>,
}

/// What a machine's stored values take up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachineStorage {
    /// Bytes of all of its signals, estimated from the size of all points.
    pub bytes: i64,
    /// When it was counted, if that isn't now: of a machine with more than 200 signals it is kept for
    /// five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_at: Option<Timestamp>,
    /// Its signals, the largest first.
    pub signals: Vec<SignalStorage>,
}

/// What a signal's stored values take up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SignalStorage {
    /// Its name.
    pub signal: String,
    /// Values as received that are stored; nulls of numbers and booleans aren't counted, and more than
    /// 100,000 texts are estimated.
    pub points: i64,
    /// Values by minute and by hour that are stored; those by minute estimated, if they are more than
    /// 1,500.
    pub rollups: i64,
    /// Bytes of both, estimated.
    pub bytes: i64,
    /// Device time of the oldest value as received.
    pub oldest: Option<Timestamp>,
    /// Device time of the newest value.
    pub newest: Option<Timestamp>,
}

/// How many machines are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StorageGrowthQuery {
    /// Machines, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
}

/// Machines by the values that were stored of them lately: where the disk goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageGrowth {
    /// From this device time on values are counted: 24 hours ago, and the begun hour.
    pub from: Timestamp,
    /// Before this device time: when they were counted, which is now, or with more than 5,000 signals up
    /// to five minutes ago.
    pub to: Timestamp,
    /// The machines with the most values first. Without those of which nothing is rolled up in this
    /// time, such as machines whose clock is wrong by a day.
    pub items: Vec<MachineGrowth>,
}

/// What was stored of a machine lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineGrowth {
    /// The machine.
    pub machine_id: MachineId,
    /// Its name now; left out when the caller may not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_name: Option<String>,
    /// Numbers and booleans as received, as far as they are rolled up; neither texts nor nulls.
    pub values: i64,
    /// Bytes that they take up, estimated from the size of all points.
    pub bytes: i64,
}

/// How data are stored, and how the work on them goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StorageStatus {
    /// `sqlite`, `postgresql` or `timescaledb`.
    pub database: String,
    /// Size of the whole database.
    pub bytes: i64,
    /// What a value as received takes up on average, in bytes; without those that SQLite or
    /// PostgreSQL has compressed.
    pub bytes_per_point: f64,
    /// Work on stored data that goes on by itself, as far as it has ever run.
    pub tasks: Vec<StorageTask>,
    /// What waits to be rolled up; null with TimescaleDB, whose aggregates are as old as the last
    /// `refresh` that went well.
    pub waiting: Option<StorageWaiting>,
}

/// Values that aren't in the values by minute and hour yet. The last minute of a signal waits for what
/// comes after it, and isn't counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageWaiting {
    /// Signals of machines with values that came in order.
    pub signals: i64,
    /// Hours of signals that are made anew, because something came late.
    pub hours: i64,
    /// Device time of the oldest that waits.
    pub oldest: Option<Timestamp>,
}

/// Work on stored data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageTask {
    /// `rollups`, `retention`, `compression`, with TimescaleDB also `refresh`.
    pub task: String,
    /// When it was last noted to have run.
    pub ran_at: Timestamp,
    /// When it last went well.
    pub succeeded_at: Option<Timestamp>,
    /// Why its last run failed; null when that went well.
    pub error: Option<String>,
    /// When a run last failed, whatever came after.
    pub failed_at: Option<Timestamp>,
    /// Why that run failed.
    pub failure: Option<String>,
    /// When it should have gone well again at the latest. Before it ever did: when its first round, if one is
    /// under way, should be at its end; null otherwise.
    pub due_at: Option<Timestamp>,
    /// How many series, rows, packed days of signals or chunks it saw to the last time, or so far.
    pub done: i64,
}

/// Signals over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TelemetryChart {
    /// One a signal asked for, in that order.
    pub series: Vec<TelemetrySeries>,
}

/// A signal over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TelemetrySeries {
    /// Its name.
    pub signal: String,
    /// Its unit, where it is known.
    pub unit: Option<String>,
    /// Its kind; null when the machine has no such signal, or no value of it yet.
    pub kind: Option<SignalKind>,
    /// Seconds that a point stands for; 0 for points as received. Of booleans and texts: how exactly it is
    /// known when they change; 0 for each change as received.
    pub resolution: f64,
    /// Whether there are more changes than are given: more than points were asked for, or than 8 MiB of
    /// texts of all signals together. The first ones are given; beyond the last of them nothing is known.
    pub truncated: bool,
    /// The points, oldest first.
    pub points: SeriesPoints,
}

/// Numbers as `[ts_ms, avg, min, max]`; booleans and texts as `[ts_ms, value]`, where they change. With a
/// resolution above 0, a stretch of that length that begins with one value and ends with another has the first
/// at its beginning and the other at its middle; what came between isn't there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[allow(clippy::type_complexity, reason = "utoipa describes tuples, not aliases of them")]
pub enum SeriesPoints {
    /// Unix milliseconds, mean, smallest, largest.
    Numbers(Vec<(i64, Option<f64>, Option<f64>, Option<f64>)>),
    /// Unix milliseconds, value.
    Booleans(Vec<(i64, Option<bool>)>),
    /// Unix milliseconds, value.
    Texts(Vec<(i64, Option<String>)>),
}

/// A sample of a watched machine, as it comes in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LiveSample {
    /// Whose sample.
    pub machine_id: MachineId,
    /// The signal's name.
    pub signal: String,
    /// Device time.
    pub ts: Timestamp,
    /// A number, a boolean, a text, or null.
    pub value: Value,
    /// Its quality.
    pub quality: Quality,
    /// When the platform had it.
    pub received_at: Timestamp,
}

/// An event that a machine has reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MachineEvent {
    /// Unique for the machine.
    pub id: EventId,
    /// What happened, such as `fault.raised`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Device time; the receive time when the machine's can't be meant.
    pub ts: Timestamp,
    /// When the platform had it.
    pub received_at: Timestamp,
    /// The store on the machine that it waited in.
    pub outbox: Option<OutboxId>,
    /// Its number there.
    pub seq: Option<i64>,
    /// Details, as the type says.
    pub data: Map<String, Value>,
}

/// Which reported events are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MachineEventQuery {
    /// Only this type; `fault.*` stands for all that start with `fault.`.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub event_type: Option<String>,
    /// From this time on: RFC 3339 or Unix milliseconds.
    pub from: Option<String>,
    /// Before this time: RFC 3339 or Unix milliseconds.
    pub to: Option<String>,
    /// Items a page, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}
