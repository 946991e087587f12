//! Events that a machine has reported.

use millwright_schemas::api::page::Page;
use millwright_schemas::{EventId, MachineId, OutboxId, Timestamp};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::scoped::require_machine;
use crate::engine::{Cell, Row};
use crate::page::PageRequest;
use crate::{Scope, Store, StoreError};

/// Bytes of the details of a page's events; an event that has more stands alone.
const BYTES_MAX: i64 = 8 * 1024 * 1024;

/// An event that a machine has reported.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedEvent {
    /// Unique for the machine.
    pub id: EventId,
    /// When it happened.
    pub ts: Timestamp,
    /// When the platform had it.
    pub received_at: Timestamp,
    /// What happened.
    pub event_type: String,
    /// The store on the machine that it waited in, and its number there.
    pub stream: Option<(OutboxId, i64)>,
    /// Details.
    pub data: Map<String, Value>,
}

/// Which events are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter {
    /// Only this type; one ending in `.*` stands for all that start so.
    pub event_type: Option<String>,
    /// From this time on.
    pub from: Timestamp,
    /// Before this time.
    pub to: Timestamp,
}

/// One page of a machine's events, newest first. Of large ones it has fewer than it may have.
///
/// # Errors
/// [`StoreError::NotFound`] when the machine is outside the scope.
pub async fn list(
    store: &Store,
    scope: Scope,
    machine: MachineId,
    filter: &EventFilter,
    page: &PageRequest<(i64, Uuid)>,
) -> Result<Page<ReportedEvent>, StoreError> {
    require_machine(store, scope, machine).await?;
    let (exact, prefix) = match filter.event_type.as_deref() {
        None => (None, None),
        Some(word) => match word.strip_suffix('*') {
            None => (Some(word), None),
            Some(prefix) => (None, Some(prefix)),
        },
    };
    let (after_ts, after_id) = page.after.unwrap_or((i64::MAX, Uuid::max()));
    let first = async |columns: &str, count: i64| {
        let sql = format!(
            "SELECT {columns} FROM machine_events \
             WHERE machine_id = ?1 AND ts >= ?2 AND ts < ?3 \
             AND (?4 IS NULL OR type = ?4) AND (?5 IS NULL OR substr(type, 1, length(?5)) = ?5) \
             AND ts <= ?6 AND (ts < ?6 OR id < ?7) ORDER BY ts DESC, id DESC LIMIT ?8"
        );
        let cells: [Cell<'_>; 8] = [
            machine.uuid().into(),
            filter.from.micros().into(),
            filter.to.micros().into(),
            exact.into(),
            prefix.into(),
            after_ts.into(),
            after_id.into(),
            count.into(),
        ];
        store.reader_pool().fetch(&sql, &cells).await
    };
    // First how large they are: a page of large ones has fewer.
    let sizes = first("CAST(length(data) AS BIGINT)", bound(page.rows())).await?;
    let sizes: Vec<i64> = sizes.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?;
    let most = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let count = fitting(&sizes, BYTES_MAX).min(most);
    let rows = first("id, ts, received_at, type, outbox, seq, data", bound(count as u64)).await?;
    let events = rows.iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
    Ok(page.part(events, sizes.len() > count, |event| (event.ts.micros(), event.id.uuid())))
}

/// How many of these fit; at least one, if there is any.
fn fitting(sizes: &[i64], most: i64) -> usize {
    let mut all: i64 = 0;
    let fits = sizes.iter().take_while(|size| {
        all = all.saturating_add(**size);
        all <= most
    });
    fits.count().max(1).min(sizes.len())
}

/// As SQL takes it.
fn bound(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn from_row(row: &Row) -> Result<ReportedEvent, StoreError> {
    let outbox: Option<Uuid> = row.get(4)?;
    let seq: Option<i64> = row.get(5)?;
    let data: String = row.get(6)?;
    Ok(ReportedEvent {
        id: EventId(row.get(0)?),
        ts: Timestamp::from_micros(row.get(1)?),
        received_at: Timestamp::from_micros(row.get(2)?),
        event_type: row.get(3)?,
        stream: outbox.map(OutboxId).zip(seq),
        data: serde_json::from_str(&data)
            .map_err(|error| StoreError::corrupt("machine_events", error))?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_schemas::api::page::PageQuery;

    use super::*;
    use crate::telemetry::reported::{self, ReportedRow};
    use crate::testing::{NOW, machine, organization, store};

    #[tokio::test]
    async fn large_events_stand_on_more_pages() {
        let (store, _folder) = store().await;
        let organization = organization(&store, None).await;
        let machine = machine(&store, organization).await;
        let data = format!(r#"{{"text":"{}"}}"#, "x".repeat(5 * 1024 * 1024));
        let row = |n: i64| ReportedRow {
            machine,
            id: EventId(Uuid::now_v7()),
            organization,
            ts: NOW + n,
            ts_is_device_time: true,
            received_at: NOW,
            event_type: "door.opened".to_owned(),
            stream: None,
            data: if n == 3 { "{}".to_owned() } else { data.clone() },
        };
        let rows: Vec<_> = (1..=3).map(row).collect();
        let mut tx = store.begin_batch().await.unwrap();
        reported::insert(&mut tx, &rows).await.unwrap();
        tx.commit().await.unwrap();

        let [from, to] = [NOW, NOW + 100].map(Timestamp::from_micros);
        let filter = EventFilter { event_type: None, from, to };
        let mut query = PageQuery { limit: Some(2), cursor: None };
        let mut found = Vec::new();
        loop {
            let page = PageRequest::parse("machine_events", &query).unwrap();
            let page = list(&store, Scope::Platform, machine, &filter, &page).await.unwrap();
            found.push(page.items.iter().map(|it| it.ts.micros() - NOW).collect::<Vec<_>>());
            query.cursor = page.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, [vec![3, 2], vec![1]]);
        let most =
            PageRequest::parse("machine_events", &PageQuery { limit: Some(9), cursor: None });
        let page = list(&store, Scope::Platform, machine, &filter, &most.unwrap()).await.unwrap();
        assert_eq!((page.items.len(), page.next_cursor.is_some()), (2, true));
    }

    #[test]
    fn a_page_has_as_many_events_as_there_is_room_for_and_at_least_one() {
        assert_eq!(fitting(&[], 10), 0);
        assert_eq!(fitting(&[11], 10), 1);
        assert_eq!(fitting(&[5, 5, 1], 10), 2);
        assert_eq!(fitting(&[5, 6, 1], 10), 1);
        assert_eq!(fitting(&[1, 1], 10), 2);
        assert_eq!(fitting(&[i64::MAX, i64::MAX], 10), 1);
    }
}
