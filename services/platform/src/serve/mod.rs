//! `millwright serve`: starts the services in order, waits, stops them in the other order.

mod addresses;
mod bridge;
mod bus;
mod database;
mod doors;
mod files;
mod machine_door;
mod orders;
mod parts;
mod presence;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use millwright_store::DataFolderLock;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use addresses::AddressFile;
use parts::Parts;

/// How long accepted messages may take to be committed at the end.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs the platform until it is told to stop.
pub(crate) async fn run(config: Config, stop_on_eof: bool) -> anyhow::Result<()> {
    files::raise_limit();
    let _lock = DataFolderLock::acquire(&config.data_dir)?;
    AddressFile::remove_stale(&config.data_dir);
    let stop = stop_signal(stop_on_eof);
    tokio::pin!(stop);
    let mut parts = tokio::select! {
        parts = Parts::start(&config) => parts?,
        // While it waits for its database, say.
        signal = &mut stop => {
            tracing::info!(signal = signal?, "stopped before it was ready");
            return Ok(());
        }
    };
    let _addresses = AddressFile::write(&config.data_dir, parts.http, parts.mqtt)
        // Only a hint for scripts; a full disk is no reason not to run.
        .inspect_err(|error| tracing::warn!(%error, "addresses.json can't be written"))
        .ok();
    announce(parts.http, parts.mqtt, config.tls.is_some());
    let ended = tokio::select! {
        signal = &mut stop => signal.map(|name| tracing::info!(signal = name, "stopping")),
        ended = parts.api_ended() => ended,
    };
    parts.stop(DRAIN).await;
    tracing::info!("stopped");
    ended
}

fn announce(http: Option<SocketAddr>, mqtt: Option<SocketAddr>, https: bool) {
    let scheme = if https { "https" } else { "http" };
    let api = http.map(|http| format!("API {scheme}://{http}/docs"));
    let machines = mqtt.map(|mqtt| format!("machines {mqtt} (MQTT over TLS)"));
    let doors: Vec<String> = [api, machines].into_iter().flatten().collect();
    let doors =
        if doors.is_empty() { "work in the background".to_owned() } else { doors.join(", ") };
    tracing::info!("ready: {doors}");
}

/// The first of Ctrl-C, `kill` and, where that was asked for, the end of standard input.
async fn stop_signal(stop_on_eof: bool) -> anyhow::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let eof = async {
        if stop_on_eof {
            standard_input_ends().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
        () = eof => "end of standard input",
    })
}

/// A thread of its own: a read of standard input can't be called off, and one of the runtime's
/// threads would keep the platform from ending.
async fn standard_input_ends() {
    let (ended, eof) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Whatever comes is thrown away; an error is an end too.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = eof.await;
}
