//! The condition as people write it, checked.

use std::sync::Arc;

use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::api::rules::{AnomalyCondition, RuleCondition};
use millwright_schemas::limits::RULE_ANOMALY_SIGNALS_MAX;

use super::gate::Gate;
use super::memory::Memory;
use super::pace::PACE_US;
use crate::conditions::Update;
use crate::conditions::compile::ROOT;
use crate::hold::Hold;
use crate::learned::limits::{TRAIN_ROWS_MAX, TRAIN_ROWS_MIN};
use crate::learned::{multivariate, univariate};
use crate::surroundings::Surroundings;

/// A condition that can be watched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Anomaly {
    /// The signals in the condition's order; a sample names its signal by its place here.
    pub(crate) signals: Vec<String>,
    pub(crate) hold: Hold,
    /// While this is true; its signals have the places behind those that are learned.
    pub(crate) gate: Option<Gate>,
    /// What it knows of a machine before the first sample.
    pub(crate) untaught: Arc<Memory>,
}

impl Anomaly {
    /// All signals, by their places: what is learned, then what says when.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &str> {
        let gate = self.gate.iter().flat_map(|gate| gate.signals());
        self.signals.iter().map(String::as_str).chain(gate)
    }

    /// Samples for what is learned, and those for the gate by their places there. A rule for numbers
    /// has nothing to say about other values.
    pub(crate) fn parted(&self, samples: &[Update]) -> (Vec<(usize, Option<f64>)>, Vec<Update>) {
        let (mut learned, mut turns) = (Vec::new(), Vec::new());
        for (place, value) in samples {
            match (place.checked_sub(self.signals.len()), value) {
                (Some(place), value) => turns.push((place, *value)),
                (None, None) => learned.push((*place, None)),
                (None, Some(value)) => {
                    learned.extend(value.number().map(|number| (*place, Some(number))));
                }
            }
        }
        (learned, turns)
    }

    /// The same, holding what is large together with the other one of the same rule.
    pub(crate) fn sharing(&self, other: &Self) -> Self {
        Self { untaught: Arc::clone(&other.untaught), ..self.clone() }
    }
}

/// Checks a condition.
///
/// # Errors
/// All that is wrong, by field of the rule.
pub(crate) fn compile(
    it: &AnomalyCondition,
    gate: Option<&RuleCondition>,
    around: &Surroundings,
) -> Result<Anomaly, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let path = if gate.is_some() { format!("{ROOT}.condition") } else { ROOT.to_owned() };
    let gate = gate.map(|gate| Gate::compile(gate, around, &format!("{ROOT}.while")));
    let gate = gate.transpose().unwrap_or_else(|mut of_gate| {
        problems.append(&mut of_gate);
        None
    });
    let hold = Hold::compile(0.0, it.clear_hold_s, &path, &mut problems);
    let mut refuse = |field: String, message: String| {
        problems.push(FieldProblem { field: format!("{path}.{field}"), message });
    };
    let length = it.signals.len();
    if !(1..=RULE_ANOMALY_SIGNALS_MAX).contains(&length) {
        let message = format!("has {length} signals; 1 to {RULE_ANOMALY_SIGNALS_MAX} are needed");
        refuse("signals".to_owned(), message);
    }
    for (place, signal) in it.signals.iter().enumerate() {
        if it.signals[..place].contains(signal) {
            refuse(format!("signals[{place}]"), format!("{signal} is there already"));
        }
    }
    if it.together == Some(true) && length == 1 {
        refuse("together".to_owned(), "needs at least 2 signals".to_owned());
    }
    let train_rows = it.train_rows.map(|rows| usize::try_from(rows).unwrap_or(usize::MAX));
    if let Some(rows) = train_rows.filter(|rows| !(TRAIN_ROWS_MIN..=TRAIN_ROWS_MAX).contains(rows))
    {
        let message = format!("{rows} is not between {TRAIN_ROWS_MIN} and {TRAIN_ROWS_MAX}");
        refuse("train_rows".to_owned(), message);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let signals: Vec<String> = it.signals.iter().map(|signal| signal.as_str().to_owned()).collect();
    let untaught = if it.is_together() {
        let settings = multivariate::Settings::live(train_rows);
        Memory::together(signals.clone(), settings).map_err(|error| {
            vec![FieldProblem { field: path.clone(), message: error.to_string() }]
        })?
    } else {
        let settings = match train_rows {
            None => univariate::Settings::live(),
            Some(rows) => {
                let shipped = univariate::Settings::default();
                #[allow(clippy::cast_precision_loss, reason = "at most ten million")]
                let warm_up = shipped.warm_up.max(rows as f64);
                univariate::Settings { warm_up, ..shipped }
            }
        };
        Memory::alone(signals.clone(), settings)
    };
    // Who says how many rows, means rows as they come.
    let untaught = if train_rows.is_none() { untaught.paced(PACE_US) } else { untaught };
    let untaught = Arc::new(untaught.gated(gate.as_ref().map(Gate::begin)));
    Ok(Anomaly { signals, hold, gate, untaught })
}
