//! The platform's REST interface, as far as an agent sees it. One request a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use millwright_schemas::api::enrollment::{
    EnrollRequest, EnrollResponse, MqttEndpoint, RenewRequest, TrustChain, renewal_text,
};
use millwright_schemas::wire::trust::{Jwk, Jwks};
use millwright_schemas::{MachineId, topics};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::authority::Authority;

/// What the platform does besides the right thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    #[default]
    Right,
    /// The answer to the next enrolment is lost.
    LoseAnswer,
    /// Enrolment is refused with a problem.
    Refuse,
    /// Another CA signs, but the right one is in the bundle.
    Forge,
    /// Certificates are to be renewed at once.
    ShortLived,
    /// As if its clock were a day ahead of the agent's.
    ClockAhead,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) enrolments: Vec<EnrollRequest>,
    pub(crate) renewals: Vec<RenewRequest>,
}

pub(crate) struct Http {
    pub(crate) url: String,
    pub(crate) machine: MachineId,
    pub(crate) authority: Arc<Authority>,
    pub(crate) mood: Mutex<Mood>,
    pub(crate) seen: Mutex<Seen>,
    mqtt_port: u16,
}

impl Http {
    pub(crate) fn start(authority: Arc<Authority>, mqtt_port: u16) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let http = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            machine: MachineId(uuid::Uuid::now_v7()),
            authority,
            mood: Mutex::default(),
            seen: Mutex::default(),
            mqtt_port,
        });
        let server = Arc::clone(&http);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                server.serve(stream.unwrap());
            }
        });
        http
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut request = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if request.is_empty() {
                request.clone_from(&line);
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        if let Some((status, kind, body)) = self.answer(&request, &body) {
            // With ClockAhead the server's Date is a fixed day far from any real one.
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\
                 date: {CLOCK_AHEAD_DATE}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let mut stream = stream;
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(body.as_bytes());
        }
    }

    fn answer(&self, request: &str, body: &[u8]) -> Option<(u16, &'static str, String)> {
        let mood = *self.mood.lock().unwrap();
        if request.starts_with("POST /api/v1/enroll/renew ") {
            return Some(self.renew(mood, serde_json::from_slice(body).unwrap()));
        }
        if request.starts_with("POST /api/v1/enroll ") {
            let enrolment: EnrollRequest = serde_json::from_slice(body).unwrap();
            let certificate = match mood {
                Mood::Forge => Authority::new().issue(&enrolment.csr, self.machine, false),
                _ => {
                    let nearly_over = matches!(mood, Mood::ShortLived | Mood::ClockAhead);
                    self.authority.issue(&enrolment.csr, self.machine, nearly_over)
                }
            };
            self.seen.lock().unwrap().enrolments.push(enrolment);
            return match mood {
                Mood::LoseAnswer => None,
                Mood::Refuse => Some(problem("The code doesn't work", "it was used before")),
                _ => Some(self.identity(certificate)),
            };
        }
        if request.starts_with("GET /api/v1/trust?after=1 ") {
            let chain = TrustChain { bundles: vec![], version: 1 };
            return Some((200, "application/json", serde_json::to_string(&chain).unwrap()));
        }
        panic!("unexpected {request}");
    }

    fn identity(&self, certificate: String) -> (u16, &'static str, String) {
        let answer = EnrollResponse {
            machine_id: self.machine,
            machine_name: Some("Mill 7".to_owned()),
            certificate,
            ca_certificates: self.authority.pem(),
            mqtt: MqttEndpoint { host: "127.0.0.1".to_owned(), port: self.mqtt_port },
            topic_root: topics::root(self.machine),
            command_keys: Jwks {
                keys: vec![Jwk {
                    kty: "OKP".to_owned(),
                    crv: "Ed25519".to_owned(),
                    kid: "1".to_owned(),
                    x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned(),
                    alg: None,
                    key_use: None,
                }],
            },
            trust_version: 1,
        };
        (200, "application/json", serde_json::to_string(&answer).unwrap())
    }

    fn renew(&self, mood: Mood, renewal: RenewRequest) -> (u16, &'static str, String) {
        let text = renewal_text(self.machine, renewal.signed_at, &renewal.csr);
        let (_, pem) = x509_parser::pem::parse_x509_pem(renewal.certificate.as_bytes()).unwrap();
        let (_, old) = X509Certificate::from_der(&pem.contents).unwrap();
        let signature = base64::Engine::decode(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            &renewal.signature,
        )
        .unwrap();
        let algorithm = &aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1;
        let key = &old.public_key().subject_public_key.data;
        aws_lc_rs::signature::UnparsedPublicKey::new(algorithm, key)
            .verify(&text, &signature)
            .expect("signed by the old key");
        let signed_at = renewal.signed_at;
        let certificate = self.authority.issue(&renewal.csr, self.machine, false);
        self.seen.lock().unwrap().renewals.push(renewal);
        if mood == Mood::ClockAhead && signed_at != CLOCK_AHEAD_S {
            return problem("The clock is off", "signed_at is too far from now");
        }
        self.identity(certificate)
    }
}

const CLOCK_AHEAD_DATE: &str = "Sat, 01 Jan 2000 00:00:00 GMT";
pub(crate) const CLOCK_AHEAD_S: i64 = 946_684_800;

fn problem(title: &str, detail: &str) -> (u16, &'static str, String) {
    let body = serde_json::json!({
        "type": "urn:millwright:problem:test", "title": title, "status": 422, "detail": detail,
    });
    (422, "application/problem+json", body.to_string())
}
