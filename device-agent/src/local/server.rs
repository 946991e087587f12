//! Answering local programs.

use std::io;
use std::sync::Arc;

use millwright_schemas::CommandId;
use millwright_schemas::wire::events::{FaultCleared, FaultRaised, Severity, check_fault};
use serde_json::Map;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::LocalSocket;
use super::protocol::{Answer, Request};
use crate::clock;
use crate::drivers::DriverCommands;
use crate::limits::{LOCAL_CONNECTIONS, LOCAL_IDLE, LOCAL_LINE_BYTES};
use crate::operator::{Decision, How};
use crate::outbox::{OutboxError, Taken};
use crate::status_source::StatusSource;

/// Answers on the socket.
#[derive(Clone)]
pub struct LocalServer {
    /// Knows how it is going, takes faults and the operator's word.
    pub source: StatusSource,
    /// The machines, for what is simulated.
    pub drivers: DriverCommands,
}

impl LocalServer {
    /// Runs until it is dropped.
    pub async fn run(self, socket: LocalSocket) {
        let places = Arc::new(Semaphore::new(LOCAL_CONNECTIONS));
        // Ends with this task: an idle connection must not hold up the agent's stopping.
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match socket.listener.accept().await {
                Ok((stream, _)) => {
                    let server = self.clone();
                    connections.spawn(async move {
                        if let Err(error) = server.serve(stream).await {
                            tracing::debug!(%error, "local connection");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "local socket");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve(&self, stream: UnixStream) -> io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read);
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut lines).take(LOCAL_LINE_BYTES as u64);
            let read = timeout(LOCAL_IDLE, limited.read_until(b'\n', &mut line)).await??;
            if read == 0 {
                return Ok(());
            }
            let whole = line.ends_with(b"\n");
            let answer = if whole {
                self.answer(&line).await
            } else {
                refused(format!("a request is one line of at most {LOCAL_LINE_BYTES} bytes"))
            };
            let mut json = serde_json::to_vec(&answer)?;
            json.push(b'\n');
            timeout(LOCAL_IDLE, write.write_all(&json)).await??;
            if !whole {
                return Ok(());
            }
        }
    }

    async fn answer(&self, line: &[u8]) -> Answer {
        match serde_json::from_slice(line) {
            Ok(Request::FaultRaise { fault }) => self.raise(fault).await,
            Ok(Request::FaultClear { fault }) => self.clear(fault).await,
            Ok(Request::Status) => Answer::Status(Box::new(self.source.read().await)),
            Ok(Request::Decide { command_id, decision }) => self.decide(command_id, decision).await,
            Ok(Request::Stop { command_id }) => {
                match self.source.desk.stop(command_id, How::CommandLine).await {
                    Ok(stopped) => Answer::Stopped { stopped },
                    Err(error) => refused(error.to_string()),
                }
            }
            Ok(Request::Simulate { driver, happening }) => {
                match self.drivers.simulate(driver, happening).await {
                    Ok(()) => Answer::Simulated,
                    Err(reason) => refused(reason),
                }
            }
            Ok(Request::Help { message }) => {
                match self.source.desk.request_help(&message, How::CommandLine).await {
                    Ok(taken) => Answer::Taken(taken),
                    Err(error) => refused(error.to_string()),
                }
            }
            Err(error) => refused(format!("not a request: {error}")),
        }
    }

    async fn decide(&self, command_id: CommandId, decision: Decision) -> Answer {
        match self.source.desk.decide(command_id, decision, How::CommandLine).await {
            Ok(()) => Answer::Decided { command_id, decision },
            Err(error) => refused(error.to_string()),
        }
    }

    async fn raise(&self, fault: FaultRaised) -> Answer {
        if let Err(error) = check_fault("fault", &fault) {
            return refused(error.to_string());
        }
        // Since when it is active is the agent's to know.
        let fault = FaultRaised { since_ts: None, ..fault };
        taken(self.source.outbox.add(move |outbox| outbox.raise(&fault, clock::now())).await)
    }

    async fn clear(&self, fault: FaultCleared) -> Answer {
        let key = FaultRaised {
            code: fault.code.clone(),
            source: fault.source.clone(),
            severity: Severity::Indeterminate,
            message: String::new(),
            context: Map::new(),
            since_ts: None,
        };
        if let Err(error) = check_fault("fault", &key) {
            return refused(error.to_string());
        }
        taken(self.source.outbox.add(move |outbox| outbox.clear(&fault, clock::now())).await)
    }
}

fn taken(result: Result<Taken, OutboxError>) -> Answer {
    match result {
        Ok(taken) => Answer::Taken(taken),
        Err(error) => {
            tracing::error!(%error, "a local program's fault isn't stored");
            refused(error.to_string())
        }
    }
}

const fn refused(reason: String) -> Answer {
    Answer::Refused { reason }
}
