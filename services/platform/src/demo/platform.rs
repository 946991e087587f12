//! The platform as a child process.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use super::child::{self, Child};
use super::folder::{self, Folder};
use super::limits::{LOG_LINES, PLATFORM_READY, WAIT_INTERVAL};
use crate::cli::DemoArgs;

/// The running platform.
#[derive(Debug)]
pub(super) struct Platform {
    child: Child,
    log: PathBuf,
    addresses_file: PathBuf,
}

/// Where it listens, as `serve` writes it when it is ready.
#[derive(Debug, Deserialize)]
struct Addresses {
    http: SocketAddr,
    mqtt: SocketAddr,
    pid: u32,
}

/// Where the platform can be reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reachable {
    pub(super) http: SocketAddr,
    pub(super) mqtt: SocketAddr,
}

impl Platform {
    /// Starts it; it isn't ready yet.
    pub(super) fn start(
        args: &DemoArgs,
        folder: &Folder,
        admin_password: &str,
    ) -> anyhow::Result<Self> {
        check_free("--http", &args.http)?;
        check_free("--mqtt", &args.mqtt)?;
        let program = std::env::current_exe().context("this program's own path isn't known")?;
        let data_dir = folder.platform();
        let mut command = child::command(&program);
        command
            .args(["serve", "--stop-on-eof", "--http", &args.http, "--mqtt", &args.mqtt])
            .arg("--data-dir")
            .arg(&data_dir)
            .envs(args.database.iter().map(|url| ("MILLWRIGHT_DATABASE", url)))
            .env("MILLWRIGHT_ADMIN_PASSWORD", admin_password);
        let log = folder.platform_log();
        let child = Child::start(&mut command, folder::new_log(&log)?)?;
        Ok(Self { child, log, addresses_file: data_dir.join("addresses.json") })
    }

    /// Waits until it is ready.
    pub(super) async fn ready(&mut self) -> anyhow::Result<Reachable> {
        let started = Instant::now();
        loop {
            self.check()?;
            if let Some(addresses) = read(&self.addresses_file)
                && Some(addresses.pid) == self.child.id()
            {
                return Ok(Reachable { http: addresses.http, mqtt: addresses.mqtt });
            }
            ensure!(
                started.elapsed() < PLATFORM_READY,
                "the platform isn't ready after {} s; its log: {}",
                PLATFORM_READY.as_secs(),
                self.log.display()
            );
            tokio::time::sleep(WAIT_INTERVAL).await;
        }
    }

    /// Fails when it has ended, with what it said.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.ended()? {
            None => Ok(()),
            Some(status) => bail!(
                "the platform ended ({status}). The last lines of {}:\n{}",
                self.log.display(),
                folder::tail(&self.log, LOG_LINES)
            ),
        }
    }

    pub(super) async fn stop(&mut self) {
        self.child.stop().await;
    }
}

fn read(file: &Path) -> Option<Addresses> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

/// Named before anything is set up: a taken port is the most likely thing to go wrong.
fn check_free(option: &str, address: &str) -> anyhow::Result<()> {
    let addresses: Vec<SocketAddr> = address
        .to_socket_addrs()
        .with_context(|| format!("{option} {address:?} is not an address such as 127.0.0.1:8080"))?
        .collect();
    match TcpListener::bind(addresses.as_slice()) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bail!(
            "{option} {address} is taken by another program: choose another, for instance \
             {option} 127.0.0.1:{}",
            addresses.first().map_or(0, |address| address.port().wrapping_add(1000))
        ),
        // Whatever else is wrong, `serve` says better.
        _ => Ok(()),
    }
}
