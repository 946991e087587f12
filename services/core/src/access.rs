//! Who may do what: the one permission table.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use millwright_schemas::api::audit::ActorRef;
use millwright_schemas::{ApiTokenId, MachineId, OrganizationId, UserId};
use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $kind:literal, { $($(#[doc = $vdoc:literal])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[doc = $vdoc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in JSON, tokens and the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What it means, for people.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => concat!($($vdoc),*).trim_start(),)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|item| item.as_str() == word).ok_or_else(|| {
                    UnknownWord {
                        kind: $kind,
                        word: word.chars().take(64).collect(),
                        allowed: Self::ALL.iter().map(|item| item.as_str()).collect::<Vec<_>>().join(", "),
                    }
                })
            }
        }
    };
}

/// A word that isn't a role or permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not a {kind}; allowed: {allowed}")]
pub struct UnknownWord {
    kind: &'static str,
    word: String,
    allowed: String,
}

words! {
    /// What a person is in an organization and all below it.
    Role, "role", {
        /// Everything, people and keys included.
        Admin = "admin",
        /// Runs the maintenance: machines, sites, rules, people's work.
        Manager = "manager",
        /// Works on machines.
        Technician = "technician",
        /// Works with a machine on site.
        Operator = "operator",
        /// Looks.
        Viewer = "viewer",
        /// Looks at what was done by whom.
        Auditor = "auditor",
    }
}

words! {
    /// One thing that may be done. Also the scope of an API token.
    Permission, "permission", {
        /// See organizations and sites.
        ReadOrganizations = "organizations.read",
        /// Create and change organizations and sites.
        WriteOrganizations = "organizations.write",
        /// See machines, their state and their certificates.
        ReadMachines = "machines.read",
        /// Register, change and decommission machines.
        WriteMachines = "machines.write",
        /// Create enrolment codes and device tokens, revoke certificates.
        EnrollMachines = "machines.enroll",
        /// See samples, reported events and their loss.
        ReadTelemetry = "telemetry.read",
        /// See domain events.
        ReadEvents = "events.read",
        /// See the people of an organization.
        ReadUsers = "users.read",
        /// Create and change people.
        WriteUsers = "users.write",
        /// Create and revoke API tokens.
        WriteApiTokens = "api_tokens.write",
        /// See alarms.
        ReadAlarms = "alarms.read",
        /// Acknowledge, shelve and clear alarms, take them out of service.
        WriteAlarms = "alarms.write",
        /// Switch maintenance mode of machines.
        MaintainMachines = "machines.maintain",
        /// See rules.
        ReadRules = "rules.read",
        /// Create, change and delete rules.
        WriteRules = "rules.write",
        /// See tickets.
        ReadTickets = "tickets.read",
        /// Comment on tickets.
        CommentTickets = "tickets.comment",
        /// Open, change, move and assign tickets.
        WriteTickets = "tickets.write",
        /// See commands and what machines can be told to do.
        ReadCommands = "commands.read",
        /// Issue commands that only look, and cancel commands.
        IssueReadCommands = "commands.issue.read",
        /// Issue commands that change settings.
        IssueConfigureCommands = "commands.issue.configure",
        /// Issue commands that can move something.
        IssueMotionCommands = "commands.issue.motion",
        /// Issue commands that change or restart software.
        IssueSoftwareCommands = "commands.issue.software",
        /// Approve other people's commands.
        ApproveCommands = "commands.approve",
        /// See policies.
        ReadPolicies = "policies.read",
        /// Change policies.
        WritePolicies = "policies.write",
        /// See the audit log.
        ReadAudit = "audit.read",
        /// Rotate signing keys and CAs, see the platform's health in full.
        OperatePlatform = "platform.operate",
    }
}

impl Role {
    /// Whether the role includes the permission. This is the table.
    #[must_use]
    pub const fn allows(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Admin => true,
            Self::Manager => !matches!(permission, P::WriteUsers | P::OperatePlatform),
            Self::Technician => matches!(
                permission,
                P::ReadOrganizations
                    | P::ReadMachines
                    | P::EnrollMachines
                    | P::MaintainMachines
                    | P::ReadTelemetry
                    | P::ReadEvents
                    | P::ReadUsers
                    | P::ReadAlarms
                    | P::WriteAlarms
                    | P::ReadRules
                    | P::ReadTickets
                    | P::CommentTickets
                    | P::WriteTickets
                    | P::ReadCommands
                    | P::IssueReadCommands
                    | P::IssueConfigureCommands
                    | P::IssueMotionCommands
                    | P::IssueSoftwareCommands
                    | P::ReadPolicies
            ),
            Self::Operator => {
                Self::Viewer.allows(permission)
                    || matches!(permission, P::WriteAlarms | P::CommentTickets)
            }
            Self::Viewer => matches!(
                permission,
                P::ReadOrganizations
                    | P::ReadMachines
                    | P::ReadTelemetry
                    | P::ReadEvents
                    | P::ReadAlarms
                    | P::ReadRules
                    | P::ReadTickets
                    | P::ReadCommands
            ),
            Self::Auditor => matches!(
                permission,
                P::ReadOrganizations
                    | P::ReadMachines
                    | P::ReadTelemetry
                    | P::ReadEvents
                    | P::ReadUsers
                    | P::ReadAlarms
                    | P::ReadRules
                    | P::ReadTickets
                    | P::ReadCommands
                    | P::ReadPolicies
                    | P::ReadAudit
            ),
        }
    }

    /// All permissions of the role.
    #[must_use]
    pub fn permissions(self) -> BTreeSet<Permission> {
        Permission::ALL.iter().copied().filter(|permission| self.allows(*permission)).collect()
    }
}

/// Who does something. Stands in audit records and domain events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Actor {
    /// A person.
    User(UserId),
    /// A script or an integration.
    ApiToken(ApiTokenId),
    /// A machine.
    Machine(MachineId),
    /// The platform itself.
    Platform,
}

impl From<Actor> for ActorRef {
    fn from(actor: Actor) -> Self {
        let (kind, id) = match actor {
            Actor::User(id) => ("user", Some(id.uuid())),
            Actor::ApiToken(id) => ("api_token", Some(id.uuid())),
            Actor::Machine(id) => ("machine", Some(id.uuid())),
            Actor::Platform => ("platform", None),
        };
        Self { kind: kind.to_owned(), id, name: None }
    }
}

/// A caller whose identity has been checked: who, where, and what may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// Sees this organization and all below it.
    pub organization: OrganizationId,
    /// What may be done there.
    pub permissions: BTreeSet<Permission>,
}

/// The caller may not do that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this needs the permission {0}")]
pub struct Forbidden(pub Permission);

impl Caller {
    /// Checks a permission. The only place that does.
    ///
    /// # Errors
    /// [`Forbidden`] with the permission that is missing.
    pub fn require(&self, permission: Permission) -> Result<(), Forbidden> {
        if self.permissions.contains(&permission) { Ok(()) } else { Err(Forbidden(permission)) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_as_documented() {
        let table: Vec<String> = Role::ALL
            .iter()
            .map(|role| {
                let words: Vec<_> = role.permissions().iter().map(|p| p.as_str()).collect();
                format!("{role}: {}", words.join(" "))
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"));
    }

    #[test]
    fn words_are_read_back() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse::<Permission>().unwrap(), *permission);
        }
        let error = "root".parse::<Role>().unwrap_err();
        assert!(error.to_string().contains("allowed: admin, manager"), "{error}");
    }
}
