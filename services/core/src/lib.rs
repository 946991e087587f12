//! Pure rules of the platform: who may do what, what becomes of alarms and tickets, and what the
//! audit log says. No I/O, no clock.

pub mod access;
pub mod alarm;
pub mod arguments;
pub mod audit;
pub mod command;
pub mod fields;
pub mod machine;
pub mod ticket;
