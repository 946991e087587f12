//! Revisions: what late samples show of alarms.
//!
//! No rule sees a sample that comes after its time has passed; ingest marks the span of such samples.
//! When nothing more comes late for a while, the machine's rules are tried on that span with all that is
//! stored, by the engine that watches live, and what they would have raised is compared with what was
//! raised. What differs is told. Nothing is raised, cleared or ticketed by it.
//!
//! | room | does |
//! |---|---|
//! | `run` | takes the next span, reads it piece by piece, stores what was found |
//! | `rules` | which rules are tried, and how far they look |
//! | `compare` | which alarms differ |
//! | `query` | what people ask for |

mod compare;
pub mod limits;
mod query;
mod rules;
mod run;

pub use query::list;
pub use run::Revisions;
