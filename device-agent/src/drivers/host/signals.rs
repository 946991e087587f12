//! Which signals a measurement becomes. Pure.

use std::collections::BTreeSet;

use millwright_schemas::wire::telemetry::SampleValue;
use millwright_schemas::{Quality, SignalName};

use super::config::HostConfig;
use super::os::{Disk, Snapshot};
use crate::drivers::limits::{HOST_DISKS_MAX, HOST_INTERFACES_MAX, HOST_TEMPERATURES_MAX};

/// Interfaces that containers and virtual machines come and go with: each would be a new
/// signal for ever.
const VIRTUAL_INTERFACES: [&str; 10] =
    ["veth", "br-", "docker", "virbr", "vnet", "cali", "flannel", "cni", "tap", "ifb"];

/// Chooses disks, sensors and interfaces; a bounded number of names in its lifetime.
pub(super) struct Selection {
    disks: Names,
    interfaces: Names,
    temperatures: Names,
}

impl Selection {
    pub(super) fn new(config: &HostConfig) -> Self {
        Self {
            disks: Names::new("disks", config.disks.as_deref(), HOST_DISKS_MAX),
            interfaces: Names::new("interfaces", config.interfaces.as_deref(), HOST_INTERFACES_MAX),
            temperatures: Names::new("temperature sensors", None, HOST_TEMPERATURES_MAX),
        }
    }

    /// The signals of a measurement.
    pub(super) fn values(
        &mut self,
        snapshot: &Snapshot,
    ) -> Vec<(SignalName, SampleValue, Quality)> {
        let mut values = Values(Vec::with_capacity(24));
        values.add("host.cpu.load", snapshot.cpu_load_percent, 1);
        values.add("host.load.1m", snapshot.load_1m, 2);
        values.add_bytes("host.memory.used", snapshot.memory_used);
        values.add_share("host.memory.used_percent", snapshot.memory_used, snapshot.memory_total);
        values.add_bytes("host.swap.used", snapshot.swap_used);
        values.add_share("host.swap.used_percent", snapshot.swap_used, snapshot.swap_total);
        values.add("host.uptime", snapshot.uptime_s.map(whole), 0);
        for disk in &snapshot.disks {
            if self.wants_disk(disk) {
                // What the file system reserves counts as used: programs can't have it.
                let used = disk.total.saturating_sub(disk.available);
                values.add_share(
                    &format!("host.disk.{}.used_percent", disk.mount),
                    used,
                    disk.total,
                );
            }
        }
        for (sensor, degrees) in &snapshot.temperatures {
            if self.temperatures.admit(sensor) {
                let name = sensor.to_lowercase().replace(char::is_whitespace, "_");
                values.add(&format!("host.temperature.{name}"), Some(*degrees), 1);
            }
        }
        for interface in &snapshot.interfaces {
            let name = &interface.name;
            if self.wants_interface(name) {
                values.add(
                    &format!("host.network.{name}.received_bytes_per_s"),
                    interface.received_per_s,
                    0,
                );
                values.add(
                    &format!("host.network.{name}.sent_bytes_per_s"),
                    interface.sent_per_s,
                    0,
                );
            }
        }
        values.0
    }

    fn wants_disk(&mut self, disk: &Disk) -> bool {
        // Images mounted read-only are always full; they would only raise false alarms.
        disk.total > 0
            && (self.disks.is_configured() || !disk.read_only)
            && self.disks.admit(&disk.mount)
    }

    fn wants_interface(&mut self, name: &str) -> bool {
        let virtual_one =
            name == "lo" || VIRTUAL_INTERFACES.iter().any(|prefix| name.starts_with(prefix));
        (self.interfaces.is_configured() || !virtual_one) && self.interfaces.admit(name)
    }
}

/// The unit of a signal of this driver.
#[must_use]
pub fn unit(signal: &str) -> Option<&'static str> {
    let name = signal.strip_prefix("host.")?;
    match name {
        "cpu.load" => Some("%"),
        "memory.used" | "swap.used" => Some("B"),
        "uptime" => Some("s"),
        _ if name.ends_with("used_percent") => Some("%"),
        _ if name.ends_with("_bytes_per_s") => Some("B/s"),
        _ if name.starts_with("temperature.") => Some("°C"),
        _ => None,
    }
}

/// The names that are reported: those of the configuration, or the first ones seen.
struct Names {
    what: &'static str,
    configured: bool,
    admitted: BTreeSet<String>,
    max: usize,
    told: bool,
}

