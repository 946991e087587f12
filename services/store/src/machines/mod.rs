//! Organizations, sites, machines; their credentials, connections and trust bundles.

pub mod certificates;
pub mod connections;
pub mod contact;
pub mod device_tokens;
pub mod enrollment_codes;
pub mod fleet;
pub mod learning;
pub mod maintenance;
pub mod organizations;
pub mod revocations;
pub mod sessions;
pub mod sites;
pub mod surroundings;
pub mod trust;

pub(crate) mod external_ids;
