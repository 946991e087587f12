//! What this machine can be told to do, and what of it is allowed.

use std::collections::BTreeMap;

use millwright_core::arguments;
use millwright_schemas::wire::command::{CatalogueEntry, Rejection};
use serde_json::{Map, Value};

/// A command of the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// What is told of it.
    pub entry: CatalogueEntry,
    /// Whether the local policy allows it.
    pub allowed: bool,
}

/// The commands of a machine by their names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalogue(BTreeMap<String, Listed>);

/// Why a command isn't done, for the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotListed {
    /// For programs.
    pub reason: Rejection,
    /// For people.
    pub error: String,
}

impl Catalogue {
    /// Adds a command; false when its name is taken.
    pub fn add(&mut self, listed: Listed) -> bool {
        let name = listed.entry.name.clone();
        match self.0.entry(name) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(listed);
                true
            }
            std::collections::btree_map::Entry::Occupied(_) => false,
        }
    }

    /// What the platform is told: all that is allowed.
    #[must_use]
    pub fn offered(&self) -> Vec<CatalogueEntry> {
        let allowed = self.0.values().filter(|listed| listed.allowed);
        allowed.map(|listed| listed.entry.clone()).collect()
    }

    /// How many commands are allowed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().filter(|listed| listed.allowed).count()
    }

    /// Whether nothing is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The command, when it is there, allowed, and the arguments fit its schema.
    ///
    /// # Errors
    /// Why it isn't done.
    pub fn find(
        &self,
        name: &str,
        args: &Map<String, Value>,
    ) -> Result<&CatalogueEntry, NotListed> {
        let shown: String = name.chars().take(80).collect();
        let Some(listed) = self.0.get(name) else {
            let error = format!("there is no command {shown:?} on this machine");
            return Err(NotListed { reason: Rejection::UnknownCommand, error });
        };
        if !listed.allowed {
            let error = format!("the local configuration forbids {shown:?}");
            return Err(NotListed { reason: Rejection::Forbidden, error });
        }
        arguments::check(&listed.entry.arguments, args).map_err(|faults| {
            let faults: Vec<String> =
                faults.iter().map(|fault| format!("{}: {}", fault.field, fault.message)).collect();
            let error = faults.join("; ").chars().take(1_000).collect();
            NotListed { reason: Rejection::InvalidArguments, error }
        })?;
        Ok(&listed.entry)
    }
}
