//! A machine's life: registered → commissioned → decommissioned.

use millwright_schemas::api::machines::MachineState;

/// What happens in a machine's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifeEvent {
    /// A certificate is issued for an enrolment code.
    Enrolled,
    /// A connection is opened.
    Connected,
    /// It is taken out of use.
    Decommissioned,
}

impl LifeEvent {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Enrolled, Self::Connected, Self::Decommissioned];
}

/// A machine that is out of use stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the machine is decommissioned, for good; register it anew")]
pub struct OutOfUse;

/// The state after an event. The same state: nothing has changed.
///
/// # Errors
/// [`OutOfUse`] when the machine is decommissioned and should do something all the same.
pub const fn step(state: MachineState, event: LifeEvent) -> Result<MachineState, OutOfUse> {
    use MachineState as S;
    match (state, event) {
        (_, LifeEvent::Decommissioned) => Ok(S::Decommissioned),
        (S::Decommissioned, LifeEvent::Enrolled | LifeEvent::Connected) => Err(OutOfUse),
        (S::Registered | S::Commissioned, LifeEvent::Enrolled | LifeEvent::Connected) => {
            Ok(S::Commissioned)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_event_has_a_row() {
        use LifeEvent as E;
        use MachineState as S;
        let table = [
            (S::Registered, E::Enrolled, Ok(S::Commissioned)),
            (S::Registered, E::Connected, Ok(S::Commissioned)),
            (S::Registered, E::Decommissioned, Ok(S::Decommissioned)),
            (S::Commissioned, E::Enrolled, Ok(S::Commissioned)),
            (S::Commissioned, E::Connected, Ok(S::Commissioned)),
            (S::Commissioned, E::Decommissioned, Ok(S::Decommissioned)),
            (S::Decommissioned, E::Enrolled, Err(OutOfUse)),
            (S::Decommissioned, E::Connected, Err(OutOfUse)),
            (S::Decommissioned, E::Decommissioned, Ok(S::Decommissioned)),
        ];
        assert_eq!(table.len(), S::ALL.len() * E::ALL.len());
        for (state, event, expected) in table {
            assert_eq!(step(state, event), expected, "{state} and {event:?}");
        }
    }
}
