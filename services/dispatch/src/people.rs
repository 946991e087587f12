//! Who stands behind an actor.

use millwright_core::access::{Actor, Caller, Forbidden};
use millwright_core::command::permission;
use millwright_schemas::UserId;
use millwright_schemas::limits::COMMAND_TEXT_MAX_CHARS;
use millwright_schemas::wire::command::CommandClass;
use millwright_store::people::{api_tokens, users};
use millwright_store::{Scope, StoreError, Tx};

/// What the platform is called on machines.
const PLATFORM_NAME: &str = "Millwright";

/// The name that the operator on site reads.
pub(crate) async fn name_of(tx: &Tx, actor: Actor) -> Result<String, StoreError> {
    let (found, id) = match actor {
        Actor::User(id) => {
            (users::get_for_update(tx, Scope::Platform, id).await.map(|it| it.name), id.to_string())
        }
        Actor::ApiToken(id) => {
            (api_tokens::get(tx, Scope::Platform, id).await.map(|it| it.name), id.to_string())
        }
        Actor::Machine(id) => (Ok(format!("machine {id}")), String::new()),
        Actor::Platform => (Ok(PLATFORM_NAME.to_owned()), String::new()),
    };
    let name = match found {
        Err(StoreError::NotFound(_)) => id,
        found => found?,
    };
    Ok(name.chars().take(COMMAND_TEXT_MAX_CHARS).collect())
}

/// The person that an actor is, or whose token it is.
pub(crate) async fn person_of(tx: &Tx, actor: Actor) -> Result<Option<UserId>, StoreError> {
    match actor {
        Actor::User(id) => Ok(Some(id)),
        Actor::ApiToken(id) => match api_tokens::get(tx, Scope::Platform, id).await {
            Err(StoreError::NotFound(_)) => Ok(None),
            token => Ok(Some(token?.created_by)),
        },
        Actor::Machine(_) | Actor::Platform => Ok(None),
    }
}

/// Whether the caller may issue commands of some class. Asked before it is known of which.
pub(crate) fn require_any(caller: &Caller) -> Result<(), Forbidden> {
    let first = caller.require(permission(CommandClass::Read));
    let any = CommandClass::ALL.iter().any(|class| caller.require(permission(*class)).is_ok());
    if any { Ok(()) } else { first }
}
