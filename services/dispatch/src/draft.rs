//! A command as somebody wants it, against the rules of its fields and the machine's catalogue.
//! Pure.

use millwright_core::arguments;
use millwright_core::command::assumed_class;
use millwright_schemas::api::commands::IssueCommand;
use millwright_schemas::api::problem::FieldProblem;
use millwright_schemas::limits::{
    COMMAND_ARGS_MAX_BYTES, COMMAND_DEADLINE_S, COMMAND_DEADLINE_S_DEFAULT, COMMAND_EXPIRES_IN_S,
    COMMAND_EXPIRES_IN_S_DEFAULT, COMMAND_NAME_MAX_BYTES, COMMAND_TEXT_MAX_CHARS,
};
use millwright_schemas::wire::command::{
    Capabilities, CatalogueEntry, CommandClass, is_command_name,
};

use crate::error::problem;
use crate::limits::NAMES_TOLD_MAX;

/// What the machine's catalogue says of a command.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Known<'a> {
    /// The machine hasn't told its catalogue.
    Untold,
    /// It isn't in it; these are.
    Missing(&'a [CatalogueEntry]),
    /// It is in it.
    Entry(&'a CatalogueEntry),
}

impl<'a> Known<'a> {
    pub(crate) fn find(told: Option<&'a Capabilities>, name: &str) -> Self {
        let Some(told) = told else { return Self::Untold };
        let entry = told.commands.iter().find(|entry| entry.name == name);
        entry.map_or(Self::Missing(&told.commands), Self::Entry)
    }

    /// Its class, where it is known.
    pub(crate) fn class(self) -> Option<CommandClass> {
        match self {
            Self::Entry(entry) => Some(entry.class),
            _ => None,
        }
    }

    /// The class that counts: whoever may do what it is taken for may have it looked up.
    pub(crate) fn counted_class(self, name: &str) -> CommandClass {
        match self {
            Self::Untold => assumed_class(name),
            Self::Missing(_) => CommandClass::Read,
            Self::Entry(entry) => entry.class,
        }
    }

    fn deadline_max_s(self) -> i64 {
        let (min, max) = (*COMMAND_DEADLINE_S.start(), *COMMAND_DEADLINE_S.end());
        match self {
            Self::Entry(entry) => entry.deadline_s.clamp(min, max),
            _ => max,
        }
    }
}

/// Seconds that a command is valid and may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spans {
    pub(crate) expires_in_s: i64,
    pub(crate) deadline_s: i64,
}

/// Checks all fields that can be checked by themselves.
pub(crate) fn check(input: &IssueCommand, known: Known<'_>) -> Result<Spans, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    check_name(&input.name, known, &mut problems);
    check_args(input, known, &mut problems);
    let expires_in_s = input.expires_in_s.unwrap_or(COMMAND_EXPIRES_IN_S_DEFAULT);
    if !COMMAND_EXPIRES_IN_S.contains(&expires_in_s) {
        let (min, max) = (COMMAND_EXPIRES_IN_S.start(), COMMAND_EXPIRES_IN_S.end());
        let message = format!("{expires_in_s} is not between {min} and {max}");
        problems.push(problem("expires_in_s", message));
    }
    let longest = known.deadline_max_s();
    let usual = match known {
        Known::Entry(_) => longest,
        _ => COMMAND_DEADLINE_S_DEFAULT,
    };
    let deadline_s = input.deadline_s.unwrap_or(usual);
    if !(*COMMAND_DEADLINE_S.start()..=longest).contains(&deadline_s) {
        let min = COMMAND_DEADLINE_S.start();
        let message = format!("{deadline_s} is not between {min} and {longest}");
        problems.push(problem("deadline_s", message));
    }
    if let Some(purpose) = &input.purpose
        && let Some(message) = wrong_text(purpose, COMMAND_TEXT_MAX_CHARS)
    {
        problems.push(problem("purpose", message));
    }
    if problems.is_empty() { Ok(Spans { expires_in_s, deadline_s }) } else { Err(problems) }
}

fn check_name(name: &str, known: Known<'_>, problems: &mut Vec<FieldProblem>) {
    if !is_command_name(name) {
        let shown: String = name.chars().take(COMMAND_NAME_MAX_BYTES).collect();
        let message = format!(
            "{shown:?} is not the name of a command: 1 to {COMMAND_NAME_MAX_BYTES} of a-z 0-9 _ ."
        );
        problems.push(problem("name", message));
    } else if let Known::Missing(entries) = known {
        let mut names: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
        names.sort_unstable();
        let more = if names.len() > NAMES_TOLD_MAX { ", …" } else { "" };
        names.truncate(NAMES_TOLD_MAX);
        let message =
            format!("the machine has no command {name:?}; it has: {}{more}", names.join(", "));
        problems.push(problem("name", message));
    }
}