impl Names {
    fn new(what: &'static str, configured: Option<&[String]>, max: usize) -> Self {
        Self {
            what,
            configured: configured.is_some(),
            admitted: configured.unwrap_or_default().iter().cloned().collect(),
            max,
            told: false,
        }
    }

    const fn is_configured(&self) -> bool {
        self.configured
    }

    fn admit(&mut self, name: &str) -> bool {
        if self.admitted.contains(name) {
            return true;
        }
        if self.configured {
            return false;
        }
        if self.admitted.len() < self.max {
            self.admitted.insert(name.to_owned());
            return true;
        }
        if !self.told {
            self.told = true;
            tracing::warn!(
                what = self.what,
                max = self.max,
                left_out = name,
                "this computer has more than are reported; choose them in the configuration"
            );
        }
        false
    }
}

struct Values(Vec<(SignalName, SampleValue, Quality)>);

impl Values {
    /// Leaves out what isn't there, and names that no signal can have.
    fn add(&mut self, name: &str, value: Option<f64>, digits: i32) {
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        let Ok(name) = name.parse::<SignalName>() else { return };
        let scale = 10_f64.powi(digits);
        let rounded = (value * scale).round() / scale;
        self.0.push((name, SampleValue::Number(rounded), Quality::Good));
    }

    fn add_bytes(&mut self, name: &str, bytes: u64) {
        self.add(name, Some(whole(bytes)), 0);
    }

    fn add_share(&mut self, name: &str, part: u64, of: u64) {
        self.add(name, (of > 0).then(|| 100.0 * whole(part) / whole(of)), 1);
    }
}

#[allow(clippy::cast_precision_loss, reason = "bytes and seconds of one computer are below 2^53")]
const fn whole(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::os::Interface;
    use super::*;

    fn disk(mount: &str, read_only: bool) -> Disk {
        Disk { mount: mount.to_owned(), total: 1_000, available: 250, read_only }
    }

    fn interface(name: &str) -> Interface {
        Interface { name: name.to_owned(), received_per_s: Some(10.4), sent_per_s: None }
    }

    fn names(values: &[(SignalName, SampleValue, Quality)]) -> Vec<&str> {
        values.iter().map(|(name, ..)| name.as_str()).collect()
    }

    #[test]
    fn what_is_virtual_read_only_or_absent_is_left_out() {
        let snapshot = Snapshot {
            memory_used: 250,
            memory_total: 1_000,
            disks: vec![disk("/", false), disk("/snap/core", true)],
            interfaces: vec![interface("eth0"), interface("lo"), interface("veth12ab")],
            temperatures: vec![("Package id 0".to_owned(), 48.04)],
            ..Snapshot::default()
        };
        let values = Selection::new(&HostConfig::default()).values(&snapshot);
        assert_eq!(
            names(&values),
            [
                "host.memory.used",
                "host.memory.used_percent",
                "host.swap.used",
                "host.disk./.used_percent",
                "host.temperature.package_id_0",
                "host.network.eth0.received_bytes_per_s",
            ]
        );
        assert_eq!(values[1].1, SampleValue::Number(25.0));
        assert_eq!(values[3].1, SampleValue::Number(75.0));
    }

    #[test]
    fn what_is_configured_is_reported_and_nothing_else() {
        let config = HostConfig {
            disks: Some(vec!["/snap/core".to_owned()]),
            interfaces: Some(vec!["lo".to_owned()]),
            ..HostConfig::default()
        };
        let snapshot = Snapshot {
            disks: vec![disk("/", false), disk("/snap/core", true)],
            interfaces: vec![interface("eth0"), interface("lo")],
            ..Snapshot::default()
        };
        let values = Selection::new(&config).values(&snapshot);
        let names = names(&values);
        assert!(names.contains(&"host.disk./snap/core.used_percent"));
        assert!(names.contains(&"host.network.lo.received_bytes_per_s"));
        assert!(!names.iter().any(|name| name.contains("eth0") || name.contains("disk./.")));
    }

    #[test]
    fn mounts_that_come_and_go_never_make_more_signals_than_the_bound() {
        let mut selection = Selection::new(&HostConfig::default());
        let mut seen = BTreeSet::new();
        for round in 0..1_000 {
            let snapshot = Snapshot {
                disks: vec![disk(&format!("/mnt/{round}"), false)],
                ..Snapshot::default()
            };
            for (name, ..) in selection.values(&snapshot) {
                seen.insert(name);
            }
        }
        let disks = seen.iter().filter(|name| name.as_str().contains("disk")).count();
        assert_eq!(disks, HOST_DISKS_MAX);
    }
}
