//! This very computer: load, memory, disks, temperatures, network.

mod config;
mod driver;
mod os;
mod signals;

pub use config::HostConfig;
pub use driver::HostDriver;
pub(crate) use os::Computer;
pub use signals::unit;
