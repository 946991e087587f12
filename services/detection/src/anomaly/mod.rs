//! The condition `anomaly`: signals that aren't as they normally are, by [detectors that learn](crate::learned).
//!
//! | room | what |
//! |---|---|
//! | `compile` | the condition as people write it |
//! | `gate` | the condition while which it is watched |
//! | `memory` | what was learned of a machine: large, stored now and then as bytes |
//! | `pace` | how often a signal is looked at |
//! | `rows` | rows of signals that come at different times |
//! | `status` | how far learning has come, for people
//! | `stored` | the same, of what is stored of a rule |
//! | `state` | where the alarm stands: small, stored with every change |
//! | `words` | what an alarm tells of its cause |

pub(crate) mod compile;
mod gate;
pub(crate) mod memory;
mod pace;
mod rows;
mod state;
pub mod status;
pub mod stored;
pub(crate) mod words;

pub(crate) use compile::Anomaly;
pub use state::AnomalyState;
pub(crate) use state::Told;
