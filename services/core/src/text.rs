//! Texts that people give: names, reasons, messages.

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
}
