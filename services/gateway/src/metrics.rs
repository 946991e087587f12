//! Prometheus metrics of the gateway.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Counters and gauges, `millwright_gateway_*`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Open connections, TLS handshakes and WebSockets included.
    pub connections: IntGauge,
    /// Machines with an accepted CONNECT.
    pub machines: IntGauge,
    /// TLS handshakes by result: `ok`, `failed`, `timeout`, `over_limit`, `too_fast`.
    pub handshakes: IntCounterVec,
    /// Machines' WebSockets by result: `ok`, `over_limit`, `too_fast`.
    pub websockets: IntCounterVec,
    /// Connections refused at CONNECT, by reason.
    pub refusals: IntCounterVec,
    /// Sessions that ended, by reason.
    pub ends: IntCounterVec,
    /// Messages handed to the intake.
    pub messages_up: IntCounter,
    /// Pauses of connections that sent too fast.
    pub throttles: IntCounter,
    /// Messages that were committed, as told to their senders.
    pub acks: IntCounter,
    /// Messages towards machines by result: `sent`, `not_connected`, `not_subscribed`, `full`,
    /// `too_large`.
    pub downlinks: IntCounterVec,
}

impl Metrics {
    /// Metrics that are shown in this registry.
    ///
    /// # Errors
    /// A metric of that name is there already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self::unregistered()?;
        registry.register(Box::new(metrics.connections.clone()))?;
        registry.register(Box::new(metrics.machines.clone()))?;
        registry.register(Box::new(metrics.handshakes.clone()))?;
        registry.register(Box::new(metrics.websockets.clone()))?;
        registry.register(Box::new(metrics.refusals.clone()))?;
        registry.register(Box::new(metrics.ends.clone()))?;
        registry.register(Box::new(metrics.messages_up.clone()))?;
        registry.register(Box::new(metrics.throttles.clone()))?;
        registry.register(Box::new(metrics.acks.clone()))?;
        registry.register(Box::new(metrics.downlinks.clone()))?;
        Ok(metrics)
    }

    /// Metrics that are shown nowhere.
    ///
    /// # Errors
    /// Never: the names are valid.
    pub fn unregistered() -> Result<Self, prometheus::Error> {
        Ok(Self {
            connections: IntGauge::new(
                "millwright_gateway_connections",
                "Open connections, TLS handshakes and WebSockets included",
            )?,
            machines: IntGauge::new(
                "millwright_gateway_machines",
                "Machines with an accepted CONNECT",
            )?,
            handshakes: counters(
                "millwright_gateway_handshakes_total",
                "TLS handshakes by result",
                "result",
            )?,
            websockets: counters(
                "millwright_gateway_websockets_total",
                "Machines' WebSockets by result",
                "result",
            )?,
            refusals: counters(
                "millwright_gateway_refusals_total",
                "Connections refused at CONNECT by reason",
                "reason",
            )?,
            ends: counters(
                "millwright_gateway_sessions_ended_total",
                "Sessions that ended by reason",
                "reason",
            )?,
            messages_up: IntCounter::new(
                "millwright_gateway_messages_up_total",
                "Messages handed to the intake",
            )?,
            throttles: IntCounter::new(
                "millwright_gateway_throttles_total",
                "Pauses of connections that sent too fast",
            )?,
            acks: IntCounter::new(
                "millwright_gateway_acks_total",
                "Messages committed as told to their senders",
            )?,
            downlinks: counters(
                "millwright_gateway_downlinks_total",
                "Messages towards machines by result",
                "result",
            )?,
        })
    }
}

fn counters(name: &str, help: &str, label: &str) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(Opts::new(name, help), &[label])
}
