//! Pure rules of the platform: who may do what, and what the audit log says. No I/O, no clock.

pub mod access;
pub mod arguments;
pub mod audit;
pub mod command;
pub mod machine;
