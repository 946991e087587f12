//! `[commands]` of the agent's configuration: what the platform may have done here, and what of it
//! the operator is asked about. The platform can want less, never more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use millwright_core::arguments;
use millwright_schemas::limits::{
    CATALOGUE_COMMANDS_MAX, COMMAND_DEADLINE_S, COMMAND_DEADLINE_S_DEFAULT, REMEDIES_MAX,
};
use millwright_schemas::wire::command::{CommandClass, is_command_name};
use millwright_schemas::wire::events::is_fault_code;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use super::builtin;
use super::template::Template;
use crate::config::{ConfigError, broken};
use crate::limits::{
    COMMAND_ARGUMENTS, COMMAND_DESCRIPTION_CHARS, COMMAND_ENVIRONMENT, COMMAND_PROGRAMS_BYTES,
};

/// `[commands]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommandsConfig {
    /// Whether anything is done at all.
    pub enabled: bool,
    /// What is allowed, and what is asked about.
    pub policy: Policy,
    /// Programs that can be run.
    pub programs: Vec<ProgramConfig>,
}

/// `[commands.policy]`: one rule for each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What only looks.
    pub read: Rule,
    /// What changes settings.
    pub configure: Rule,
    /// What can move something.
    pub motion: Rule,
    /// What changes or restarts software.
    pub software: Rule,
}

/// What holds for the commands of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Whether they are done at all.
    #[serde(default = "yes")]
    pub allowed: bool,
    /// Whether the operator is asked first; without it as by default for the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

const fn yes() -> bool {
    true
}

/// Whether the operator is asked before a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// The operator is asked, and it is done when the operator agrees.
    Ask,
    /// It is done; the operator sees it.
    None,
}

/// `[[commands.programs]]`: a program on this machine.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramConfig {
    /// The command's name: 1 to 64 of `a-z 0-9 _ .`.
    pub name: String,
    /// What it does to the machine.
    pub class: CommandClass,
    /// What it is, for people: language (`en`, `de`) → text.
    #[serde(default)]
    pub description: BTreeMap<String, String>,
    /// The program, an absolute path.
    pub program: PathBuf,
    /// Its arguments. `{name}` stands for the command's argument of that name.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// JSON Schema (2020-12) of the command's arguments: a table, or JSON as a text. Without it
    /// there are none.
    #[serde(default = "no_arguments", deserialize_with = "schema")]
    pub schema: Value,
    /// How long it may run, 1 to 3,600 s.
    #[serde(default = "default_deadline_s")]
    pub deadline_s: i64,
    /// Where it runs, an absolute path. Without it: in `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<PathBuf>,
    /// Variables of the agent's own environment that it sees; it sees no others.
    #[serde(default)]
    pub environment: Vec<String>,
    /// Instead of what the policy says for its class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// Codes of the faults that it remedies, at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedy_for: Vec<String>,
}

fn no_arguments() -> Value {
    json!({ "type": "object", "additionalProperties": false })
}

const fn default_deadline_s() -> i64 {
    COMMAND_DEADLINE_S_DEFAULT
}

/// A table, or a text with JSON in it.
fn schema<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Json(String),
        Table(Map<String, Value>),
    }
    match Written::deserialize(deserializer)? {
        Written::Table(table) => Ok(Value::Object(table)),
        Written::Json(text) => serde_json::from_str(&text)
            .map_err(|error| serde::de::Error::custom(format!("schema is not JSON: {error}"))),
    }
}

impl Default for CommandsConfig {
    fn default() -> Self {
        Self { enabled: true, policy: Policy::default(), programs: Vec::new() }
    }
}

impl Default for Policy {
    fn default() -> Self {
        let ask = Rule { allowed: true, consent: Some(Consent::Ask) };
        let read = Rule { allowed: true, consent: Some(Consent::None) };
        Self { read, configure: ask, motion: ask, software: ask }
    }
}

impl Policy {
    /// The rule of a class.
    #[must_use]
    pub const fn rule(&self, class: CommandClass) -> Rule {
        match class {
            CommandClass::Read => self.read,
            CommandClass::Configure => self.configure,
            CommandClass::Motion => self.motion,
            CommandClass::Software => self.software,
        }
    }
}

impl Rule {
    /// Whether the operator is asked before a command of this class.
    pub(super) fn consent(self, class: CommandClass) -> Consent {
        let default = if class == CommandClass::Read { Consent::None } else { Consent::Ask };
        self.consent.unwrap_or(default)
    }
}

