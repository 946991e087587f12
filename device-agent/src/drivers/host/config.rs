//! Configuration of the host driver.

use serde::{Deserialize, Serialize};

use crate::driver::DriverError;
use crate::drivers::check::{range, wrong};
use crate::drivers::limits::{HOST_DISKS_MAX, HOST_INTERFACES_MAX, HOST_INTERVAL_MS};

/// `kind = "host"`: measures the computer that the agent runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostConfig {
    /// The driver's name, 1 to 64 bytes. Default: `host`.
    pub name: String,
    /// Milliseconds between two measurements, 500 to 3,600,000. Default: 2,000.
    pub interval_ms: u64,
    /// Mount points to report, at most 16. Default: the first 16 that can be written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disks: Option<Vec<String>>,
    /// Network interfaces to report, at most 16. Default: the first 16 that are neither the
    /// loopback nor made by containers and virtual machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interfaces: Option<Vec<String>>,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self { name: "host".to_owned(), interval_ms: 2_000, disks: None, interfaces: None }
    }
}

impl HostConfig {
    pub(crate) fn check(&self) -> Result<(), DriverError> {
        range(&self.name, "interval_ms", self.interval_ms, &HOST_INTERVAL_MS)?;
        for (key, list, max) in [
            ("disks", &self.disks, HOST_DISKS_MAX),
            ("interfaces", &self.interfaces, HOST_INTERFACES_MAX),
        ] {
            let count = list.as_ref().map_or(0, Vec::len);
            if count > max {
                return Err(wrong(
                    &self.name,
                    format!("{key} names {count} entries, more than {max}"),
                ));
            }
        }
        Ok(())
    }
}
