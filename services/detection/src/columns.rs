//! A detector or a rule over a table that is there as a whole, as `millwright detect` reads it.
//!
//! The same code as live, row by row in the table's order.

use std::sync::Arc;

use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::api::rules::RuleCondition;
use millwright_schemas::{SignalKind, Timestamp};

use crate::conditions::compile::ROOT;
use crate::conditions::needs::{events, needs};
use crate::conditions::value::Reading;
use crate::learned::Verdict;
use crate::learned::limits::{TRAIN_ROWS_MAX, TRAIN_ROWS_MIN};
use crate::learned::multivariate::{self, Multivariate};
use crate::learned::univariate::{self, Univariate};
use crate::rules::CompiledRule;
use crate::surroundings::Surroundings;
use crate::watch::{Transition, Watch};

/// A table: a time per row, and columns of numbers; `None`: nothing usable.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// A time per row.
    pub times: Vec<Timestamp>,
    /// The columns' names.
    pub names: Vec<String>,
    /// A value per column, for each row.
    pub rows: Vec<Vec<Option<f64>>>,
}

impl Columns {
    /// How many rows aren't later than one before. They change nothing.
    #[must_use]
    pub fn passed_over(&self) -> usize {
        let mut latest: Option<Timestamp> = None;
        let is_passed_over = |at: &&Timestamp| {
            let is_later = latest.is_none_or(|latest| **at > latest);
            if is_later {
                latest = Some(**at);
            }
            !is_later
        };
        self.times.iter().filter(is_passed_over).count()
    }
}

/// What is run over a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Detector {
    /// Each column by itself; a row's score is the highest of its columns.
    Univariate,
    /// All columns together.
    Multivariate,
    /// A rule's condition. Its signals must be columns.
    Rule(RuleCondition),
}

/// What is said of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Of each row.
    pub verdicts: Vec<Verdict>,
    /// Whether any row was judged: there are some after those that are learned from before anything is
    /// said.
    pub judged: bool,
}

/// Judges a table's rows.
///
/// `train_rows`: the commissioning phase, in which nothing is said; without it the detector's own.
/// Univariate detectors and rules that don't learn need none. Those rules hear these rows all the same,
/// so that an alarm which is active at the end is told from then on. It must leave a row, if there are any.
///
/// # Errors
/// What is wrong, by field.
pub fn detect(
    columns: &Columns,
    detector: &Detector,
    train_rows: Option<usize>,
) -> Result<Judgement, Vec<FieldProblem>> {
    if columns.names.is_empty() {
        return refuse("columns", "there is none".to_owned());
    }
    if let Some(rows) = train_rows.filter(|rows| !(TRAIN_ROWS_MIN..=TRAIN_ROWS_MAX).contains(rows))
    {
        let message = format!("{rows} is not between {TRAIN_ROWS_MIN} and {TRAIN_ROWS_MAX}");
        return refuse("train_rows", message);
    }
    let all = columns.rows.len();
    if let Some(rows) = train_rows.filter(|rows| all > 0 && *rows >= all) {
        return refuse("train_rows", format!("{rows} leaves none of the {all} rows"));
    }
    match detector {
        Detector::Univariate => Ok(each_alone(columns, train_rows)),
        Detector::Multivariate => together(columns, train_rows),
        Detector::Rule(condition) => by_rule(columns, condition, train_rows),
    }
}

fn refuse<T>(field: &str, message: String) -> Result<T, Vec<FieldProblem>> {
    Err(vec![FieldProblem { field: field.to_owned(), message }])
}

fn rows(columns: &Columns) -> impl Iterator<Item = (Timestamp, &Vec<Option<f64>>)> {
    columns.times.iter().copied().zip(&columns.rows)
}

