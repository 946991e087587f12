//! `millwright detect`: a detector or a rule over a CSV file, with the engine that runs live.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use millwright_detection::columns::{Columns, Detector, detect};
use millwright_detection::learned::limits::TABLE_ROWS_MAX;
use millwright_detection::learned::{Verdict, multivariate, univariate};
use millwright_schemas::api::rules::{RuleCondition, locate};
use serde_json::Value;

use crate::cli::{DetectArgs, DetectorName};
use choice::{Choice, Header};

mod choice;
mod output;
mod time;

/// Reads the input, runs the detector and writes the output: one row for each of the input's.
pub(crate) fn run(args: &DetectArgs) -> anyhow::Result<()> {
    output::check(args)?;
    let rule = args.rule.as_deref().map(read_rule).transpose()?;
    let table = Table::read(args, rule.as_ref())?;
    let detector = match (rule, args.detector) {
        (Some(rule), _) => Detector::Rule(rule),
        (None, DetectorName::Univariate) => Detector::Univariate,
        (None, DetectorName::Multivariate) => Detector::Multivariate,
    };
    let judgement = detect(&table.columns, &detector, args.train_rows).map_err(|problems| {
        let all: Vec<_> = problems.iter().map(|p| format!("{}: {}", p.field, p.message)).collect();
        anyhow::anyhow!("{}", all.join("; "))
    })?;
    let place = || args.output.display().to_string();
    output::write(&args.output, |file| table.write(file, &judgement.verdicts).with_context(place))?;
    for note in table.notes(&detector, judgement.judged) {
        // Who can't be told has the scores all the same.
        let _ = writeln!(std::io::stderr(), "millwright: {note}");
    }
    Ok(())
}

/// A rule as the API takes it, or its condition only. Only a condition has a kind; one of kind `while`
/// has a field `condition` as well.
fn read_rule(path: &Path) -> anyhow::Result<RuleCondition> {
    let file = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(file)?;
    let mut rule: Value = serde_json::from_str(&text).with_context(file)?;
    let condition = if rule.get("kind").is_some() {
        rule
    } else {
        let condition = rule.get_mut("condition").map(Value::take);
        condition.with_context(|| {
            format!("{}: has neither kind, as a condition, nor condition, as a rule", file())
        })?
    };
    serde_json::from_value(condition).map_err(|error| {
        let text = error.to_string();
        let (place, message) = locate("condition", &text);
        anyhow::anyhow!("{} {place}: {message}", file())
    })
}

/// The input: its columns as numbers, and as they were written.
struct Table {
    columns: Columns,
    /// The columns' names in the file.
    names: Vec<String>,
    /// The time and the columns of each row.
    texts: Vec<csv::StringRecord>,
    /// Columns that aren't looked at, though nobody said so.
    left_out: Vec<String>,
}

impl Table {
    fn read(args: &DetectArgs, rule: Option<&RuleCondition>) -> anyhow::Result<Self> {
        let path = args.input.display();
        let file = File::open(&args.input).with_context(|| path.to_string())?;
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter(&args.delimiter)?).from_reader(file);
        let first = format!("{path} line 1");
        let headers = reader.headers().with_context(|| first.clone())?;
        let headers = headers.iter().map(|name| name.trim().to_owned()).collect();
        let header = Header::read(first, headers, &args.timestamp_column)?;
        let Choice { places, columns: names, names: known, left_out } =
            header.choose(args, rule)?;
        let columns = Columns { names: known, ..Columns::default() };
        let mut table = Self { columns, names, texts: Vec::new(), left_out };
        for record in reader.records() {
            let record = record.with_context(|| path.to_string())?;
            let line = record.position().map_or(0, csv::Position::line);
            let place = || format!("{path} line {line}");
            ensure!(
                table.texts.len() < TABLE_ROWS_MAX,
                "{}: more than {TABLE_ROWS_MAX} rows",
                place()
            );
            let mut row = Vec::with_capacity(places.len());
            let mut texts = csv::StringRecord::new();
            let at = record.get(header.time()).unwrap_or_default();
            table.columns.times.push(time::parse(at).with_context(place)?);
            texts.push_field(at);
            for (column, name) in places.iter().zip(&table.names) {
                let text = record.get(*column).unwrap_or_default();
                row.push(parse_value(text).with_context(|| format!("{} column {name}", place()))?);
                texts.push_field(text);
            }
            table.columns.rows.push(row);
            table.texts.push(texts);
        }
        Ok(table)
    }

    fn write(&self, file: &File, verdicts: &[Verdict]) -> csv::Result<()> {
        let mut writer = csv::Writer::from_writer(BufWriter::new(file));
        let names = self.names.iter().map(String::as_str);
        let head = ["timestamp"].into_iter().chain(names).chain(["anomaly_score", "alarm"]);
        writer.write_record(head)?;
        for (texts, verdict) in self.texts.iter().zip(verdicts) {
            let score = format!("{:.6}", verdict.score);
            let alarm = if verdict.alarm { "1" } else { "0" };
            writer.write_record(texts.iter().chain([score.as_str(), alarm]))?;
        }
        Ok(writer.flush()?)
    }

    /// What isn't wrong, but isn't seen in the output either.
    fn notes(&self, detector: &Detector, judged: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.left_out.is_empty() {
            let names = self.left_out.join(", ");
            notes.push(format!("not looked at, as the output has columns of these names: {names}"));
        }
        let (passed_over, rows) = (self.columns.passed_over(), self.texts.len());
        if passed_over > 0 {
            notes.push(format!(
                "{passed_over} of {rows} rows are passed over, as they aren't later than one before"
            ));
        }
        if rows > 0 && !judged {
            let first = learned_first(detector);
            notes.push(format!("no row is judged: there are {rows}, and {first}"));
        }
        notes
    }
}

