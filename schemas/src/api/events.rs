//! Domain events.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::ids::{EventId, OrganizationId};
use crate::time::Timestamp;

/// Something that has changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DomainEvent {
    /// Counts up in the order of commits; pass it as `after` to go on from here.
    pub position: i64,
    /// The event's id.
    pub id: EventId,
    /// What happened, such as `machine.fault_raised`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// To what.
    pub subject: EventSubject,
    /// The object's version after the change, where it has one.
    pub version: Option<i64>,
    /// Who did it.
    pub actor: EventActor,
    /// The system that the change came from, as its caller named it.
    pub origin: Option<String>,
    /// Details.
    pub data: Map<String, Value>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Whose it is.
    pub organization_id: OrganizationId,
}

/// The object that has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventSubject {
    /// Kind of object, such as `machine`.
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventActor {
    /// `user`, `api_token`, `machine` or `platform`.
    pub kind: String,
    /// Its id; the platform has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Domain events after a position, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DomainEvents {
    /// The events.
    pub items: Vec<DomainEvent>,
    /// Where to go on: pass it as `after`. Moves past events that were filtered out.
    pub next_after: i64,
}

/// Which domain events are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DomainEventQuery {
    /// Events after this position; 0 for all.
    #[param(minimum = 0, default = 0)]
    pub after: Option<i64>,
    /// Types, separated by commas; `machine.*` stands for all that start with `machine.`.
    pub types: Option<String>,
    /// Items, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}
