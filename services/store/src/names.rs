//! What things are called: names for the ids that stand in an answer, a query for each kind of them.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use millwright_core::ticket::number_text;
use millwright_schemas::{ApiTokenId, MachineId, RuleId, TicketId, UserId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, TryGetable};
use uuid::Uuid;

use crate::entities::{api_token, machine, rule, ticket, user};
use crate::{Scope, Store, StoreError};

/// Something that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Named {
    /// A person, by their name; one who was erased has none.
    User(UserId),
    /// An API token, by its name, also when it was revoked.
    ApiToken(ApiTokenId),
    /// A machine, by its name.
    Machine(MachineId),
    /// A ticket, by its number, such as `T-1042`.
    Ticket(TicketId),
    /// A rule, by its name, also when it was deleted.
    Rule(RuleId),
}

/// The names of things within the scope; what isn't there has none.
///
/// # Errors
/// When the database can't be used.
pub async fn find<S: BuildHasher>(
    store: &Store,
    scope: Scope,
    wanted: &HashSet<Named, S>,
) -> Result<HashMap<Named, String>, StoreError> {
    let mut ids = Ids::default();
    for one in wanted {
        match one {
            Named::User(id) => ids.users.push(id.uuid()),
            Named::ApiToken(id) => ids.api_tokens.push(id.uuid()),
            Named::Machine(id) => ids.machines.push(id.uuid()),
            Named::Ticket(id) => ids.tickets.push(id.uuid()),
            Named::Rule(id) => ids.rules.push(id.uuid()),
        }
    }
    let mut names = HashMap::with_capacity(wanted.len());
    {
        use user::Column as C;
        let found = values(store, scope, ids.users, [C::Id, C::Name, C::OrganizationId]).await?;
        let alive = found.into_iter().filter(|(_, name): &(Uuid, String)| !name.is_empty());
        names.extend(alive.map(|(id, name)| (Named::User(UserId(id)), name)));
    }
    {
        use api_token::Column as C;
        let columns = [C::Id, C::Name, C::OrganizationId];
        let found = values(store, scope, ids.api_tokens, columns).await?;
        names.extend(found.into_iter().map(|(id, name)| (Named::ApiToken(ApiTokenId(id)), name)));
    }
    {
        use machine::Column as C;
        let found = values(store, scope, ids.machines, [C::Id, C::Name, C::OrganizationId]).await?;
        names.extend(found.into_iter().map(|(id, name)| (Named::Machine(MachineId(id)), name)));
    }
    {
        use ticket::Column as C;
        let found =
            values(store, scope, ids.tickets, [C::Id, C::Number, C::OrganizationId]).await?;
        let number = |(id, number)| (Named::Ticket(TicketId(id)), number_text(number));
        names.extend(found.into_iter().map(number));
    }
    {
        use rule::Column as C;
        let found = values(store, scope, ids.rules, [C::Id, C::Name, C::OrganizationId]).await?;
        names.extend(found.into_iter().map(|(id, name)| (Named::Rule(RuleId(id)), name)));
    }
    Ok(names)
}

/// The ids of each kind.
#[derive(Debug, Default)]
struct Ids {
    users: Vec<Uuid>,
    api_tokens: Vec<Uuid>,
    machines: Vec<Uuid>,
    tickets: Vec<Uuid>,
    rules: Vec<Uuid>,
}

/// Ids with a value each; no ids cost no query.
async fn values<C, T>(
    store: &Store,
    scope: Scope,
    ids: Vec<Uuid>,
    [id, value, organization]: [C; 3],
) -> Result<Vec<(Uuid, T)>, StoreError>
where
    C: ColumnTrait,
    C::EntityName: EntityTrait,
    T: TryGetable,
{
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = C::EntityName::find()
        .select_only()
        .column(id)
        .column(value)
        .filter(id.is_in(ids))
        .filter(scope.covers(organization));
    Ok(query.into_tuple().all(store.readers()).await?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{machine, organization, store};

    #[tokio::test]
    async fn names_are_found_within_the_scope() {
        let (store, _folder) = store().await;
        let [own, other] = [organization(&store, None).await, organization(&store, None).await];
        let [seen, unseen] = [machine(&store, own).await, machine(&store, other).await];
        let nobody = Named::User(UserId(Uuid::now_v7()));
        let wanted = HashSet::from([Named::Machine(seen), Named::Machine(unseen), nobody]);
        let names = find(&store, Scope::Organization(own), &wanted).await.unwrap();
        assert_eq!(names, HashMap::from([(Named::Machine(seen), "Test".to_owned())]));
        let none = find(&store, Scope::Organization(own), &HashSet::<Named>::new()).await.unwrap();
        assert!(none.is_empty());
    }
}
