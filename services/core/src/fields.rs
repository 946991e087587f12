//! Rules of single fields of a request; all that are broken are told at once.

use std::collections::BTreeMap;

use millwright_schemas::api::problem::FieldProblem;

/// Other systems that can know one object.
pub const EXTERNAL_IDS_MAX: usize = 20;
/// Longest name of another system, in bytes: `a-z 0-9 _ . -`.
pub const EXTERNAL_SYSTEM_MAX: usize = 64;
/// Longest id in another system, in characters.
pub const EXTERNAL_ID_MAX: usize = 200;

/// Fields that break their rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} of the request's fields can't be accepted", .0.len())]
pub struct InvalidFields(pub Vec<FieldProblem>);

impl InvalidFields {
    /// One field that breaks its rule.
    #[must_use]
    pub fn one(field: &str, message: impl Into<String>) -> Self {
        Self(vec![FieldProblem { field: field.to_owned(), message: message.into() }])
    }
}

/// Collects what is wrong.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldProblem>);

impl Fields {
    /// One line of text, 1 to `max` characters.
    pub fn text(&mut self, field: &str, value: &str, max: usize) {
        if let Some(message) = wrong_text(value, max) {
            self.refuse(field, message);
        }
    }

    /// Text of any number of lines, 1 to `max` characters.
    pub fn lines(&mut self, field: &str, value: &str, max: usize) {
        if value.trim().is_empty() {
            self.refuse(field, format!("is empty; 1 to {max} characters are needed"));
        } else {
            self.lines_or_none(field, value, max);
        }
    }

    /// Text of any number of lines that may be empty, up to `max` characters.
    pub fn lines_or_none(&mut self, field: &str, value: &str, max: usize) {
        let length = value.chars().count();
        if length > max {
            self.refuse(field, format!("has {length} characters, at most {max} fit"));
        } else if value.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            self.refuse(field, "contains a control character");
        }
    }

    /// A number within bounds, ends included.
    pub fn range(&mut self, field: &str, value: i64, allowed: &std::ops::RangeInclusive<i64>) {
        if !allowed.contains(&value) {
            let (least, most) = (allowed.start(), allowed.end());
            self.refuse(field, format!("{value} is not between {least} and {most}"));
        }
    }

    /// What other systems call an object: system → id.
    pub fn external_ids(&mut self, ids: &BTreeMap<String, String>) {
        if ids.len() > EXTERNAL_IDS_MAX {
            let message = format!("has {} systems, at most {EXTERNAL_IDS_MAX} fit", ids.len());
            self.refuse("external_ids", message);
            return;
        }
        for (system, id) in ids {
            if !is_system(system) {
                let shown: String = system.chars().take(EXTERNAL_SYSTEM_MAX).collect();
                let message = format!(
                    "{shown:?} is not the name of a system: 1 to {EXTERNAL_SYSTEM_MAX} of a-z 0-9 _ . -"
                );
                self.refuse("external_ids", message);
            } else if let Some(message) = wrong_text(id, EXTERNAL_ID_MAX) {
                self.refuse(&format!("external_ids.{system}"), message);
            }
        }
    }

    /// A field breaks its rule.
    pub fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldProblem { field: field.to_owned(), message: message.into() });
    }

    /// Whether all is well.
    ///
    /// # Errors
    /// All fields that break their rules.
    pub fn finish(self) -> Result<(), InvalidFields> {
        if self.0.is_empty() { Ok(()) } else { Err(InvalidFields(self.0)) }
    }
}

/// Whether this can be the name of another system.
#[must_use]
pub fn is_system(name: &str) -> bool {
    (1..=EXTERNAL_SYSTEM_MAX).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-'))
}

/// Reads `system:id`, by which a list is asked for what another system calls so.
///
/// # Errors
/// What is wrong with it, with the value.
pub fn external_id(text: &str) -> Result<(String, String), String> {
    text.split_once(':')
        .filter(|(system, id)| is_system(system) && wrong_text(id, EXTERNAL_ID_MAX).is_none())
        .map(|(system, id)| (system.to_owned(), id.to_owned()))
        .ok_or_else(|| {
            let shown: String = text.chars().take(EXTERNAL_SYSTEM_MAX).collect();
            format!(
                "{shown:?} is not of the form system:id, such as crm:4711; \
                 an id has 1 to {EXTERNAL_ID_MAX} characters"
            )
        })
}

/// What is wrong with a text of one line that needs 1 to `max` characters; `None`: nothing.
#[must_use]
pub fn wrong_text(value: &str, max: usize) -> Option<String> {
    let length = value.chars().count();
    if length > max {
        return Some(format!("has {length} characters, at most {max} fit"));
    }
    if value.trim().is_empty() {
        return Some(format!("is empty; 1 to {max} characters are needed"));
    }
    if value.trim().len() != value.len() {
        return Some("begins or ends with a space".to_owned());
    }
    if value.chars().any(char::is_control) {
        return Some("contains a control character".to_owned());
    }
    None
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn texts_outside_the_rules_are_told() {
        for (value, expected) in [
            ("", Some("is empty; 1 to 5 characters are needed")),
            ("  ", Some("is empty; 1 to 5 characters are needed")),
            ("abcdef", Some("has 6 characters, at most 5 fit")),
            ("äöüßé", None),
            (" a", Some("begins or ends with a space")),
            ("a\u{0}b", Some("contains a control character")),
            ("a\nb", Some("contains a control character")),
        ] {
            assert_eq!(wrong_text(value, 5).as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn an_external_id_is_read_with_its_system() {
        let read = |text: &str| external_id(text).ok();
        assert_eq!(read("crm:4711"), Some(("crm".to_owned(), "4711".to_owned())));
        assert_eq!(read("crm:a:b"), Some(("crm".to_owned(), "a:b".to_owned())));
        for wrong in ["", "crm", "crm:", ":4711", "CRM:1", "crm: 1", "crm:a\u{0}", "c rm:1"] {
            let told = external_id(wrong).expect_err(wrong);
            assert!(told.contains(&format!("{wrong:?}")), "{told}");
        }
        let longest = "x".repeat(EXTERNAL_ID_MAX);
        assert!(external_id(&format!("crm:{longest}")).is_ok());
        assert!(external_id(&format!("crm:{longest}x")).is_err());
    }

    #[test]
    fn lines_may_break_but_not_be_empty() {
        for (value, faults) in
            [("a\nb", 0), (" a ", 0), ("\n", 1), ("", 1), ("abcdef", 1), ("a\u{0}", 1)]
        {
            let mut fields = Fields::default();
            fields.lines("text", value, 5);
            assert_eq!(fields.0.len(), faults, "{value:?}");
        }
        let mut fields = Fields::default();
        fields.lines_or_none("text", "", 5);
        assert_eq!(fields.finish(), Ok(()));
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let mut fields = Fields::default();
        fields.text("name", "", 10);
        fields.range("for_s", 59, &(60..=100));
        fields.external_ids(&BTreeMap::from([("CRM".to_owned(), "1".to_owned())]));
        let problems = fields.finish().expect_err("three faults").0;
        let named: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(named, ["name", "for_s", "external_ids"]);
        assert_eq!(problems[1].message, "59 is not between 60 and 100");
    }
}
