//! What a machine measured and reported around a point in time.

use millwright_schemas::api::tickets::EvidenceSeries;
use millwright_schemas::{AlarmId, MachineId, SignalKind, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Map, Value, json};

use crate::engine::{Cell, Row};
use crate::entities::{alarm, machine, machine_capability, machine_event};
use crate::telemetry::packed::{self, Piece};
use crate::telemetry::series::kind_from;
use crate::{Store, StoreError};

/// A span of a machine's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From this time on.
    pub from: Timestamp,
    /// What it is about: what is nearest to it is kept first.
    pub center: Timestamp,
    /// Up to this time.
    pub to: Timestamp,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Signals.
    pub signals: usize,
    /// Points of each.
    pub points: usize,
    /// Characters of a text.
    pub text_chars: usize,
}

/// A machine's samples in a span: of the wanted signals first, then of others by name.
///
/// # Errors
/// When the database can't be used.
pub async fn samples(
    store: &Store,
    machine: MachineId,
    span: Span,
    wanted: &[String],
    bounds: Bounds,
) -> Result<Vec<EvidenceSeries>, StoreError> {
    let first = vec!["?"; wanted.len()].join(",");
    let order = if first.is_empty() { String::new() } else { format!("signal NOT IN ({first}), ") };
    let sql = format!(
        "SELECT id, signal, kind FROM series WHERE machine_id = ? ORDER BY {order}signal LIMIT ?"
    );
    let mut cells: Vec<Cell<'_>> = vec![machine.uuid().into()];
    cells.extend(wanted.iter().map(|signal| Cell::from(signal.as_str())));
    cells.push(limit(bounds.signals).into());
    let rows = store.reader_pool().fetch(&sql, &cells).await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let (id, signal): (i64, String) = (row.get(0)?, row.get(1)?);
        let kind: Option<String> = row.get(2)?;
        let Some(kind) = kind_from(kind.as_deref())? else { continue };
        let (points, cut) = points(store, id, kind, span, bounds).await?;
        if !points.is_empty() {
            all.push(EvidenceSeries { signal, points, cut });
        }
    }
    Ok(all)
}

fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

async fn points(
    store: &Store,
    series: i64,
    kind: SignalKind,
    span: Span,
    bounds: Bounds,
) -> Result<(Vec<(i64, Value)>, bool), StoreError> {
    let mut points: Vec<(i64, Value)> = match kind {
        SignalKind::Text => texts(store, series, span, bounds).await?,
        SignalKind::Number | SignalKind::Boolean => {
            let value = |value: Option<f64>| -> Value {
                match kind {
                    SignalKind::Boolean => value.map(|value| value != 0.0).into(),
                    _ => value.into(),
                }
            };
            let points = nearest(store, series, span, bounds.points + 1).await?;
            points.into_iter().map(|(ts, number)| (ts, value(number))).collect()
        }
    };
    let cut = points.len() > bounds.points;
    points.truncate(bounds.points);
    for (ts, _) in &mut points {
        *ts = Timestamp::from_micros(*ts).millis();
    }
    points.sort_by_key(|(ts, _)| *ts);
    Ok((points, cut))
}

/// Texts of a span, those nearest to its center first; one more than wanted.
async fn texts(
    store: &Store,
    series: i64,
    span: Span,
    bounds: Bounds,
) -> Result<Vec<(i64, Value)>, StoreError> {
    let sql = "SELECT ts, value FROM points_text WHERE series_id = ?1 AND ts >= ?2 AND ts <= ?3 \
               ORDER BY abs(ts - ?4) LIMIT ?5";
    let cells = [
        series.into(),
        span.from.micros().into(),
        span.to.micros().into(),
        span.center.micros().into(),
        limit(bounds.points + 1).into(),
    ];
    let rows = store.reader_pool().fetch(sql, &cells).await?;
    let text = |row: &Row| -> Result<(i64, Value), StoreError> {
        let text: Option<String> = row.get(1)?;
        let short = |text: String| Value::String(text.chars().take(bounds.text_chars).collect());
        Ok((row.get(0)?, text.map_or(Value::Null, short)))
    };
    rows.iter().map(text).collect()
}

/// Numbers and booleans of a span, packed or not, those nearest to its center first, at most so many.
async fn nearest(
    store: &Store,
    series: i64,
    span: Span,
    count: usize,
) -> Result<Vec<(i64, Option<f64>)>, StoreError> {
    let sql = "SELECT ts, value FROM points WHERE series_id = ?1 AND ts >= ?2 AND ts < ?3 \
               ORDER BY abs(ts - ?4) LIMIT ?5";
    let center = span.center.micros();
    let range = packed::Span { from: span.from.micros(), to: span.to.micros().saturating_add(1) };
    let mut snapshot = store.snapshot().await?;
    let mut found: Vec<(i64, Option<f64>)> = Vec::new();
    for piece in packed::pieces(&mut snapshot, series, range).await? {
        match piece {
            Piece::Loose(range) => {
                let [of, from, to, center] = [series, range.from, range.to, center].map(Cell::from);
                let cells = [of, from, to, center, limit(count).into()];
                for row in snapshot.fetch(sql, &cells).await? {
                    found.push((row.get(0)?, row.get(1)?));
                }
            }
            Piece::Packed(packed) => {
                let mut walk = packed::each(series, &packed);
                while let Some(points) = walk.next(&mut snapshot).await? {
                    found.extend(points.iter().map(|point| (point.ts, point.value)));
                }
            }
        }
        // Of each part no more than could be wanted of all.
        found.sort_by_key(|(ts, _)| ts.abs_diff(center));
        found.truncate(count);
    }
    snapshot.end().await?;
    Ok(found)
}

