//! What a stored checkpoint says of a rule, for those who read it and don't watch.

use millwright_schemas::Timestamp;

use super::memory::Memory;
use super::status::LearningStatus;
use crate::rules::{CompiledRule, Evaluator};
use crate::surroundings::Surroundings;

/// How far this rule has come by a state that is stored of it. `since`: what is older isn't learned of
/// the machine. `None`: it begins anew, because the state is of another form, damaged, or was learned of
/// other signals, otherwise, or before all was to be learned anew.
#[must_use]
pub fn status(
    rule: &CompiledRule,
    state: &[u8],
    since: Option<Timestamp>,
) -> Option<LearningStatus> {
    // What a machine says of itself moves limits only, and a detector has none.
    let Evaluator::Anomaly(anomaly) = rule.with(&Surroundings::default()) else { return None };
    let memory = Memory::decode(state)?;
    let fits = memory.fits(&anomaly.untaught) && memory.since() == since;
    fits.then(|| memory.status())
}