fn check_args(input: &IssueCommand, known: Known<'_>, problems: &mut Vec<FieldProblem>) {
    match known {
        Known::Entry(entry) => {
            problems.extend(
                arguments::check(&entry.arguments, &input.args).err().into_iter().flatten(),
            );
        }
        _ => {
            let bytes = serde_json::to_string(&input.args).map_or(usize::MAX, |text| text.len());
            if bytes > COMMAND_ARGS_MAX_BYTES {
                let message = format!("has {bytes} bytes, at most {COMMAND_ARGS_MAX_BYTES} fit");
                problems.push(problem("args", message));
            }
        }
    }
}

/// What is wrong with a text that people read.
pub(crate) fn wrong_text(text: &str, max: usize) -> Option<String> {
    let length = text.chars().count();
    if length > max {
        return Some(format!("has {length} characters, at most {max} fit"));
    }
    if text.trim().is_empty() {
        return Some(format!("is empty; 1 to {max} characters are needed"));
    }
    text.chars().any(char::is_control).then(|| "contains a control character".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry() -> CatalogueEntry {
        CatalogueEntry {
            name: "set_speed".to_owned(),
            class: CommandClass::Motion,
            description: Default::default(),
            arguments: json!({
                "type": "object",
                "properties": {"percent": {"type": "number", "minimum": 20, "maximum": 110}},
                "required": ["percent"],
                "additionalProperties": false,
            }),
            needs_consent: true,
            deadline_s: 30,
        }
    }

    fn input() -> IssueCommand {
        IssueCommand {
            name: "set_speed".to_owned(),
            args: json!({"percent": 50}).as_object().unwrap().clone(),
            expires_in_s: None,
            deadline_s: None,
            ticket_id: None,
            purpose: None,
        }
    }

    fn fields(input: &IssueCommand, known: Known<'_>) -> Vec<String> {
        check(input, known).unwrap_err().into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn what_is_left_out_is_the_catalogues() {
        let entry = entry();
        let spans = check(&input(), Known::Entry(&entry)).unwrap();
        assert_eq!(spans, Spans { expires_in_s: 300, deadline_s: 30 });
        let untold = check(&input(), Known::Untold).unwrap();
        assert_eq!(untold, Spans { expires_in_s: 300, deadline_s: 60 });
        let absurd = CatalogueEntry { deadline_s: i64::MAX, ..entry };
        assert_eq!(check(&input(), Known::Entry(&absurd)).unwrap().deadline_s, 3_600);
    }

    #[test]
    fn every_fault_is_told_with_its_field() {
        let entry = entry();
        let wrong = IssueCommand {
            args: json!({"percent": 500, "x": 1}).as_object().unwrap().clone(),
            expires_in_s: Some(4),
            deadline_s: Some(31),
            purpose: Some(" ".to_owned()),
            ..input()
        };
        let all = ["args.percent", "args", "expires_in_s", "deadline_s", "purpose"];
        let mut told = fields(&wrong, Known::Entry(&entry));
        told.sort_by_key(|field| all.iter().position(|known| known == field));
        assert_eq!(told, all);
        for (expires_in_s, deadline_s, field) in [
            (Some(604_801), None, "expires_in_s"),
            (None, Some(0), "deadline_s"),
            (None, Some(3_601), "deadline_s"),
        ] {
            let wrong = IssueCommand { expires_in_s, deadline_s, ..input() };
            assert_eq!(fields(&wrong, Known::Untold), [field]);
        }
    }

    #[test]
    fn an_unknown_command_is_told_with_the_known_ones() {
        let commands = [entry(), CatalogueEntry { name: "ping".to_owned(), ..entry() }];
        let wrong = IssueCommand { name: "fly".to_owned(), ..input() };
        let told = check(&wrong, Known::Missing(&commands)).unwrap_err();
        assert_eq!(told[0].field, "name");
        assert!(told[0].message.ends_with("it has: ping, set_speed"), "{told:?}");
        for name in ["", "Fly", "a b", &"x".repeat(65)] {
            let wrong = IssueCommand { name: name.to_owned(), ..input() };
            assert_eq!(fields(&wrong, Known::Untold), ["name"], "{name}");
        }
    }

    #[test]
    fn arguments_are_bounded_without_a_catalogue_too() {
        let mut large = input();
        large.args.insert("x".to_owned(), "x".repeat(COMMAND_ARGS_MAX_BYTES).into());
        assert_eq!(fields(&large, Known::Untold), ["args"]);
    }
}
