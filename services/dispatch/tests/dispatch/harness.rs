//! A platform without its servers, and a machine that the test plays.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use millwright_core::access::{Actor, Caller, Role};
use millwright_core::audit::AuditRecord;
use millwright_dispatch::{
    CommandMetrics, Delivery, Dispatch, DispatchError, NotTaken, Parts, cancel, decide, issue,
};
use millwright_identity::machines::Trust;
use millwright_schemas::api::commands::{Command, CommandState, DecideCommand, IssueCommand};
use millwright_schemas::api::machines::{Criticality, Machine, MachineConnection, MachineState};
use millwright_schemas::api::organizations::Organization;
use millwright_schemas::api::page::PageQuery;
use millwright_schemas::api::policies::{CommandPolicy, PolicyInput};
use millwright_schemas::topics::DownChannel;
use millwright_schemas::wire::command::{
    COMMAND_TYP, Capabilities, CatalogueEntry, CommandClaims, CommandClass, CommandReport,
};
use millwright_schemas::wire::events::EventType;
use millwright_schemas::{
    CommandId, EventId, LedgerId, MachineId, OrganizationId, Timestamp, UserId,
};
use millwright_store::jobs::{self, JobHandler};
use millwright_store::machines::connections::{self, NewConnection};
use millwright_store::machines::{fleet, organizations};
use millwright_store::page::PageRequest;
use millwright_store::people::users::{self, PasswordHash, User};
use millwright_store::work::{self, CapabilitiesReported, CommandReported, Work};
use millwright_store::{Location, Scope, Store, audit, commands, events, policies};
use millwright_test_database::TestDatabase;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub const LEDGER: LedgerId = LedgerId(Uuid::from_u128(1));
pub const OTHER_LEDGER: LedgerId = LedgerId(Uuid::from_u128(2));

type Sent = (MachineId, DownChannel, Bytes);

/// What the way to machines has taken.
#[derive(Default)]
struct Wire {
    sent: Mutex<Vec<Sent>>,
    broken: AtomicBool,
}

impl Delivery for Wire {
    fn deliver(
        &self,
        machine: MachineId,
        channel: DownChannel,
        payload: Bytes,
    ) -> Result<(), NotTaken> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(NotTaken("the test has broken it".to_owned()));
        }
        self.sent.lock().unwrap().push((machine, channel, payload));
        Ok(())
    }
}

pub struct Plant {
    pub store: Store,
    pub dispatch: Dispatch,
    pub metrics: CommandMetrics,
    pub registry: prometheus::Registry,
    pub organization: OrganizationId,
    /// An administrator.
    pub ada: Caller,
    /// Another one.
    pub bob: Caller,
    pub machine: MachineId,
    trust: Trust,
    wire: Arc<Wire>,
    clock: Arc<AtomicI64>,
    folder: TestDatabase,
}

