//! Samples per CPU-second from the intake to the commit, beside a bare batched insert of the same
//! rows. Prints a table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use millwright_ingest::intake::{AckLine, Generation, Uplink};
use millwright_ingest::limits::{LEARNED_BYTES_MAX, MachineLimits, REBUILDS_MAX};
use millwright_ingest::live::Live;
use millwright_ingest::metrics::IngestMetrics;
use millwright_ingest::{Ingest, IngestOptions};
use millwright_schemas::api::rules::{Rule, ThresholdCondition};
use millwright_schemas::topics::UpChannel;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, OrganizationId, RuleId, Timestamp};
use millwright_store::{Store, rules};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _};
use uuid::Uuid;

const T0_MS: i64 = 1_767_225_600_000;
const MACHINES: u128 = 100;
const SIGNALS: i64 = 20;
const ROWS: i64 = 200_000;
/// Rows of a statement and of a transaction of the bare insert.
const PIECE: usize = 500;
const BATCH: usize = 10_000;

/// What a message holds.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// One value.
    One,
    /// All signals at one time.
    Wide,
    /// One signal at twenty times.
    Long,
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        println!("{:<28} {:>14} {:>8}", "", "rows/CPU-s", "share");
        let bare = bare_insert().await;
        println!("{:<28} {bare:>14.0} {:>7.0}%", "bare insert", 100.0);
        for (name, form, rules) in [
            ("1 value a message", Form::One, 0),
            ("20 signals a message", Form::Wide, 0),
            ("20 times a message", Form::Long, 0),
            ("the same, 5 rules a machine", Form::Long, 5),
        ] {
            let rate = ingest(form, rules).await;
            println!("{name:<28} {rate:>14.0} {:>7.0}%", rate / bare * 100.0);
        }
    });
}

/// CPU time of this process in seconds, by Linux's clock ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |i: usize| fields[i].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

async fn connect(folder: &Path) -> SqliteConnection {
    let file = folder.join("millwright.db");
    SqliteConnectOptions::new().filename(file).connect().await.unwrap()
}

async fn prepare(folder: &Path) -> Store {
    let store = Store::open_sqlite(folder).await.unwrap();
    let mut db = connect(folder).await;
    let insert = "INSERT INTO organizations (id, name, version, created_at, updated_at) \
                  VALUES (?, 'o', 1, 0, 0)";
    sqlx::query(insert).bind(Uuid::nil()).execute(&mut db).await.unwrap();
    let insert =
        "INSERT INTO organization_tree (ancestor_id, descendant_id, depth) VALUES (?1, ?1, 0)";
    sqlx::query(insert).bind(Uuid::nil()).execute(&mut db).await.unwrap();
    for n in 0..MACHINES {
        let insert = "INSERT INTO machines (id, organization_id, name, serial_number, model, state, \
                      version, created_at, updated_at) VALUES (?, ?, 'm', ?, 'm', 'registered', 1, 0, 0)";
        let query = sqlx::query(insert).bind(Uuid::from_u128(n)).bind(Uuid::nil());
        query.bind(n.to_string()).execute(&mut db).await.unwrap();
    }
    store
}

/// Machine, signal and time of each row, in the order in which a fleet would send them.
fn rows() -> impl Iterator<Item = (i64, i64, i64)> {
    (0..ROWS).map(|n| {
        let (signal, rest) = (n % SIGNALS, n / SIGNALS);
        let machines = i64::try_from(MACHINES).unwrap();
        (rest % machines, signal, T0_MS + rest / machines * 1_000)
    })
}

