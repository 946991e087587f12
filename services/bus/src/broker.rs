//! The broker: rumqttd in a process of its own.
//!
//! A process, because its threads can't be stopped and may panic: what runs there ends with it.
//! It faces trusted clients on this computer only. It lives as long as its parent: standard
//! input reaches its end when the parent is gone, however it went.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::{panic, process, thread};

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, SegmentConfig, ServerSettings};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::endpoint::Credentials;
use crate::limits::{
    BROKER_CONFIG_MAX_BYTES, BROKER_CONNECTIONS, BROKER_SEGMENT_BYTES, BROKER_SEGMENTS,
    CONNECT_TIME_LIMIT, INFLIGHT_MESSAGES, PACKET_MAX_BYTES,
};

/// What the parent writes to the child's standard input, as one line of JSON: the only way by
/// which the credentials reach it, since arguments and environment can be read by others.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BrokerConfig {
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
}

/// Why the broker ended.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The configuration can't be read.
    #[error("the broker's configuration can't be read from standard input")]
    Input(#[source] io::Error),
    /// The configuration is not as the supervisor writes it.
    #[error("the broker's configuration is invalid: this command is started by the platform")]
    Config(#[source] serde_json::Error),
    /// A thread can't be started.
    #[error("a thread of the broker can't be started")]
    Thread(#[source] io::Error),
    /// It can't listen, or it ended.
    #[error("the broker on port {port} ended: {reason}")]
    Ended {
        /// Where it should listen.
        port: u16,
        /// What it said.
        reason: String,
    },
}

/// Runs the broker until standard input ends: the parent has stopped it or is gone.
///
/// `input` is the process's standard input: one line of configuration, then nothing.
/// A panic in any of the broker's threads ends the process, so that the supervisor starts a
/// sound one.
///
/// # Errors
/// The configuration can't be read, or the broker ended by itself.
pub fn run_broker(mut input: impl BufRead + Send + 'static) -> Result<(), BrokerError> {
    let config = read_config(&mut input)?;
    let port = config.port;
    end_process_on_panic();
    let mut broker = Broker::new(rumqttd_config(config));
    let (parent_gone, end) = mpsc::channel();
    let broker_ended = parent_gone.clone();
    thread::Builder::new()
        .name("parent".to_owned())
        .spawn(move || {
            // An error is an end too.
            let _ = io::copy(&mut input, &mut io::sink());
            let _ = parent_gone.send(Ok(()));
        })
        .map_err(BrokerError::Thread)?;
    thread::Builder::new()
        .name("broker".to_owned())
        .spawn(move || {
            let reason = match broker.start() {
                Ok(()) => "it can't listen there".to_owned(),
                Err(error) => error.to_string(),
            };
            let _ = broker_ended.send(Err(BrokerError::Ended { port, reason }));
        })
        .map_err(BrokerError::Thread)?;
    end.recv().unwrap_or(Ok(()))
}

fn read_config(input: &mut impl BufRead) -> Result<BrokerConfig, BrokerError> {
    let mut line = String::new();
    input.take(BROKER_CONFIG_MAX_BYTES).read_line(&mut line).map_err(BrokerError::Input)?;
    serde_json::from_str(&line).map_err(BrokerError::Config)
}

/// After a panic of its router thread rumqttd still accepts connections, and answers none.
fn end_process_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        report(info);
        process::exit(101);
    }));
}

fn rumqttd_config(config: BrokerConfig) -> Config {
    let BrokerConfig { port, user, password } = config;
    let expected = Credentials { user, password };
    let mut server = ServerSettings {
        name: "bus".to_owned(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        tls: None,
        next_connection_delay_ms: 0,
        connections: ConnectionSettings {
            connection_timeout_ms: u16::try_from(CONNECT_TIME_LIMIT.as_millis())
                .unwrap_or(u16::MAX),
            max_payload_size: PACKET_MAX_BYTES,
            max_inflight_count: INFLIGHT_MESSAGES.into(),
            auth: None,
            external_auth: None,
            dynamic_filters: false,
        },
    };
    server.set_auth_handler(move |_client, user, password| {
        let accepted = matches_in_constant_time(&expected, &user, &password);
        async move { accepted }
    });
    Config {
        router: router_config(),
        v4: Some(HashMap::from([("bus".to_owned(), server)])),
        ..Config::default()
    }
}

/// rumqttd disconnects a client that publishes what nobody has subscribed, unless each such
/// topic gets a log of its own for ever. So there is one filter that takes everything, with the
/// smallest log it can have; the logs of real filters are larger, by their prefix.
fn router_config() -> RouterConfig {
    let log = || SegmentConfig {
        max_segment_size: BROKER_SEGMENT_BYTES,
        max_segment_count: BROKER_SEGMENTS,
    };
    RouterConfig {
        max_connections: BROKER_CONNECTIONS,
        max_outgoing_packet_count: 200,
        max_segment_size: 1024,
        max_segment_count: 1,
        custom_segment: Some(HashMap::from([
            ("mwbus/#".to_owned(), log()),
            ("mw/#".to_owned(), log()),
        ])),
        initialized_filters: Some(vec!["#".to_owned()]),
        ..RouterConfig::default()
    }
}

fn matches_in_constant_time(expected: &Credentials, user: &str, password: &str) -> bool {
    let user = expected.user.as_bytes().ct_eq(user.as_bytes());
    let password = expected.password.as_bytes().ct_eq(password.as_bytes());
    (user & password).into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_configuration_is_refused() {
        for line in ["", "\n", "{}\n", "{\"port\":1,\"user\":\"u\",\"password\":\"p\",\"x\":1}\n"] {
            let error = run_broker(io::Cursor::new(line)).unwrap_err();
            assert!(matches!(error, BrokerError::Config(_)), "{line:?}: {error}");
        }
    }

    #[test]
    fn only_both_user_and_password_are_accepted() {
        let expected = Credentials::random();
        let Credentials { user, password } = expected.clone();
        assert!(matches_in_constant_time(&expected, &user, &password));
        assert!(!matches_in_constant_time(&expected, &user, "x"));
        assert!(!matches_in_constant_time(&expected, "x", &password));
        assert!(!matches_in_constant_time(&expected, "", ""));
    }
}
