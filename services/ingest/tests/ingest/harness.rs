//! A database with an organization and machines, ingest upon it, and a second connection that
//! looks at the tables.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use millwright_ingest::intake::{AckLine, Generation, Uplink};
use millwright_ingest::limits::{LEARNED_BYTES_MAX, MachineLimits, REBUILDS_MAX};
use millwright_ingest::live::Live;
use millwright_ingest::metrics::IngestMetrics;
use millwright_ingest::{Ingest, IngestOptions};
use millwright_schemas::api::rules::{Rule, RuleCondition, ThresholdCondition};
use millwright_schemas::topics::UpChannel;
use millwright_schemas::wire::events::Severity;
use millwright_schemas::{MachineId, OrganizationId, RuleId, Timestamp};
use millwright_store::{Location, Store, rules};
use millwright_test_database::{Peer, TestDatabase};
use uuid::Uuid;

/// Receive time of the first message: 2026-01-01.
pub(crate) const T0: i64 = 1_767_225_600_000_000;
/// What rules may learn, in bytes, and how many may wait to be rebuilt.
const ROOM: (usize, usize) = (LEARNED_BYTES_MAX, REBUILDS_MAX);
/// A bound for conditions that come true at once or never.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Site {
    pub(crate) database: TestDatabase,
    pub(crate) store: Store,
    pub(crate) ingest: Ingest,
    pub(crate) live: Live,
    pub(crate) registry: prometheus::Registry,
    pub(crate) db: Peer,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(MachineLimits::default()).await
    }

    pub(crate) async fn with(limits: MachineLimits) -> Self {
        let database = TestDatabase::new().await;
        let location = Location::new(database.path(), database.url());
        let store = Store::open(&location).await.unwrap();
        let mut db = database.peer().await;
        found(&mut db).await;
        let live = Live::new();
        let (ingest, registry) = start(&store, limits, ROOM, &live);
        Self { database, store, ingest, live, registry, db }
    }

    /// Stops ingest, makes the database as it was at first, and starts it again: sooner done than a
    /// database of its own for each of many cases.
    pub(crate) async fn clear(mut self) -> Self {
        assert!(self.ingest.stop(PATIENCE).await);
        self.db.clear().await;
        found(&mut self.db).await;
        let (ingest, registry) = start(&self.store, MachineLimits::default(), ROOM, &self.live);
        (self.ingest, self.registry) = (ingest, registry);
        self
    }

    /// Stops ingest and starts it again on the same database.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(ROOM).await
    }

    /// The same, with room for so many bytes of what rules learn.
    pub(crate) async fn restart_with_room(self, learned_bytes_max: usize) -> Self {
        self.restart_with((learned_bytes_max, REBUILDS_MAX)).await
    }

    /// The same, with room for so many rules that wait to be rebuilt.
    pub(crate) async fn restart_with_queue(self, rebuilds_max: usize) -> Self {
        self.restart_with((LEARNED_BYTES_MAX, rebuilds_max)).await
    }

    async fn restart_with(mut self, room: (usize, usize)) -> Self {
        assert!(self.ingest.stop(PATIENCE).await);
        let (ingest, registry) = start(&self.store, MachineLimits::default(), room, &self.live);
        (self.ingest, self.registry) = (ingest, registry);
        self
    }

    pub(crate) async fn send(&self, message: Uplink) {
        self.ingest.intake().send(message).await.unwrap();
    }

    /// Sends on one connection and waits until all is committed.
    pub(crate) async fn send_all(&self, messages: Vec<Uplink>) {
        let line = AckLine::new();
        let count = messages.len() as u64;
        for mut message in messages {
            message.acks = Some(Arc::clone(&line));
            self.send(message).await;
        }
        committed(&line, count).await;
    }

    pub(crate) async fn telemetry(&self, payloads: &[&str]) {
        self.send_all(payloads.iter().map(|payload| telemetry(1, payload)).collect()).await;
    }

    pub(crate) async fn events(&self, payloads: &[&str]) {
        self.send_all(payloads.iter().map(|payload| event(1, payload)).collect()).await;
    }

    /// Rows as text, columns joined by `|`.
    pub(crate) async fn rows(&mut self, sql: &str) -> Vec<String> {
        self.db.rows(sql).await
    }

    pub(crate) async fn execute(&mut self, sql: &str) {
        self.db.execute(sql).await;
    }

    /// Adds a rule for machine 1.
    pub(crate) async fn rule(&self, n: u128, condition: RuleCondition) -> Rule {
        let rule = Rule { machine_id: Some(machine(1)), ..rule(n, condition) };
        self.add_rule(&rule).await;
        rule
    }

    pub(crate) async fn add_rule(&self, rule: &Rule) {
        let tx = self.store.begin().await.unwrap();
        rules::insert(&tx, rule).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn make_child(&mut self, child: u128, parent: u128) {
        let [parent, child] = [parent, child].map(|n| self.db.id(machine(n).uuid()));
        let sql = format!("UPDATE machines SET parent_id = {parent} WHERE id = {child}");
        self.db.execute(&sql).await;
    }

    /// Everything that machines have left, but ids that are random.
    pub(crate) async fn tables(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        for sql in [
            "SELECT 'series', hex(machine_id), signal, kind, created_at FROM series ORDER BY 2, 3",
            "SELECT 'points', hex(machine_id), signal, ts, value, quality \
             FROM points JOIN series ON id = series_id ORDER BY 2, 3, 4",
            "SELECT 'points_text', hex(machine_id), signal, ts, value, quality \
             FROM points_text JOIN series ON id = series_id ORDER BY 2, 3, 4",
            "SELECT 'latest', hex(machine_id), signal, ts, value, text, quality, received_at, unseen \
             FROM latest JOIN series ON id = series_id ORDER BY 2, 3",
            "SELECT 'in time', hex(machine_id), signal, ts, value, text, quality, received_at \
             FROM latest_in_time JOIN series ON id = series_id ORDER BY 2, 3",
            "SELECT 'cursor', hex(machine_id), hex(outbox), topic, last_seq, through_ts, updated_at \
             FROM stream_cursors ORDER BY 2, 3, 4",
            "SELECT 'clock', hex(machine_id), ahead_us, begins_ts, doubt_us, doubt_messages, \
             doubt_since, doubt_ts FROM machine_clocks ORDER BY 2",
            "SELECT 'gap', hex(machine_id), hex(outbox), topic, from_seq, to_seq, detected_at \
             FROM gaps ORDER BY 2, 3, 4, 5",
            "SELECT 'event', hex(machine_id), hex(id), ts, received_at, type, hex(outbox), seq, data \
             FROM machine_events ORDER BY 2, 3",
            "SELECT 'domain', type, CASE subject_kind WHEN 'alarm' THEN '' ELSE subject_id END, data, \
             occurred_at FROM events ORDER BY seq",
            "SELECT 'alarm', hex(machine_id), origin, source, code, severity, context, active, count, \
             raised_at, changed_at, cleared_at, clear_reason FROM alarms ORDER BY id",
            "SELECT 'rule state', hex(machine_id), hex(rule_id), rule_version, state FROM rule_states \
             ORDER BY 2, 3",
            "SELECT 'job', kind, ordering_key, CASE kind WHEN 'alarm.changed' THEN '' ELSE payload END, \
             run_at FROM jobs ORDER BY seq",
        ] {
            all.extend(self.rows(sql).await);
        }
        all
    }

    /// What is counted and quarantined: this grows when something comes twice.
    pub(crate) async fn tallies(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        for sql in [
            "SELECT hex(machine_id), received_at, topic, code, reason, hex(payload) FROM quarantine ORDER BY id",
            "SELECT hex(machine_id), duplicates, conflicts, quarantined, quarantine_dropped, late, ahead \
             FROM machine_counters ORDER BY 1",
            "SELECT hex(machine_id), last_seen_at, clock_offset_us, through_ts \
             FROM machine_status ORDER BY 1",
        ] {
            all.extend(self.rows(sql).await);
        }
        all
    }

    pub(crate) fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|f| f.name() == format!("millwright_ingest_{name}"));
        let metric = &family.unwrap().get_metric()[0];
        // The other one is 0.
        metric.get_counter().get_value() + metric.get_gauge().get_value()
    }
}

