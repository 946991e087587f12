//! The registry: organizations, sites, machines.
