//! `collect_diagnostics`: what helps to find a fault, from the agent and its computer.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use crate::commands::ended::Ended;
use crate::config::Config;
use crate::drivers::host::Computer;
use crate::limits::DIAGNOSTICS_CONFIG_BYTES;
use crate::outbox::OutboxHandle;
use crate::recent_log::RecentLog;
use crate::status::StatusBoard;
use crate::trusted_time::TimeKeeper;

/// Where diagnostics come from.
#[derive(Clone)]
pub(crate) struct Diagnostics {
    config: Arc<Value>,
    board: StatusBoard,
    outbox: OutboxHandle,
    log: RecentLog,
    begin: Instant,
}

impl Diagnostics {
    pub(crate) fn new(
        config: &Config,
        board: StatusBoard,
        outbox: OutboxHandle,
        log: RecentLog,
    ) -> Self {
        let mut json = serde_json::to_value(config).unwrap_or_default();
        without_arguments(&mut json);
        let bytes = json.to_string().len();
        let config = if bytes > DIAGNOSTICS_CONFIG_BYTES {
            json!({ "left_out": format!("it has {bytes} bytes") })
        } else {
            json
        };
        Self { config: Arc::new(config), board, outbox, log, begin: Instant::now() }
    }

    pub(crate) async fn collect(&self, time: &TimeKeeper) -> Ended {
        let status = self.board.read();
        let stored = self.outbox.call(|outbox| Ok((outbox.status()?, outbox.ledger()?))).await;
        let (outbox, ledger) = match stored {
            Ok((outbox, ledger)) => (json!(outbox), json!(ledger)),
            Err(error) => (json!({ "error": error.to_string() }), Value::Null),
        };
        let computer = tokio::task::spawn_blocking(computer).await.unwrap_or_default();
        let result = json!({
            "version": status.version,
            "started_at": status.started_at,
            "running_s": self.begin.elapsed().as_secs(),
            "time": { "known_as": time.now(), "state": time.state() },
            "connection": status.connection,
            "drivers": status.drivers,
            "refused_values": status.refused_values,
            "refused_events": status.refused_events,
            "unsaved_samples": status.unsaved_samples,
            "problems": [status.disk_problem, status.problem],
            "outbox": outbox,
            "ledger": ledger,
            "computer": computer,
            "config": *self.config,
        });
        Ended { output: Some(self.log.text()), ..Ended::well(result) }
    }
}

/// May block, for instance on a network file system.
fn computer() -> Value {
    let mut computer = match Computer::new() {
        Ok(computer) => computer,
        Err(error) => return json!({ "error": error.to_string() }),
    };
    let now = computer.measure();
    let disks: Vec<Value> = now
        .disks
        .iter()
        .take(32)
        .map(|disk| {
            json!({
                "mount": disk.mount, "total": disk.total, "available": disk.available,
                "read_only": disk.read_only,
            })
        })
        .collect();
    json!({
        "uptime_s": now.uptime_s,
        "load_1m": now.load_1m,
        "memory": { "used": now.memory_used, "total": now.memory_total },
        "swap": { "used": now.swap_used, "total": now.swap_total },
        "disks": disks,
    })
}

/// What programs are called with may be secret, and isn't needed to see what is wrong.
fn without_arguments(config: &mut Value) {
    let programs = config.pointer_mut("/commands/programs").and_then(Value::as_array_mut);
    for program in programs.into_iter().flatten() {
        if let Some(program) = program.as_object_mut() {
            program.remove("arguments");
        }
    }
}
