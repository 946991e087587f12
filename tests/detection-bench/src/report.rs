//! What was measured: Markdown to the terminal, JSON and plots to a folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Map, Value, json};

use crate::data::Stream;
use crate::plot;

/// A report under way.
#[derive(Debug)]
pub(crate) struct Report {
    aims: Vec<Vec<String>>,
    text: String,
    values: Map<String, Value>,
    plots: Vec<(String, String)>,
    folder: PathBuf,
}

impl Report {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            aims: Vec::new(),
            text: String::new(),
            values: Map::new(),
            plots: Vec::new(),
            folder: folder.to_path_buf(),
        }
    }

    /// A figure with its aim.
    pub(crate) fn aim(&mut self, name: &str, reached: f64, aim: &str, met: bool) {
        let shown =
            if reached.abs() >= 1e4 { format!("{reached:.0}") } else { format!("{reached:.2}") };
        let met = if met { "yes" } else { "no" };
        self.aims.push(vec![name.to_owned(), shown, aim.to_owned(), met.to_owned()]);
        self.values.insert(name.to_owned(), json!(reached));
    }

    /// A table.
    pub(crate) fn table(&mut self, title: &str, head: &[&str], rows: &[Vec<String>]) {
        let head: Vec<_> = head.iter().map(|cell| (*cell).to_owned()).collect();
        // Writing to a text can't fail.
        let _ = writeln!(self.text, "\n### {title}\n\n{}", markdown(&head, rows));
    }

    pub(crate) fn json(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    pub(crate) fn plot_stream(&mut self, stream: &Stream, scores: &[f64]) {
        let name = format!("nab-{}", stream.name.replace('/', "-").replace(".csv", ""));
        let svg = plot::svg(&stream.name, Some(&stream.values), scores, &stream.labels.windows);
        self.plots.push((name, svg));
    }

    pub(crate) fn plot_skab(&mut self, number: usize, labels: &[bool], scores: &[f64]) {
        let title = format!("SKAB valve1/{number}.csv");
        let svg = plot::svg(&title, None, scores, &plot::runs(labels));
        self.plots.push((format!("skab-valve1-{number}"), svg));
    }

    /// All of it as Markdown; what is beside it is written to the folder.
    pub(crate) fn finish(self) -> anyhow::Result<String> {
        let folder = self.folder.display().to_string();
        std::fs::create_dir_all(&self.folder).with_context(|| folder.clone())?;
        let json = serde_json::to_vec_pretty(&Value::Object(self.values))?;
        std::fs::write(self.folder.join("detection.json"), json).with_context(|| folder.clone())?;
        for (name, svg) in &self.plots {
            let path = self.folder.join(format!("{name}.svg"));
            std::fs::write(path, svg).with_context(|| folder.clone())?;
        }
        let head = ["what", "reached", "aim", "met"].map(str::to_owned);
        Ok(format!("## Detection\n\n{}{}", markdown(&head, &self.aims), self.text))
    }
}

fn markdown(head: &[String], rows: &[Vec<String>]) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}
