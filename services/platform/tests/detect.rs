//! `millwright detect`, as a real process on real files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with what is read and written.
struct Desk {
    folder: TempDir,
}

/// A row of the output.
#[derive(Debug, PartialEq)]
struct Row {
    /// The time and the columns, as they were written.
    texts: Vec<String>,
    score: f64,
    alarm: bool,
}

impl Desk {
    fn new(input: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("in.csv"), input).unwrap();
        Self { folder }
    }

    /// The same with a rule, used by `--rule rule.json`.
    fn with_rule(self, rule: &Value) -> Self {
        std::fs::write(self.folder.path().join("rule.json"), rule.to_string()).unwrap();
        self
    }

    fn detect(&self, options: &[&str]) -> Output {
        self.detect_to("out.csv", options)
    }

    fn detect_to(&self, output: &str, options: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_millwright"))
            .current_dir(self.folder.path())
            .args(["detect", "--input", "in.csv", "--output", output])
            .args(options)
            .output()
            .unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// What is in the folder.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// The output's columns between the time and the score, and its rows.
    fn rows(&self, options: &[&str]) -> (Vec<String>, Vec<Row>) {
        let output = self.detect(options);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let written = self.read("out.csv");
        let mut lines = written
            .lines()
            .map(|line| -> Vec<String> { line.split(',').map(str::to_owned).collect() });
        let head = lines.next().unwrap();
        let [first, columns @ .., score, alarm] = head.as_slice() else { panic!("{head:?}") };
        assert_eq!([first, score, alarm], ["timestamp", "anomaly_score", "alarm"]);
        let row = |line: Vec<String>| {
            let [texts @ .., score, alarm] = line.as_slice() else { panic!("{line:?}") };
            assert_eq!(texts.len(), columns.len() + 1);
            let score: f64 = score.parse().unwrap();
            assert!((0.0..=1.0).contains(&score), "{line:?}");
            assert!(["0", "1"].contains(&alarm.as_str()), "{line:?}");
            Row { texts: texts.to_vec(), score, alarm: alarm == "1" }
        };
        let rows = lines.map(row).collect();
        (columns.to_vec(), rows)
    }

    /// In which rows there is an alarm, by their places.
    fn alarms(&self, options: &[&str]) -> Vec<usize> {
        let (_, rows) = self.rows(options);
        rows.iter().enumerate().filter(|(_, row)| row.alarm).map(|(place, _)| place).collect()
    }

    /// What is said when it ends with this code, without any output.
    fn refused(&self, options: &[&str], code: i32) -> String {
        let output = self.detect(options);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(!self.folder.path().join("out.csv").exists());
        told
    }
}

/// A value that is about 0 to 1 and never twice the same soon.
fn noise(i: usize) -> f64 {
    f64::from(u32::try_from(i * 7919 % 101).unwrap()) / 101.0
}

/// Rows of a table.
const ROWS: usize = 1_200;

/// Rows of three columns: `a` is far off in the rows 700 to 719.
fn table(delimiter: &str, time: &str) -> String {
    let mut text = [time, "label", "a", "b"].join(delimiter);
    for i in 0..ROWS {
        let at = format!("2026-01-01 {:02}:{:02}:{:02}", i / 3600, i / 60 % 60, i % 60);
        let a = if (700..720).contains(&i) { 40.0 } else { noise(i) };
        let row = [at, "0".to_owned(), a.to_string(), noise(i + 50).to_string()];
        text = format!("{text}\n{}", row.join(delimiter));
    }
    text + "\n"
}

