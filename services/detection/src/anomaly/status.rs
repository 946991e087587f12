//! How far a rule has come in learning a machine, for people who ask why it says nothing.

use super::memory::Memory;
pub use crate::learned::LearningStage;

/// How far what was learned of one machine for one rule has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearningStatus {
    /// Where it stands. Of signals by themselves, that of the one which is least far among those that
    /// have told something.
    pub stage: LearningStage,
    /// How many of its detectors watch already.
    pub watching: usize,
    /// How many there are: one a signal, or one for all of them together.
    pub detectors: usize,
    /// Signals of which nothing usable has come: it doesn't wait for them for ever, and what they tell
    /// later takes part only when it learns anew.
    pub missing: Vec<String>,
}

/// What a stored state (of `detector_states`) says of its rule; `None`: it is of another form, or
/// damaged, and will be learned again from what is stored.
#[must_use]
pub fn read(state: &[u8]) -> Option<LearningStatus> {
    Memory::decode(state).as_ref().map(Memory::status)
}
