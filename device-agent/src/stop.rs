//! What tells the agent to stop.

use std::io::Read;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// SIGTERM, SIGINT and, where that was asked for, the end of standard input.
#[derive(Debug)]
pub struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
    eof: Option<oneshot::Receiver<()>>,
}

impl StopSignal {
    /// Begins to listen.
    ///
    /// # Errors
    /// The operating system refuses signal handlers or a thread.
    pub fn new(stop_on_eof: bool) -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            eof: stop_on_eof.then(watch_standard_input).transpose()?,
        })
    }

    /// Waits, and gives what it was.
    pub async fn wait(&mut self) -> &'static str {
        let eof = async {
            match &mut self.eof {
                // The sender is gone only once the input has ended.
                Some(eof) => drop(eof.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            () = eof => "end of standard input",
        }
    }
}

/// A thread of its own: a read of standard input can't be called off, and one of the runtime's
/// threads would keep the agent from ending.
fn watch_standard_input() -> std::io::Result<oneshot::Receiver<()>> {
    let (ended, eof) = oneshot::channel();
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut ignored = [0; 256];
        loop {
            match input.read(&mut ignored) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        let _ = ended.send(());
    })?;
    Ok(eof)
}
