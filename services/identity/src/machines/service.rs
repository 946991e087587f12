//! Enrolment as a service: what both ways in, by code and by old key, have in common.

use std::net::IpAddr;
use std::sync::Arc;

use millwright_schemas::api::credentials::MachineCertificate;
use millwright_schemas::api::enrollment::{EnrollResponse, MqttEndpoint};
use millwright_schemas::api::machines::Machine;
use millwright_schemas::{Timestamp, topics};
use millwright_store::Store;

use super::Trust;
use super::limits::{ADDRESS_ATTEMPT_S, ADDRESS_ATTEMPTS, MACHINE_CERTIFICATE_DAYS};
use crate::networks::network;
use crate::people::rate_limit::RateLimit;

/// What enrolment answers besides keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentSettings {
    /// Where machines connect.
    pub mqtt: MqttEndpoint,
    /// How long a machine's certificate is valid, in days.
    pub certificate_days: i64,
}

impl EnrollmentSettings {
    /// With the usual validity.
    #[must_use]
    pub const fn new(mqtt: MqttEndpoint) -> Self {
        Self { mqtt, certificate_days: MACHINE_CERTIFICATE_DAYS }
    }
}

/// Enrols machines and renews their certificates. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Enrollment {
    pub(super) store: Store,
    pub(super) trust: Trust,
    pub(super) settings: Arc<EnrollmentSettings>,
    attempts: Arc<RateLimit<IpAddr>>,
}

impl Enrollment {
    /// Enrolment with these keys.
    #[must_use]
    pub fn new(store: Store, trust: Trust, settings: EnrollmentSettings) -> Self {
        Self {
            store,
            trust,
            settings: Arc::new(settings),
            attempts: Arc::new(RateLimit::new(ADDRESS_ATTEMPTS, ADDRESS_ATTEMPT_S)),
        }
    }

    /// The platform's keys.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Counts an attempt from an address; otherwise the seconds to wait.
    pub(super) fn take_attempt(&self, from: IpAddr, now: Timestamp) -> Result<(), u32> {
        self.attempts.take(network(from), now)
    }

    /// The attempt succeeded: it doesn't count.
    pub(super) fn give_back_attempt(&self, from: IpAddr, now: Timestamp) {
        self.attempts.give_back(network(from), now);
    }

    /// What a machine is answered with its certificate.
    pub(super) fn answer(
        &self,
        machine: &Machine,
        certificate: MachineCertificate,
    ) -> EnrollResponse {
        let state = self.trust.current();
        let bundle = state.bundle();
        EnrollResponse {
            machine_id: machine.id,
            machine_name: Some(machine.name.clone()),
            certificate: certificate.certificate,
            ca_certificates: bundle.ca_certificates.clone(),
            mqtt: self.settings.mqtt.clone(),
            topic_root: topics::root(machine.id),
            command_keys: bundle.command_keys.clone(),
            trust_version: bundle.version,
        }
    }
}
