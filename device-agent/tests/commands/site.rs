//! An enrolled machine with the real agent on it, and a platform that signs orders.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use millwright_schemas::enrollment::EnrollmentCode;
use millwright_schemas::topics::{self, DownChannel};
use millwright_schemas::wire::command::{
    CANCEL_TYP, COMMAND_TYP, CancelClaims, CommandClaims, TIME_TYP, TimeClaims,
};
use millwright_schemas::wire::events;
use millwright_schemas::{CommandId, LedgerId, MachineId};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::authority::Authority;
use crate::http::Http;
use crate::mqtt::Mqtt;

/// The private key of RFC 8037, A.1, whose public key the platform gives at enrolment.
const PRIVATE_KEY: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
/// PKCS #8 (RFC 8410) in front of an Ed25519 key.
const PKCS8: &str = "302e020100300506032b657004220420";

/// Signs with the platform's key.
pub(crate) fn sign(typ: &str, claims: &impl Serialize) -> String {
    sign_with(typ, "1", PRIVATE_KEY, claims)
}

pub(crate) fn sign_with(typ: &str, kid: &str, key: &str, claims: &impl Serialize) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(typ.to_owned());
    header.kid = Some(kid.to_owned());
    let key = EncodingKey::from_ed_der(&hex::decode(format!("{PKCS8}{key}")).unwrap());
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