#[test]
fn columns_are_learned_together_whatever_separates_them() {
    for (delimiter, named) in [(",", ","), (";", ";"), ("\t", "tab"), ("\t", "\\t"), ("\t", "\t")] {
        let desk = Desk::new(&table(delimiter, "datetime"));
        let (columns, rows) = desk.rows(&[
            "--timestamp-column",
            "datetime",
            "--delimiter",
            named,
            "--columns",
            "b,a",
            "--train-rows",
            "200",
            "--detector",
            "multivariate",
        ]);
        assert_eq!(columns, ["b", "a"], "{named:?}");
        assert_eq!(rows.len(), ROWS);
        let first = ["2026-01-01 00:00:00".to_owned(), noise(50).to_string(), noise(0).to_string()];
        assert_eq!(rows[0].texts, first);
        assert!(rows[..200].iter().all(|row| row.score == 0.0 && !row.alarm));
        assert!(rows[700..720].iter().any(|row| row.alarm), "{named:?}");
        assert!(rows.iter().all(|row| !row.alarm || row.score >= 0.5));
    }
}

#[test]
fn a_column_is_learned_by_itself() {
    let desk = Desk::new(&table(",", "timestamp"));
    let (columns, rows) = desk.rows(&["--value-column", "a"]);
    assert_eq!(columns, ["a"]);
    assert_eq!(rows.len(), ROWS);
    assert!(rows[..150].iter().all(|row| row.score == 0.0 && !row.alarm));
    assert!(rows[700..710].iter().any(|row| row.alarm));
    let (_, rows) = desk.rows(&["--value-column", "a", "--train-rows", "550"]);
    assert!(rows[..550].iter().all(|row| row.score == 0.0 && !row.alarm));
    // All of them when none is named, and `value` if there is one.
    let (columns, _) = desk.rows(&["--detector", "univariate"]);
    assert_eq!(columns, ["label", "a", "b"]);
    let usual = Desk::new("label,timestamp,value\n0,1,5\n0,2,6\n");
    let (columns, rows) = usual.rows(&[]);
    assert_eq!(columns, ["value"]);
    assert_eq!(rows[1].texts, ["2", "6"]);
}

/// Rows of one column, far off in the rows 700 to 719, at Unix times of a unit: what is behind the seconds.
fn at_unix_times(behind: &str) -> String {
    let row = |i: usize| {
        let value = if (700..720).contains(&i) { 40.0 } else { noise(i) };
        format!("{}{behind},{value}\n", 1_763_775_000 + i)
    };
    let rows: String = (0..ROWS).map(row).collect();
    format!("timestamp,value\n{rows}")
}

#[test]
fn unix_time_scores_alike_in_every_unit() {
    let scores = |behind: &str| -> Vec<(f64, bool)> {
        let (_, rows) = Desk::new(&at_unix_times(behind)).rows(&[]);
        rows.iter().map(|row| (row.score, row.alarm)).collect()
    };
    let in_seconds = scores("");
    assert!(in_seconds[700..720].iter().any(|(_, alarm)| *alarm));
    for behind in ["000", "000000", "000000000"] {
        assert_eq!(scores(behind), in_seconds, "{behind:?}");
    }
}

