//! The machine's catalogue: the agent's own commands, the configured programs and what can be done
//! to the machines behind the drivers.

use std::collections::HashMap;

use millwright_schemas::limits::{CATALOGUE_COMMANDS_MAX, PAYLOAD_MAX_BYTES};
use millwright_schemas::wire::command::CatalogueEntry;

use super::builtin::Builtin;
use super::config::{CommandsConfig, Consent, ProgramConfig};
use crate::drivers::DriverCommands;
use crate::orders::{Catalogue, Listed};

/// What is left of a message for what surrounds the catalogue in it, in bytes.
const ENVELOPE_BYTES: usize = 4 * 1024;

/// Who carries a command out.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// The agent itself.
    Builtin(Builtin),
    /// A program on this machine.
    Program(Box<ProgramConfig>),
    /// A driver.
    Driver,
}

/// The catalogue and who carries each command out.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) catalogue: Catalogue,
    pub(super) actions: HashMap<String, Action>,
    /// What the catalogue leaves free in its message.
    pub(super) room_bytes: usize,
}

impl Offer {
    /// Puts it together. What has no room any more is left out and logged; it is then unknown.
    pub(super) fn new(config: &CommandsConfig, drivers: &DriverCommands) -> Self {
        let mut offer =
            Self { catalogue: Catalogue::default(), actions: HashMap::new(), room_bytes: 0 };
        let mut bytes = ENVELOPE_BYTES;
        let mut add = |entry: CatalogueEntry, action: Action, consent: Option<Consent>| {
            let rule = config.policy.rule(entry.class);
            let needs_consent = consent.unwrap_or(rule.consent(entry.class)) == Consent::Ask;
            let entry = CatalogueEntry { needs_consent, ..entry };
            let name = entry.name.clone();
            let size = serde_json::to_vec(&entry).map_or(0, |json| json.len() + 1);
            let fits =
                bytes + size <= PAYLOAD_MAX_BYTES && offer.actions.len() < CATALOGUE_COMMANDS_MAX;
            let allowed = config.enabled && rule.allowed;
            if fits && offer.catalogue.add(Listed { entry, allowed }) {
                offer.actions.insert(name, action);
                bytes += size;
            } else {
                tracing::error!(command.name = name, "left out: no room, or the name is taken");
            }
        };
        for builtin in Builtin::ALL {
            add(builtin.entry(), Action::Builtin(builtin), None);
        }
        for program in &config.programs {
            add(
                program_entry(program),
                Action::Program(Box::new(program.clone())),
                program.consent,
            );
        }
        for entry in drivers.catalogue() {
            add(entry, Action::Driver, None);
        }
        offer.room_bytes = PAYLOAD_MAX_BYTES - bytes;
        offer
    }
}

fn program_entry(program: &ProgramConfig) -> CatalogueEntry {
    CatalogueEntry {
        name: program.name.clone(),
        class: program.class,
        description: program.description.clone(),
        arguments: program.schema.clone(),
        needs_consent: true,
        deadline_s: program.deadline_s,
        remedy_for: program.remedy_for.clone(),
    }
}
