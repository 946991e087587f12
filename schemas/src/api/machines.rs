//! Machines: what is registered, where it stands, whether it is connected.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page::PageQuery;
use super::rules::Parameters;
use crate::ids::{MachineId, OrganizationId, SiteId};
use crate::time::Timestamp;
use crate::wire::events::Severity;
use crate::wire::rules::RefusedRule;
use crate::words::words;

words! {
    /// How much depends on a machine.
    Criticality, "criticality", {
        /// People or the whole production depend on it: tickets are one step more urgent.
        High = "high",
        /// As usual.
        Normal = "normal",
        /// Nobody waits for it: tickets are one step less urgent.
        Low = "low",
    }
}

/// Where a machine is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MachineState {
    /// Known, but has never made contact.
    Registered,
    /// Has enrolled, or made contact with a device token.
    Commissioned,
    /// Out of use for good; its credentials are revoked.
    Decommissioned,
}

impl MachineState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Registered, Self::Commissioned, Self::Decommissioned];

    /// The word in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Commissioned => "commissioned",
            Self::Decommissioned => "decommissioned",
        }
    }
}

impl fmt::Display for MachineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that isn't a state of a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a state of a machine: registered, commissioned or decommissioned")]
pub struct UnknownMachineState(String);

impl FromStr for MachineState {
    type Err = UnknownMachineState;

    fn from_str(word: &str) -> Result<Self, UnknownMachineState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| UnknownMachineState(word.chars().take(64).collect()))
    }
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Machine {
    /// Its id.
    pub id: MachineId,
    /// Its name.
    pub name: String,
    /// Serial number, unique within its organization.
    pub serial_number: String,
    /// Its model, as its maker calls it.
    pub model: Option<String>,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Where it stands.
    pub site_id: Option<SiteId>,
    /// The machine that connects it: a site gateway.
    pub parent_id: Option<MachineId>,
    /// What other systems call it: system → id.
    pub external_ids: BTreeMap<String, String>,
    /// How much depends on it.
    pub criticality: Criticality,
    /// Limits of its own, by name, to which rules refer; left out when it has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, f64>)]
    pub parameters: Parameters,
    /// Where it is in its life.
    pub state: MachineState,
    /// Until when it is in maintenance at the latest; null when it isn't.
    pub maintenance_until: Option<Timestamp>,
    /// Counts its changes; the `ETag`.
    pub version: i64,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it first made contact.
    pub commissioned_at: Option<Timestamp>,
    /// When it was taken out of use.
    pub decommissioned_at: Option<Timestamp>,
    /// Its connection; not a part of what `version` counts.
    pub connection: MachineConnection,
    /// Its alarms now; left out when the caller may not see alarms. Not a part of what `version`
    /// counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarms: Option<MachineAlarms>,
    /// The rules that it watches by itself; left out in lists, when its agent can't watch by rules,
    /// and when the caller may not see rules. Not a part of what `version` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<MachineRules>,
}

/// The rules that a machine's agent watches by itself, with or without a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineRules {
    /// The version of its rules that the machine should have; 0 when there were none yet.
    pub wanted_version: i64,
    /// The version that it has, as it said last; 0: none.
    pub applied_version: i64,
    /// When it said so.
    pub applied_at: Timestamp,
    /// How many rules watch on the machine.
    pub watching: i64,
    /// Rules that found no room in what is sent to the machine; the platform watches them.
    pub left_out: i64,
    /// Rules that the machine was given and doesn't watch; the platform does.
    pub refused: Vec<RefusedRule>,
}

/// How many alarms of a machine want attention: active, and neither suppressed nor shelved nor out
/// of service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineAlarms {
    /// All of them.
    pub active: u32,
    /// Those that nobody has acknowledged.
    pub unacknowledged: u32,
    /// The worst severity among them; null when there are none.
    pub worst: Option<Severity>,
}

/// A machine's MQTT connection and clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineConnection {
    /// Whether it is connected now.
    pub connected: bool,
    /// When the last connection began.
    pub connected_at: Option<Timestamp>,
    /// When the last connection ended; null while connected.
    pub disconnected_at: Option<Timestamp>,
    /// Why it ended.
    pub reason: Option<String>,
    /// When something was last received from it.
    pub last_seen_at: Option<Timestamp>,
    /// MQTT version: `3.1.1` or `5`.
    pub protocol: Option<String>,
    /// How far its clock is ahead of the platform's, in milliseconds.
    pub clock_offset_ms: Option<i64>,
}

/// A new machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateMachine {
    /// 1 to 200 characters.
    pub name: String,
    /// 1 to 100 characters, unique within the organization.
    pub serial_number: String,
    /// 1 to 100 characters.
    #[serde(default)]
    pub model: Option<String>,
    /// Where it stands.
    #[serde(default)]
    pub site_id: Option<SiteId>,
    /// Whose it is; the caller's organization when left out.
    #[serde(default)]
    pub organization_id: Option<OrganizationId>,
    /// The machine that connects it; one that has no parent itself.
    #[serde(default)]
    pub parent_id: Option<MachineId>,
    /// What other systems call it: system → id.
    #[serde(default)]
    pub external_ids: BTreeMap<String, String>,
    /// How much depends on it; `normal` when left out.
    #[serde(default)]
    pub criticality: Option<Criticality>,
}

/// Changes to a machine; what is left out stays, null clears.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateMachine {
    /// 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 1 to 100 characters, unique within the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// 1 to 100 characters.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub model: Option<Option<String>>,
    /// Where it stands.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<SiteId>)]
    pub site_id: Option<Option<SiteId>>,
    /// The machine that connects it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MachineId>)]
    pub parent_id: Option<Option<MachineId>>,
    /// Replaces all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_ids: Option<BTreeMap<String, String>>,
    /// How much depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criticality: Option<Criticality>,
    /// Replaces all of them: names of 1 to 64 of `a-z 0-9 _ .` with numbers, up to 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, f64>>)]
    pub parameters: Option<Parameters>,
}

/// Tells null (`Some(None)`) from left out (`None`).
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Which machines are wanted; all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MachineQuery {
    /// In this state.
    pub state: Option<MachineState>,
    /// At this site.
    pub site_id: Option<SiteId>,
    /// Of this organization and all below it.
    pub organization_id: Option<OrganizationId>,
    /// Connected by this machine.
    pub parent_id: Option<MachineId>,
    /// Of this model.
    pub model: Option<String>,
    /// A part of the name or the serial number.
    pub q: Option<String>,
    /// `system:id`, as another system calls it.
    pub external_id: Option<String>,
    /// Items a page, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl MachineQuery {
    /// Which page of them is wanted.
    #[must_use]
    pub fn page(&self) -> PageQuery {
        PageQuery { limit: self.limit, cursor: self.cursor.clone() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn null_clears_and_left_out_stays() {
        let update: UpdateMachine =
            serde_json::from_str(r#"{"model":null,"name":"Lift 3"}"#).expect("parses");
        assert_eq!(update.model, Some(None));
        assert_eq!(update.site_id, None);
        assert_eq!(update.name.as_deref(), Some("Lift 3"));
    }

    #[test]
    fn the_words_of_states_are_the_same_everywhere() {
        for state in MachineState::ALL {
            let json = serde_json::to_value(state).expect("serialises");
            assert_eq!(json, state.as_str());
            assert_eq!(state.as_str().parse(), Ok(state));
        }
    }
}
