//! Rules for what people enter. All fields at fault are told at once.

use millwright_schemas::Secret;
use millwright_schemas::api::problem::FieldProblem;

use super::limits::{EMAIL_MAX_BYTES, NAME_MAX_CHARS, PASSWORD_MAX_BYTES, PASSWORD_MIN_BYTES};

/// Fields that break their rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", text(.0))]
pub struct InvalidFields(pub Vec<FieldProblem>);

fn text(fields: &[FieldProblem]) -> String {
    let parts: Vec<_> =
        fields.iter().map(|field| format!("{}: {}", field.field, field.message)).collect();
    parts.join("; ")
}

/// Collects the fields at fault of one input.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<FieldProblem>);

impl Fields {
    pub(crate) fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldProblem { field: field.to_owned(), message: message.into() });
    }

    pub(crate) fn finish(self) -> Result<(), InvalidFields> {
        if self.0.is_empty() { Ok(()) } else { Err(InvalidFields(self.0)) }
    }

    /// A word of a fixed set, such as a role.
    pub(crate) fn word<T: std::str::FromStr>(&mut self, field: &str, value: &str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        value.parse().map_err(|error: T::Err| self.refuse(field, error.to_string())).ok()
    }

    /// An address: something, an `@`, something, no blanks. Whether it exists, a message tells.
    pub(crate) fn email(&mut self, field: &str, value: &str) {
        let parts = value.split_once('@');
        let shaped = parts.is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !host.contains('@')
        });
        let clean = !value.chars().any(|c| c.is_whitespace() || c.is_control());
        if value.len() > EMAIL_MAX_BYTES {
            self.refuse(field, format!("has {} bytes, at most {EMAIL_MAX_BYTES}", value.len()));
        } else if !shaped || !clean {
            self.refuse(field, format!("{value:?} is not an e-mail address"));
        }
    }

    pub(crate) fn name(&mut self, field: &str, value: &str) {
        let chars = value.chars().count();
        if value.trim().is_empty() {
            self.refuse(field, "is empty");
        } else if chars > NAME_MAX_CHARS {
            self.refuse(field, format!("has {chars} characters, at most {NAME_MAX_CHARS}"));
        } else if value.chars().any(char::is_control) {
            self.refuse(field, "has control characters");
        }
    }

    /// Length is what counts (NIST SP 800-63B); nothing is demanded of its characters.
    pub(crate) fn password(&mut self, field: &str, value: &Secret) {
        let bytes = value.expose().len();
        if !(PASSWORD_MIN_BYTES..=PASSWORD_MAX_BYTES).contains(&bytes) {
            self.refuse(
                field,
                format!("has {bytes} bytes; allowed: {PASSWORD_MIN_BYTES} to {PASSWORD_MAX_BYTES}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(check: impl FnOnce(&mut Fields)) -> usize {
        let mut fields = Fields::default();
        check(&mut fields);
        fields.finish().map_or_else(|error| error.0.len(), |()| 0)
    }

    #[test]
    fn addresses() {
        for good in ["admin@localhost", "a.b+c@example.org", "ü@exämple.de"] {
            assert_eq!(refused(|fields| fields.email("email", good)), 0, "{good}");
        }
        for bad in ["", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n"] {
            assert_eq!(refused(|fields| fields.email("email", bad)), 1, "{bad:?}");
        }
    }

    #[test]
    fn passwords() {
        let check = |text: String| refused(|fields| fields.password("p", &Secret::new(text)));
        assert_eq!(check("x".repeat(11)), 1);
        assert_eq!(check("x".repeat(12)), 0);
        assert_eq!(check("x".repeat(256)), 0);
        assert_eq!(check("x".repeat(257)), 1);
    }
}
