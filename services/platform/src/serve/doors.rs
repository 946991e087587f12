//! Where this process listens, and what it tells others of that.

use std::net::SocketAddr;

use anyhow::Context;
use millwright_api::limits::BODY_TIMEOUT;
use millwright_api::server::{self, ServerConfig};
use millwright_schemas::api::enrollment::MqttEndpoint;
use tokio::net::{TcpListener, TcpSocket};

use super::tls;
use crate::config::Config;

/// Connections of machines that wait to be accepted: after a restart a fleet comes at once.
const MQTT_BACKLOG: u32 = 4_096;
/// Threads that answer HTTP requests.
const HTTP_WORKERS: usize = 2;

pub(super) fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let open = || -> std::io::Result<TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for the connections of the run before.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(MQTT_BACKLOG)
    };
    open().with_context(|| format!("can't listen for machines on {address}; choose another --mqtt"))
}

pub(super) fn http_door(config: &Config) -> anyhow::Result<ServerConfig> {
    let tls = config.tls.as_ref().map(tls::https).transpose()?;
    let listener = server::listen(config.http)
        .with_context(|| format!("HTTP on {} can't start; choose another --http", config.http))?;
    Ok(ServerConfig { listener, tls, workers: HTTP_WORKERS, body_timeout: BODY_TIMEOUT })
}

/// Where machines are told to connect: as given, or this computer.
pub(super) fn mqtt_endpoint(
    public: Option<&str>,
    bound: SocketAddr,
) -> anyhow::Result<MqttEndpoint> {
    let Some(public) = public else {
        if !bound.ip().to_canonical().is_loopback() {
            tracing::warn!("machines are told to connect to localhost; give --public-mqtt");
        }
        return Ok(MqttEndpoint { host: "localhost".to_owned(), port: bound.port() });
    };
    let (host, port) = match public.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        // An IPv6 address.
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match public.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (public, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().with_context(|| format!("--public-mqtt {public:?}: port"))?,
        None => bound.port(),
    };
    Ok(MqttEndpoint { host: host.to_owned(), port })
}

pub(super) fn public_url(config: &Config) -> String {
    config.public_url.clone().unwrap_or_else(|| {
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://localhost:{}", config.http.port())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_told_the_public_address() {
        let bound = "0.0.0.0:8883".parse().unwrap();
        for (public, host, port) in [
            (None, "localhost", 8883),
            (Some("mw.example"), "mw.example", 8883),
            (Some("mw.example:443"), "mw.example", 443),
            (Some("2001:db8::1"), "2001:db8::1", 8883),
            (Some("[2001:db8::1]"), "2001:db8::1", 8883),
            (Some("[2001:db8::1]:443"), "2001:db8::1", 443),
        ] {
            let endpoint = mqtt_endpoint(public, bound).unwrap();
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port), "{public:?}");
        }
        assert!(mqtt_endpoint(Some("mw.example:mqtt"), bound).is_err());
    }
}
