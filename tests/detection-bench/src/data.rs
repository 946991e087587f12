//! Reading the data sets.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chrono::NaiveDateTime;
use millwright_schemas::Timestamp;

use crate::nab::Labels;

/// Where the data is: as told, or beside the project.
pub(crate) fn folder(told: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let folder = told.unwrap_or_else(|| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join("../shared/data")
    });
    if !folder.is_dir() {
        bail!(
            "the data sets aren't at {}: give their folder as MILLWRIGHT_DATASETS",
            folder.display()
        );
    }
    Ok(folder)
}

/// A table: times, and columns of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) names: Vec<String>,
    pub(crate) times: Vec<Timestamp>,
    pub(crate) rows: Vec<Vec<f64>>,
}

/// Reads a table whose first column is the time.
pub(crate) fn table(path: &Path, delimiter: u8) -> anyhow::Result<Table> {
    let place = || path.display().to_string();
    let file = File::open(path).with_context(place)?;
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(file);
    let names = reader.headers().with_context(place)?.iter().skip(1).map(str::to_owned).collect();
    let mut table = Table { names, times: Vec::new(), rows: Vec::new() };
    for record in reader.records() {
        let record = record.with_context(place)?;
        let line = record.position().map_or(0, csv::Position::line);
        let place = || format!("{} line {line}", path.display());
        table.times.push(time(&record[0]).with_context(place)?);
        let row: Result<Vec<f64>, _> = record.iter().skip(1).map(str::parse).collect();
        table.rows.push(row.with_context(place)?);
    }
    Ok(table)
}

/// A time, as the data sets write it.
pub(crate) fn time(text: &str) -> anyhow::Result<Timestamp> {
    let text = text.get(..19).unwrap_or(text);
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
        .with_context(|| format!("{text:?} is not a time"))?;
    Ok(Timestamp::from_micros(time.and_utc().timestamp_micros()))
}

/// A labelled stream of NAB.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) name: String,
    pub(crate) times: Vec<Timestamp>,
    pub(crate) values: Vec<f64>,
    pub(crate) labels: Labels,
}

/// All streams of NAB that are there.
pub(crate) fn nab(folder: &Path) -> anyhow::Result<Vec<Stream>> {
    let labels = folder.join("nab/labels/combined_windows.json");
    let text = std::fs::read_to_string(&labels).with_context(|| labels.display().to_string())?;
    let windows: std::collections::BTreeMap<String, Vec<[String; 2]>> =
        serde_json::from_str(&text).with_context(|| labels.display().to_string())?;
    let mut streams = Vec::new();
    for (name, windows) in windows {
        let path = folder.join("nab/data").join(&name);
        let table = table(&path, b',')?;
        let row = |text: &str| -> anyhow::Result<usize> {
            let at = time(text)?;
            let row = table.times.iter().position(|time| *time == at);
            row.with_context(|| format!("{name} has no row at {text}"))
        };
        let windows = windows
            .iter()
            .map(|[first, last]| Ok((row(first)?, row(last)?)))
            .collect::<anyhow::Result<_>>()?;
        let labels = Labels { rows: table.rows.len(), windows };
        let values = table.rows.iter().map(|row| row[0]).collect();
        streams.push(Stream { name, times: table.times, values, labels });
    }
    Ok(streams)
}