fn each_alone(columns: &Columns, train_rows: Option<usize>) -> Judgement {
    let shipped = univariate::Settings::default();
    #[allow(clippy::cast_precision_loss, reason = "at most ten million")]
    let warm_up = train_rows.map_or(shipped.warm_up, |rows| shipped.warm_up.max(rows as f64));
    let settings = univariate::Settings { warm_up, ..shipped };
    let mut detectors = vec![Univariate::new(settings); columns.names.len()];
    let mut judged = false;
    let verdicts = rows(columns).map(|(at, row)| {
        judged = judged || detectors.iter().any(Univariate::is_watching);
        let verdicts = detectors.iter_mut().zip(row).map(|(d, value)| d.step(at, *value));
        verdicts.fold(Verdict::default(), |all, one| Verdict {
            score: all.score.max(one.score),
            alarm: all.alarm || one.alarm,
        })
    });
    let verdicts = verdicts.collect();
    Judgement { verdicts, judged }
}

fn together(columns: &Columns, train_rows: Option<usize>) -> Result<Judgement, Vec<FieldProblem>> {
    let shipped = multivariate::Settings::default();
    let settings =
        multivariate::Settings { train_rows: train_rows.unwrap_or(shipped.train_rows), ..shipped };
    let mut detector = match Multivariate::new(columns.names.clone(), settings) {
        Ok(detector) => detector,
        Err(error) => return refuse("columns", error.to_string()),
    };
    let mut judged = false;
    let verdicts = rows(columns).map(|(at, row)| {
        judged = judged || detector.is_watching();
        detector.step(at, row)
    });
    let verdicts = verdicts.collect();
    Ok(Judgement { verdicts, judged })
}

/// Alarm is 1 in rows at which the rule's alarm is active, and so is the score; a rule that learns has
/// the score of its detectors. Limits of machines have their defaults, and the time zone is UTC.
fn by_rule(
    columns: &Columns,
    condition: &RuleCondition,
    train_rows: Option<usize>,
) -> Result<Judgement, Vec<FieldProblem>> {
    let condition = trained(condition, train_rows);
    let rule = CompiledRule::of_condition(condition.clone())?;
    check(columns, &condition)?;
    let signals: Vec<&str> = columns.names.iter().map(String::as_str).collect();
    let mut watch = Watch::new(vec![Arc::new(rule)], &Surroundings::default(), |_, _| None);
    let (mut verdict, mut latest, mut judged) = (Verdict::default(), None, false);
    let verdicts = rows(columns).enumerate().map(|(place, (at, row))| {
        judged = judged || watch.is_watching();
        // What isn't later than the row before changes nothing, as live.
        if latest.is_none_or(|latest| at > latest) {
            latest = Some(at);
            let values = row.iter().map(|value| Reading::from(*value));
            for change in watch.instant(at, signals.iter().copied().zip(values)) {
                verdict.alarm = !matches!(change.transition, Transition::Cleared { .. });
            }
            verdict.score = watch.score().unwrap_or_else(|| f64::from(u8::from(verdict.alarm)));
        }
        if train_rows.is_some_and(|rows| place < rows) { Verdict::default() } else { verdict }
    });
    let verdicts = verdicts.collect();
    Ok(Judgement { verdicts, judged })
}

/// The same condition; one that learns, for so many rows.
fn trained(condition: &RuleCondition, train_rows: Option<usize>) -> RuleCondition {
    let mut condition = condition.clone();
    let rows = train_rows.map(|rows| u32::try_from(rows).unwrap_or(u32::MAX));
    let learned = match &mut condition {
        RuleCondition::While(of) => &mut *of.condition,
        outermost => outermost,
    };
    if let (RuleCondition::Anomaly(it), Some(rows)) = (learned, rows) {
        it.train_rows = Some(rows);
    }
    condition
}

