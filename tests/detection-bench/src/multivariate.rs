//! SKAB and azure-pdm: the multivariate detector.

use std::path::Path;

use anyhow::Context;
use millwright_detection::learned::multivariate::{Multivariate, Settings};
use millwright_detection::learned::univariate::{self, Univariate};
use millwright_schemas::Timestamp;
use serde_json::json;

use crate::data::{Table, table, time};
use crate::report::Report;

/// SKAB's files, with the column of labels apart.
pub(crate) fn skab(folder: &Path) -> anyhow::Result<Vec<(Table, Vec<bool>)>> {
    let mut files = Vec::new();
    for number in 0..16 {
        let mut table = table(&folder.join(format!("skab/valve1/{number}.csv")), b';')?;
        let column = |name: &str| {
            table.names.iter().position(|n| n == name).with_context(|| format!("no column {name}"))
        };
        let signals = column("anomaly")?.min(column("changepoint")?);
        let anomaly = column("anomaly")?;
        let labels = table.rows.iter().map(|row| row[anomaly] > 0.5).collect();
        table.names.truncate(signals);
        for row in &mut table.rows {
            row.truncate(signals);
        }
        files.push((table, labels));
    }
    Ok(files)
}

fn detector(table: &Table, settings: Settings) -> anyhow::Result<Multivariate> {
    Ok(Multivariate::new(table.names.clone(), settings)?)
}

fn scores(table: &Table, settings: Settings) -> anyhow::Result<Vec<(f64, bool)>> {
    let mut detector = detector(table, settings)?;
    let row = |(at, row): (&Timestamp, &Vec<f64>)| {
        let row: Vec<_> = row.iter().map(|value| Some(*value)).collect();
        let verdict = detector.step(*at, &row);
        (verdict.score, verdict.alarm)
    };
    Ok(table.times.iter().zip(&table.rows).map(row).collect())
}

/// As SKAB computes it for outliers: over the rows of all files.
#[derive(Debug, Default, Clone, Copy)]
struct Confusion {
    true_alarms: f64,
    false_alarms: f64,
    missed: f64,
    quiet: f64,
}

impl Confusion {
    fn add(&mut self, alarm: bool, anomaly: bool) {
        *match (alarm, anomaly) {
            (true, true) => &mut self.true_alarms,
            (true, false) => &mut self.false_alarms,
            (false, true) => &mut self.missed,
            (false, false) => &mut self.quiet,
        } += 1.0;
    }

    fn f1(&self) -> f64 {
        self.true_alarms / (self.true_alarms + (self.false_alarms + self.missed) / 2.0)
    }

    fn false_alarm_percent(&self) -> f64 {
        100.0 * self.false_alarms / (self.false_alarms + self.quiet)
    }

    fn missed_percent(&self) -> f64 {
        100.0 * self.missed / (self.missed + self.true_alarms)
    }
}

const TRAIN_ROWS: usize = 400;

fn skab_reached(
    files: &[(Table, Vec<bool>)],
    settings: Settings,
    threshold: f64,
) -> anyhow::Result<(Confusion, Confusion)> {
    let (mut all, mut watched) = (Confusion::default(), Confusion::default());
    for (table, labels) in files {
        for (row, (score, anomaly)) in scores(table, settings)?.into_iter().zip(labels).enumerate()
        {
            all.add(score.0 >= threshold, *anomaly);
            if row >= TRAIN_ROWS {
                watched.add(score.0 >= threshold, *anomaly);
            }
        }
    }
    Ok((all, watched))
}

/// Measures SKAB.
pub(crate) fn measure_skab(
    files: &[(Table, Vec<bool>)],
    report: &mut Report,
) -> anyhow::Result<()> {
    let settings = Settings { train_rows: TRAIN_ROWS, ..Settings::default() };
    let mut rows = Vec::new();
    for threshold in [0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7] {
        let (all, watched) = skab_reached(files, settings, threshold)?;
        let shipped = (threshold - 0.5_f64).abs() < 1e-9;
        if shipped {
            let false_alarms = watched.false_alarm_percent();
            report.aim("SKAB F1, shipped threshold", all.f1(), "≥ 0.80", all.f1() >= 0.8);
            report.aim(
                "SKAB false alarms in % of rows behind commissioning",
                false_alarms,
                "< 15",
                false_alarms < 15.0,
            );
            report.json(
                "skab",
                json!({
                    "f1": all.f1(), "missed_percent": all.missed_percent(),
                    "false_alarm_percent": all.false_alarm_percent(),
                    "false_alarm_percent_behind_commissioning": false_alarms,
                }),
            );
        }
        rows.push(vec![
            format!("{threshold}{}", if shipped { " (shipped)" } else { "" }),
            format!("{:.3}", all.f1()),
            format!("{:.1}", all.false_alarm_percent()),
            format!("{:.1}", watched.false_alarm_percent()),
            format!("{:.1}", all.missed_percent()),
        ]);
    }
    report.table(
        "SKAB valve1, 16 files, first 400 rows as commissioning",
        &["threshold", "F1", "false alarms %, all rows", "behind commissioning", "missed %"],
        &rows,
    );
    for (number, (table, labels)) in files.iter().enumerate().take(4) {
        let scores: Vec<f64> =
            scores(table, settings)?.into_iter().map(|(score, _)| score).collect();
        report.plot_skab(number, labels, &scores);
    }
    Ok(())
}

