//! What machines have sent and what has changed, as it is read; and by whom.

mod audit;
mod chart;
mod domain_events;
mod loss;
mod machine_events;
mod parameters;
mod quarantine;
mod signals;
mod storage;

pub use audit::audit;
pub use chart::{ChartInput, chart};
pub use domain_events::{EventPage, domain_events, event_position, event_types};
pub use loss::loss;
pub use machine_events::machine_events;
pub use parameters::signal_names;
pub use quarantine::quarantine;
pub use signals::{FleetInput, fleet_values, signals};
pub use storage::{machine_storage, storage_growth, storage_status};
