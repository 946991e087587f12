//! Rules: what people have written, every version of it, and where each stands with a machine.
//!
//! Every change counts up the revision `rules`, by which ingest sees that its copy is old.

mod catalogue;
pub mod on_machines;
mod precision;
mod row;
mod targets;

pub use catalogue::{
    Filter, count, delete, disable, forget_learned, forget_machine, forget_states, get, insert,
    keep_states, list, load, load_stored, save, set_state, touch, version,
};
pub use precision::{Judged, judged};
pub use row::{Stored, Understood};
pub use targets::{Target, is_model_used, machines, signal_kinds, signal_units};

/// The name in `revisions`.
pub(crate) const REVISION: &str = "rules";
