//! What the database refuses for good.

use std::sync::Arc;

use millwright_ingest::intake::AckLine;
use millwright_store::Engine;

use crate::harness::{Site, T0, committed, failed, machine, telemetry, until};

fn sample(n: i64, value: i64) -> String {
    format!(r#"{{"ts":{},"a":{value}}}"#, T0 / 1000 + n)
}

/// On PostgreSQL: the server has no room for 666.
const NO_ROOM: &str = "
CREATE FUNCTION full_up() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'out of shared memory' USING ERRCODE = '53200'; END $$;
CREATE TRIGGER full_up BEFORE INSERT ON points FOR EACH ROW WHEN (NEW.value = 666)
    EXECUTE FUNCTION full_up()";

#[tokio::test]
async fn one_poisonous_message_does_not_keep_the_others_from_being_stored() {
    let mut site = Site::new().await;
    site.db.refuse("points", Some("NEW.value = 666"), "poisonous value").await;
    let outbox = "0198b2c4-7c1e-7000-8000-0000000000aa";
    let messages = (1..=100).map(|n| {
        let value = if n == 42 || n == 77 { 666 } else { n };
        let ts = T0 / 1000 + n;
        telemetry(1, &format!(
            r#"{{"outbox":"{outbox}","seq":{n},"samples":[{{"ts":{ts},"values":{{"a":{value}}}}}]}}"#
        ))
    });
    site.send_all(messages.collect()).await;
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["98"]);
    let rows = site.rows("SELECT code, reason FROM quarantine").await;
    assert_eq!(rows.len(), 2);
    assert!(rows[0].starts_with("refused_by_database|"), "{rows:?}");
    assert!(rows[0].contains("poisonous value"), "{rows:?}");
    assert_eq!(site.rows("SELECT count(*) FROM gaps").await, ["0"]);
    assert_eq!(site.rows("SELECT last_seq FROM stream_cursors").await, ["100"]);
    assert!(site.ingest.health().stall().is_none());
}

#[tokio::test]
async fn what_can_not_even_be_quarantined_is_left_to_its_machine() {
    let mut site = Site::new().await;
    for table in ["points", "quarantine"] {
        site.db.refuse(table, None, "no").await;
    }
    let line = AckLine::new();
    let mut message = telemetry(1, &sample(0, 1));
    message.acks = Some(Arc::clone(&line));
    site.send(message).await;
    failed(&line).await;
    assert_eq!(line.committed(), 0);
    site.db.accept("points").await;
    let line = AckLine::new();
    let mut message = telemetry(1, &sample(0, 1));
    message.acks = Some(Arc::clone(&line));
    site.send(message).await;
    committed(&line, 1).await;
}

#[tokio::test]
async fn what_the_server_has_no_room_for_holds_up_nobody_else() {
    let mut site = Site::new().await;
    if site.store.engine() != Engine::Postgres {
        eprintln!("SKIPPED: only a server has a table of locks that can be full");
        return;
    }
    site.execute(NO_ROOM).await;
    let (large, others) = (AckLine::new(), AckLine::new());
    for n in 1..=40 {
        let (value, line) = if n == 17 { (666, &large) } else { (n, &others) };
        let mut message = telemetry(if n == 17 { 2 } else { 1 }, &sample(n, value));
        message.acks = Some(Arc::clone(line));
        site.send(message).await;
    }
    committed(&others, 39).await;
    failed(&large).await;
    assert_eq!(large.committed(), 0, "nothing of it is acknowledged");
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["39"]);
    assert_eq!(site.rows("SELECT count(*) FROM quarantine").await, ["0"]);

    // It comes again when there is room.
    site.execute("DROP FUNCTION full_up CASCADE").await;
    let line = AckLine::new();
    let mut message = telemetry(2, &sample(17, 666));
    message.acks = Some(Arc::clone(&line));
    site.send(message).await;
    committed(&line, 1).await;
    assert_eq!(site.rows("SELECT count(*) FROM points").await, ["40"]);
    assert!(site.ingest.health().stall().is_none());
}

#[tokio::test]
async fn what_was_quarantined_without_anyone_knowing_is_not_there_twice_when_the_batch_is_halved() {
    let mut site = Site::new().await;
    if site.store.engine() != Engine::Postgres {
        eprintln!("SKIPPED: only a server has a table of locks that can be full");
        return;
    }
    site.execute(NO_ROOM).await;
    // Ingest is busy with another message, until all of these are in one batch.
    let mut other = site.database.peer().await;
    other.lock().await;
    site.send(telemetry(3, &sample(0, 1))).await;
    let health = site.ingest.health();
    until("stalled", || health.stall().is_some()).await;
    let (large, others) = (AckLine::new(), AckLine::new());
    for payload in ["junk 1", "junk 2", "", "junk 3", "junk 4"] {
        let mut message =
            if payload.is_empty() { telemetry(2, &sample(1, 666)) } else { telemetry(1, payload) };
        message.acks = Some(Arc::clone(if payload.is_empty() { &large } else { &others }));
        site.send(message).await;
    }
    // Of an attempt that was committed, though nobody has heard of it.
    let id = site.db.id(machine(1).uuid());
    for n in 1..=3 {
        site.execute(&format!(
            "INSERT INTO quarantine (machine_id, received_at, topic, code, reason, payload) \
             VALUES ({id}, {T0}, 'telemetry', 'code', 'first', convert_to('junk {n}', 'UTF8'))"
        ))
        .await;
    }
    other.unlock().await;
    committed(&others, 4).await;
    failed(&large).await;
    let rows = "SELECT payload, reason = 'first' FROM quarantine ORDER BY id";
    let there = ["junk 1|1", "junk 2|1", "junk 3|1", "junk 4|0"];
    assert_eq!(site.rows(rows).await, there);
    assert_eq!(site.rows("SELECT quarantined FROM machine_counters").await, ["1"]);
}
