//! Organizations, sites and machines: what exists, whose it is, where it stands and what it has
//! told.

mod error;
mod fields;
pub mod limits;
pub mod machines;
pub mod organizations;
pub mod policies;
pub mod readings;
pub mod sites;

pub use error::RegistryError;