async fn bare_insert() -> f64 {
    let folder = tempfile::tempdir().unwrap();
    drop(prepare(folder.path()).await);
    let mut db = connect(folder.path()).await;
    let sql: Arc<str> = format!(
        "INSERT INTO points (series_id, ts, value, quality) VALUES {} ON CONFLICT DO NOTHING",
        vec!["(?,?,?,?)"; PIECE].join(",")
    )
    .into();
    let rows: Vec<_> = rows().collect();
    let before = cpu_seconds();
    for batch in rows.chunks(BATCH) {
        let mut tx = db.begin().await.unwrap();
        for piece in batch.chunks(PIECE) {
            let mut query = sqlx::query(AssertSqlSafe(Arc::clone(&sql)));
            for (machine, signal, ms) in piece {
                let value = *ms as f64 / 7.0;
                query = query.bind(machine * SIGNALS + signal).bind(ms * 1_000);
                query = query.bind(Some(value)).bind(0_i64);
            }
            query.execute(&mut *tx).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    ROWS as f64 / (cpu_seconds() - before)
}

/// A rule over all machines, on one of their signals. It looks at every value and never raises.
async fn watch(store: &Store, n: u128) {
    // Beyond all times, which the values are made of.
    let last = T0_MS * 2;
    let rule = Rule {
        id: RuleId(Uuid::from_u128(n)),
        organization_id: OrganizationId(Uuid::nil()),
        name: "r".to_owned(),
        machine_id: None,
        model: Some("m".to_owned()),
        condition: ThresholdCondition {
            hold_s: 60.0,
            ..ThresholdCondition::above(format!("signal.{n}").parse().unwrap(), last as f64 / 7.0)
        }
        .into(),
        severity: Severity::Major,
        message: None,
        enabled: true,
        version: 1,
        created_at: Timestamp::from_millis(T0_MS),
        updated_at: Timestamp::from_millis(T0_MS),
    };
    let tx = store.begin().await.unwrap();
    rules::insert(&tx, &rule).await.unwrap();
    tx.commit().await.unwrap();
}

fn messages(form: Form) -> Vec<(u128, String)> {
    let machines = i64::try_from(MACHINES).unwrap();
    let value = |ms: i64| ms as f64 / 7.0;
    let of = |machine: i64| u128::try_from(machine).unwrap();
    match form {
        Form::One => rows()
            .map(|(machine, s, ms)| {
                (
                    of(machine),
                    format!(
                        r#"{{"samples":[{{"ts":{ms},"values":{{"signal.{s}":{}}}}}]}}"#,
                        value(ms)
                    ),
                )
            })
            .collect(),
        Form::Wide => (0..ROWS / SIGNALS)
            .map(|n| {
                let (machine, ms) = (n % machines, T0_MS + n / machines * 1_000);
                let values: Vec<_> =
                    (0..SIGNALS).map(|s| format!(r#""signal.{s}":{}"#, value(ms))).collect();
                (
                    of(machine),
                    format!(r#"{{"samples":[{{"ts":{ms},"values":{{{}}}}}]}}"#, values.join(",")),
                )
            })
            .collect(),
        Form::Long => (0..ROWS / 20)
            .map(|n| {
                let (machine, rest) = (n % machines, n / machines);
                let (s, block) = (rest % SIGNALS, rest / SIGNALS);
                let samples: Vec<_> = (0..20)
                    .map(|k| {
                        let ms = T0_MS + (block * 20 + k) * 1_000;
                        format!(r#"{{"ts":{ms},"values":{{"signal.{s}":{}}}}}"#, value(ms))
                    })
                    .collect();
                (of(machine), format!(r#"{{"samples":[{}]}}"#, samples.join(",")))
            })
            .collect(),
    }
}

async fn ingest(form: Form, rules: u128) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let store = prepare(folder.path()).await;
    for n in 0..rules {
        watch(&store, n).await;
    }
    let metrics = IngestMetrics::register(&prometheus::Registry::new()).unwrap();
    let now = || Timestamp::from_millis(T0_MS);
    let limits = MachineLimits::default();
    let (live, learned_bytes_max) = (Live::new(), LEARNED_BYTES_MAX);
    let rebuilds_max = REBUILDS_MAX;
    let options = IngestOptions { limits, learned_bytes_max, rebuilds_max, live, metrics, now };
    let ingest = Ingest::start(store, options);
    let messages = messages(form);
    let line = AckLine::new();
    let count = messages.len() as u64;
    let before = cpu_seconds();
    let intake = ingest.intake();
    for (machine, payload) in messages {
        let machine = MachineId(Uuid::from_u128(machine));
        let uplink = Uplink {
            sender: machine,
            generation: Generation(1),
            machine,
            channel: UpChannel::Telemetry,
            payload: Bytes::from(payload),
            received_at: now(),
            acks: Some(Arc::clone(&line)),
        };
        intake.send(uplink).await.unwrap();
    }
    std::future::poll_fn(|cx| {
        line.register(cx.waker());
        if line.committed() >= count {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    let spent = cpu_seconds() - before;
    let mut db = connect(folder.path()).await;
    let stored: i64 =
        sqlx::query_scalar("SELECT count(*) FROM points").fetch_one(&mut db).await.unwrap();
    assert_eq!(stored, ROWS, "all rows are there");
    ROWS as f64 / spent
}