/// An organization with three machines.
async fn found(db: &mut Peer) {
    let owner = db.id(Uuid::from_u128(0xff));
    db.execute(&format!(
        "INSERT INTO organizations (id, name, version, created_at, updated_at) \
         VALUES ({owner}, 'o', 1, 0, 0)"
    ))
    .await;
    db.execute(&format!(
        "INSERT INTO organization_tree (ancestor_id, descendant_id, depth) \
         VALUES ({owner}, {owner}, 0)"
    ))
    .await;
    for n in 1..=3 {
        let id = db.id(machine(n).uuid());
        db.execute(&format!(
            "INSERT INTO machines (id, organization_id, name, serial_number, state, \
             version, created_at, updated_at) \
             VALUES ({id}, {owner}, 'm', '{n}', 'commissioned', 1, 0, 0)"
        ))
        .await;
    }
}

/// A rule of the organization that watches nothing yet.
pub(crate) fn rule(n: u128, condition: RuleCondition) -> Rule {
    Rule {
        id: RuleId(Uuid::from_u128(n)),
        organization_id: OrganizationId(Uuid::from_u128(0xff)),
        name: "r".to_owned(),
        machine_id: None,
        model: None,
        condition,
        severity: Severity::Major,
        message: None,
        enabled: true,
        version: 1,
        created_at: Timestamp::from_micros(T0),
        updated_at: Timestamp::from_micros(T0),
    }
}

