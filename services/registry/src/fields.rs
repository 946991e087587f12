//! Rules of single fields; all that are broken are told at once.

use std::collections::BTreeMap;

use millwright_core::text::wrong_text;
use millwright_schemas::api::problem::FieldProblem;

use crate::RegistryError;
use crate::limits::{EXTERNAL_ID_MAX, EXTERNAL_IDS_MAX, EXTERNAL_SYSTEM_MAX};

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<FieldProblem>);

impl Fields {
    pub(crate) fn text(&mut self, field: &str, value: &str, max: usize) {
        if let Some(message) = wrong_text(value, max) {
            self.refuse(field, message);
        }
    }

    pub(crate) fn time_zone(&mut self, field: &str, value: &str) {
        if value.parse::<chrono_tz::Tz>().is_err() {
            let shown: String = value.chars().take(64).collect();
            self.refuse(field, format!("{shown:?} is not an IANA time zone such as Europe/Vienna"));
        }
    }

    pub(crate) fn external_ids(&mut self, ids: &BTreeMap<String, String>) {
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

    pub(crate) fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldProblem { field: field.to_owned(), message: message.into() });
    }

    pub(crate) fn finish(self) -> Result<(), RegistryError> {
        if self.0.is_empty() { Ok(()) } else { Err(RegistryError::Invalid(self.0)) }
    }
}

/// Whether this can be the name of another system.
pub(crate) fn is_system(name: &str) -> bool {
    (1..=EXTERNAL_SYSTEM_MAX).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_told_at_once() {
        let mut fields = Fields::default();
        fields.text("name", "", 10);
        fields.time_zone("time_zone", "Mars/Olympus");
        fields.external_ids(&BTreeMap::from([("CRM".to_owned(), "1".to_owned())]));
        let Err(RegistryError::Invalid(problems)) = fields.finish() else {
            unreachable!("three faults");
        };
        let named: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(named, ["name", "time_zone", "external_ids"]);
        assert!(problems[1].message.contains("\"Mars/Olympus\""));
    }
}
