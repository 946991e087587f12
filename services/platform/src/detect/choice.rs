//! Which columns of a file are looked at, and what the rule calls them.

use anyhow::{Context, bail, ensure};
use millwright_detection::conditions::needs::needs;
use millwright_schemas::api::rules::RuleCondition;

use crate::cli::DetectArgs;

/// The column that is looked at when nobody says another.
const USUAL: &str = "value";

/// What the output has columns for itself.
const OF_OUTPUT: [&str; 3] = ["timestamp", "anomaly_score", "alarm"];

/// The file's first line: its columns, and which of them is the time.
#[derive(Debug)]
pub(super) struct Header {
    /// The file and its line, for errors.
    place: String,
    names: Vec<String>,
    time: usize,
}

/// Columns that are looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// Their places in the file, in the order of the output.
    pub(super) places: Vec<usize>,
    /// Their names in the file.
    pub(super) columns: Vec<String>,
    /// Their names for the detector: a rule's only signal may stand in a column of another name.
    pub(super) names: Vec<String>,
    /// Columns that nobody named, and that aren't looked at because the output has others of their names.
    pub(super) left_out: Vec<String>,
}

impl Header {
    pub(super) fn read(place: String, names: Vec<String>, time: &str) -> anyhow::Result<Self> {
        let header = Self { place, names, time: 0 };
        let time = header.position(time)?;
        Ok(Self { time, ..header })
    }

    pub(super) const fn time(&self) -> usize {
        self.time
    }

    /// The place of the only column of this name.
    fn position(&self, name: &str) -> anyhow::Result<usize> {
        let mut found = (0..).zip(&self.names).filter(|(_, header)| *header == name);
        let (position, _) = found.next().with_context(|| {
            format!("{}: there is no column {name:?}, but {}", self.place, self.names.join(", "))
        })?;
        ensure!(found.next().is_none(), "{}: {name:?} is there twice; which one?", self.place);
        Ok(position)
    }

    /// All columns but the time.
    fn others(&self) -> Vec<String> {
        let others = self.names.iter().enumerate().filter(|(index, _)| *index != self.time);
        others.map(|(_, name)| name.clone()).collect()
    }

    /// `value`; else all but the time and those that the output has itself, which are told apart. If
    /// there are none but those, it is they.
    fn usual(&self) -> (Vec<String>, Vec<String>) {
        let others = self.others();
        if others.iter().any(|it| it == USUAL) {
            return (vec![USUAL.to_owned()], Vec::new());
        }
        let is_of_output = |it: &String| OF_OUTPUT.contains(&it.as_str());
        let (left_out, usual): (Vec<_>, Vec<_>) = others.into_iter().partition(is_of_output);
        if usual.is_empty() { (left_out, usual) } else { (usual, left_out) }
    }

    /// Chooses the columns: those that were named; else those of the rule's signals; else the usual ones.
    /// A rule of one signal that no column has is about the only column that is left.
    pub(super) fn choose(
        &self,
        args: &DetectArgs,
        rule: Option<&RuleCondition>,
    ) -> anyhow::Result<Choice> {
        let named = named(args);
        for name in named.iter().flatten() {
            self.position(name)?;
        }
        let others = self.others();
        let (candidates, left_out) = match &named {
            Some(named) => (named.clone(), Vec::new()),
            None => self.usual(),
        };
        ensure!(!candidates.is_empty(), "{}: there is no column beside the time", self.place);
        let signals = rule.map(signals).unwrap_or_default();
        let (columns, names, left_out) = match (signals.as_slice(), candidates.as_slice()) {
            ([], _) => (candidates.clone(), candidates, left_out),
            ([signal], [_]) if !others.contains(signal) => (candidates, signals, left_out),
            _ => {
                let looked_at = named.as_ref().unwrap_or(&others);
                self.check(rule, looked_at)?;
                // In the file's order.
                let of_rule = || others.iter().filter(|it| signals.contains(it)).cloned();
                let columns = named.unwrap_or_else(|| of_rule().collect());
                (columns.clone(), columns, Vec::new())
            }
        };
        let places = columns.iter().map(|name| self.position(name)).collect::<Result<_, _>>()?;
        self.check_names(&columns)?;
        Ok(Choice { places, columns, names, left_out })
    }