/// Above this limit, for so long, in seconds; back one below it, for so long.
pub(crate) fn above(signal: &str, limit: f64, hold_s: f64, clear_hold_s: f64) -> RuleCondition {
    let clear_at = Some((limit - 1.0).into());
    let above = ThresholdCondition::above(signal.parse().unwrap(), limit);
    ThresholdCondition { clear_at, hold_s, clear_hold_s, ..above }.into()
}

fn start(
    store: &Store,
    limits: MachineLimits,
    (learned_bytes_max, rebuilds_max): (usize, usize),
    live: &Live,
) -> (Ingest, prometheus::Registry) {
    let registry = prometheus::Registry::new();
    let metrics = IngestMetrics::register(&registry).unwrap();
    let now = || Timestamp::from_micros(T0);
    let live = live.clone();
    let options = IngestOptions { limits, learned_bytes_max, rebuilds_max, live, metrics, now };
    (Ingest::start(store.clone(), options), registry)
}

pub(crate) fn machine(n: u128) -> MachineId {
    MachineId(Uuid::from_u128(n))
}

pub(crate) fn uplink(n: u128, channel: UpChannel, payload: &[u8]) -> Uplink {
    Uplink {
        sender: machine(n),
        generation: Generation(1),
        machine: machine(n),
        channel,
        payload: Bytes::copy_from_slice(payload),
        received_at: Timestamp::from_micros(T0),
        acks: None,
    }
}

pub(crate) fn telemetry(n: u128, payload: &str) -> Uplink {
    uplink(n, UpChannel::Telemetry, payload.as_bytes())
}

pub(crate) fn event(n: u128, payload: &str) -> Uplink {
    uplink(n, UpChannel::Events, payload.as_bytes())
}

/// Waits until so many messages are acknowledged.
pub(crate) async fn committed(line: &AckLine, count: u64) {
    wait(line, |line| line.committed() >= count).await;
    assert!(!line.failed());
}

/// Waits until the connection is given up.
pub(crate) async fn failed(line: &AckLine) {
    wait(line, AckLine::failed).await;
}

async fn wait(line: &AckLine, done: impl Fn(&AckLine) -> bool) {
    let waiting = poll_fn(|cx| {
        line.register(cx.waker());
        if done(line) { Poll::Ready(()) } else { Poll::Pending }
    });
    tokio::time::timeout(PATIENCE, waiting).await.expect("settles");
}

/// Waits until the condition holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}
