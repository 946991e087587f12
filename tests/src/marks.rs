//! A program on the machine that leaves a mark when it begins and when it ends: what really ran.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A command `mark` of a machine, and what it left.
#[derive(Debug, Clone)]
pub struct Marks {
    script: PathBuf,
    file: PathBuf,
}

/// How often something was begun and ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Runs {
    /// Begun.
    pub started: usize,
    /// Ended by itself.
    pub ended: usize,
}

impl Marks {
    /// Writes the program into a folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let marks = Self { script: folder.join("mark.sh"), file: folder.join("marks.txt") };
        // One write each, appended: a killed agent leaves whole lines.
        let text = format!(
            "#!/bin/sh\necho \"start $1\" >> '{file}'\necho \"working on $1\"\nsleep \"$2\"\n\
             echo \"end $1\" >> '{file}'\n",
            file = marks.file.display()
        );
        std::fs::write(&marks.script, text).expect("the program");
        marks
    }

    /// The agent's configuration of the command `mark`.
    #[must_use]
    pub fn config(&self, class: &str, consent: &str) -> String {
        format!(
            "[[commands.programs]]\nname = \"mark\"\nclass = \"{class}\"\nconsent = \"{consent}\"\n\
             program = \"/bin/sh\"\narguments = [\"{}\", \"{{token}}\", \"{{seconds}}\"]\n\
             deadline_s = 30\n\
             description = {{ en = \"Leaves a mark\", de = \"Hinterlässt eine Marke\" }}\n\
             schema = '''{{\"type\":\"object\",\"properties\":{{\"token\":{{\"type\":\"string\",\
             \"maxLength\":80}},\"seconds\":{{\"type\":\"number\",\"minimum\":0,\"maximum\":60}}}},\
             \"required\":[\"token\",\"seconds\"],\"additionalProperties\":false}}'''\n",
            self.script.display()
        )
    }

    /// What ran, by token.
    #[must_use]
    pub fn read(&self) -> BTreeMap<String, Runs> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        let mut runs: BTreeMap<String, Runs> = BTreeMap::new();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("start", token)) => runs.entry(token.to_owned()).or_default().started += 1,
                Some(("end", token)) => runs.entry(token.to_owned()).or_default().ended += 1,
                _ => panic!("a mark that isn't one: {line:?}"),
            }
        }
        runs
    }

    /// How often this token was begun and ended.
    #[must_use]
    pub fn of(&self, token: &str) -> Runs {
        self.read().get(token).copied().unwrap_or_default()
    }
}
