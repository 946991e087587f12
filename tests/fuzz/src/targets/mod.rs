//! One module a decoder.

pub mod backup;
pub mod certificates;
pub mod connect_proof;
pub mod events;
pub mod ingest;
pub mod local_socket;
pub mod mqtt_session;
pub mod orders;
pub mod packed;
pub mod telemetry;
pub mod topics;
pub mod trust;
pub mod websocket;

use millwright_schemas::MachineId;

/// The machine that the input is from or for.
const MACHINE: &str = "0198b2c4-7c1e-7000-8000-0123456789ab";

fn machine() -> MachineId {
    MACHINE.parse().expect("a UUID")
}