pub(crate) struct Site {
    pub(crate) http: Arc<Http>,
    pub(crate) mqtt: Mqtt,
    pub(crate) folder: tempfile::TempDir,
    ord: AtomicU64,
    /// How far the platform's clock is ahead of this computer's.
    pub(crate) ahead_s: Arc<AtomicI64>,
    pub(crate) answers_time: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl Site {
    pub(crate) fn new() -> Self {
        let authority = Arc::new(Authority::new());
        let mqtt = Mqtt::start(&authority);
        let code = EnrollmentCode::new([7; 16], authority.fingerprint()).to_string();
        let http = Http::start(authority, mqtt.port);
        let site = Self {
            http,
            mqtt,
            folder: tempfile::tempdir().unwrap(),
            ord: AtomicU64::new(1),
            ahead_s: Arc::default(),
            answers_time: Arc::new(AtomicBool::new(true)),
            ended: Arc::default(),
        };
        let enrolled = site.agent(&["enroll", "--url", &site.http.url, "--code", &code]);
        assert!(enrolled.status.success(), "{enrolled:?}");
        site.answer_times();
        site
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn machine(&self) -> MachineId {
        self.http.machine
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millwright-agent"));
        command.args(arguments).arg("--data-dir").arg(self.data_dir());
        command.env("SECRET_OF_THE_AGENT", "s3cret").env("PASSED_ON", "passed on");
        command
    }

    pub(crate) fn agent(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn run(&self, config: &str) -> Agent {
        self.run_with_drivers(&format!("drivers = []\n{config}"))
    }

    pub(crate) fn run_with_drivers(&self, config: &str) -> Agent {
        let file = self.folder.path().join("agent.toml");
        let common =
            "[connection]\nbackoff_min_ms = 100\nbackoff_max_s = 1\n[panel]\nlisten = \"\"\n";
        fs::write(&file, format!("{config}\n{common}")).unwrap();
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("agent.log"))
            .unwrap();
        let arguments = ["run", "--config", file.to_str().unwrap()];
        Agent(self.command(&arguments).stderr(log).spawn().unwrap())
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("agent.log")).unwrap_or_default()
    }

    pub(crate) fn status(&self) -> Value {
        let output = self.agent(&["status", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// A program on the machine: a shell script.
    pub(crate) fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// A file in which programs record what they did.
    pub(crate) fn record(&self) -> PathBuf {
        self.folder.path().join("record")
    }

    pub(crate) fn recorded(&self) -> Vec<String> {
        let text = fs::read_to_string(self.record()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Type and data of all events that came, each once, in order.
    pub(crate) fn events(&self) -> Vec<(String, Map<String, Value>)> {
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        for connection in self.mqtt.connections() {
            for (topic, payload) in &connection.published {
                if !topic.ends_with("/up/events") {
                    continue;
                }
                let event = events::decode(payload).unwrap();
                if seen.insert(event.id) {
                    all.push((event.event_type.as_str().to_owned(), event.data));
                }
            }
        }
        all
    }

    /// What was told of a command, without its prefix and without its output.
    pub(crate) fn told(&self, id: CommandId) -> Vec<String> {
        let own = Value::String(id.to_string());
        self.events()
            .into_iter()
            .filter(|(_, data)| data.get("command_id") == Some(&own))
            .filter_map(|(name, _)| name.strip_prefix("command.").map(str::to_owned))
            .filter(|name| name != "progress")
            .collect()
    }

    /// The data of the last event of a command.
    pub(crate) fn last(&self, id: CommandId) -> Map<String, Value> {
        let own = Value::String(id.to_string());
        self.events()
            .into_iter()
            .rfind(|(name, data)| {
                name.starts_with("command.") && data.get("command_id") == Some(&own)
            })
            .unwrap_or_default()
            .1
    }

    pub(crate) fn until_told(&self, id: CommandId, expected: &[&str]) {
        until(&format!("{id} is {expected:?}"), || {
            let told = self.told(id);
            assert!(
                told.len() <= expected.len(),
                "{told:?} instead of {expected:?}: {:?}\n{}",
                self.last(id),
                self.log()
            );
            told == expected
        });
    }

    /// The ledger that the agent has told last.
    pub(crate) fn ledger(&self) -> LedgerId {
        let mut ledger = None;
        until("the capabilities have come", || {
            let told = self.events().into_iter().rfind(|(name, _)| name == "agent.capabilities");
            ledger = told.map(|(_, data)| data["ledger"].as_str().unwrap().parse().unwrap());
            ledger.is_some()
        });
        ledger.unwrap()
    }

    pub(crate) fn now_s(&self) -> i64 {
        chrono::Utc::now().timestamp() + self.ahead_s.load(Ordering::SeqCst)
    }

    /// A command of the next number.
    #[allow(clippy::needless_pass_by_value, reason = "callers write it on the spot")]
    pub(crate) fn claims(&self, name: &str, args: Value) -> CommandClaims {
        CommandClaims {
            jti: CommandId(Uuid::now_v7()),
            aud: self.machine(),
            iat: self.now_s(),
            exp: self.now_s() + 60,
            name: name.to_owned(),
            args: args.as_object().unwrap().clone(),
            deadline_s: 30,
            ord: self.ord.fetch_add(1, Ordering::SeqCst),
            ledger: Some(self.ledger()),
            by: "Ada Lovelace".to_owned(),
            ticket: Some("T-1042".to_owned()),
            purpose: Some("test".to_owned()),
        }
    }

    pub(crate) fn publish(&self, channel: DownChannel, jws: &str) {
        self.mqtt.send(topics::down(self.machine(), channel), jws.as_bytes().to_vec());
    }

    pub(crate) fn send(&self, claims: &CommandClaims) -> CommandId {
        self.publish(DownChannel::Command, &sign(COMMAND_TYP, claims));
        claims.jti
    }

    pub(crate) fn order(&self, name: &str, args: Value) -> CommandId {
        self.send(&self.claims(name, args))
    }

    pub(crate) fn cancel(&self, command: CommandId) {
        let claims = CancelClaims {
            aud: self.machine(),
            iat: self.now_s(),
            exp: self.now_s() + 60,
            command,
            by: "Grace Hopper".to_owned(),
        };
        self.publish(DownChannel::Cancel, &sign(CANCEL_TYP, &claims));
    }

    /// Answers questions about the time, as the platform does.
    fn answer_times(&self) {
        let (mqtt, machine) = (self.mqtt.clone(), self.machine());
        let (ahead_s, answers) = (Arc::clone(&self.ahead_s), Arc::clone(&self.answers_time));
        let ended = Arc::clone(&self.ended);
        let answered = Mutex::new(HashSet::new());
        std::thread::spawn(move || {
            while !ended.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
                let connections = mqtt.connections();
                let published = connections.iter().flat_map(|connection| &connection.published);
                for (_, payload) in published.filter(|(topic, _)| topic.ends_with("/up/events")) {
                    let event = events::decode(payload).unwrap();
                    let Some(nonce) = event.data.get("nonce").and_then(Value::as_str) else {
                        continue;
                    };
                    let fresh = answered.lock().unwrap().insert(nonce.to_owned());
                    if fresh && answers.load(Ordering::SeqCst) {
                        let ahead_ms = ahead_s.load(Ordering::SeqCst) * 1_000;
                        let ts = chrono::Utc::now().timestamp_millis() + ahead_ms;
                        let claims = TimeClaims { aud: machine, ts, nonce: nonce.to_owned() };
                        let topic = topics::down(machine, DownChannel::Time);
                        mqtt.send(topic, sign(TIME_TYP, &claims).into_bytes());
                    }
                }
            }
        });
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
    }
}

/// A running agent, killed when the test ends.
pub(crate) struct Agent(pub(crate) Child);

impl Agent {
    pub(crate) fn terminate(&mut self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }

    /// As a power failure would, or the system's want of memory.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(40);
    while !condition() {
        assert!(Instant::now() < patience, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `[[commands.programs]]` for a program with these arguments, without consent.
pub(crate) fn configured(name: &str, path: &Path, arguments: &[&str]) -> String {
    let arguments: Vec<String> = arguments.iter().map(|argument| format!("{argument:?}")).collect();
    format!(
        "[[commands.programs]]\nname = \"{name}\"\nclass = \"motion\"\nconsent = \"none\"\n\
         program = {path:?}\narguments = [{}]\nenvironment = [\"PASSED_ON\", \"PATH\"]\n\
         schema = '{{\"type\": \"object\", \"properties\": {{\"text\": {{\"type\": \"string\"}}, \
         \"number\": {{\"type\": \"number\"}}}}, \"additionalProperties\": false}}'\n",
        arguments.join(", ")
    )
}

/// Standard output of a command that must succeed.
pub(crate) fn silent(command: &mut Command) -> String {
    let output = command.stderr(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
