//! What was measured: lines of a Markdown table on the terminal, and a JSON file a scenario.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::plot::Plot;
use crate::process::load_average;
use crate::stats::readable;

/// What a figure ought to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

impl Aim {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(aim) => value >= aim,
            Self::AtMost(aim) => value <= aim,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Self::AtLeast(aim) => format!("at least {} {unit}", readable(aim)),
            Self::AtMost(aim) => format!("at most {} {unit}", readable(aim)),
        }
    }
}

/// Where figures go.
#[derive(Debug)]
pub(crate) struct Report {
    folder: PathBuf,
    about: Value,
}

/// The figures of one scenario with one database.
#[derive(Debug)]
pub(crate) struct Section {
    file: PathBuf,
    about: Value,
    name: String,
    database: String,
    load_before: f64,
    figures: Vec<Value>,
}

impl Report {
    /// Writes into this folder; `about`: what stands in each file.
    pub(crate) fn new(folder: &Path, about: Value) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{} can't be made", folder.display()))?;
        println!("| database | scenario | what | figure | aim |\n|---|---|---|---|---|");
        Ok(Self { folder: folder.to_owned(), about })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a picture, unless there is nothing to see.
    pub(crate) fn plot(&self, name: &str, plot: &Plot) -> Result<()> {
        if plot.lines.iter().any(|line| line.points.len() > 1) {
            std::fs::write(self.folder.join(format!("{name}.svg")), plot.svg())?;
        }
        Ok(())
    }

    /// Begins a scenario: notes how busy the machine is.
    pub(crate) fn section(&self, name: &str, database: &str) -> Section {
        Section {
            file: self.folder.join(format!("{name}-{database}.json")),
            about: self.about.clone(),
            name: name.to_owned(),
            database: database.to_owned(),
            load_before: load_average(),
            figures: Vec::new(),
        }
    }
}

impl Section {
    /// A figure without an aim.
    pub(crate) fn figure(&mut self, what: impl Into<String>, value: f64, unit: &str) {
        self.add(&what.into(), value, unit, None);
    }

    /// A figure with what it ought to be.
    pub(crate) fn aimed(&mut self, what: impl Into<String>, value: f64, unit: &str, aim: Aim) {
        self.add(&what.into(), value, unit, Some(aim));
    }

    /// A median and a 99th percentile, in milliseconds.
    pub(crate) fn percentiles(&mut self, what: &str, (p50, p99): (f64, f64)) {
        self.figure(format!("{what}: p50"), p50, "ms");
        self.figure(format!("{what}: p99"), p99, "ms");
    }

    fn add(&mut self, what: &str, value: f64, unit: &str, aim: Option<Aim>) {
        let aim_text = aim.map_or_else(String::new, |aim| aim.text(unit));
        let met = aim.map(|aim| aim.is_met(value));
        let missed = if met == Some(false) { " (missed)" } else { "" };
        println!(
            "| {} | {} | {what} | {} {unit} | {aim_text}{missed} |",
            self.database,
            self.name,
            readable(value),
        );
        self.figures.push(json!({
            "what": what, "value": value, "unit": unit, "aim": aim_text, "met": met,
        }));
    }

    /// Writes the file.
    pub(crate) fn end(self) -> Result<()> {
        let text = serde_json::to_string_pretty(&json!({
            "about": self.about,
            "scenario": self.name,
            "database": self.database,
            "load_average": {"before": self.load_before, "after": load_average()},
            "figures": self.figures,
        }))?;
        std::fs::write(&self.file, text)
            .with_context(|| format!("{} can't be written", self.file.display()))
    }
}

/// Something that can't be measured here, told so that nobody overlooks it.
pub(crate) fn skipped(what: &str, why: &str) {
    eprintln!("*** {what} is NOT measured: {why}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_met_from_its_own_side() {
        assert!(Aim::AtLeast(60.0).is_met(60.0) && !Aim::AtLeast(60.0).is_met(59.9));
        assert!(Aim::AtMost(20.0).is_met(19.0) && !Aim::AtMost(20.0).is_met(20.1));
    }
}
