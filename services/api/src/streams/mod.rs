//! Streams of server-sent events. Each runs as a task of its own that ends when its reader goes,
//! the caller's right ends, or the platform stops.

pub mod events;
mod places;
pub mod right;
pub mod samples;
mod sse;

pub use places::{Place, Streams};
