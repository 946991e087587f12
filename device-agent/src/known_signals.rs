//! The signals that have left the machine, with their units, for the platform to be told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millwright_schemas::SignalName;
use millwright_schemas::limits::SIGNAL_INFOS_MAX;
use millwright_schemas::wire::command::SignalInfo;

use crate::driver::Reading;
use crate::drivers::DriverConfig;

/// Signals that drivers have delivered and the operator lets leave, as far as their drivers know
/// units. Cheap to clone; all clones are the same.
#[derive(Debug, Clone, Default)]
pub struct KnownSignals(Arc<Mutex<BTreeMap<SignalName, Option<&'static str>>>>);

impl KnownSignals {
    /// Notes what is new in a reading from which everything that may not leave is taken out.
    /// Beyond [`SIGNAL_INFOS_MAX`] signals nothing more is noted.
    pub fn note(&self, driver: &DriverConfig, reading: &Reading) {
        if !driver.knows_units() {
            return;
        }
        let mut known = self.lock();
        for (name, ..) in reading.samples.iter().flat_map(|sample| &sample.values) {
            if !known.contains_key(name) && known.len() < SIGNAL_INFOS_MAX {
                known.insert(name.clone(), driver.unit(name.as_str()));
            }
        }
    }

    /// How many there are; grows with each new one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// As many as have room in so many bytes of JSON, by name.
    #[must_use]
    pub fn told(&self, bytes: usize) -> Vec<SignalInfo> {
        let mut left = bytes;
        let known = self.lock();
        let infos = known.iter().map(|(signal, unit)| SignalInfo {
            signal: signal.clone(),
            unit: unit.map(str::to_owned),
        });
        let fitting = infos.take_while(|info| {
            let size = serde_json::to_vec(info).map_or(usize::MAX, |json| json.len() + 1);
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        });
        fitting.collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SignalName, Option<&'static str>>> {
        // Each note is one insertion: what a panicking writer left is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_schemas::wire::telemetry::SampleValue;
    use millwright_schemas::{Quality, Timestamp};

    use super::*;
    use crate::driver::Sample;

    fn reading(names: &[&str]) -> Reading {
        let value = |name: &&str| (name.parse().unwrap(), SampleValue::Number(1.0), Quality::Good);
        let values = names.iter().map(value).collect();
        let samples = vec![Sample { ts: Timestamp::from_micros(1), values }];
        Reading { samples, faults: Vec::new(), checkpoint: None }
    }

    #[test]
    fn what_was_seen_is_told_once_with_its_unit() {
        let known = KnownSignals::default();
        let host = DriverConfig::Host(Default::default());
        known.note(&host, &reading(&["host.cpu.load", "host.disk./data.used_percent"]));
        known.note(&host, &reading(&["host.load.1m", "host.cpu.load"]));
        let told = known.told(10_000);
        let told: Vec<_> =
            told.iter().map(|info| (info.signal.as_str(), info.unit.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("host.cpu.load", Some("%")),
                ("host.disk./data.used_percent", Some("%")),
                ("host.load.1m", None)
            ]
        );
        assert_eq!(known.told(50).len(), 1, "no more than there is room for");
        assert_eq!(known.told(0), []);
    }
}
