//! Evidence: what was known when an alarm opened or reopened a ticket.

use millwright_schemas::Timestamp;
use millwright_schemas::api::alarms::{Alarm, AlarmQuery, AlarmStateFilter};
use millwright_schemas::api::tickets::Evidence;
use millwright_store::alarms::{self, Filter};
use millwright_store::page::PageRequest;
use millwright_store::tickets::around::{self, Span};
use millwright_store::{Scope, Store, StoreError};
use serde_json::{Value, json};

use crate::limits::{
    AFTER_S, BEFORE_S, EVENT_DATA_MAX_BYTES, EVIDENCE_ALARMS_MAX, EVIDENCE_EVENTS_MAX,
    EVIDENCE_MAX_BYTES, SAMPLES,
};

/// Copies what is known about an alarm now. It reads outside of transactions: no machine waits for
/// it.
pub(crate) async fn take(
    store: &Store,
    alarm: &Alarm,
    now: Timestamp,
) -> Result<Evidence, StoreError> {
    let center = alarm.raised_at;
    let (from, to) = (center.plus_seconds(-BEFORE_S), center.plus_seconds(AFTER_S));
    let span = Span { from, center, to };
    // What the alarm names is what it is about.
    let mut wanted = around::watched(store, alarm.id).await?;
    wanted.extend(alarm.context.keys().cloned());
    let machine = alarm.machine_id;
    let mut evidence = Evidence {
        alarm_id: alarm.id,
        taken_at: now,
        from,
        to,
        series: around::samples(store, machine, span, &wanted, SAMPLES).await?,
        active_alarms: active(store, alarm).await?,
        events: around::reported(store, machine, span, EVIDENCE_EVENTS_MAX, EVENT_DATA_MAX_BYTES)
            .await?,
        versions: around::versions(store, machine, alarm.id).await?,
    };
    fit(&mut evidence)?;
    Ok(evidence)
}

async fn active(store: &Store, alarm: &Alarm) -> Result<Vec<Value>, StoreError> {
    let query = AlarmQuery { limit: u32::try_from(EVIDENCE_ALARMS_MAX).ok(), ..Default::default() };
    let page = PageRequest::parse("alarms", &query.page())
        .map_err(|error| StoreError::corrupt("alarms", error))?;
    let filter = Filter {
        machine: Some(alarm.machine_id),
        state: Some(AlarmStateFilter::Open),
        ..Filter::default()
    };
    let alarms = alarms::list(store, Scope::Platform, &filter, &page).await?;
    Ok(alarms.into_iter().take(EVIDENCE_ALARMS_MAX).map(|alarm| brief(&alarm)).collect())
}

fn brief(alarm: &Alarm) -> Value {
    json!({
        "id": alarm.id, "origin": alarm.origin, "source": alarm.source, "code": alarm.code,
        "severity": alarm.severity, "message": alarm.message, "raised_at": alarm.raised_at,
    })
}

/// Leaves out what is beyond the bound, the least important signals first.
fn fit(evidence: &mut Evidence) -> Result<(), StoreError> {
    let bytes = |value: &Evidence| {
        serde_json::to_string(value)
            .map(|text| text.len())
            .map_err(|error| StoreError::corrupt("ticket_evidence", error))
    };
    while bytes(evidence)? > EVIDENCE_MAX_BYTES && evidence.series.pop().is_some() {}
    Ok(())
}
