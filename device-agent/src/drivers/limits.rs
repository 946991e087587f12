//! Named bounds of the drivers. Beyond one, a configuration is refused with the value and the
//! rule; what the outside grows without asking (disks, interfaces) is left out and logged once.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Longest name of a driver, in bytes.
pub const DRIVER_NAME_MAX_BYTES: usize = 64;

/// How often the host driver may measure, in milliseconds.
pub const HOST_INTERVAL_MS: RangeInclusive<u64> = 500..=3_600_000;
/// File systems that the host driver reports; the first ones seen win.
pub const HOST_DISKS_MAX: usize = 16;
/// Network interfaces that the host driver reports; the first ones seen win.
pub const HOST_INTERFACES_MAX: usize = 16;
/// Temperature sensors that the host driver reports; the first ones seen win.
pub const HOST_TEMPERATURES_MAX: usize = 32;
/// How long work in a blocking thread may take before the driver reports an error. The thread
/// is not given up: the next call goes on waiting for it, so that none pile up.
pub const BLOCKING_WORK_MAX: Duration = Duration::from_secs(60);

/// How often the simulator may measure, in milliseconds.
pub const SIMULATOR_INTERVAL_MS: RangeInclusive<u64> = 100..=60_000;
/// Wear per hour of running, as a share of the machine's life.
pub const SIMULATOR_WEAR_PER_HOUR: RangeInclusive<f64> = 0.0..=360.0;
/// Seconds of running from new to the fault.
pub const SIMULATOR_TIME_TO_FAULT_S: RangeInclusive<f64> = 10.0..=31_536_000.0;

/// Longest row of a replayed file, in bytes; a longer one is an error, so that a quote that
/// is never closed doesn't read the whole file into memory.
pub const REPLAY_ROW_MAX_BYTES: u64 = 1024 * 1024;
/// Columns of a replayed file that become signals.
pub const REPLAY_COLUMNS_MAX: usize = 500;
/// Rows that one reading may hold.
pub const REPLAY_ROWS_PER_READING: RangeInclusive<u32> = 1..=1_000;
/// Values in one reading; with many columns a reading holds fewer rows.
pub const REPLAY_VALUES_PER_READING_MAX: usize = 20_000;
/// Faults and clears in one reading.
pub const REPLAY_FAULTS_PER_READING_MAX: usize = 500;
/// Faults that wait for their clear at the same time.
pub const REPLAY_ACTIVE_FAULTS_MAX: usize = 1_000;
/// How many times faster than real time a recording may be replayed.
pub const REPLAY_SPEED: RangeInclusive<f64> = 0.0..=1_000_000.0;
/// Seconds until a replayed fault clears.
pub const REPLAY_CLEAR_AFTER_S: RangeInclusive<f64> = 0.001..=31_536_000.0;
