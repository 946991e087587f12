//! The condition as people write it, checked.

use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::api::rules::AnomalyCondition;
use millwright_schemas::limits::RULE_ANOMALY_SIGNALS_MAX;

use super::memory::Memory;
use crate::conditions::compile::ROOT;
use crate::hold::Hold;
use crate::learned::limits::{TRAIN_ROWS_MAX, TRAIN_ROWS_MIN};
use crate::learned::{multivariate, univariate};

/// A condition that can be watched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Anomaly {
    /// The signals in the condition's order; a sample names its signal by its place here.
    pub(crate) signals: Vec<String>,
    pub(crate) hold: Hold,
    /// What it knows of a machine before the first sample.
    pub(crate) untaught: Memory,
}

/// Checks a condition.
///
/// # Errors
/// All that is wrong, by field of the rule.
pub(crate) fn compile(it: &AnomalyCondition) -> Result<Anomaly, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let hold = Hold::compile(0.0, it.clear_hold_s, ROOT, &mut problems);
    let mut refuse = |field: String, message: String| {
        problems.push(FieldProblem { field: format!("{ROOT}.{field}"), message });
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
        let shipped = multivariate::Settings::default();
        let train_rows = train_rows.unwrap_or(shipped.train_rows);
        let settings = multivariate::Settings { train_rows, ..shipped };
        Memory::together(signals.clone(), settings).map_err(|error| {
            vec![FieldProblem { field: ROOT.to_owned(), message: error.to_string() }]
        })?
    } else {
        let shipped = univariate::Settings::default();
        #[allow(clippy::cast_precision_loss, reason = "at most ten million")]
        let warm_up = train_rows.map_or(shipped.warm_up, |rows| shipped.warm_up.max(rows as f64));
        Memory::alone(signals.clone(), univariate::Settings { warm_up, ..shipped })
    };
    Ok(Anomaly { signals, hold, untaught })
}