    /// Refuses columns that couldn't be told apart in the output.
    fn check_names(&self, columns: &[String]) -> anyhow::Result<()> {
        for (place, name) in columns.iter().enumerate() {
            ensure!(!columns[..place].contains(name), "--columns: {name:?} is there twice");
            ensure!(
                !OF_OUTPUT.contains(&name.as_str()),
                "{}: {name:?} can't be looked at: the output has a column of this name",
                self.place
            );
        }
        Ok(())
    }

    /// Refuses a rule of whose signals one isn't looked at.
    fn check(&self, rule: Option<&RuleCondition>, looked_at: &[String]) -> anyhow::Result<()> {
        let needs = rule.map(needs).unwrap_or_default();
        let missing = needs.iter().filter(|need| !looked_at.contains(&need.signal));
        let missing: Vec<_> =
            missing.map(|need| format!("{}: {:?}", need.field, need.signal)).collect();
        if !missing.is_empty() {
            let (missing, columns) = (missing.join("; "), looked_at.join(", "));
            bail!("{missing}: not among the columns that are looked at: {columns}");
        }
        Ok(())
    }
}

/// The columns that were named.
fn named(args: &DetectArgs) -> Option<Vec<String>> {
    args.columns.clone().or_else(|| args.value_column.clone().map(|column| vec![column]))
}

