//! Finding commands, and what machines can be told to do.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::api::commands::{Catalogue, Command, CommandQuery};
use millwright_schemas::api::page::Page;
use millwright_schemas::{CommandId, MachineId};
use millwright_store::commands::{self, Filter, capabilities};
use millwright_store::machines::fleet;
use millwright_store::page::PageRequest;
use millwright_store::{Scope, Store};
use uuid::Uuid;

use crate::DispatchError;

/// A command that the caller sees.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn get(store: &Store, caller: &Caller, id: CommandId) -> Result<Command, DispatchError> {
    caller.require(Permission::ReadCommands)?;
    Ok(commands::get(store, Scope::Organization(caller.organization), id).await?.command)
}

/// The commands that the caller sees and wants, newest first.
///
/// # Errors
/// Not permitted, no such page, or the database can't.
pub async fn list(
    store: &Store,
    caller: &Caller,
    wanted: &CommandQuery,
) -> Result<Page<Command>, DispatchError> {
    caller.require(Permission::ReadCommands)?;
    let page = PageRequest::<Uuid>::parse("commands", &wanted.page())?;
    let filter =
        Filter { machine: wanted.machine_id, ticket: wanted.ticket_id, state: wanted.state };
    let scope = Scope::Organization(caller.organization);
    let items = commands::list(store, scope, filter, &page).await?;
    Ok(page.page(items, |item| item.id.uuid()))
}

/// The same of one machine, which the caller must see.
///
/// # Errors
/// Not permitted, the machine isn't found, no such page, or the database can't.
pub async fn list_of_machine(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
    wanted: CommandQuery,
) -> Result<Page<Command>, DispatchError> {
    caller.require(Permission::ReadCommands)?;
    fleet::get(store, Scope::Organization(caller.organization), machine).await?;
    list(store, caller, &CommandQuery { machine_id: Some(machine), ..wanted }).await
}

/// What a machine that the caller sees can be told to do.
///
/// # Errors
/// Not permitted, not found, or the database can't.
pub async fn catalogue(
    store: &Store,
    caller: &Caller,
    machine: MachineId,
) -> Result<Catalogue, DispatchError> {
    caller.require(Permission::ReadCommands)?;
    let scope = Scope::Organization(caller.organization);
    let told = capabilities::get(store, scope, machine).await?;
    Ok(match told {
        None => Catalogue {
            known: false,
            agent_version: None,
            ledger: None,
            reported_at: None,
            commands: Vec::new(),
        },
        Some((told, at)) => {
            let mut commands = told.commands;
            commands.sort_by(|a, b| a.name.cmp(&b.name));
            Catalogue {
                known: true,
                agent_version: Some(told.version),
                ledger: Some(told.ledger),
                reported_at: Some(at),
                commands,
            }
        }
    })
}