impl CommandsConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let count = self.programs.len();
        if count > CATALOGUE_COMMANDS_MAX / 2 {
            let rule = format!("at most {} programs", CATALOGUE_COMMANDS_MAX / 2);
            return Err(broken("commands.programs", &count, rule));
        }
        let bytes = serde_json::to_vec(&self.programs).map_or(0, |json| json.len());
        if bytes > COMMAND_PROGRAMS_BYTES {
            let rule = format!(
                "the programs have {bytes} bytes as JSON, at most \
                                {COMMAND_PROGRAMS_BYTES} fit into the catalogue"
            );
            return Err(broken("commands.programs", &count, rule));
        }
        let mut names: BTreeSet<&str> = builtin::NAMES.into_iter().collect();
        for program in &self.programs {
            program.check()?;
            if !names.insert(&program.name) {
                let rule = "each command needs a name of its own, other than the agent's commands";
                return Err(broken("commands.programs.name", &quoted(&program.name), rule));
            }
        }
        Ok(())
    }
}

impl ProgramConfig {
    fn check(&self) -> Result<(), ConfigError> {
        if !is_command_name(&self.name) {
            let rule = "must be 1 to 64 of a-z 0-9 _ .";
            return Err(broken("commands.programs.name", &quoted(&self.name), rule));
        }
        let key = |key: &str| format!("commands.programs.{key} (of {})", self.name);
        for (name, path) in
            [("program", Some(&self.program)), ("working_dir", self.working_dir.as_ref())]
        {
            if let Some(path) = path.filter(|path| !is_plain_absolute(path)) {
                return Err(broken(&key(name), &format!("{path:?}"), "must be an absolute path"));
            }
        }
        if !COMMAND_DEADLINE_S.contains(&self.deadline_s) {
            let (min, max) = (COMMAND_DEADLINE_S.start(), COMMAND_DEADLINE_S.end());
            let rule = format!("must be between {min} and {max}");
            return Err(broken(&key("deadline_s"), &self.deadline_s, rule));
        }
        self.check_texts(&key)?;
        self.check_arguments(&key)
    }

    fn check_texts(&self, key: &impl Fn(&str) -> String) -> Result<(), ConfigError> {
        for (language, text) in &self.description {
            if !matches!(language.as_str(), "en" | "de") {
                let rule = "the languages are en and de";
                return Err(broken(&key("description"), &quoted(language), rule));
            }
            let chars = text.chars().count();
            if !(1..=COMMAND_DESCRIPTION_CHARS).contains(&chars) {
                let rule = format!("must have 1 to {COMMAND_DESCRIPTION_CHARS} characters");
                return Err(broken(&key("description"), &quoted(text), rule));
            }
        }
        if self.remedy_for.len() > REMEDIES_MAX {
            let rule = format!("at most {REMEDIES_MAX} codes");
            return Err(broken(&key("remedy_for"), &self.remedy_for.len(), rule));
        }
        if let Some(code) = self.remedy_for.iter().find(|code| !is_fault_code(code)) {
            let rule = "must be fault codes: 1 to 128 bytes without control characters";
            return Err(broken(&key("remedy_for"), &quoted(code), rule));
        }
        if self.environment.len() > COMMAND_ENVIRONMENT {
            let rule = format!("at most {COMMAND_ENVIRONMENT} variables");
            return Err(broken(&key("environment"), &self.environment.len(), rule));
        }
        let is_variable = |name: &&String| !name.is_empty() && !name.contains(['=', '\0']);
        if let Some(name) = self.environment.iter().find(|name| !is_variable(name)) {
            let rule = "must be the name of a variable";
            return Err(broken(&key("environment"), &quoted(name), rule));
        }
        Ok(())
    }

    fn check_arguments(&self, key: &impl Fn(&str) -> String) -> Result<(), ConfigError> {
        arguments::check_schema(&self.schema)
            .map_err(|error| broken(&key("schema"), &"…", error.to_string()))?;
        if self.schema.get("type") != Some(&json!("object")) {
            let rule = "arguments are an object: type must be \"object\"";
            return Err(broken(&key("schema"), &"…", rule));
        }
        if self.arguments.len() > COMMAND_ARGUMENTS {
            let rule = format!("at most {COMMAND_ARGUMENTS} arguments");
            return Err(broken(&key("arguments"), &self.arguments.len(), rule));
        }
        let known = self.schema.get("properties").and_then(Value::as_object);
        for text in &self.arguments {
            let template: Template =
                text.parse().map_err(|rule| broken(&key("arguments"), &quoted(text), rule))?;
            let unknown =
                template.names().find(|name| !known.is_some_and(|k| k.contains_key(*name)));
            if let Some(name) = unknown {
                let rule = format!("{{{name}}} isn't among the properties of the schema");
                return Err(broken(&key("arguments"), &quoted(text), rule));
            }
        }
        Ok(())
    }
}

fn is_plain_absolute(path: &Path) -> bool {
    path.is_absolute() && !path.as_os_str().as_encoded_bytes().contains(&0)
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}