/// A rule's signals, each once.
fn signals(rule: &RuleCondition) -> Vec<String> {
    let mut signals = Vec::new();
    for need in needs(rule) {
        if !signals.contains(&need.signal) {
            signals.push(need.signal);
        }
    }
    signals
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::DetectorName;

    fn args() -> DetectArgs {
        DetectArgs {
            input: "in.csv".into(),
            timestamp_column: "at".to_owned(),
            value_column: None,
            columns: None,
            delimiter: ",".to_owned(),
            train_rows: None,
            rule: None,
            detector: DetectorName::Univariate,
            output: "out.csv".into(),
        }
    }

    fn header(names: &[&str]) -> Header {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Header::read("in.csv line 1".to_owned(), names, "at").unwrap()
    }

    /// A rule of these signals.
    fn rule(signals: &[&str]) -> RuleCondition {
        let limit = |signal: &&str| json!({"kind": "threshold", "signal": signal, "above": 1});
        let limits: Vec<_> = signals.iter().map(limit).collect();
        serde_json::from_value(json!({"kind": "any", "conditions": limits})).unwrap()
    }

    /// The columns, and what the detector calls them.
    fn chosen(
        names: &[&str],
        args: &DetectArgs,
        signals: &[&str],
    ) -> Result<(String, String), String> {
        let rule = (!signals.is_empty()).then(|| rule(signals));
        match header(names).choose(args, rule.as_ref()) {
            Ok(choice) => Ok((choice.columns.join(","), choice.names.join(","))),
            Err(error) => Err(format!("{error:#}")),
        }
    }

    fn both(columns: &str, names: &str) -> Result<(String, String), String> {
        Ok((columns.to_owned(), names.to_owned()))
    }

    #[test]
    fn a_rule_is_about_the_columns_that_have_the_names_of_its_signals() {
        let args = args();
        let table = ["at", "value", "t", "u"];
        assert_eq!(chosen(&table, &args, &[]), both("value", "value"));
        assert_eq!(chosen(&table, &args, &["t"]), both("t", "t"));
        assert_eq!(chosen(&table, &args, &["u", "t", "u"]), both("t,u", "t,u"));
        assert_eq!(chosen(&["at", "t", "u"], &args, &[]), both("t,u", "t,u"));
    }

    #[test]
    fn an_only_signal_without_a_column_of_its_name_is_the_only_column() {
        let usual = args();
        assert_eq!(chosen(&["x", "at"], &usual, &["t"]), both("x", "t"));
        assert_eq!(chosen(&["at", "value", "u"], &usual, &["t"]), both("value", "t"));
        let named = DetectArgs { value_column: Some("u".to_owned()), ..args() };
        assert_eq!(chosen(&["at", "x", "u"], &named, &["t"]), both("u", "t"));
        for (names, args, signals) in [
            // Which of them?
            (&["at", "x", "u"][..], &usual, &["t"][..]),
            (&["at", "value", "u"][..], &usual, &["t", "s"][..]),
            (&["at", "x"][..], &usual, &["x", "t"][..]),
            // There is one of that name, and another was named.
            (&["at", "t", "u"][..], &named, &["t"][..]),
        ] {
            let error = chosen(names, args, signals).unwrap_err();
            assert!(error.contains("\"t\""), "{error}");
            assert!(error.contains("not among the columns that are looked at: "), "{error}");
        }
    }

    #[test]
    fn a_column_that_is_named_must_be_there() {
        let named = DetectArgs { columns: Some(vec!["t".to_owned(), "w".to_owned()]), ..args() };
        let error = chosen(&["at", "t", "u"], &named, &["t"]).unwrap_err();
        assert_eq!(error, "in.csv line 1: there is no column \"w\", but at, t, u");
        let error = chosen(&["at"], &args(), &[]).unwrap_err();
        assert_eq!(error, "in.csv line 1: there is no column beside the time");
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused_only_where_it_is_chosen() {
        let columns = |names: &[&str]| DetectArgs {
            columns: Some(names.iter().map(|name| (*name).to_owned()).collect()),
            ..args()
        };
        let table = ["at", "a", "a", "b"];
        let twice = "in.csv line 1: \"a\" is there twice; which one?".to_owned();
        assert_eq!(chosen(&table, &args(), &[]), Err(twice.clone()));
        assert_eq!(chosen(&table, &args(), &["a", "b"]), Err(twice.clone()));
        assert_eq!(chosen(&table, &columns(&["b", "a"]), &[]), Err(twice));
        assert_eq!(chosen(&table, &columns(&["b"]), &[]), both("b", "b"));
        assert_eq!(chosen(&table, &args(), &["b"]), both("b", "b"));
        let error = chosen(&table, &columns(&["b", "b"]), &[]).unwrap_err();
        assert_eq!(error, "--columns: \"b\" is there twice");
        let names = vec!["at".to_owned(), "at".to_owned(), "a".to_owned()];
        let error = Header::read("in.csv line 1".to_owned(), names, "at").unwrap_err().to_string();
        assert_eq!(error, "in.csv line 1: \"at\" is there twice; which one?");
    }

    #[test]
    fn what_the_output_has_itself_is_left_out_or_refused_where_it_is_asked_for() {
        let table = ["at", "a", "alarm", "timestamp"];
        let choice = header(&table).choose(&args(), None).unwrap();
        assert_eq!(choice.columns, ["a"]);
        assert_eq!(choice.left_out, ["alarm", "timestamp"]);
        // A rule's only signal may be the only column that is left.
        assert_eq!(chosen(&table, &args(), &["t"]), both("a", "t"));
        let asked = DetectArgs { value_column: Some("alarm".to_owned()), ..args() };
        let refused = [
            chosen(&table, &asked, &[]),
            chosen(&table, &args(), &["alarm"]),
            chosen(&["at", "alarm"], &args(), &[]),
        ];
        for error in refused {
            let error = error.unwrap_err();
            assert!(error.starts_with("in.csv line 1: \"alarm\" can't be looked at"), "{error}");
        }
        let choice = header(&["at", "value", "alarm"]).choose(&args(), None).unwrap();
        assert!(choice.left_out.is_empty());
    }
}
