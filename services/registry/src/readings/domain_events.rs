//! What has changed, as events.

use millwright_core::access::{Caller, Permission};
use millwright_schemas::api::events::DomainEventQuery;
use millwright_schemas::api::page::{LIMIT_DEFAULT, LIMIT_MAX};
use millwright_store::events::{self, DomainEvent};
use millwright_store::page::InvalidPage;
use millwright_store::{Scope, Store};

use super::parameters::{is_word, shown};
use crate::RegistryError;
use crate::limits::EVENT_TYPES_MAX;

/// Events after a position.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// The events, in the order of commits.
    pub events: Vec<DomainEvent>,
    /// Where to go on: everything up to it has been seen.
    pub next_after: i64,
    /// Whether there may be more now.
    pub more: bool,
}

/// What has changed in the caller's organization and all below it.
///
/// # Errors
/// Not permitted, no such page, a condition can't be accepted, or the database can't.
pub async fn domain_events(
    store: &Store,
    caller: &Caller,
    wanted: &DomainEventQuery,
) -> Result<EventPage, RegistryError> {
    caller.require(Permission::ReadEvents)?;
    let limit = wanted.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(InvalidPage::Limit(limit).into());
    }
    let (after, types) = (start(wanted)?, event_types(wanted.types.as_deref())?);
    let scope = Scope::Organization(caller.organization);
    // Before the events: what is given a position meanwhile comes next time.
    let last = events::last_position(store).await?;
    let events = events::after(store, scope, after, &types, u64::from(limit)).await?;
    let more = events.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let seen = events.last().map_or(after, |event| event.position);
    let next_after = if more { seen } else { seen.max(last) };
    Ok(EventPage { events, next_after, more })
}

/// Where the page begins: `cursor` is what every other list calls it.
fn start(wanted: &DomainEventQuery) -> Result<i64, RegistryError> {
    let Some(cursor) = &wanted.cursor else { return event_position(wanted.after) };
    if wanted.after.is_some() {
        return Err(RegistryError::field("cursor", "give after or cursor, not both"));
    }
    let position = cursor.parse().ok().filter(|position| *position >= 0);
    position.ok_or_else(|| InvalidPage::Cursor(cursor.chars().take(64).collect()).into())
}

/// A position to go on after; by default the beginning.
///
/// # Errors
/// It is below 0.
pub fn event_position(after: Option<i64>) -> Result<i64, RegistryError> {
    match after.unwrap_or(0) {
        after @ 0.. => Ok(after),
        after => Err(RegistryError::field("after", format!("{after} is below 0"))),
    }
}

/// Types of events, separated by commas; empty: all.
///
/// # Errors
/// One can't be a type, or they are too many.
pub fn event_types(list: Option<&str>) -> Result<Vec<String>, RegistryError> {
    let types: Vec<String> = list
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    if types.len() > EVENT_TYPES_MAX {
        let message = format!("{} types, more than {EVENT_TYPES_MAX}", types.len());
        return Err(RegistryError::field("types", message));
    }
    let known = |word: &str| is_word(word.strip_suffix(".*").unwrap_or(word));
    if let Some(wrong) = types.iter().find(|word| !known(word)) {
        let message =
            format!("{:?} is not a type such as machine.created or machine.*", shown(wrong));
        return Err(RegistryError::field("types", message));
    }
    Ok(types)
}
