//! The real binary, without a platform.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs
)]

mod local_socket;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const NO_DRIVERS: &str = "drivers = []\n";

fn agent(arguments: &[&str], data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millwright-agent"));
    command.args(arguments).arg("--data-dir").arg(data_dir);
    command.env_remove("MILLWRIGHT_AGENT_CONFIG").env_remove("MILLWRIGHT_AGENT_SOCKET");
    command.env_remove("MILLWRIGHT_AGENT_LOG_LEVEL");
    command
}

fn output(arguments: &[&str], data_dir: &Path) -> Output {
    agent(arguments, data_dir).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running agent, killed when the test ends.
struct Running(Child);

impl Running {
    fn start(data_dir: &Path, config: &str) -> Self {
        let file = data_dir.with_extension("toml");
        fs::write(&file, config).unwrap();
        let child = agent(&["run", "--config", file.to_str().unwrap()], data_dir)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let running = Self(child);
        // It gets its rights just after it is there.
        let socket = data_dir.join("agent.sock");
        let is_private =
            || fs::metadata(&socket).is_ok_and(|of| of.permissions().mode() & 0o7 == 0);
        until("it answers", || UnixStream::connect(&socket).is_ok() && is_private());
        running
    }

    fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < patience, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn without_a_running_agent_commands_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let status = output(&["status"], &data_dir);
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    assert_eq!(status.status.code(), Some(3));
    assert!(text.contains("not running") && text.contains("not enrolled"), "{text}");
    assert!(!data_dir.exists(), "asking changes nothing");
    let status = output(&["status", "--json"], &data_dir);
    assert_eq!(json(&status)["running"], false);
    let raise = output(&["fault", "raise", "--code", "E-1"], &data_dir);
    assert_eq!(raise.status.code(), Some(3));
    assert!(stderr(&raise).contains("no agent runs"), "{raise:?}");
}

#[test]
fn a_bad_configuration_is_refused_with_value_and_rule() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    let config = file.to_str().unwrap().to_owned();
    for (text, expected) in [
        ("[outbox]\nmax_mib = 0\n", "outbox.max_mib = 0: must be between 1 and 16384"),
        ("[outbox]\nmax_mb = 1\n", "unknown field `max_mb`"),
        ("log_level = ", "TOML parse error"),
        ("log_level = 'banana'", "log_level = \"banana\": must be error, warn, info"),
    ] {
        fs::write(&file, text).unwrap();
        let run = output(&["run", "--config", &config], folder.path());
        assert_eq!(run.status.code(), Some(2), "{run:?}");
        assert!(stderr(&run).contains(expected), "{run:?}");
    }
    let run = output(&["run", "--config", "/nowhere/agent.toml"], folder.path());
    assert!(stderr(&run).contains("/nowhere/agent.toml"), "{run:?}");
    assert_eq!(stderr(&run).matches("No such file").count(), 1, "{run:?}");
    for level in ["loud,=", "banana"] {
        let given = output(&["run", "--log-level", level], folder.path());
        let variable = ("MILLWRIGHT_AGENT_LOG_LEVEL", level);
        let set = agent(&["run"], folder.path()).env(variable.0, variable.1).output().unwrap();
        for run in [given, set] {
            assert_eq!(run.status.code(), Some(2), "{run:?}");
            let expected = format!("log_level = {level:?}: must be error, warn, info");
            assert!(stderr(&run).contains(&expected), "{run:?}");
        }
    }
}

#[test]
fn plain_http_to_another_machine_is_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let code = format!("mwe1.{}.{}", "0".repeat(32), "0".repeat(64));
    let enroll = output(&["enroll", "--url", "http://192.0.2.1", "--code", &code], folder.path());
    assert_eq!(enroll.status.code(), Some(1));
    let text = stderr(&enroll);
    assert!(text.contains("http://192.0.2.1") && text.contains("--insecure-http"), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_second_agent_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let _first = Running::start(&data_dir, NO_DRIVERS);
    let second = output(&["run"], &data_dir);
    assert_eq!(second.status.code(), Some(4));
    assert!(stderr(&second).contains("another agent runs"), "{second:?}");
    let code = format!("mwe1.{}.{}", "0".repeat(32), "0".repeat(64));
    let forced = ["enroll", "--force", "--url", "http://127.0.0.1:1", "--code", &code];
    assert_eq!(output(&forced, &data_dir).status.code(), Some(4));
}