/// What other settings reach on SKAB.
pub(crate) fn tried(files: &[(Table, Vec<bool>)], report: &mut Report) -> anyhow::Result<()> {
    let shipped = Settings { train_rows: TRAIN_ROWS, ..Settings::default() };
    let mut variants = vec![("as shipped", shipped)];
    variants.push(("slow 0.1", Settings { scales: [0.3, 0.1], ..shipped }));
    variants.push(("slow 0.03", Settings { scales: [0.3, 0.03], ..shipped }));
    variants.push(("slow 0.05 only", Settings { scales: [0.05, 0.05], ..shipped }));
    variants.push(("fast 0.3 only", Settings { scales: [0.3, 0.3], ..shipped }));
    variants.push(("no smoothing", Settings { scales: [1.0, 1.0], ..shipped }));
    variants.push(("ridge 0.5", Settings { ridge: 0.5, ..shipped }));
    variants.push(("ridge 1e9 (no regression)", Settings { ridge: 1e9, ..shipped }));
    variants.push(("shrink 0.01", Settings { shrink: 0.01, ..shipped }));
    variants.push(("shrink 0.5", Settings { shrink: 0.5, ..shipped }));
    variants.push(("caution 0", Settings { caution: 0.0, ..shipped }));
    variants.push(("caution 2.5", Settings { caution: 2.5, ..shipped }));
    variants.push(("caution 5", Settings { caution: 5.0, ..shipped }));
    variants.push(("memory 1000", Settings { memory: 1000.0, ..shipped }));
    variants.push(("200 rows", Settings { train_rows: 200, ..shipped }));
    let mut rows = Vec::new();
    for (name, settings) in variants {
        let (all, watched) = skab_reached(files, settings, 0.5)?;
        rows.push(vec![
            name.to_owned(),
            format!("{:.3}", all.f1()),
            format!("{:.1}", watched.false_alarm_percent()),
            format!("{:.1}", all.missed_percent()),
        ]);
    }
    report.table(
        "SKAB with other settings, alarm score 0.5",
        &["setting", "F1", "false alarms %, behind commissioning", "missed %"],
        &rows,
    );
    Ok(())
}

const HOUR_US: i64 = 3_600_000_000;

/// A machine's hours: whether an alarm lasts, `None` while nothing is said yet.
type Hours = Vec<(Timestamp, Option<bool>)>;

/// The hours of one machine, with its values.
type Machine = Vec<(Timestamp, Vec<Option<f64>>)>;

fn together(signals: &[String], machine: &Machine, settings: Settings) -> anyhow::Result<Hours> {
    let mut detector = Multivariate::new(signals.to_vec(), settings)?;
    let hour = |(at, row): &(Timestamp, Vec<Option<f64>>)| {
        let verdict = detector.step(*at, row);
        (*at, detector.is_watching().then_some(verdict.alarm))
    };
    Ok(machine.iter().map(hour).collect())
}

fn each_alone(signals: &[String], machine: &Machine, settings: univariate::Settings) -> Hours {
    let mut detectors = vec![Univariate::new(settings); signals.len()];
    let hour = |(at, row): &(Timestamp, Vec<Option<f64>>)| {
        let alarms = detectors.iter_mut().zip(row).map(|(d, value)| d.step(*at, *value).alarm);
        // Every detector takes its value, so all are asked.
        let alarm = alarms.fold(false, |all, alarm| all | alarm);
        (*at, detectors[0].is_watching().then_some(alarm))
    };
    machine.iter().map(hour).collect()
}

