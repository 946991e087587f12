//! A platform without its servers: database, keys, organizations, machines.

use std::net::{IpAddr, Ipv4Addr};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millwright_core::access::{Actor, Caller, Role};
use millwright_core::audit::AuditRecord;
use millwright_identity::machines::{Enrollment, EnrollmentSettings, Trust, enrollment_codes};
use millwright_schemas::api::credentials::CreateEnrollmentCode;
use millwright_schemas::api::enrollment::{
    EnrollRequest, EnrollResponse, MqttEndpoint, RenewRequest, renewal_text,
};
use millwright_schemas::api::machines::{Criticality, Machine, MachineConnection, MachineState};
use millwright_schemas::api::organizations::Organization;
use millwright_schemas::api::page::PageQuery;
use millwright_schemas::{MachineId, OrganizationId, Timestamp, UserId};
use millwright_store::machines::{fleet, organizations};
use millwright_store::page::PageRequest;
use millwright_store::{Location, Scope, Store, audit};
use millwright_test_database::TestDatabase;
use rcgen::{CertificateParams, KeyPair};
use uuid::Uuid;

pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub fn now() -> Timestamp {
    Timestamp::from_micros(1_763_775_000_000_000)
}

pub struct Platform {
    pub store: Store,
    pub trust: Trust,
    pub enrollment: Enrollment,
    pub root: OrganizationId,
    pub folder: TestDatabase,
}

impl Platform {
    pub async fn start() -> Self {
        Self::start_today(now()).await
    }

    pub async fn start_today(now: Timestamp) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = TestDatabase::new().await;
        let store = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
        let root = add_organization(&store, None).await;
        let trust = Trust::open(store.clone(), folder.path(), now).await.unwrap();
        let mqtt = MqttEndpoint { host: "mqtt.example".to_owned(), port: 8883 };
        let settings = EnrollmentSettings::new(mqtt);
        let enrollment = Enrollment::new(store.clone(), trust.clone(), settings);
        Self { store, trust, enrollment, root, folder }
    }

    /// The keys as another start finds them.
    pub async fn restarted_trust(&self) -> Trust {
        Trust::open(self.store.clone(), self.folder.path(), now()).await.unwrap()
    }

    pub async fn customer(&self) -> OrganizationId {
        add_organization(&self.store, Some(self.root)).await
    }

    pub fn admin(&self) -> Caller {
        caller(self.root, Role::Admin)
    }

    pub async fn machine(&self) -> MachineId {
        self.machine_of(self.root, None).await
    }

    pub async fn machine_of(
        &self,
        organization: OrganizationId,
        parent: Option<MachineId>,
    ) -> MachineId {
        let id = MachineId(Uuid::now_v7());
        let machine = Machine {
            id,
            name: "Lift".to_owned(),
            serial_number: id.to_string(),
            model: None,
            organization_id: organization,
            site_id: None,
            parent_id: parent,
            external_ids: Default::default(),
            criticality: Criticality::Normal,
            parameters: Default::default(),
            maintenance_until: None,
            state: MachineState::Registered,
            version: 1,
            created_at: now(),
            updated_at: now(),
            commissioned_at: None,
            decommissioned_at: None,
            connection: MachineConnection::default(),
            alarms: None,
            rules: None,
        };
        let tx = self.store.begin().await.unwrap();
        fleet::insert(&tx, &machine).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub async fn get(&self, machine: MachineId) -> Machine {
        fleet::get(&self.store, Scope::Platform, machine).await.unwrap()
    }

    pub async fn decommission(&self, machine: MachineId) {
        let mut changed = self.get(machine).await;
        let expected = changed.version;
        changed.version += 1;
        changed.state = MachineState::Decommissioned;
        let tx = self.store.begin().await.unwrap();
        fleet::save(&tx, Scope::Platform, &changed, expected).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn code(&self, machine: MachineId) -> String {
        let input = CreateEnrollmentCode::default();
        let admin = self.admin();
        enrollment_codes::create(&self.store, &self.trust, &admin, machine, &input, now())
            .await
            .unwrap()
            .code
    }

    /// Enrols a machine with a new key.
    pub async fn enrolled(&self, machine: MachineId) -> Device {
        let key = new_key();
        let request = EnrollRequest { code: self.code(machine).await, csr: csr(&key) };
        let answer = self.enrollment.enroll(HERE, &request, now()).await.unwrap();
        Device { machine, key, answer }
    }

    /// Audit records of this action, newest first.
    pub async fn audited(&self, action: &str) -> Vec<AuditRecord> {
        let page = PageRequest::parse("audit", &PageQuery::default()).unwrap();
        let rows =
            audit::list(&self.store, Scope::Platform, &Default::default(), &page).await.unwrap();
        rows.into_iter().map(|(_, record)| record).filter(|r| r.action == action).collect()
    }
}

/// A machine's side: its key and what it was answered.
pub struct Device {
    pub machine: MachineId,
    pub key: KeyPair,
    pub answer: EnrollResponse,
}

impl Device {
    /// A renewal for this key, signed at this time.
    pub fn renewal(&self, new_key: &KeyPair, signed_at: Timestamp) -> RenewRequest {
        let csr = csr(new_key);
        let text = renewal_text(self.machine, signed_at.seconds(), &csr);
        RenewRequest {
            certificate: self.answer.certificate.clone(),
            signature: URL_SAFE_NO_PAD.encode(sign(&self.key, &text)),
            signed_at: signed_at.seconds(),
            csr,
        }
    }
}

pub fn caller(organization: OrganizationId, role: Role) -> Caller {
    Caller {
        actor: Actor::User(UserId(Uuid::now_v7())),
        organization,
        permissions: role.permissions(),
    }
}

pub fn new_key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()
}

pub fn csr(key: &KeyPair) -> String {
    CertificateParams::default().serialize_request(key).unwrap().pem().unwrap()
}

pub fn sign(key: &KeyPair, text: &[u8]) -> Vec<u8> {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.serialized_der());
    pair.unwrap().sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec()
}

async fn add_organization(store: &Store, parent_id: Option<OrganizationId>) -> OrganizationId {
    let id = OrganizationId(Uuid::now_v7());
    let organization = Organization {
        id,
        parent_id,
        name: "Test".to_owned(),
        external_ids: Default::default(),
        version: 1,
        created_at: now(),
        updated_at: now(),
    };
    let tx = store.begin().await.unwrap();
    organizations::insert(&tx, &organization).await.unwrap();
    tx.commit().await.unwrap();
    id
}