#[test]
fn rows_that_are_passed_over_are_told() {
    let told = |input: &str| {
        let output = Desk::new(input).detect(&[]);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let newest_first = told("timestamp,value\n5,1\n4,1\n3,1\n2,1\n1,1\n");
    assert!(newest_first.contains("4 of 5 rows are passed over"), "{newest_first}");
    let in_order = told("timestamp,value\n1,1\n2,1\n");
    assert!(!in_order.contains("passed over"), "{in_order}");
}

#[test]
fn a_rule_is_a_whole_one_or_its_condition_and_a_while_is_kept() {
    let bare = json!({"kind": "while",
        "while": {"kind": "threshold", "signal": "load", "above": 1},
        "condition": {"kind": "threshold", "signal": "t", "above": 10}});
    let whole = json!({"name": "Hot", "model": "Mill", "severity": "major", "condition": bare});
    for rule in [&bare, &whole] {
        let desk = Desk::new("timestamp,value,t,load\n1,99,11,0\n2,0,11,5\n3,99,11,0\n4,0,9,5\n")
            .with_rule(rule);
        let (columns, rows) = desk.rows(&["--rule", "rule.json"]);
        assert_eq!(columns, ["t", "load"], "{rule}");
        let said: Vec<_> = rows.iter().map(|row| (row.score, row.alarm)).collect();
        assert_eq!(said, [(0.0, false), (1.0, true), (0.0, false), (0.0, false)], "{rule}");
    }
}

#[test]
fn a_rule_of_one_signal_is_about_the_column_that_is_named_if_none_has_its_name() {
    let desk = Desk::new("timestamp,x,y\n1,9,0\n2,11,0\n")
        .with_rule(&json!({"kind": "threshold", "signal": "t", "above": 10}));
    let (columns, _) = desk.rows(&["--rule", "rule.json", "--value-column", "x"]);
    assert_eq!(columns, ["x"]);
    assert_eq!(desk.alarms(&["--rule", "rule.json", "--value-column", "x"]), [1]);
    assert!(desk.alarms(&["--rule", "rule.json", "--columns", "y"]).is_empty());
    std::fs::remove_file(desk.folder.path().join("out.csv")).unwrap();
    let told = desk.refused(&["--rule", "rule.json"], 1);
    assert!(
        told.contains("condition.signal: \"t\": not among the columns that are looked at: x, y"),
        "{told}"
    );
}

#[test]
fn a_rule_that_learns_tells_its_score_and_is_commissioned_for_so_many_rows() {
    let rule = |rows: Value| json!({"kind": "anomaly", "signals": ["a", "b"], "train_rows": rows, "clear_hold_s": 30});
    let desk = Desk::new(&table(",", "timestamp")).with_rule(&rule(json!(400)));
    let (columns, rows) = desk.rows(&["--rule", "rule.json", "--train-rows", "200"]);
    assert_eq!(columns, ["a", "b"]);
    assert!(rows[..200].iter().all(|row| row.score == 0.0 && !row.alarm));
    assert!(rows[200..400].iter().any(|row| row.score > 0.0), "400 rows were learned");
    assert!(rows.iter().any(|row| row.score > 0.0 && row.score < 1.0));
    assert!(rows[700..720].iter().any(|row| row.alarm && row.score >= 0.5));
    // It is over when nothing was unusual for a while.
    assert!(rows.iter().any(|row| row.alarm && row.score < 0.5));
    assert!(!rows[ROWS - 1].alarm);
    let own = Desk::new(&table(",", "timestamp")).with_rule(&rule(json!(200)));
    assert_eq!(own.rows(&["--rule", "rule.json"]).1, rows);
}

#[test]
fn a_rule_that_does_not_learn_is_quiet_in_commissioning_and_hears_it() {
    let mut table = "timestamp,t\n".to_owned();
    for second in 0..100 {
        let t = if second < 30 { 9 } else { 11 };
        table = format!("{table}{second},{t}\n");
    }
    let desk =
        Desk::new(&table).with_rule(&json!({"kind": "threshold", "signal": "t", "above": 10}));
    assert_eq!(desk.alarms(&["--rule", "rule.json"]), (30..100).collect::<Vec<usize>>());
    let options = ["--rule", "rule.json", "--train-rows", "60"];
    assert_eq!(desk.alarms(&options), (60..100).collect::<Vec<usize>>());
    assert_eq!(desk.rows(&options).1.len(), 100);
}

#[test]
fn what_is_wrong_deep_in_a_rule_is_told_with_its_place() {
    let of = |inner: Value| json!({"kind": "any", "conditions": [inner]});
    let bare = of(json!({"kind": "threshold", "signal": "t", "above": "80"}));
    let whole = json!({"name": "Hot", "severity": "major", "condition": bare});
    for rule in [bare, whole] {
        let desk = Desk::new("timestamp,t\n1,2\n").with_rule(&rule);
        let said = desk.refused(&["--rule", "rule.json"], 1);
        let told = "rule.json condition.conditions[0].above: invalid type: string \"80\"";
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn what_is_wrong_is_told_with_value_and_rule() {
    let table = "timestamp,t,word\n1,2,x3\n";
    let limit = json!({"kind": "threshold", "signal": "t", "above": 10});
    let with = |field: &str, value: Value| {
        let mut rule = limit.clone();
        rule[field] = value;
        rule
    };
    let cases: [(Value, &[&str], &str); 10] = [
        (
            with("kind", json!("treshold")),
            &[],
            "rule.json condition.kind: unknown variant `treshold`",
        ),
        (json!({"name": "Hot"}), &[], "rule.json: has neither kind"),
        (with("hold_s", json!(-1.5)), &[], "condition.hold_s: -1.5 "),
        (with("clear_at", json!(12)), &[], "condition.clear_at: 12 is above the limit 10"),
        (with("signal", json!("u")), &[], "condition.signal: \"u\": not among"),
        (limit.clone(), &["--train-rows", "3"], "train_rows: 3 is not between 50 and 10000000"),
        (limit.clone(), &["--delimiter", "ab"], "--delimiter: \"ab\" is not one ASCII character"),
        (limit.clone(), &["--columns", "t,u"], "in.csv line 1: there is no column \"u\""),
        (
            limit.clone(),
            &["--columns", "word,t"],
            "in.csv line 2 column word: \"x3\" is not a number",
        ),
        (limit.clone(), &["--timestamp-column", "at"], "there is no column \"at\""),
    ];
    for (rule, options, told) in cases {
        let desk = Desk::new(table).with_rule(&rule);
        let options = [&["--rule", "rule.json"][..], options].concat();
        let said = desk.refused(&options, 1);
        assert!(said.starts_with("millwright: ") && said.contains(told), "{options:?}: {said}");
    }
    let names: [(&str, &[&str], &str); 6] = [
        ("timestamp,a,a", &[], "in.csv line 1: \"a\" is there twice"),
        ("timestamp,a,a", &["--columns", "a"], "in.csv line 1: \"a\" is there twice"),
        ("timestamp,,", &["--detector", "multivariate"], "in.csv line 1: \"\" is there twice"),
        ("timestamp,a,b", &["--columns", "a,a"], "--columns: \"a\" is there twice"),
        ("timestamp,timestamp,a", &[], "in.csv line 1: \"timestamp\" is there twice"),
        ("timestamp,a,alarm", &["--columns", "a,alarm"], "\"alarm\" can't be looked at"),
    ];
    for (header, options, told) in names {
        let said = Desk::new(&format!("{header}\n1,5,100\n")).refused(options, 1);
        assert!(said.starts_with("millwright: ") && said.contains(told), "{header}: {said}");
    }
}

#[test]
fn a_file_with_labels_needs_no_more_than_the_names_of_its_columns() {
    let desk = Desk::new("datetime;a;b;anomaly;changepoint\n1;5;6;0;0\n2;5;6;0;1\n");
    let (columns, rows) = desk.rows(&[
        "--delimiter",
        ";",
        "--timestamp-column",
        "datetime",
        "--columns",
        "a,b",
        "--detector",
        "multivariate",
    ]);
    assert_eq!(columns, ["a", "b"]);
    assert_eq!(rows.len(), 2);
    let desk = Desk::new("timestamp,a,x,x,alarm\n1,5,1,1,0\n");
    assert_eq!(desk.rows(&["--columns", "a"]).0, ["a"]);
    // What the output has itself is left out, and that is said.
    let desk = Desk::new("timestamp,a,anomaly_score,alarm\n1,5,0.1,0\n");
    assert_eq!(desk.rows(&[]).0, ["a"]);
    let told = String::from_utf8(desk.detect(&[]).stderr).unwrap();
    assert!(told.contains("columns of these names: anomaly_score, alarm"), "{told}");
}

#[test]
fn a_commissioning_that_leaves_no_row_is_refused_where_it_was_asked_for() {
    let of = |rows: usize| {
        let row = |i: usize| format!("{i},{},{}\n", noise(i), noise(i + 50));
        let rows: String = (0..rows).map(row).collect();
        format!("timestamp,a,b\n{rows}")
    };
    let rule = json!({"kind": "threshold", "signal": "a", "above": 10});
    let multivariate: &[&str] = &["--detector", "multivariate"];
    let by_rule: &[&str] = &["--rule", "rule.json"];
    for options in [multivariate, by_rule, &[]] {
        let options = [&["--train-rows", "100"][..], options].concat();
        let told = Desk::new(&of(100)).with_rule(&rule).refused(&options, 1);
        assert!(told.contains("train_rows: 100 leaves none of the 100 rows"), "{told}");
        assert_eq!(Desk::new(&of(101)).with_rule(&rule).rows(&options).1.len(), 101);
    }
    // Where nobody asked for it, a short file is only too short to say anything.
    let cases: [(usize, &[&str], &str); 6] = [
        (100, &[], "there are 100, and univariate learns from a column's first 150 values"),
        (300, multivariate, "there are 300, and multivariate learns from the first 400"),
        (200, &[], ""),
        (500, multivariate, ""),
        (1, by_rule, ""),
        (0, &[], ""),
    ];
    for (rows, options, expected) in cases {
        let desk = Desk::new(&of(rows)).with_rule(&rule);
        assert_eq!(desk.rows(options).1.len(), rows);
        let told = String::from_utf8(desk.detect(options).stderr).unwrap();
        assert_eq!(told.is_empty(), expected.is_empty(), "{rows} rows, {options:?}: {told}");
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn what_is_read_is_never_written_over() {
    let input = "timestamp,t\n1,2\n";
    let rule = json!({"kind": "threshold", "signal": "t", "above": 10});
    let desk = Desk::new(input).with_rule(&rule);
    let path = |name: &str| desk.folder.path().join(name);
    std::os::unix::fs::symlink("in.csv", path("link.csv")).unwrap();
    std::fs::hard_link(path("in.csv"), path("same.csv")).unwrap();
    let before = desk.names();
    for (output, option) in [
        ("in.csv", "--input"),
        ("./in.csv", "--input"),
        ("link.csv", "--input"),
        ("same.csv", "--input"),
        ("rule.json", "--rule"),
    ] {
        let ended = desk.detect_to(output, &["--rule", "rule.json"]);
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{told}");
        let expected =
            format!("--output: {output} is the file of {option}, which it would replace");
        assert!(told.contains(&expected), "{told}");
    }
    assert_eq!(desk.read("in.csv"), input);
    assert_eq!(desk.read("rule.json"), rule.to_string());
    assert_eq!(desk.names(), before);
}

#[test]
fn a_file_that_cant_be_written_whole_stays_as_it_was() {
    let desk = Desk::new(&table(",", "timestamp"));
    std::fs::write(desk.folder.path().join("out.csv"), "before\n").unwrap();
    // No file may be longer than a block; that the signal is ignored makes an error of it.
    let ended = Command::new("sh")
        .current_dir(desk.folder.path())
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_millwright"))
        .args(["detect", "--input", "in.csv", "--output", "out.csv"])
        .output()
        .unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.starts_with("millwright: out.csv: "), "{told}");
    assert_eq!(desk.read("out.csv"), "before\n");
    assert_eq!(desk.names(), ["in.csv", "out.csv"]);
}

#[test]
fn what_is_no_regular_file_is_written_as_it_comes() {
    let desk = Desk::new("timestamp,t\n1,2\n2,3\n");
    assert_eq!(desk.rows(&[]).1.len(), 2);
    assert_eq!(desk.names(), ["in.csv", "out.csv"]);
    let ended = desk.detect_to("/dev/stdout", &[]);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(String::from_utf8(ended.stdout).unwrap(), desk.read("out.csv"));
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let desk = Desk::new("timestamp,t,u\n1,2,3\n");
    let cases: [&[&str]; 3] = [
        &["--rule", "rule.json", "--detector", "multivariate"],
        &["--value-column", "t", "--columns", "t,u"],
        &["--train-rows", "many"],
    ];
    for options in cases {
        let told = desk.refused(options, 2);
        assert!(told.contains(options[0]), "{told}");
    }
    let told = desk.refused(&["--detector", "multivariate", "--columns", "t"], 1);
    assert!(told.contains("1 signals"), "{told}");
}
