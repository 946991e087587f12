//! The agent on a machine: drivers, outbox, connection to the platform.

pub mod certificates;
pub mod cli;
pub mod clock;
pub mod clock_watch;
pub mod collector;
pub mod config;
pub mod connection;
pub mod driver;
pub mod drivers;
pub mod enroll;
pub mod http;
pub mod identity;
pub mod limits;
pub mod local;
pub mod operator;
pub mod outbox;
pub mod private_file;
pub mod renew;
pub mod run;
pub mod signals;
pub mod status;
pub mod stop;
pub mod supervise;
pub mod trust;
pub mod upkeep;
