//! Every decoder of what strangers send, as a function of bytes that must not panic and must keep
//! its bounds.
//!
//! The same functions are run over the committed corpora by `make check` (`millwright-fuzz-replay`),
//! over generated input by the property tests of this crate, and guided by coverage by cargo-fuzz
//! (`fuzz/`, see `docs/guides/fuzz.md`).

#![allow(clippy::expect_used, clippy::panic, reason = "a target fails by panicking")]

pub mod targets;

/// A decoder under test.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Feeds it; panics when something is wrong.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "mqtt_session", run: targets::mqtt_session::target },
    Target { name: "websocket", run: targets::websocket::target },
    Target { name: "topics", run: targets::topics::target },
    Target { name: "telemetry", run: targets::telemetry::target },
    Target { name: "events", run: targets::events::target },
    Target { name: "ingest", run: targets::ingest::target },
    Target { name: "orders", run: targets::orders::target },
    Target { name: "trust", run: targets::trust::target },
    Target { name: "local_socket", run: targets::local_socket::target },
    Target { name: "certificates", run: targets::certificates::target },
    Target { name: "connect_proof", run: targets::connect_proof::target },
    Target { name: "packed", run: targets::packed::target },
    Target { name: "backup", run: targets::backup::target },
];
