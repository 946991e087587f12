//! Payloads of `up/events`.

use millwright_schemas::wire::events::{FaultEvent, check_fault, decode};

/// Decodes; what is accepted keeps the rules.
pub fn target(data: &[u8]) {
    let Ok(event) = decode(data) else { return };
    assert_eq!(event.seq.is_some(), event.outbox.is_some());
    assert_eq!(event.fault.is_some(), event.event_type.is_fault());
    match &event.fault {
        Some(FaultEvent::Raised(fault)) => check_fault("data", fault).expect("it was checked"),
        Some(FaultEvent::Snapshot(snapshot)) => {
            for fault in &snapshot.faults {
                check_fault("data", fault).expect("it was checked");
            }
        }
        Some(FaultEvent::Cleared(_)) | None => {}
    }
}