/// Refuses what a table can't hold: other signals than its columns, values that are no numbers, and
/// events.
fn check(columns: &Columns, condition: &RuleCondition) -> Result<(), Vec<FieldProblem>> {
    let needs = needs(condition);
    let problems = needs.iter().filter_map(|need| {
        let message = if !columns.names.contains(&need.signal) {
            let names = columns.names.join(", ");
            format!("{} is no column; there are: {names}", need.signal)
        } else if need.kind.is_some_and(|kind| kind != SignalKind::Number) {
            format!("{} would have to hold other values than numbers", need.signal)
        } else {
            return None;
        };
        Some(FieldProblem { field: need.field.clone(), message })
    });
    let events = events(condition).into_iter().map(|event| FieldProblem {
        field: ROOT.to_owned(),
        message: format!("waits for the event {event}; a table has no events"),
    });
    let problems: Vec<_> = problems.chain(events).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is said of each row.
    fn detect(
        columns: &Columns,
        detector: &Detector,
        train_rows: Option<usize>,
    ) -> Result<Vec<Verdict>, Vec<FieldProblem>> {
        super::detect(columns, detector, train_rows).map(|judgement| judgement.verdicts)
    }

    fn table(names: &[&str], rows: Vec<Vec<Option<f64>>>) -> Columns {
        let times = (0..rows.len() as i64).map(|i| Timestamp::from_micros(i * 1_000_000)).collect();
        Columns { times, names: names.iter().map(|name| (*name).to_owned()).collect(), rows }
    }

    fn rule(above: f64, signal: &str) -> Detector {
        let rule = json!({"kind": "threshold", "signal": signal, "above": above});
        Detector::Rule(serde_json::from_value(rule).unwrap())
    }

    #[test]
    fn a_rule_alarms_while_it_is_active() {
        let rows = [1.0, 9.0, 9.0, 1.0].map(|value| vec![Some(0.0), Some(value)]);
        let columns = table(&["a", "b"], rows.to_vec());
        let alarms: Vec<_> =
            detect(&columns, &rule(5.0, "b"), None).unwrap().iter().map(|v| v.alarm).collect();
        assert_eq!(alarms, [false, true, true, false]);
    }

    #[test]
    fn a_rule_that_learns_alarms_while_it_is_unusual_whatever_cells_are_empty() {
        let noise = |i: u32| f64::from(i * 7919 % 101) / 101.0;
        let value = |i: u32| if (700..720).contains(&i) { 40.0 } else { noise(i) };
        let cell = |i: u32, value: f64| (!i.is_multiple_of(9)).then_some(value);
        let rows = (0..1000_u32).map(|i| vec![cell(i, value(i)), cell(i + 4, noise(i + 50))]);
        let columns = table(&["a", "b"], rows.collect());
        for together in [true, false] {
            let rule = json!({"kind": "anomaly", "signals": ["a", "b"], "together": together,
                "train_rows": 400, "clear_hold_s": 10});
            let rule = Detector::Rule(serde_json::from_value(rule).unwrap());
            let alarms: Vec<_> =
                detect(&columns, &rule, None).unwrap().iter().map(|v| v.alarm).collect();
            assert!(alarms[..150].iter().all(|alarm| !alarm), "{together}: in its training");
            assert!(alarms[701..720].iter().any(|alarm| *alarm), "{together}: not found");
            assert!(!alarms[999], "{together}: it doesn't end");
        }
        let rule = json!({"kind": "anomaly", "signals": ["a", "x"]});
        let rule = Detector::Rule(serde_json::from_value(rule).unwrap());
        let problems = detect(&columns, &rule, None).unwrap_err();
        assert_eq!(problems[0].field, "condition.signals[1]");
    }

    #[test]
    fn the_score_of_a_rule_that_learns_is_that_of_its_detector() {
        let noise = |i: u32| f64::from(i * 7919 % 101) / 101.0;
        let value = |i: u32| if (700..720).contains(&i) { 40.0 } else { noise(i) };
        let rows = (0..1000_u32).map(|i| vec![Some(value(i)), Some(noise(i + 50))]);
        let columns = table(&["a", "b"], rows.collect());
        for (together, detector) in [(true, Detector::Multivariate), (false, Detector::Univariate)]
        {
            let rule = json!({"kind": "anomaly", "signals": ["a", "b"], "together": together});
            let rule = Detector::Rule(serde_json::from_value(rule).unwrap());
            let of_rule = detect(&columns, &rule, Some(300)).unwrap();
            let scores = |verdicts: &[Verdict]| -> Vec<f64> {
                verdicts.iter().map(|verdict| verdict.score).collect()
            };
            let own = detect(&columns, &detector, Some(300)).unwrap();
            assert_eq!(scores(&of_rule), scores(&own), "{together}");
            assert!(of_rule[..300].iter().all(|verdict| *verdict == Verdict::default()));
            assert!(of_rule[300..].iter().any(|verdict| verdict.score > 0.0), "{together}");
            // The alarm goes on for its hold time.
            let alarms = |verdicts: &[Verdict]| verdicts.iter().filter(|it| it.alarm).count();
            assert!(alarms(&of_rule) > alarms(&own), "{together}");
        }
    }

    #[test]
    fn the_commissioning_of_a_while_is_that_of_what_it_watches() {
        let value = |i: u32| if i == 170 { 1e6 } else { f64::from(i * 7919 % 101) };
        let rows = (0..300_u32).map(|i| vec![Some(value(i)), Some(1.0)]);
        let columns = table(&["a", "on"], rows.collect());
        let gated = |rows: Value| {
            let rule = json!({"kind": "while",
                "while": {"kind": "threshold", "signal": "on", "above": 0},
                "condition": {"kind": "anomaly", "signals": ["a"], "train_rows": rows}});
            Detector::Rule(serde_json::from_value(rule).unwrap())
        };
        let given = detect(&columns, &gated(json!(200)), None).unwrap();
        assert_eq!(detect(&columns, &gated(Value::Null), Some(200)).unwrap(), given);
        assert_ne!(detect(&columns, &gated(Value::Null), None).unwrap(), given);
    }

    #[test]
    fn a_rule_that_does_not_learn_is_quiet_in_commissioning_and_hears_it() {
        let columns = table(&["a"], (0..100).map(|_| vec![Some(9.0)]).collect());
        let verdicts = detect(&columns, &rule(5.0, "a"), Some(60)).unwrap();
        let on = Verdict { score: 1.0, alarm: true };
        assert!(verdicts[..60].iter().all(|verdict| *verdict == Verdict::default()));
        assert!(verdicts[60..].iter().all(|verdict| *verdict == on));
        let problems = detect(&columns, &rule(5.0, "a"), Some(49)).unwrap_err();
        assert_eq!(problems[0].message, "49 is not between 50 and 10000000");
    }

    #[test]
    fn a_rule_of_several_columns_sees_a_row_at_once() {
        let rows = [(1.0, 1.0), (9.0, 9.0), (9.0, 1.0), (1.0, 1.0)];
        let columns = table(&["a", "b"], rows.map(|(a, b)| vec![Some(a), Some(b)]).to_vec());
        let rule = json!({"kind": "levels", "levels": [
            {"severity": "minor",
             "condition": {"kind": "deviation", "signal": "a", "from": "b", "above": 5}},
            {"severity": "major",
             "condition": {"kind": "deviation", "signal": "a", "from": "b", "above": 7}},
        ]});
        let rule = Detector::Rule(serde_json::from_value(rule).unwrap());
        let alarms: Vec<_> =
            detect(&columns, &rule, None).unwrap().iter().map(|v| v.alarm).collect();
        assert_eq!(alarms, [false, false, true, false]);
    }

    #[test]
    fn an_unknown_signal_and_bad_bounds_are_refused_with_field_and_value() {
        let columns = table(&["a", "b"], vec![vec![Some(1.0), None]]);
        let problems = detect(&columns, &rule(5.0, "c"), None).unwrap_err();
        assert_eq!(problems[0].field, "condition.signal");
        assert!(problems[0].message.contains("c is no column; there are: a, b"), "{problems:?}");
        let state = json!({"kind": "state", "signal": "a", "is": ["off"]});
        let state = Detector::Rule(serde_json::from_value(state).unwrap());
        let problems = detect(&columns, &state, None).unwrap_err();
        assert!(problems[0].message.contains("other values than numbers"), "{problems:?}");
        let call = json!({"kind": "missing", "event": "lift.call", "for_s": 60});
        let call = Detector::Rule(serde_json::from_value(call).unwrap());
        let problems = detect(&columns, &call, None).unwrap_err();
        assert_eq!(problems[0].field, "condition");
        assert!(problems[0].message.contains("the event lift.call"), "{problems:?}");
        let problems = detect(&columns, &Detector::Univariate, Some(3)).unwrap_err();
        assert!(problems[0].field == "train_rows" && problems[0].message.starts_with("3 is not"));
        let one = table(&["a"], vec![vec![Some(1.0)]]);
        let problems = detect(&one, &Detector::Multivariate, None).unwrap_err();
        assert!(problems[0].message.contains("1 signals"), "{problems:?}");
    }

    #[test]
    fn a_commissioning_that_leaves_no_row_is_refused_or_told() {
        let noise = |i: u32| Some(f64::from(i * 7919 % 101));
        let of = |rows: u32| {
            let row = |i: u32| vec![noise(i), noise(i + 50)];
            table(&["a", "b"], (0..rows).map(row).collect())
        };
        let anomaly = |together: bool| {
            let rule = json!({"kind": "anomaly", "signals": ["a", "b"], "together": together});
            Detector::Rule(serde_json::from_value(rule).unwrap())
        };
        let all = [
            Detector::Univariate,
            Detector::Multivariate,
            rule(50.0, "a"),
            anomaly(true),
            anomaly(false),
        ];
        for detector in &all {
            let problems = super::detect(&of(100), detector, Some(100)).unwrap_err();
            assert_eq!(problems[0].field, "train_rows");
            assert_eq!(problems[0].message, "100 leaves none of the 100 rows");
            assert!(super::detect(&of(101), detector, Some(100)).is_ok());
            assert!(super::detect(&of(0), detector, Some(100)).unwrap().verdicts.is_empty());
        }
        let is_judged = |rows: u32, detector: &Detector, train_rows: Option<usize>| {
            super::detect(&of(rows), detector, train_rows).unwrap().judged
        };
        let [univariate, multivariate, threshold, anomaly, _] = &all;
        assert_eq!([150, 152].map(|rows| is_judged(rows, univariate, None)), [false, true]);
        assert_eq!([400, 401].map(|rows| is_judged(rows, multivariate, None)), [false, true]);
        assert_eq!([0, 1].map(|rows| is_judged(rows, threshold, None)), [false, true]);
        // Without a number it learns for a day.
        assert_eq!([None, Some(300)].map(|rows| is_judged(1000, anomaly, rows)), [false, true]);
    }

    #[test]
    fn what_is_not_later_than_any_row_before_is_counted() {
        let times = [5, 3, 4, 6, 6, 7].map(Timestamp::from_micros).to_vec();
        let columns = Columns { times, ..Columns::default() };
        assert_eq!(columns.passed_over(), 3);
    }

    #[test]
    fn there_is_a_verdict_for_every_row_in_order() {
        let rows: Vec<_> = (0..300)
            .map(|i| vec![Some(f64::from(i * 37 % 11)), (i % 7 > 0).then_some(f64::from(i % 5))])
            .collect();
        let mut columns = table(&["a", "b"], rows);
        assert_eq!(columns.passed_over(), 0);
        columns.times[100] = columns.times[99];
        assert_eq!(columns.passed_over(), 1);
        for detector in [Detector::Univariate, Detector::Multivariate] {
            let verdicts = detect(&columns, &detector, Some(100)).unwrap();
            assert_eq!(verdicts.len(), 300);
            assert_eq!(verdicts[100], verdicts[99], "a repeated time gets the answer before");
            assert!(verdicts[..100].iter().all(|verdict| *verdict == Verdict::default()));
        }
    }
}
