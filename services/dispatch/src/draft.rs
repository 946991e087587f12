//! A command as somebody wants it, against the rules of its fields and the machine's catalogue.
//! Pure.

use millwright_core::arguments;
use millwright_core::command::assumed_class;
use millwright_core::fields::Fields;
use millwright_schemas::api::commands::IssueCommand;
use millwright_schemas::limits::{
    COMMAND_DEADLINE_S, COMMAND_DEADLINE_S_DEFAULT, COMMAND_EXPIRES_IN_S,
    COMMAND_EXPIRES_IN_S_DEFAULT, COMMAND_NAME_MAX_BYTES, COMMAND_TEXT_MAX_CHARS,
};
use millwright_schemas::wire::command::{
    Capabilities, CatalogueEntry, CommandClass, is_command_name,
};

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
pub(crate) fn check(input: &IssueCommand, known: Known<'_>, fields: &mut Fields) -> Spans {
    check_name(&input.name, known, fields);
    check_args(input, known, fields);
    let expires_in_s = input.expires_in_s.unwrap_or(COMMAND_EXPIRES_IN_S_DEFAULT);
    fields.range("expires_in_s", expires_in_s, &COMMAND_EXPIRES_IN_S);
    let longest = known.deadline_max_s();
    let usual = match known {
        Known::Entry(_) => longest,
        _ => COMMAND_DEADLINE_S_DEFAULT,
    };
    let deadline_s = input.deadline_s.unwrap_or(usual);
    fields.range("deadline_s", deadline_s, &(*COMMAND_DEADLINE_S.start()..=longest));
    if let Some(purpose) = &input.purpose {
        fields.text("purpose", purpose, COMMAND_TEXT_MAX_CHARS);
    }
    Spans { expires_in_s, deadline_s }
}

fn check_name(name: &str, known: Known<'_>, fields: &mut Fields) {
    if !is_command_name(name) {
        let shown: String = name.chars().take(COMMAND_NAME_MAX_BYTES).collect();
        let message = format!(
            "{shown:?} is not the name of a command: 1 to {COMMAND_NAME_MAX_BYTES} of a-z 0-9 _ ."
        );
        fields.refuse("name", message);
    } else if let Known::Missing(entries) = known {
        let mut names: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
        names.sort_unstable();
        let more = if names.len() > NAMES_TOLD_MAX { ", …" } else { "" };
        names.truncate(NAMES_TOLD_MAX);
        let message =
            format!("the machine has no command {name:?}; it has: {}{more}", names.join(", "));
        fields.refuse("name", message);
    }
}

fn check_args(input: &IssueCommand, known: Known<'_>, fields: &mut Fields) {
    // Without a schema only their size can be wrong.
    let any = serde_json::json!({});
    let schema = match known {
        Known::Entry(entry) => &entry.arguments,
        _ => &any,
    };
    for problem in arguments::check(schema, &input.args).err().into_iter().flatten() {
        fields.refuse(&problem.field, problem.message);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use millwright_core::fields::InvalidFields;
    use millwright_schemas::limits::COMMAND_ARGS_MAX_BYTES;
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
            remedy_for: Vec::new(),
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

    fn checked(input: &IssueCommand, known: Known<'_>) -> Result<Spans, InvalidFields> {
        let mut fields = Fields::default();
        let spans = check(input, known, &mut fields);
        fields.finish().map(|()| spans)
    }

    fn fields(input: &IssueCommand, known: Known<'_>) -> Vec<String> {
        let problems = checked(input, known).unwrap_err().0;
        problems.into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn what_is_left_out_is_the_catalogues() {
        let entry = entry();
        let spans = checked(&input(), Known::Entry(&entry)).unwrap();
        assert_eq!(spans, Spans { expires_in_s: 300, deadline_s: 30 });
        let untold = checked(&input(), Known::Untold).unwrap();
        assert_eq!(untold, Spans { expires_in_s: 300, deadline_s: 60 });
        let absurd = CatalogueEntry { deadline_s: i64::MAX, ..entry };
        assert_eq!(checked(&input(), Known::Entry(&absurd)).unwrap().deadline_s, 3_600);
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
        let told = checked(&wrong, Known::Missing(&commands)).unwrap_err().0;
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
