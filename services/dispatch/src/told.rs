//! What machines' agents tell of themselves.

use std::collections::BTreeSet;

use millwright_core::command::{Told, after_told};
use millwright_schemas::limits::{
    ARGUMENT_SCHEMA_MAX_BYTES, CATALOGUE_COMMANDS_MAX, REMEDIES_MAX, SIGNAL_INFOS_MAX,
};
use millwright_schemas::wire::command::{Capabilities, is_command_name, is_unit};
use millwright_schemas::wire::events::is_fault_code;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::commands::{self, capabilities, contact};
use millwright_store::telemetry::units;
use millwright_store::work::CapabilitiesReported;
use millwright_store::{Scope, Tx};

use crate::change::{Move, Moved, apply};
use crate::limits::AGENT_VERSION_MAX_CHARS;
use crate::{Dispatch, WorkError};

impl Dispatch {
    /// Keeps what the agent told, draws from its ledger what has become of commands, and sends
    /// what is due.
    pub(crate) async fn take_capabilities(
        &self,
        reported: CapabilitiesReported,
        now: Timestamp,
    ) -> Result<(), WorkError> {
        let CapabilitiesReported { machine, ts, received_at, capabilities: told } = reported;
        let told = usable(told);
        let rules_version = told.rules_version;
        let tx = self.store().begin().await?;
        let before = capabilities::load(&tx, machine).await?.map(|told| told.ledger);
        capabilities::put(&tx, machine, &told, received_at).await?;
        units::put(&tx, machine, &told.signals).await?;
        let told = Told {
            ledger: told.ledger,
            before,
            last_ord: told.last_ord,
            reported_ord: told.reported_ord,
            ts,
        };
        let moved = self.conclude(&tx, machine, &told, now).await?;
        tx.commit().await?;
        for (stored, moved) in &moved {
            self.settle(stored, moved, now);
        }
        self.send_due(machine, now).await?;
        match rules_version {
            Some(version) => self.welcome(machine, version, received_at, now).await,
            None => Ok(()),
        }
    }

    async fn conclude(
        &self,
        tx: &Tx,
        machine: MachineId,
        told: &Told,
        now: Timestamp,
    ) -> Result<Vec<(commands::StoredCommand, Moved)>, WorkError> {
        let contact = contact::load(tx, machine).await?;
        let mut open = commands::load_open(tx, machine).await?;
        self.recall(&mut open);
        let mut all = Vec::new();
        for standing in &open {
            let Some(event) = after_told(standing, told, &contact, now) else { continue };
            let mut stored = commands::load(tx, Scope::Platform, standing.id).await?;
            let moved = apply(tx, &mut stored, &Move::of_platform(event, now)).await?;
            all.push((stored, moved));
        }
        Ok(all)
    }
}

/// What can be used of it: an agent that breaks the bounds loses what is beyond.
fn usable(mut told: Capabilities) -> Capabilities {
    told.version = told.version.chars().take(AGENT_VERSION_MAX_CHARS).collect();
    let before = told.commands.len();
    let mut names = BTreeSet::new();
    told.commands.retain(|entry| {
        is_command_name(&entry.name)
            && entry.arguments.to_string().len() <= ARGUMENT_SCHEMA_MAX_BYTES
            && names.insert(entry.name.clone())
    });
    told.commands.truncate(CATALOGUE_COMMANDS_MAX);
    for entry in &mut told.commands {
        entry.remedy_for.retain(|code| is_fault_code(code));
        entry.remedy_for.truncate(REMEDIES_MAX);
    }
    let mut signals = BTreeSet::new();
    told.signals.retain(|info| signals.insert(info.signal.clone()));
    told.signals.truncate(SIGNAL_INFOS_MAX);
    for info in &mut told.signals {
        info.unit = info.unit.take().filter(|unit| is_unit(unit));
    }
    if told.commands.len() < before {
        let lost = before - told.commands.len();
        tracing::warn!(commands = lost, "commands of a catalogue break its bounds");
    }
    told
}