/// What is run over a machine.
#[derive(Debug, Clone, Copy)]
enum Which {
    Together(Settings),
    Alone(univariate::Settings),
}

/// What was announced, over all machines.
#[derive(Debug, Default)]
struct Announced {
    failures: usize,
    announced: usize,
    alone: usize,
    hours: usize,
}

impl Announced {
    /// An alarm that lasts is one. A failure counts if the detector spoke by then.
    fn add(&mut self, hours: &Hours, failures: &[Timestamp]) {
        let within = |alarm: Timestamp, failure: Timestamp| {
            (0..=48 * HOUR_US).contains(&failure.micros_since(alarm))
        };
        let watching: Vec<_> =
            hours.iter().filter_map(|(at, alarm)| Some((*at, (*alarm)?))).collect();
        let Some((from, _)) = watching.first() else { return };
        self.hours += watching.len();
        for failure in failures.iter().filter(|at| *at > from) {
            self.failures += 1;
            let announced = watching.iter().any(|(at, alarm)| *alarm && within(*at, *failure));
            self.announced += usize::from(announced);
        }
        let mut before = false;
        for (at, alarm) in watching {
            let begins = alarm && !before;
            self.alone +=
                usize::from(begins && !failures.iter().any(|failure| within(at, *failure)));
            before = alarm;
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    fn alone_a_month(&self) -> f64 {
        self.alone as f64 / (self.hours as f64 / (24.0 * 30.44))
    }
}

/// Measures azure-pdm: failures that an alarm announced, and alarms that nothing followed.
pub(crate) fn measure_azure(folder: &Path, report: &mut Report) -> anyhow::Result<()> {
    let folder = folder.join("azure-pdm");
    let telemetry = table(&folder.join("PdM_telemetry.csv"), b',')?;
    let failures = failures(&folder.join("PdM_failures.csv"))?;
    let signals = &telemetry.names[1..];
    let mut machines = std::collections::BTreeMap::<i64, Machine>::new();
    for (at, row) in telemetry.times.iter().zip(&telemetry.rows) {
        let values = row[1..].iter().map(|value| Some(*value)).collect();
        machines.entry(id(row[0])).or_default().push((*at, values));
    }
    let mut rows = Vec::new();
    let of_rows = |train_rows| Which::Together(Settings { train_rows, ..Settings::default() });
    for (name, which) in [
        ("multivariate, 400 h of commissioning", of_rows(400)),
        ("multivariate, 168 h", of_rows(168)),
        ("univariate, each signal", Which::Alone(univariate::Settings::default())),
        ("the live rule, together", Which::Together(Settings::live(None))),
        ("the live rule, together, 168 rows", Which::Together(Settings::live(Some(168)))),
        ("the live rule, each signal", Which::Alone(univariate::Settings::live())),
    ] {
        let mut reached = Announced::default();
        for (machine, hours) in &machines {
            let own: Vec<Timestamp> =
                failures.iter().filter(|(m, _)| m == machine).map(|(_, at)| *at).collect();
            let hours = match which {
                Which::Alone(settings) => each_alone(signals, hours, settings),
                Which::Together(settings) => together(signals, hours, settings)?,
            };
            reached.add(&hours, &own);
        }
        let alone = reached.alone_a_month();
        rows.push(vec![
            name.to_owned(),
            format!("{} of {}", reached.announced, reached.failures),
            format!("{alone:.2}"),
        ]);
        report.json(
            &format!("azure_pdm, {name}"),
            json!({
                "failures": reached.failures, "failures_in_all": failures.len(),
                "announced": reached.announced,
                "alarms_without_failure_per_machine_and_month": alone,
            }),
        );
    }
    report.table(
        &format!(
            "azure-pdm, {} machines, {} component failures in all",
            machines.len(),
            failures.len()
        ),
        &[
            "detector",
            "failures announced in the 48 h before",
            "alarms without a failure after them, a machine and month",
        ],
        &rows,
    );
    Ok(())
}

#[allow(clippy::cast_possible_truncation, reason = "a machine's number")]
const fn id(number: f64) -> i64 {
    number as i64
}

fn failures(path: &Path) -> anyhow::Result<Vec<(i64, Timestamp)>> {
    let place = || path.display().to_string();
    let mut reader = csv::Reader::from_path(path).with_context(place)?;
    let mut failures = Vec::new();
    for record in reader.records() {
        let record = record.with_context(place)?;
        failures.push((record[1].parse().with_context(place)?, time(&record[0])?));
    }
    Ok(failures)
}
