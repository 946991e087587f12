//! The other reference: mosquitto and a Python program that copies into PostgreSQL in batches.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use millwright_schemas::MachineId;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::database::{Database, Kind, NAME};
use crate::load::{Flood, Shape, connect, flood};
use crate::machine::{Identity, Machine};
use crate::postgres::free_port;
use crate::process::tree_cpu_seconds;
use crate::report::Report;
use crate::throughput::{Outcome, SAMPLES, name, report_flood};

/// Debian's package puts it where an ordinary user's PATH may not look.
const MOSQUITTO: [&str; 3] = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "mosquitto"];
/// What the Python program needs.
const PACKAGES: [&str; 2] = ["paho-mqtt>=2", "psycopg[binary]>=3"];
/// Longest load: the broker takes several times what the program stores, and the rest is waited for.
const LENGTH_MAX: Duration = Duration::from_secs(4);
/// Longest wait until what the broker has taken is stored.
const PATIENCE: Duration = Duration::from_secs(300);

/// The programs that are needed; an error says what is missing.
pub(crate) struct Programs {
    mosquitto: PathBuf,
    python: PathBuf,
}

impl Programs {
    /// Finds mosquitto; makes a Python environment below `folder`, unless there is one.
    pub(crate) async fn prepare(folder: &Path) -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let named = MOSQUITTO.iter().map(PathBuf::from);
        let inside = std::env::split_paths(&path).map(|folder| folder.join("mosquitto"));
        let mosquitto = named
            .chain(inside)
            .find(|program| program.is_absolute() && program.is_file())
            .context("mosquitto isn't installed (Debian, Ubuntu: apt install mosquitto)")?;
        let environment = folder.join("python");
        let python = environment.join("bin/python");
        let check = ["-c", "import paho.mqtt.client, psycopg"];
        if !succeeds(Command::new(&python).args(check)).await {
            let made =
                succeeds(Command::new("python3").args(["-m", "venv"]).arg(&environment)).await;
            ensure!(
                made,
                "python3 -m venv doesn't work (Debian, Ubuntu: apt install python3-venv)"
            );
            let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
            let installed = succeeds(Command::new(&python).args(pip).args(PACKAGES)).await;
            ensure!(installed, "pip can't install {}", PACKAGES.join(" and "));
        }
        Ok(Self { mosquitto, python })
    }
}

async fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().await.is_ok_and(|status| status.success())
}

/// Measures all fleets with all messages.
pub(crate) async fn measure(
    report: &Report,
    programs: &Programs,
    scratch: &Path,
    fleets: &[usize],
    length: Duration,
    batch: usize,
) -> Result<Vec<Outcome>> {
    let mut section = report.section("throughput", "mosquitto-python");
    let database = Database::start(Kind::Postgres, scratch).await?;
    let authority = Authority::new()?;
    let (port, open_port) = (free_port()?, free_port()?);
    let mut broker = Broker::start(programs, scratch, &authority, (port, open_port)).await?;
    let mut intake = Intake::start(programs, &database, open_port, batch).await?;
    let mut roots = database.pids();
    roots.extend([broker.child.id(), intake.child.id()].into_iter().flatten());
    let count = fleets.iter().copied().max().unwrap_or(0);
    let machines = (0..count).map(|number| authority.machine(port, number));
    let machines = machines.collect::<Result<Vec<_>>>()?;
    let mut outcomes = Vec::new();
    for &fleet in fleets {
        let mut connected = connect(&machines[..fleet]).await?;
        for samples in SAMPLES {
            let shape = Shape::new(samples, format!("flood.{fleet}.{samples}.temperature"));
            let before = tree_cpu_seconds(&roots)?;
            let start = Instant::now();
            let sent = flood(&mut connected, &shape, length.min(LENGTH_MAX)).await?;
            intake.wait_for(sent.messages).await?;
            let seconds = start.elapsed().as_secs_f64();
            let cpu = tree_cpu_seconds(&roots)? - before;
            let done = Flood { messages: sent.messages, seconds };
            report_flood(&mut section, &name(fleet, samples), samples, done, cpu);
            let messages_per_cpu = crate::stats::float(done.messages) / cpu;
            outcomes.push(Outcome { machines: fleet, samples, messages_per_cpu });
        }
    }
    section.end()?;
    intake.child.kill().await?;
    broker.child.kill().await?;
    Ok(outcomes)
}

/// A CA, as the platform has one.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "bench");
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// Certificate and key.
    fn certify(&self, common_name: &str) -> Result<(String, String)> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, common_name);
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    fn machine(&self, port: u16, number: usize) -> Result<Arc<Machine>> {
        let id = MachineId(uuid::Uuid::now_v7());
        let (certificate, key) = self.certify(&id.to_string())?;
        let identity = Identity {
            id,
            host: "localhost",
            port,
            authorities: &self.issuer.pem(),
            certificate: &certificate,
            key: &key,
        };
        Ok(Arc::new(Machine::new(&identity, number)?))
    }
}

/// mosquitto: TLS with client certificates for machines, plain loopback for the program.
struct Broker {
    child: Child,
    _folder: TempDir,
}

impl Broker {
    async fn start(
        programs: &Programs,
        scratch: &Path,
        authority: &Authority,
        (port, open_port): (u16, u16),
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("mosquitto-").tempdir_in(scratch)?;
        let file = |name: &str| folder.path().join(name).display().to_string();
        let (certificate, key) = authority.certify("localhost")?;
        std::fs::write(file("ca.pem"), authority.issuer.pem())?;
        std::fs::write(file("cert.pem"), certificate)?;
        std::fs::write(file("key.pem"), key)?;
        // No bound on what waits for the program: what is dropped couldn't be counted.
        let text = format!(
            "user root\npersistence false\nlog_type error\nset_tcp_nodelay true\n\
             max_inflight_messages 0\nmax_queued_messages 0\nmax_queued_bytes 0\n\
             allow_anonymous true\nlistener {open_port} 127.0.0.1\n\
             listener {port} 127.0.0.1\ncafile {}\ncertfile {}\nkeyfile {}\n\
             require_certificate true\n",
            file("ca.pem"),
            file("cert.pem"),
            file("key.pem"),
        );
        std::fs::write(file("mosquitto.conf"), text)?;
        let child = Command::new(&programs.mosquitto)
            .args(["-c", &file("mosquitto.conf")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(file("mosquitto.log"))?)
            .kill_on_drop(true)
            .spawn()?;
        for _ in 0..100 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(Self { child, _folder: folder });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("mosquitto wasn't ready within 10 seconds")
    }
}

/// The Python program.
struct Intake {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Stored before the present load.
    stored: u64,
}

impl Intake {
    async fn start(
        programs: &Programs,
        database: &Database,
        port: u16,
        batch: usize,
    ) -> Result<Self> {
        let url = database.server().context("a server")?.url(NAME);
        let mut child = Command::new(&programs.python)
            .args(["-c", include_str!("../python/intake.py"), "--port", &port.to_string()])
            .args(["--database", &url, "--batch", &batch.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        let mut intake = Self { child, lines, stored: 0 };
        ensure!(intake.line().await? == "ready", "the Python program doesn't start");
        Ok(intake)
    }

    async fn line(&mut self) -> Result<String> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line());
        line.await.context("the Python program is stuck")??.context("the Python program has ended")
    }

    /// Waits until so many more messages are stored.
    async fn wait_for(&mut self, messages: u64) -> Result<()> {
        let wanted = self.stored + messages;
        while self.stored < wanted {
            self.stored = self.line().await?.parse()?;
        }
        Ok(())
    }
}
