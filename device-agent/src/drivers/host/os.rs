//! All calls to the operating system: one measurement of the computer, as plain data.

use std::time::Instant;

use sysinfo::{
    Components, CpuRefreshKind, DiskRefreshKind, Disks, MemoryRefreshKind, Networks, RefreshKind,
    System,
};

/// What the computer says at one time. Bytes, percent, degrees Celsius, seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// Busy share of all processors since the last measurement; none at the first one.
    pub(crate) cpu_load_percent: Option<f64>,
    pub(crate) load_1m: Option<f64>,
    pub(crate) memory_used: u64,
    pub(crate) memory_total: u64,
    pub(crate) swap_used: u64,
    pub(crate) swap_total: u64,
    /// Sorted by mount point.
    pub(crate) disks: Vec<Disk>,
    /// Sensor and temperature, sorted by sensor.
    pub(crate) temperatures: Vec<(String, f64)>,
    /// Sorted by interface.
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) uptime_s: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Disk {
    pub(crate) mount: String,
    pub(crate) total: u64,
    pub(crate) available: u64,
    pub(crate) read_only: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Interface {
    pub(crate) name: String,
    /// Since the last measurement; none at the first one.
    pub(crate) received_per_s: Option<f64>,
    pub(crate) sent_per_s: Option<f64>,
}

/// The computer, with what has to be remembered between two measurements.
pub(crate) struct Computer {
    system: System,
    disks: Disks,
    networks: Networks,
    components: Components,
    last: Option<Instant>,
}

impl Computer {
    /// Opens the sources; measures nothing yet.
    pub(crate) fn new() -> Result<Self, sysinfo::Error> {
        Ok(Self {
            system: System::new_with_specifics(RefreshKind::nothing())?,
            disks: Disks::new()?,
            networks: Networks::new()?,
            components: Components::new()?,
            last: None,
        })
    }

    /// Measures. May block, for instance on a network file system.
    pub(crate) fn measure(&mut self) -> Snapshot {
        let now = Instant::now();
        let since_s = self.last.map(|last| now.duration_since(last).as_secs_f64());
        self.last = Some(now);
        self.system.refresh_memory_specifics(MemoryRefreshKind::everything());
        self.system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
        Snapshot {
            cpu_load_percent: since_s.map(|_| f64::from(self.system.global_cpu_usage())),
            load_1m: System::load_average().ok().map(|load| load.one),
            memory_used: self.system.used_memory(),
            memory_total: self.system.total_memory(),
            swap_used: self.system.used_swap(),
            swap_total: self.system.total_swap(),
            disks: self.disks(),
            temperatures: self.temperatures(),
            interfaces: self.interfaces(since_s),
            uptime_s: System::uptime().ok(),
        }
    }

    fn disks(&mut self) -> Vec<Disk> {
        // `true` forgets what is no longer mounted, so that nothing grows.
        self.disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage());
        let mut disks: Vec<Disk> = self
            .disks
            .iter()
            .map(|disk| Disk {
                mount: disk.mount_point().to_string_lossy().into_owned(),
                total: disk.total_space(),
                available: disk.available_space(),
                read_only: disk.is_read_only(),
            })
            .collect();
        disks.sort_by(|a, b| a.mount.cmp(&b.mount));
        disks.dedup_by(|a, b| a.mount == b.mount);
        disks
    }

    fn temperatures(&mut self) -> Vec<(String, f64)> {
        self.components.refresh(true);
        let mut temperatures: Vec<(String, f64)> = self
            .components
            .iter()
            .filter_map(|part| Some((part.label().to_owned(), f64::from(part.temperature()?))))
            .collect();
        temperatures.sort_by(|a, b| a.0.cmp(&b.0));
        temperatures.dedup_by(|a, b| a.0 == b.0);
        temperatures
    }

    #[allow(clippy::cast_precision_loss, reason = "a rate needs no exact bytes")]
    fn interfaces(&mut self, since_s: Option<f64>) -> Vec<Interface> {
        self.networks.refresh(true);
        let per_s = |bytes: u64| since_s.filter(|s| *s > 0.0).map(|s| bytes as f64 / s);
        let mut interfaces: Vec<Interface> = self
            .networks
            .iter()
            .map(|(name, data)| Interface {
                name: name.to_string_lossy().into_owned(),
                received_per_s: per_s(data.received()),
                sent_per_s: per_s(data.transmitted()),
            })
            .collect();
        interfaces.sort_by(|a, b| a.name.cmp(&b.name));
        interfaces
    }
}
