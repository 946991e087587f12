//! The operator's side: the desk, its log, the panel over real HTTP, the command line, and what is
//! done to machines through their drivers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod binary;
mod command_line;
mod desk;
mod drivers;
mod panel;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use millwright_agent::operator::{Desk, OrderShown};
use millwright_agent::outbox::{Outbox, OutboxHandle, OutboxSettings, Topic};
use millwright_agent::status::{Status, StatusBoard};
use millwright_agent::status_source::StatusSource;
use millwright_schemas::wire::command::CommandClass;
use millwright_schemas::{CommandId, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A desk with an outbox and a data folder of its own.
struct Place {
    desk: Desk,
    outbox: OutboxHandle,
    folder: tempfile::TempDir,
    threads: [std::thread::JoinHandle<()>; 2],
}

impl Place {
    fn new() -> Self {
        Self::of(tempfile::tempdir().unwrap())
    }

    fn of(folder: tempfile::TempDir) -> Self {
        let settings = OutboxSettings {
            max_bytes: 4 * 1024 * 1024,
            event_reserve_bytes: 64 * 1024,
            samples_per_message: 10,
        };
        let outbox = Outbox::open(&folder.path().join("outbox.redb"), settings).unwrap();
        let (outbox, outbox_thread) = OutboxHandle::start(outbox).unwrap();
        let (desk, log_thread) = Desk::start(folder.path(), outbox.clone()).unwrap();
        Self { desk, outbox, folder, threads: [log_thread, outbox_thread] }
    }

    fn source(&self) -> StatusSource {
        self.source_with(Status::new(true, Some(Timestamp::from_millis(1))))
    }

    fn source_with(&self, status: Status) -> StatusSource {
        let board = StatusBoard::new(status);
        StatusSource { outbox: self.outbox.clone(), board, desk: self.desk.clone() }
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("operator.log")
    }

    /// Type and data of the events that wait for the platform.
    async fn events(&self) -> Vec<(String, Value)> {
        let waiting = self
            .outbox
            .call(|outbox| outbox.peek(Topic::Events, 0, 100, usize::MAX))
            .await
            .unwrap();
        let decoded = waiting.iter().map(|message| {
            let event: Value = serde_json::from_slice(&message.payload).unwrap();
            (event["type"].as_str().unwrap().to_owned(), event["data"].clone())
        });
        decoded.collect()
    }

    /// Closes everything and gives the folder back.
    fn close(self) -> tempfile::TempDir {
        drop((self.desk, self.outbox));
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.folder
    }
}

fn order(name: &str) -> OrderShown {
    OrderShown {
        id: CommandId(Uuid::now_v7()),
        name: name.to_owned(),
        class: CommandClass::Motion,
        description: BTreeMap::from([("de".to_owned(), "Tempo setzen".to_owned())]),
        args: object(json!({ "percent": 80 })),
        by: "Ada Lovelace".to_owned(),
        ticket: Some("T-1042".to_owned()),
        purpose: Some("less vibration".to_owned()),
        expires_at: Timestamp::from_chrono(chrono::Utc::now()).plus_seconds(300),
    }
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("{value}") };
    map
}

/// Waits for a condition of the program itself; only a defect lets it wait in vain.
async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(tokio::time::Instant::now() < patience, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Asks in the background, and waits until the question lies on the desk.
async fn asked(
    desk: &Desk,
    order: &OrderShown,
) -> tokio::task::JoinHandle<millwright_agent::operator::Decision> {
    let asking = tokio::spawn({
        let (desk, order) = (desk.clone(), order.clone());
        async move { desk.ask(order).await }
    });
    let id = order.id;
    until("it is asked", || async {
        desk.shown().questions.iter().any(|question| question.order.id == id)
    })
    .await;
    asking
}
