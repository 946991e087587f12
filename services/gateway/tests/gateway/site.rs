//! The real thing: a database, a CA, a gateway on a port, and machines that speak TLS.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millwright_core::access::{Actor, Caller, Permission};
use millwright_gateway::presence::{self, Notice, Presence};
use millwright_gateway::tls::{TlsMaterial, TlsSetting, server_config};
use millwright_gateway::{Gateway, Metrics, Parts, Settings, StoreDirectory};
use millwright_identity::machines::device_tokens;
use millwright_ingest::intake::{Held, intake};
use millwright_schemas::api::machines::{Criticality, Machine, MachineConnection, MachineState};
use millwright_schemas::api::organizations::Organization;
use millwright_schemas::topics::DownChannel;
use millwright_schemas::{CertificateSerial, MachineId, OrganizationId, Secret, Timestamp, UserId};
use millwright_store::machines::certificates::{self, NewCertificate};
use millwright_store::machines::{fleet, organizations};
use millwright_store::{Location, Scope, Store};
use millwright_test_database::TestDatabase;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use uuid::Uuid;

/// Nothing in these tests takes as long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it hangs")
}

pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

/// A CA of machines and of the gateway.
pub(crate) struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, Uuid::now_v7().to_string());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// A client certificate with this common name.
    pub(crate) fn issue(&self, name: &str, serial: &[u8]) -> Papers {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.serial_number = Some(SerialNumber::from_slice(serial));
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Papers {
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    fn server(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }
}

/// A certificate with its key.
pub(crate) struct Papers {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Papers {
    fn clone(&self) -> Self {
        Self { certificate: self.certificate.clone(), key: self.key.clone_key() }
    }
}

pub(crate) struct Site {
    pub(crate) store: Store,
    pub(crate) directory: Arc<StoreDirectory>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) address: SocketAddr,
    pub(crate) authority: Authority,
    pub(crate) tls: TlsSetting,
    pub(crate) metrics: Metrics,
    pub(crate) down: mpsc::Sender<(MachineId, DownChannel, Bytes)>,
    notices: mpsc::Receiver<Notice>,
    intake: mpsc::Receiver<Held>,
    organization: OrganizationId,
    _folder: TestDatabase,
}

pub(crate) fn server_tls(authorities: &[&Authority]) -> rustls::ServerConfig {
    let (certificate, key) = authorities[0].server();
    let authorities = authorities.iter().map(|authority| authority.certificate()).collect();
    server_config(TlsMaterial { chain: vec![certificate], key, authorities }).unwrap()
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        // Two providers are linked into one process by others' features.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = TestDatabase::new().await;
        let store = Store::open(&Location::new(folder.path(), folder.url())).await.unwrap();
        let organization = organization(&store).await;
        let directory = StoreDirectory::open(store.clone(), "test").await.unwrap();
        let directory = Arc::new(directory);
        let authority = Authority::new();
        let tls = TlsSetting::new(server_tls(&[&authority]));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (intake_in, intake) = intake();
        let (down, down_out) = mpsc::channel(16);
        let (notices_in, notices) = presence::notices();
        let metrics = Metrics::unregistered().unwrap();
        let parts = Parts {
            directory: Arc::clone(&directory) as Arc<dyn millwright_gateway::Directory>,
            intake: intake_in,
            down: down_out,
            notices: Some(notices_in),
            metrics: metrics.clone(),
            settings,
        };
        let gateway = Gateway::start(parts, socket, tls.clone());
        Self {
            store,
            directory,
            gateway,
            address,
            authority,
            tls,
            metrics,
            down,
            notices,
            intake,
            organization,
            _folder: folder,
        }
    }

    /// Registers a machine and gives it a certificate.
    pub(crate) async fn machine(&self) -> (MachineId, Papers) {
        let id = self.register(None).await;
        let papers = self.certify(id).await;
        (id, papers)
    }

    pub(crate) async fn register(&self, parent: Option<MachineId>) -> MachineId {
        let id = MachineId(Uuid::now_v7());
        let tx = self.store.begin().await.unwrap();
        let machine = Machine {
            id,
            name: "Press".to_owned(),
            serial_number: id.to_string(),
            model: None,
            organization_id: self.organization,
            site_id: None,
            parent_id: parent,
            external_ids: BTreeMap::new(),
            criticality: Criticality::Normal,
            parameters: Default::default(),
            maintenance_until: None,
            state: MachineState::Commissioned,
            version: 1,
            created_at: now(),
            updated_at: now(),
            commissioned_at: Some(now()),
            decommissioned_at: None,
            connection: MachineConnection::default(),
            alarms: None,
            rules: None,
        };
        fleet::insert(&tx, &machine).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub(crate) async fn certify(&self, machine: MachineId) -> Papers {
        self.certify_for(machine, 3_600).await
    }

    /// As far as the database says; the certificate itself is valid for longer.
    pub(crate) async fn certify_for(&self, machine: MachineId, seconds: i64) -> Papers {
        let serial = Uuid::now_v7().into_bytes();
        let papers = self.authority.issue(&machine.to_string(), &serial);
        let tx = self.store.begin().await.unwrap();
        let new = NewCertificate {
            serial: CertificateSerial::from_be_bytes(&serial),
            machine,
            organization: self.organization,
            certificate: String::new(),
            key_fingerprint: [0; 32],
            not_before: now(),
            not_after: now().plus_seconds(seconds),
            issued_at: now(),
        };
        certificates::insert(&tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        papers
    }

    pub(crate) async fn revoke_all(&self, machine: MachineId) {
        let tx = self.store.begin().await.unwrap();
        millwright_store::machines::revocations::revoke_all(&tx, machine, "test", now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn token(&self, machine: MachineId) -> Secret {
        let caller = Caller {
            actor: Actor::User(UserId(Uuid::now_v7())),
            organization: self.organization,
            permissions: Permission::ALL.iter().copied().collect(),
        };
        device_tokens::create(&self.store, &caller, machine, now()).await.unwrap().token
    }

    pub(crate) async fn connection(&self, machine: MachineId) -> MachineConnection {
        fleet::get(&self.store, Scope::Platform, machine).await.unwrap().connection
    }

    /// The next message that the gateway handed in.
    pub(crate) async fn message(&mut self) -> Held {
        soon(self.intake.recv()).await.expect("the intake has ended")
    }

    /// Waits for this notice; earlier ones are skipped.
    pub(crate) async fn notice(&mut self, machine: MachineId, presence: Presence) {
        loop {
            let notice = soon(self.notices.recv()).await.expect("the notices have ended");
            if (notice.machine, notice.presence) == (machine, presence) {
                return;
            }
        }
    }

    pub(crate) fn no_message_waits(&mut self) -> bool {
        self.intake.try_recv().is_err()
    }

    /// Waits for the next notice of this machine's end, or for nothing if there is none yet.
    pub(crate) fn ended(&mut self, machine: MachineId) -> Option<&'static str> {
        while let Ok(notice) = self.notices.try_recv() {
            if let (true, Presence::Disconnected(why)) =
                (notice.machine == machine, notice.presence)
            {
                return Some(why);
            }
        }
        None
    }

    pub(crate) fn client_tls(&self, papers: Option<&Papers>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate()).unwrap();
        let builder = ClientConfig::builder().with_root_certificates(roots);
        Arc::new(match papers {
            None => builder.with_no_client_auth(),
            Some(Papers { certificate, key }) => {
                builder.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap()
            }
        })
    }

    /// A TLS connection on which nothing was said yet.
    pub(crate) async fn dial(&self, papers: Option<&Papers>) -> Client {
        self.try_dial(self.client_tls(papers)).await.unwrap()
    }

    pub(crate) async fn try_dial(&self, config: Arc<ClientConfig>) -> std::io::Result<Client> {
        let tcp = TcpStream::connect(self.address).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        let stream = soon(TlsConnector::from(config).connect(name, tcp)).await?;
        Ok(Client { stream })
    }

    /// A connection with an accepted CONNECT.
    pub(crate) async fn connect(
        &self,
        papers: &Papers,
        connect: &crate::packets::Connect<'_>,
    ) -> Client {
        let mut client = self.dial(Some(papers)).await;
        client.send(&connect.bytes()).await;
        let connack = client.packet().await;
        assert_eq!((connack[0], connack[3]), (0x20, 0), "CONNACK: {connack:x?}");
        client
    }
}

async fn organization(store: &Store) -> OrganizationId {
    let id = OrganizationId(Uuid::now_v7());
    let tx = store.begin().await.unwrap();
    let organization = Organization {
        id,
        parent_id: None,
        name: "Test".to_owned(),
        external_ids: BTreeMap::new(),
        version: 1,
        created_at: now(),
        updated_at: now(),
    };
    organizations::insert(&tx, &organization).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// A machine's end of a connection.
pub(crate) struct Client {
    pub(crate) stream: TlsStream<TcpStream>,
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        soon(self.stream.write_all(bytes)).await.unwrap();
        soon(self.stream.flush()).await.unwrap();
    }

    /// The next packet, which has less than 128 bytes.
    pub(crate) async fn packet(&mut self) -> Vec<u8> {
        self.try_packet().await.unwrap()
    }

    pub(crate) async fn try_packet(&mut self) -> std::io::Result<Vec<u8>> {
        let mut packet = vec![0; 2];
        soon(self.stream.read_exact(&mut packet)).await?;
        assert!(packet[1] < 128, "long packet {packet:x?}");
        packet.resize(2 + usize::from(packet[1]), 0);
        soon(self.stream.read_exact(&mut packet[2..])).await?;
        Ok(packet)
    }

    pub(crate) async fn expect(&mut self, packet: &[u8]) {
        assert_eq!(self.packet().await, packet);
    }

    /// Asks and is answered: whatever came before has been dealt with, and nothing was said to it.
    pub(crate) async fn ping(&mut self) {
        self.send(&crate::packets::PINGREQ).await;
        self.expect(&crate::packets::PINGRESP).await;
    }

    /// The other side closes without another byte.
    pub(crate) async fn expect_end(&mut self) {
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _ = soon(self.stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "{rest:x?} before the end");
    }
}