#[test]
fn asking_a_starting_agent_for_its_status_does_not_keep_it_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    fs::create_dir(&data_dir).unwrap();
    // `status` has this lock while it reads the files of an agent that doesn't run.
    let lock = fs::File::create(data_dir.join("agent.lock")).unwrap();
    lock.lock().unwrap();
    let mut child = agent(&["run"], &data_dir).stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let _running = Running(child);
    let waits = |line: &std::io::Result<String>| line.as_ref().unwrap().contains("waiting for");
    assert!(log.lines().any(|line| waits(&line)), "it ended");
    drop(lock);
    until("it answers", || output(&["status"], &data_dir).status.success());
}

#[test]
fn a_fault_taken_offline_survives_being_killed() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let mut first = Running::start(&data_dir, NO_DRIVERS);
    let mode = |name: &str| fs::metadata(data_dir.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("agent.sock"), mode("outbox.redb")), (0o700, 0o600, 0o600));
    let raise = [
        "fault",
        "raise",
        "--json",
        "--code",
        "E-204",
        "--source",
        "axis.x",
        "--severity",
        "major",
        "--message",
        "Überlast",
        "--context",
        "load=1.5",
        "--context",
        "tool=T1",
    ];
    let taken = json(&output(&raise, &data_dir));
    // `agent.started` was the first event.
    assert_eq!(taken["seq"], 2);
    first.signal("-KILL");
    first.0.wait().unwrap();

    let status = json(&output(&["status", "--json"], &data_dir));
    assert_eq!((&status["running"], &status["outbox"]["events"]), (&false.into(), &2.into()));

    let _second = Running::start(&data_dir, NO_DRIVERS);
    let status = json(&output(&["status", "--json"], &data_dir));
    assert_eq!(status["running"], true);
    assert_eq!(status["outbox"]["events"], 3);
    assert_eq!(status["active_faults"][0]["code"], "E-204");
    assert_eq!(status["connection"]["state"], "not_enrolled");
    let clear = ["fault", "clear", "--json", "--code", "E-204", "--source", "axis.x"];
    assert_eq!(json(&output(&clear, &data_dir))["seq"], 4);
    let status = json(&output(&["status", "--json"], &data_dir));
    assert_eq!(status["active_faults"], Value::Array(vec![]));
}

#[test]
fn a_fault_that_cannot_be_stored_fails_visibly() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let _running = Running::start(&data_dir, NO_DRIVERS);
    let raise = output(&["fault", "raise", "--code", &"x".repeat(129)], &data_dir);
    assert_eq!(raise.status.code(), Some(1));
    assert!(stderr(&raise).contains("NOT stored"), "{raise:?}");
    let context = format!("x={}", "x".repeat(80_000));
    let raise = output(&["fault", "raise", "--code", "E", "--context", &context], &data_dir);
    assert!(stderr(&raise).contains("NOT stored"), "{raise:?}");
}

#[test]
fn strange_requests_are_answered_and_endless_ones_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let _running = Running::start(&data_dir, NO_DRIVERS);
    let mut stream = UnixStream::connect(data_dir.join("agent.sock")).unwrap();
    stream.write_all(b"nonsense\n{\"request\":\"status\"}\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    let answers: Vec<Value> =
        answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers[0]["answer"], "refused");
    assert_eq!(answers[1]["answer"], "status");
    let mut stream = UnixStream::connect(data_dir.join("agent.sock")).unwrap();
    let _ = stream.write_all(&vec![b'x'; 1024 * 1024]);
    let mut answer = String::new();
    // Cut off while it was still writing: the answer may or may not have come through.
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.contains("one line"), "{answer}");
    assert_eq!(output(&["status"], &data_dir).status.code(), Some(0));
}

