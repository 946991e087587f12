//! Domain events.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::audit::{ActorRef, SubjectRef};
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
    pub subject: SubjectRef,
    /// The object's version after the change, where it has one.
    pub version: Option<i64>,
    /// Who did it.
    pub actor: ActorRef,
    /// The system that the change came from, as its caller named it.
    pub origin: Option<String>,
    /// Details.
    pub data: Map<String, Value>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Whose it is.
    pub organization_id: OrganizationId,
}

/// Domain events after a position, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DomainEvents {
    /// The events.
    pub items: Vec<DomainEvent>,
    /// Where to go on: pass it as `after`. Moves past events that were filtered out.
    pub next_after: i64,
    /// As in other lists: pass it as `cursor` for the next page; null when this was the last one
    /// for now.
    pub next_cursor: Option<String>,
}

/// Which domain events are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DomainEventQuery {
    /// Events after this position; 0 for all.
    #[param(minimum = 0, default = 0)]
    pub after: Option<i64>,
    /// `next_cursor` of the page before, instead of `after`.
    pub cursor: Option<String>,
    /// Types, separated by commas; `machine.*` stands for all that start with `machine.`.
    pub types: Option<String>,
    /// Items, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

/// Which domain events are wanted as they happen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventStreamQuery {
    /// Events after this position; without it and `Last-Event-ID`, from now on.
    #[param(minimum = 0)]
    pub after: Option<i64>,
    /// Types, separated by commas; `machine.*` stands for all that start with `machine.`.
    pub types: Option<String>,
}
