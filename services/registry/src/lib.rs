//! Organizations, sites and machines: what exists, whose it is and where it stands.

mod error;
mod fields;
pub mod limits;
pub mod machines;
pub mod organizations;
pub mod sites;

pub use error::RegistryError;