/// What a machine reported in a span, the newest first; data that are too large are left out and
/// told as `{"cut": true}`.
///
/// # Errors
/// When the database can't be used.
pub async fn reported(
    store: &Store,
    machine: MachineId,
    span: Span,
    count: u64,
    data_bytes: usize,
) -> Result<Vec<Value>, StoreError> {
    use machine_event::Column;
    let rows = machine_event::Entity::find()
        .filter(Column::MachineId.eq(machine.uuid()))
        .filter(Column::Ts.gte(span.from.micros()))
        .filter(Column::Ts.lte(span.to.micros()))
        .order_by_desc(Column::Ts)
        .limit(count)
        .all(store.readers())
        .await?;
    rows.into_iter()
        .map(|row| {
            let data: Value = if row.data.len() > data_bytes {
                json!({"cut": true})
            } else {
                serde_json::from_str(&row.data)
                    .map_err(|error| StoreError::corrupt("machine_events", error))?
            };
            let ts = Timestamp::from_micros(row.ts);
            Ok(json!({"id": row.id, "ts": ts, "type": row.event_type, "data": data}))
        })
        .collect()
}

/// Versions that matter for an alarm: of the machine's agent, its model, and the rule.
///
/// # Errors
/// When the database can't be used.
pub async fn versions(
    store: &Store,
    machine: MachineId,
    alarm: AlarmId,
) -> Result<Map<String, Value>, StoreError> {
    let mut versions = Map::new();
    let capability = machine_capability::Entity::find_by_id(machine.uuid());
    if let Some(row) = capability.one(store.readers()).await? {
        versions.insert("agent".to_owned(), row.agent_version.into());
    }
    if let Some(row) = machine::Entity::find_by_id(machine.uuid()).one(store.readers()).await? {
        versions.insert("model".to_owned(), row.model.into());
    }
    let row = alarm::Entity::find_by_id(alarm.uuid()).one(store.readers()).await?;
    if let Some((rule, version)) = row.and_then(|row| row.rule_id.zip(row.rule_version)) {
        versions.insert("rule_id".to_owned(), rule.to_string().into());
        versions.insert("rule_version".to_owned(), version.into());
    }
    Ok(versions)
}

/// The signals that the rule of an alarm watches, as its version was.
///
/// # Errors
/// When the database can't be used.
pub async fn watched(store: &Store, alarm: AlarmId) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT v.rule FROM alarms a \
               JOIN rule_versions v ON v.rule_id = a.rule_id AND v.version = a.rule_version \
               WHERE a.id = ?";
    let Some(row) = store.reader_pool().first(sql, &[alarm.uuid().into()]).await? else {
        return Ok(Vec::new());
    };
    let rule: String = row.get(0)?;
    let rule: Value =
        serde_json::from_str(&rule).map_err(|error| StoreError::corrupt("rule_versions", error))?;
    let mut signals = Vec::new();
    collect_signals(&rule, &mut signals);
    Ok(signals)
}

/// Every signal that a rule names, once: one by itself, several together, and the one from which another
/// deviates.
fn collect_signals(value: &Value, signals: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let deviates = fields.get("kind").is_some_and(|kind| kind == "deviation");
            for (name, field) in fields {
                match (name.as_str(), field) {
                    ("signal", Value::String(signal)) => add(signal, signals),
                    ("from", Value::String(signal)) if deviates => add(signal, signals),
                    ("signals", Value::Array(all)) => {
                        all.iter().filter_map(Value::as_str).for_each(|one| add(one, signals));
                    }
                    _ => collect_signals(field, signals),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_signals(item, signals)),
        _ => {}
    }
}

fn add(signal: &str, signals: &mut Vec<String>) {
    if !signals.iter().any(|known| known == signal) {
        signals.push(signal.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signals(condition: &Value) -> Vec<String> {
        let mut found = Vec::new();
        collect_signals(&json!({"name": "signal", "condition": condition}), &mut found);
        found.sort();
        found
    }

    #[test]
    fn all_signals_of_a_rule_are_found_and_nothing_else() {
        let several = json!({"kind": "any", "conditions": [
            {"kind": "deviation", "signal": "a", "from": "b", "above": 1},
            {"kind": "schedule", "from": "06:00", "to": "22:00"},
            {"kind": "order", "signal": "state", "allowed": [{"from": "idle", "to": ["on"]}]},
            {"kind": "threshold", "signal": "a", "above": 1}]});
        assert_eq!(signals(&several), ["a", "b", "state"]);
        let learns = json!({"kind": "anomaly", "signals": ["load", "vibration"]});
        assert_eq!(signals(&learns), ["load", "vibration"]);
    }
}
