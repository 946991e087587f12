//! REST request and response types, one module a resource.

pub mod enrollment;
pub mod page;
pub mod problem;