/// What a detector learns from before it says anything.
fn learned_first(detector: &Detector) -> String {
    match detector {
        Detector::Univariate => {
            let values = univariate::Settings::default().warm_up;
            format!(
                "univariate learns from a column's first {values} values, or more by --train-rows"
            )
        }
        Detector::Multivariate => {
            let rows = multivariate::Settings::default().train_rows;
            format!("multivariate learns from the first {rows}, or as many as --train-rows says")
        }
        Detector::Rule(_) => {
            "the rule learns from its first day, or as many rows as train_rows says".to_owned()
        }
    }
}

fn delimiter(text: &str) -> anyhow::Result<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        b"\\t" | b"tab" => Ok(b'\t'),
        _ => bail!("--delimiter: {text:?} is not one ASCII character, nor tab"),
    }
}

/// A number; `None` for an empty cell, null, NA and NaN.
fn parse_value(text: &str) -> anyhow::Result<Option<f64>> {
    let text = text.trim();
    if ["", "null", "na", "nan", "none"].contains(&text.to_ascii_lowercase().as_str()) {
        return Ok(None);
    }
    let number: f64 = text.parse().with_context(|| format!("{text:?} is not a number"))?;
    ensure!(number.is_finite(), "{text:?} is not a finite number");
    Ok(Some(number))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn args(folder: &Path, input: &str) -> DetectArgs {
        std::fs::write(folder.join("in.csv"), input).unwrap();
        DetectArgs {
            input: folder.join("in.csv"),
            timestamp_column: "timestamp".to_owned(),
            value_column: None,
            columns: None,
            delimiter: ",".to_owned(),
            train_rows: None,
            rule: None,
            detector: DetectorName::Univariate,
            output: folder.join("out.csv"),
        }
    }

    #[test]
    fn there_is_a_row_for_every_row_of_the_input() {
        let folder = tempfile::tempdir().unwrap();
        let args = args(
            folder.path(),
            "timestamp,value\n2026-01-01 00:00:00,1.50\n2026-01-01 00:05:00,\n",
        );
        run(&args).unwrap();
        let output = std::fs::read_to_string(&args.output).unwrap();
        assert_eq!(
            output,
            "timestamp,value,anomaly_score,alarm\n\
             2026-01-01 00:00:00,1.50,0.000000,0\n\
             2026-01-01 00:05:00,,0.000000,0\n"
        );
    }

    #[test]
    fn a_rule_file_alarms_at_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let mut args = args(folder.path(), "at;t;u\n1;9;0\n2;11;0\n");
        let rule = folder.path().join("rule.json");
        let text =
            r#"{"name": "hot", "condition": {"kind": "threshold", "signal": "t", "above": 10}}"#;
        std::fs::write(&rule, text).unwrap();
        (args.rule, args.delimiter) = (Some(rule), ";".to_owned());
        args.timestamp_column = "at".to_owned();
        run(&args).unwrap();
        let output = std::fs::read_to_string(&args.output).unwrap();
        assert_eq!(output, "timestamp,t,anomaly_score,alarm\n1,9,0.000000,0\n2,11,1.000000,1\n");
    }

    #[test]
    fn a_condition_that_has_one_of_its_own_is_taken_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let bare = r#"{"kind": "while", "while": {"kind": "threshold", "signal": "load", "above": 1},
            "condition": {"kind": "threshold", "signal": "t", "above": 10}}"#;
        let whole = format!(r#"{{"name": "hot", "severity": "major", "condition": {bare}}}"#);
        for text in [bare, whole.as_str()] {
            let mut args = args(folder.path(), "timestamp,t,load\n1,11,0\n2,11,5\n3,11,0\n");
            let rule = folder.path().join("rule.json");
            std::fs::write(&rule, text).unwrap();
            args.rule = Some(rule);
            run(&args).unwrap();
            let output = std::fs::read_to_string(&args.output).unwrap();
            let alarms: Vec<_> = output.lines().map(|line| &line[line.len() - 1..]).collect();
            assert_eq!(alarms, ["m", "0", "1", "0"], "{text}: {output}");
        }
        let neither = folder.path().join("rule.json");
        std::fs::write(&neither, r#"{"name": "hot"}"#).unwrap();
        let error = format!("{:#}", read_rule(&neither).unwrap_err());
        assert!(error.contains("rule.json: has neither kind"), "{error}");
    }

    #[test]
    fn what_cant_be_read_is_told_with_file_line_and_value() {
        let folder = tempfile::tempdir().unwrap();
        for (input, told) in [
            ("timestamp,value\n1,2\n2,x3\n", "in.csv line 3 column value: \"x3\" is not a number"),
            ("timestamp,value\nsoon,2\n", "in.csv line 2: \"soon\" is not a time"),
            (
                "timestamp,value\n999999999999999999999,2\n",
                "in.csv line 2: \"999999999999999999999\" is not within the years 1 to 9999",
            ),
            (
                "time,value\n1,2\n",
                "in.csv line 1: there is no column \"timestamp\", but time, value",
            ),
            ("timestamp,value\n1,2\n1\n", "(line: 3"),
            ("timestamp,value\n1,inf\n", "\"inf\" is not a finite number"),
        ] {
            let error = format!("{:#}", run(&args(folder.path(), input)).unwrap_err());
            assert!(error.contains(told), "{error}");
        }
    }
}
