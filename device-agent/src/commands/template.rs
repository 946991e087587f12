//! An argument of a program, with places for the command's arguments. Pure. No shell ever sees it:
//! what is put in stays one argument, whatever characters it has.

use std::str::FromStr;

use serde_json::{Map, Value};

/// A program's argument: text and places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(String),
}

impl FromStr for Template {
    type Err = &'static str;

    /// `{name}` is a place; `{{` and `}}` are braces.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const UNCLOSED: &str = "a { must be closed by a }, or written {{";
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\0' => return Err("must not contain a NUL"),
                '{' | '}' if rest.next_if_eq(&c).is_some() => plain.push(c),
                '}' => return Err("a } without a { must be written }}"),
                '{' => {
                    let mut name = String::new();
                    loop {
                        match rest.next().ok_or(UNCLOSED)? {
                            '}' => break,
                            '{' => return Err(UNCLOSED),
                            c => name.push(c),
                        }
                    }
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(Part::Place(name));
                }
                c => plain.push(c),
            }
        }
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }
}

impl Template {
    /// The names in its places.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Place(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The program's argument. `None`: it is left out, because an argument of the command that it
    /// has a place for isn't given.
    ///
    /// # Errors
    /// The name of the argument that no program can be given.
    pub(super) fn fill(&self, args: &Map<String, Value>) -> Result<Option<String>, String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Place(name) => match args.get(name) {
                    None | Some(Value::Null) => return Ok(None),
                    Some(Value::String(value)) if value.contains('\0') => return Err(name.clone()),
                    Some(Value::String(value)) => text.push_str(value),
                    Some(other) => text.push_str(&other.to_string()),
                },
            }
        }
        Ok(Some(text))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(template: &str, args: &Value) -> Result<Option<String>, String> {
        template.parse::<Template>().unwrap().fill(args.as_object().unwrap())
    }

    #[test]
    fn values_are_put_in_as_they_are() {
        let args = json!({
            "a": "x; touch y", "n": 1.5, "b": true, "empty": "", "null": null, "list": [1, "2"],
            "nested": "{n}",
        });
        for (template, expected) in [
            ("{a}", Some("x; touch y")),
            ("--speed={n}", Some("--speed=1.5")),
            ("{n}{b}", Some("1.5true")),
            ("{empty}", Some("")),
            ("plain", Some("plain")),
            ("", Some("")),
            ("{{{n}}}", Some("{1.5}")),
            ("{list}", Some("[1,\"2\"]")),
            ("{nested}", Some("{n}")),
            ("--x={null}", None),
            ("--x={missing}", None),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(filled(template, &args), Ok(expected), "{template}");
        }
        assert_eq!(filled("{a}", &json!({"a": "x\0y"})), Err("a".to_owned()));
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for wrong in ["{a", "a}", "{a{b}}", "{", "}", "a\0b"] {
            assert!(wrong.parse::<Template>().is_err(), "{wrong:?}");
        }
        let template: Template = "{a}-{{b}}-{c}".parse().unwrap();
        assert_eq!(template.names().collect::<Vec<_>>(), ["a", "c"]);
    }
}
