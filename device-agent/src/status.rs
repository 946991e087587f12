//! What the agent is doing, for `millwright-agent status`.

use std::sync::{Arc, Mutex, PoisonError};

use millwright_schemas::wire::events::FaultRaised;
use millwright_schemas::{CommandId, MachineId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::certificates;
use crate::connection::Way;
use crate::identity::Identity;
use crate::operator::DeskShown;
use crate::outbox::OutboxStatus;
use crate::rules::RulesShown;
use crate::signals::AllowedSignals;
use crate::trusted_time::TimeState;

/// All that `status` shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Whether the agent runs; if not, the rest is what its files say.
    pub running: bool,
    /// The agent's version.
    pub version: String,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// Who the machine is, if it is enrolled.
    pub machine: Option<MachineStatus>,
    /// The connection to the platform.
    pub connection: ConnectionStatus,
    /// The drivers.
    pub drivers: Vec<DriverStatus>,
    /// The operator's panel.
    pub panel: PanelStatus,
    /// What the operator is asked, and what is being done to the machine.
    pub operator: DeskShown,
    /// What may leave the machine.
    pub signals: Vec<AllowedSignals>,
    /// Values that drivers delivered and the list or the limit of signals kept back.
    pub refused_values: u64,
    /// Faults of drivers that found no room.
    pub refused_events: u64,
    /// Samples in memory that the disk doesn't take.
    pub unsaved_samples: u64,
    /// Orders of the platform.
    pub commands: CommandsStatus,
    /// What waits on the disk.
    pub outbox: Option<OutboxStatus>,
    /// The faults that are active.
    pub active_faults: Vec<FaultRaised>,
    /// The rules that this machine watches by itself, and their active alarms.
    #[serde(default)]
    pub rules: RulesShown,
    /// Why the disk takes nothing, when it doesn't.
    pub disk_problem: Option<String>,
    /// What else somebody should look at.
    pub problem: Option<String>,
}

/// The machine's identity, as far as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineStatus {
    /// Its id.
    pub id: MachineId,
    /// What people called it when its certificate was issued.
    #[serde(default)]
    pub name: Option<String>,
    /// The platform's address.
    pub server_url: String,
    /// Where it connects.
    pub mqtt: String,
    /// When its certificate ends.
    pub certificate_until: Option<Timestamp>,
    /// Version of what it trusts.
    pub trust_version: u64,
}

impl From<&Identity> for MachineStatus {
    fn from(identity: &Identity) -> Self {
        Self {
            id: identity.machine_id,
            name: identity.machine_name.clone(),
            server_url: identity.server_url.clone(),
            mqtt: format!("{}:{}", identity.mqtt.host, identity.mqtt.port),
            certificate_until: certificates::validity(&identity.certificate)
                .ok()
                .map(|validity| validity.until),
            trust_version: identity.trust.version,
        }
    }
}

/// State of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// The agent doesn't run.
    #[default]
    Stopped,
    /// There is no identity yet.
    NotEnrolled,
    /// An attempt runs.
    Connecting,
    /// The platform has accepted the connection.
    Connected,
    /// The next attempt comes later.
    Waiting,
}

/// The connection to the platform.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// Where it stands.
    pub state: ConnectionState,
    /// Since when.
    pub since: Option<Timestamp>,
    /// By which way, as far as one has worked.
    #[serde(default)]
    pub way: Option<Way>,
    /// Why the last one ended.
    pub last_error: Option<String>,
    /// Messages that the platform has acknowledged since the agent was started.
    pub acknowledged: u64,
}

/// State of a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverState {
    /// It delivers.
    #[default]
    Running,
    /// Reading fails; it is tried again.
    Retrying,
    /// Nothing more will come: a replay is over.
    Ended,
    /// It can't run as it is configured.
    Failed,
}

/// A driver.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DriverStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Where it stands.
    pub state: DriverState,
    /// Readings so far.
    pub readings: u64,
    /// The last error, while it counts.
    pub last_error: Option<String>,
}

/// Orders of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommandsStatus {
    /// Commands that the catalogue offers and the local policy allows.
    pub offered: usize,
    /// Commands that aren't over.
    pub waiting: usize,
    /// The last one whose turn came.
    pub last: Option<LastCommand>,
    /// Messages that weren't the platform's, or not for this machine.
    pub not_believed: u64,
    /// How the time is known; `None` while the agent doesn't run.
    pub time: Option<TimeState>,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCommand {
    /// Its id.
    pub id: CommandId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: String,
    /// When it came.
    pub received_at: Timestamp,
}

/// The operator's panel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PanelStatus {
    /// Its address, when there is one.
    pub url: Option<String>,
    /// Why it isn't where the configuration says, when it isn't.
    pub problem: Option<String>,
}

impl Status {
    /// Of an agent that has just been started, or doesn't run.
    #[must_use]
    pub fn new(running: bool, started_at: Option<Timestamp>) -> Self {
        Self {
            running,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at,
            machine: None,
            connection: ConnectionStatus::default(),
            drivers: Vec::new(),
            panel: PanelStatus::default(),
            operator: DeskShown::default(),
            signals: Vec::new(),
            refused_values: 0,
            refused_events: 0,
            unsaved_samples: 0,
            commands: CommandsStatus::default(),
            outbox: None,
            active_faults: Vec::new(),
            rules: RulesShown::default(),
            disk_problem: None,
            problem: None,
        }
    }
}

/// Where everybody notes what they are doing.
#[derive(Debug, Clone)]
pub struct StatusBoard(Arc<Mutex<Status>>);

impl StatusBoard {
    /// An empty board.
    #[must_use]
    pub fn new(status: Status) -> Self {
        Self(Arc::new(Mutex::new(status)))
    }

    /// Notes something.
    pub fn update(&self, change: impl FnOnce(&mut Status)) {
        // The board is plain data: what a panicking writer left is still worth showing.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes something about a driver.
    pub fn update_driver(&self, name: &str, change: impl FnOnce(&mut DriverStatus)) {
        self.update(|status| {
            if let Some(driver) = status.drivers.iter_mut().find(|driver| driver.name == name) {
                change(driver);
            }
        });
    }

    /// All that is noted.
    #[must_use]
    pub fn read(&self) -> Status {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