impl Plant {
    /// With a machine that has never been connected.
    pub async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = TestDatabase::new().await;
        let store = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
        let clock = Arc::new(AtomicI64::new(1_763_775_000_000_000));
        let organization = organization(&store, None).await;
        let start = Timestamp::from_micros(clock.load(Ordering::SeqCst));
        let trust = Trust::open(store.clone(), folder.path(), start).await.unwrap();
        let (wire, registry) = (Arc::new(Wire::default()), prometheus::Registry::new());
        let metrics = CommandMetrics::register(&registry).unwrap();
        let time = Arc::clone(&clock);
        let dispatch = Dispatch::new(Parts {
            store: store.clone(),
            trust: trust.clone(),
            delivery: Arc::clone(&wire) as Arc<dyn Delivery>,
            metrics: metrics.clone(),
            now: Arc::new(move || Timestamp::from_micros(time.load(Ordering::SeqCst))),
        });
        let ada = person(&store, organization, "Ada").await;
        let bob = person(&store, organization, "Bob").await;
        let machine = machine(&store, organization).await;
        Self {
            store,
            dispatch,
            metrics,
            registry,
            organization,
            ada,
            bob,
            machine,
            trust,
            wire,
            clock,
            folder,
        }
    }

    /// With a machine that is connected and has told its catalogue.
    pub async fn ready() -> Self {
        let plant = Self::start().await;
        plant.connect().await;
        plant.tell(LEDGER, 0).await;
        plant
    }

    /// As when the platform has ended and starts anew: nothing is remembered.
    pub async fn restart(&mut self) {
        let time = Arc::clone(&self.clock);
        self.dispatch = Dispatch::new(Parts {
            store: self.store.clone(),
            trust: Trust::open(self.store.clone(), self.folder.path(), self.now()).await.unwrap(),
            delivery: Arc::clone(&self.wire) as Arc<dyn Delivery>,
            metrics: self.metrics.clone(),
            now: Arc::new(move || Timestamp::from_micros(time.load(Ordering::SeqCst))),
        });
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.load(Ordering::SeqCst))
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    pub fn break_wire(&self, broken: bool) {
        self.wire.broken.store(broken, Ordering::SeqCst);
    }

    /// The machine connects (once more); the gateway says that it can be reached.
    pub async fn connect(&self) {
        let tx = self.store.begin().await.unwrap();
        let connection = NewConnection {
            machine: self.machine,
            gateway: "test".to_owned(),
            client_id: "test".to_owned(),
            protocol: "5".to_owned(),
            remote_address: "test".to_owned(),
            at: self.now(),
        };
        connections::open(&tx, connection).await.unwrap();
        tx.commit().await.unwrap();
        self.dispatch.send_due(self.machine, self.now()).await.unwrap();
    }

    pub async fn disconnect(&self) {
        let tx = self.store.begin().await.unwrap();
        connections::reset(&tx, "test", self.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The agent tells its capabilities.
    pub async fn tell(&self, ledger: LedgerId, last_ord: u64) {
        self.tell_with(ledger, last_ord, None).await;
    }

    /// The same, with all reports acknowledged.
    pub async fn tell_reported(&self, ledger: LedgerId, last_ord: u64) {
        self.tell_with(ledger, last_ord, Some(last_ord)).await;
    }

    /// The machine is taken out of use.
    pub async fn decommission(&self) {
        let mut machine = fleet::get(&self.store, Scope::Platform, self.machine).await.unwrap();
        machine.state = MachineState::Decommissioned;
        machine.version += 1;
        let tx = self.store.begin().await.unwrap();
        fleet::save(&tx, Scope::Platform, &machine, machine.version - 1).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn tell_with(&self, ledger: LedgerId, last_ord: u64, reported_ord: Option<u64>) {
        self.tell_all(ledger, last_ord, reported_ord, None, self.now()).await;
    }

    /// The agent tells by which version of its rules it watches.
    pub async fn tell_rules(&self, version: u64) {
        self.tell_rules_at(version, self.now()).await;
    }

    /// The same, received at that time.
    pub async fn tell_rules_at(&self, version: u64, received_at: Timestamp) {
        self.tell_all(LEDGER, 0, None, Some(version), received_at).await;
    }

    async fn tell_all(
        &self,
        ledger: LedgerId,
        last_ord: u64,
        reported_ord: Option<u64>,
        rules_version: Option<u64>,
        received_at: Timestamp,
    ) {
        let capabilities = Capabilities {
            version: "1.0".to_owned(),
            ledger,
            last_ord,
            reported_ord,
            commands: catalogue(),
            signals: Vec::new(),
            rules_version,
        };
        self.leave(&CapabilitiesReported {
            machine: self.machine,
            ts: self.now(),
            received_at,
            capabilities,
        })
        .await;
    }

    pub async fn report(&self, event_type: EventType, report: CommandReport) {
        self.report_of(self.machine, event_type, report).await;
    }

    pub async fn report_of(
        &self,
        machine: MachineId,
        event_type: EventType,
        report: CommandReport,
    ) {
        let event = EventId(Uuid::now_v7());
        let ts = self.now();
        self.leave(&CommandReported { machine, event, event_type, ts, report }).await;
    }

    /// Leaves a job as another room does, and does all jobs that are due.
    pub async fn leave<W: Work>(&self, work: &W) {
        let tx = self.store.begin().await.unwrap();
        work::enqueue(&tx, self.organization, work, self.now()).await.unwrap();
        tx.commit().await.unwrap();
        self.work().await;
    }

    pub async fn work(&self) {
        let lease = self.now().plus_seconds(60);
        let kinds = self.dispatch.kinds();
        while let Some(job) = jobs::take(&self.store, kinds, self.now(), lease).await.unwrap() {
            self.dispatch.run(&job).await.unwrap();
            assert!(jobs::complete(&self.store, &job).await.unwrap());
        }
    }

    pub async fn tick(&self) {
        assert_eq!(self.dispatch.look_around(None, self.now()).await.unwrap(), None);
    }

    /// Issues a command and does the jobs that it leaves.
    pub async fn issue(&self, name: &str, args: Value) -> CommandId {
        let issued = self.try_issue(&self.ada, new(name, args)).await.unwrap();
        self.work().await;
        issued.id
    }

    pub async fn try_issue(
        &self,
        caller: &Caller,
        input: IssueCommand,
    ) -> Result<Command, DispatchError> {
        issue(&self.store, caller, self.machine, input, self.now()).await
    }

    pub async fn cancel(&self, id: CommandId) -> Result<Command, DispatchError> {
        let done = cancel(&self.store, &self.metrics, &self.ada, id, self.now()).await;
        self.work().await;
        done
    }

    pub async fn decide(
        &self,
        caller: &Caller,
        id: CommandId,
        approve: bool,
    ) -> Result<Command, DispatchError> {
        let reason = (!approve).then(|| "not now".to_owned());
        let input = DecideCommand { approve, reason };
        let done = decide(&self.store, &self.metrics, caller, id, input, self.now()).await;
        self.work().await;
        done
    }

    pub async fn set_policy(&self, policy: CommandPolicy) {
        let tx = self.store.begin().await.unwrap();
        let policy = PolicyInput { commands: policy, ..PolicyInput::default() };
        policies::put(&tx, self.organization, &policy, 1, self.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn get(&self, id: CommandId) -> Command {
        commands::get(&self.store, Scope::Platform, id).await.unwrap().command
    }

    pub async fn state(&self, id: CommandId) -> CommandState {
        self.get(id).await.state
    }

    /// What was handed over since it was last asked.
    pub fn sent(&self) -> Vec<Sent> {
        std::mem::take(&mut self.wire.sent.lock().unwrap())
    }

    /// The commands that were handed over since it was last asked, their signatures checked.
    pub fn sent_commands(&self) -> Vec<CommandClaims> {
        let sent = self.sent();
        let read = |(machine, channel, jws): &Sent| {
            assert_eq!(*channel, DownChannel::Command);
            let claims: CommandClaims = self.verified(jws, COMMAND_TYP);
            assert_eq!(claims.aud, *machine);
            claims
        };
        sent.iter().map(read).collect()
    }

    /// Their ids.
    pub fn sent_ids(&self) -> Vec<CommandId> {
        self.sent_commands().into_iter().map(|claims| claims.jti).collect()
    }

    /// The claims of a signed message, as a machine with this platform's keys reads them.
    pub fn verified<T: DeserializeOwned + Clone>(&self, jws: &[u8], typ: &str) -> T {
        let header = decode_header(jws).unwrap();
        assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::EdDSA, Some(typ)));
        let state = self.trust.current();
        let keys = &state.bundle().command_keys.keys;
        let key = keys.iter().find(|key| Some(&key.kid) == header.kid.as_ref()).unwrap();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let key = DecodingKey::from_ed_components(&key.x).unwrap();
        decode::<T>(jws, &key, &validation).unwrap().claims
    }

    /// Names of the domain events about a command, oldest first.
    pub async fn events_of(&self, id: CommandId) -> Vec<String> {
        events::assign_positions(&self.store).await.unwrap();
        let all = events::after(&self.store, Scope::Platform, 0, &[], 500).await.unwrap();
        let own = all.into_iter().filter(|event| event.subject.id == id.to_string());
        own.map(|event| event.event_type).collect()
    }

    /// Audit records about a command, oldest first.
    pub async fn audited(&self, id: CommandId) -> Vec<AuditRecord> {
        let page = PageRequest::parse("audit", &PageQuery { limit: Some(500), cursor: None });
        let rows = audit::list(&self.store, Scope::Platform, &Default::default(), &page.unwrap())
            .await
            .unwrap();
        let own = rows.into_iter().map(|(_, record)| record);
        let mut own: Vec<_> = own.filter(|record| record.subject.id == id.to_string()).collect();
        own.reverse();
        own
    }
}

#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
pub fn new(name: &str, args: Value) -> IssueCommand {
    IssueCommand {
        name: name.to_owned(),
        args: args.as_object().cloned().unwrap_or_else(Map::new),
        expires_in_s: Some(60),
        deadline_s: None,
        ticket_id: None,
        purpose: None,
    }
}

pub fn report(id: CommandId) -> CommandReport {
    CommandReport::new(id)
}

pub fn catalogue() -> Vec<CatalogueEntry> {
    let entry = |name: &str, class, arguments| CatalogueEntry {
        name: name.to_owned(),
        class,
        description: BTreeMap::new(),
        arguments,
        needs_consent: class != CommandClass::Read,
        deadline_s: 30,
        remedy_for: Vec::new(),
    };
    let none = json!({"type": "object", "additionalProperties": false});
    let percent = json!({
        "type": "object",
        "properties": {"percent": {"type": "number", "minimum": 20, "maximum": 110}},
        "required": ["percent"],
        "additionalProperties": false,
    });
    vec![
        entry("ping", CommandClass::Read, none.clone()),
        entry("set_speed", CommandClass::Motion, percent),
        entry("restart_agent", CommandClass::Software, none.clone()),
        entry("flash", CommandClass::Software, none),
    ]
}

pub async fn organization(store: &Store, parent_id: Option<OrganizationId>) -> OrganizationId {
    let id = OrganizationId(Uuid::now_v7());
    let at = Timestamp::from_millis(0);
    let organization = Organization {
        id,
        parent_id,
        name: "Test".to_owned(),
        external_ids: BTreeMap::new(),
        version: 1,
        created_at: at,
        updated_at: at,
    };
    let tx = store.begin().await.unwrap();
    organizations::insert(&tx, &organization).await.unwrap();
    tx.commit().await.unwrap();
    id
}

pub async fn person(store: &Store, organization: OrganizationId, name: &str) -> Caller {
    let id = UserId(Uuid::now_v7());
    let at = Timestamp::from_millis(0);
    let user = User {
        id,
        organization,
        email: format!("{id}@example.org"),
        name: name.to_owned(),
        role: Role::Admin,
        password_hash: PasswordHash::new("none".to_owned()),
        version: 1,
        created_at: at,
        updated_at: at,
        disabled_at: None,
    };
    let tx = store.begin().await.unwrap();
    users::insert(&tx, &user).await.unwrap();
    tx.commit().await.unwrap();
    Caller { actor: Actor::User(id), organization, permissions: Role::Admin.permissions() }
}

pub async fn machine(store: &Store, organization: OrganizationId) -> MachineId {
    let id = MachineId(Uuid::now_v7());
    let at = Timestamp::from_millis(0);
    let machine = Machine {
        id,
        name: "Lift".to_owned(),
        serial_number: id.to_string(),
        model: None,
        organization_id: organization,
        site_id: None,
        parent_id: None,
        external_ids: BTreeMap::new(),
        criticality: Criticality::Normal,
        parameters: Default::default(),
        maintenance_until: None,
        state: MachineState::Commissioned,
        version: 1,
        created_at: at,
        updated_at: at,
        commissioned_at: None,
        decommissioned_at: None,
        connection: MachineConnection::default(),
        alarms: None,
        rules: None,
    };
    let tx = store.begin().await.unwrap();
    fleet::insert(&tx, &machine).await.unwrap();
    tx.commit().await.unwrap();
    id
}
