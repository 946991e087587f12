//! What came of a run: the table and the JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Findings that are shown of one kind; the others are counted.
const SHOWN: usize = 20;

/// One kind of thing, counted from both sides.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    /// By those who made it.
    pub(crate) made: usize,
    /// Of these, acknowledged, taken or answered: promised to stay.
    pub(crate) promised: usize,
    /// Of these made, found with the right content.
    pub(crate) stored: usize,
    /// Promised, and not found.
    pub(crate) lost: usize,
    /// More than once, or made by nobody.
    pub(crate) doubled: usize,
    /// Found with another content, or in a state that isn't true.
    pub(crate) wrong: usize,
}

/// All that was counted.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) settings: Value,
    pub(crate) counts: Vec<(&'static str, Count)>,
    /// Figures that must be 0.
    pub(crate) zeros: Vec<(&'static str, i64)>,
    /// Figures that tell how much happened.
    pub(crate) figures: Vec<(&'static str, i64)>,
    pub(crate) blows: BTreeMap<String, usize>,
    pub(crate) commands: BTreeMap<String, usize>,
    /// Why connections of simulated machines ended, and how often.
    pub(crate) errors: BTreeMap<String, usize>,
    /// What hadn't arrived when nobody waited any longer.
    pub(crate) undrained: Vec<String>,
    /// What is wrong, in words.
    pub(crate) findings: Vec<String>,
}

impl Outcome {
    /// How often a process of the platform ended though nobody had killed it. Starting it again makes good
    /// what was lost by it, so that nothing else would show it.
    pub(crate) fn ended_by_itself(&mut self, times: u64) {
        let times = i64::try_from(times).unwrap_or(i64::MAX);
        self.zeros.push(("platform ended by itself and was started again", times));
    }

    /// Whether nothing was lost, doubled or wrong.
    pub(crate) fn sound(&self) -> bool {
        self.undrained.is_empty()
            && self.findings.is_empty()
            && self.zeros.iter().all(|(_, figure)| *figure == 0)
            && self.counts.iter().all(|(_, c)| c.lost == 0 && c.doubled == 0 && c.wrong == 0)
    }

    pub(crate) fn table(&self) -> String {
        let mut text = String::from(
            "| what | made | acknowledged | stored | lost | doubled | wrong |\n\
             |---|---:|---:|---:|---:|---:|---:|\n",
        );
        for (what, Count { made, promised, stored, lost, doubled, wrong }) in &self.counts {
            let _ = writeln!(
                text,
                "| {what} | {made} | {promised} | {stored} | {lost} | {doubled} | {wrong} |"
            );
        }
        let _ = writeln!(text, "\n| must be 0 | |\n|---|---:|");
        for (what, figure) in &self.zeros {
            let _ = writeln!(text, "| {what} | {figure} |");
        }
        let _ = writeln!(text, "\n| what happened | |\n|---|---:|");
        for (what, figure) in &self.figures {
            let _ = writeln!(text, "| {what} | {figure} |");
        }
        for (kind, number) in [("blow", &self.blows), ("command", &self.commands)] {
            for (what, count) in number {
                let _ = writeln!(text, "| {kind}: {what} | {count} |");
            }
        }
        for left in &self.undrained {
            let _ = writeln!(text, "\nNEVER ARRIVED: {left}");
        }
        for finding in self.findings.iter().take(SHOWN) {
            let _ = writeln!(text, "\nWRONG: {finding}");
        }
        if self.findings.len() > SHOWN {
            let _ = writeln!(text, "\n… and {} more, in the file", self.findings.len() - SHOWN);
        }
        let word = if self.sound() {
            "SOUND: nothing lost, nothing twice"
        } else {
            "NOT SOUND: see above"
        };
        let _ = writeln!(text, "\n{word}");
        text
    }

    fn json(&self) -> Value {
        let counts: BTreeMap<_, _> = self
            .counts
            .iter()
            .map(|(what, count)| {
                let Count { made, promised, stored, lost, doubled, wrong } = count;
                let count = json!({
                    "made": made, "acknowledged": promised, "stored": stored, "lost": lost,
                    "doubled": doubled, "wrong": wrong,
                });
                (*what, count)
            })
            .collect();
        let figures = |figures: &[(&'static str, i64)]| -> BTreeMap<&'static str, i64> {
            figures.iter().copied().collect()
        };
        json!({
            "seed": self.seed, "settings": self.settings, "sound": self.sound(), "counts": counts,
            "must_be_0": figures(&self.zeros), "figures": figures(&self.figures),
            "blows": self.blows, "commands": self.commands, "undrained": self.undrained,
            "findings": self.findings, "connections_ended": self.errors,
        })
    }

    /// Writes it as JSON; where to.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        let file = folder.join(name);
        std::fs::write(&file, serde_json::to_string_pretty(&self.json())?)?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(count: Count) -> Outcome {
        Outcome { counts: vec![("samples", count)], zeros: vec![("gaps", 0)], ..Outcome::default() }
    }

    #[test]
    fn whatever_is_lost_doubled_or_wrong_is_not_sound() {
        let fine = Count { made: 3, promised: 3, stored: 3, ..Count::default() };
        assert!(outcome(fine).sound());
        assert!(!outcome(Count { lost: 1, ..fine }).sound());
        assert!(!outcome(Count { doubled: 1, ..fine }).sound());
        assert!(!outcome(Count { wrong: 1, ..fine }).sound());
        assert!(!Outcome { zeros: vec![("gaps", 1)], ..outcome(fine) }.sound());
        let mut ended = outcome(fine);
        ended.ended_by_itself(0);
        assert!(ended.sound());
        ended.ended_by_itself(1);
        assert!(!ended.sound());
        assert!(!Outcome { undrained: vec!["a job".to_owned()], ..outcome(fine) }.sound());
        assert!(!Outcome { findings: vec!["an alarm".to_owned()], ..outcome(fine) }.sound());
    }
}