#[test]
fn the_host_is_measured_without_any_configuration_and_sigterm_ends_it_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let mut running = Running::start(&data_dir, "");
    until("samples are stored", || {
        let status = json(&output(&["status", "--json"], &data_dir));
        status["outbox"]["telemetry"].as_u64().unwrap() > 0
    });
    running.signal("-TERM");
    assert!(running.0.wait().unwrap().success());
    assert!(!data_dir.join("agent.sock").exists());
    let status = json(&output(&["status", "--json"], &data_dir));
    assert_eq!(status["outbox"]["events"], 2, "started and stopping");
}

#[test]
fn an_agent_that_is_told_so_stops_with_its_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let file = folder.path().join("agent.toml");
    fs::write(&file, NO_DRIVERS).unwrap();
    let mut child = agent(&["run", "--stop-on-eof", "--config", file.to_str().unwrap()], &data_dir)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let input = child.stdin.take();
    let mut running = Running(child);
    until("it answers", || UnixStream::connect(data_dir.join("agent.sock")).is_ok());
    drop(input);
    until("it has ended", || running.0.try_wait().unwrap().is_some());
    assert!(running.0.wait().unwrap().success());
}

#[test]
fn a_broken_outbox_is_set_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    fs::create_dir(&data_dir).unwrap();
    fs::write(data_dir.join("outbox.redb"), vec![b'?'; 100_000]).unwrap();
    let _running = Running::start(&data_dir, NO_DRIVERS);
    let status = json(&output(&["status", "--json"], &data_dir));
    assert_eq!(status["outbox"]["events"], 1);
    assert!(status["problem"].as_str().unwrap().contains("outbox-broken-"), "{status}");
}

#[test]
fn an_emptied_outbox_is_told_and_a_first_start_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let first = Running::start(&data_dir, NO_DRIVERS);
    let status = json(&output(&["status", "--json"], &data_dir));
    assert_eq!(status["problem"], Value::Null);
    drop(first);
    fs::write(data_dir.join("outbox.redb"), b"").unwrap();
    // Looking at a stopped agent must not make a new outbox and so wipe the trace.
    for _ in 0..2 {
        let status = json(&output(&["status", "--json"], &data_dir));
        assert!(status["disk_problem"].as_str().unwrap().contains("0 bytes"), "{status}");
    }
    let _second = Running::start(&data_dir, NO_DRIVERS);
    let status = json(&output(&["status", "--json"], &data_dir));
    assert!(status["problem"].as_str().unwrap().contains("0 bytes"), "{status}");
    assert_eq!(status["outbox"]["events"], 1);
}

#[test]
fn an_agent_that_is_not_enrolled_says_how_to_enrol_it() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let mut child = agent(&["run", "--stop-on-eof"], &data_dir)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = child.stdin.take();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let _running = Running(child);
    let told = log.find_map(|line| line.ok().filter(|line| line.contains("isn't enrolled")));
    let told = told.expect("it says so");
    assert!(told.contains("WARN") && told.contains("millwright-agent enroll --url"), "{told}");
    assert!(told.contains(data_dir.to_str().unwrap()), "{told}");
    drop(input);
    assert!(!log.any(|line| line.is_ok_and(|line| line.contains("isn't enrolled"))), "said twice");
}

#[test]
fn a_report_without_an_answer_is_not_taken_for_stored() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("agent.sock")).unwrap();
    let hangs_up = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut request = String::new();
        BufReader::new(stream).read_line(&mut request).unwrap();
    });
    let raise = output(&["fault", "raise", "--code", "E-1"], folder.path());
    hangs_up.join().unwrap();
    assert_eq!(raise.status.code(), Some(1));
    let text = stderr(&raise);
    assert!(text.contains("NOT confirmed as stored, report it again: the agent at"), "{text}");
    assert_eq!(text.matches("closed the connection").count(), 1, "{text}");
}
