//! Machines that come by WebSocket: from the API's port to the gateway.

use std::net::SocketAddr;
use std::sync::Arc;

use millwright_api::machine_socket::{MachineDoor, Machines};
use millwright_gateway::Gateway;
use tokio::io::DuplexStream;

use crate::config::Config;

/// By these names a machine on this computer knows a platform without a public URL.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

struct Door(Arc<Gateway>);

impl MachineDoor for Door {
    fn enter(&self, remote: SocketAddr) -> Option<DuplexStream> {
        self.0.enter(remote)
    }
}

/// The way to this process's gateway, if it has one.
pub(crate) fn machines(gateway: Option<&Arc<Gateway>>) -> Machines {
    gateway.map_or_else(Machines::default, |gateway| {
        Machines::through(Arc::new(Door(Arc::clone(gateway))))
    })
}

/// By which hosts machines know this platform: they enrolled with the public URL. Without one, only
/// machines on this computer reach it, or those that were told its address.
pub(crate) fn hosts(config: &Config) -> Vec<String> {
    let host = |url: &str| {
        let url = reqwest::Url::parse(url).ok()?;
        url.host_str().map(str::to_owned)
    };
    match config.public_url.as_deref().and_then(host) {
        Some(host) => vec![host],
        None => {
            let own = reqwest::Url::parse(&format!("http://{}", config.http)).ok();
            let own = own.and_then(|url| url.host_str().map(str::to_owned));
            let mut hosts: Vec<_> = LOOPBACK.iter().map(|name| (*name).to_owned()).collect();
            hosts.extend(own.filter(|own| !LOOPBACK.contains(&&**own)));
            hosts
        }
    }
}
