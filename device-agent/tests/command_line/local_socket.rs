//! The socket elsewhere than in the data folder, and for others than the agent's user.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::unistd::{Gid, Group, geteuid};

use super::{Running, agent, json, output, stderr};

const NOBODY: u32 = 65_534;
const RAISE: [&str; 4] = ["fault", "raise", "--code", "E-204"];

/// A folder that other users may enter, with the paths of a socket and a data folder.
struct Place {
    folder: tempfile::TempDir,
    socket: PathBuf,
    data_dir: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let socket = folder.path().join("run.sock");
        let data_dir = folder.path().join("data");
        Self { folder, socket, data_dir }
    }

    fn config(&self, more: &str) -> String {
        format!("drivers = []\n[local]\nsocket = {:?}\n{more}\n", self.socket)
    }

    fn refused(&self, config: &str) -> Output {
        let file = self.folder.path().join("refused.toml");
        fs::write(&file, config).unwrap();
        output(&["run", "--config", file.to_str().unwrap()], &self.data_dir)
    }
}

/// A group to which this user may give files: for root one that isn't its own.
fn group() -> Group {
    let found = if geteuid().is_root() {
        Group::from_name("daemon")
    } else {
        Group::from_gid(Gid::effective())
    };
    found.unwrap().expect("the group exists")
}

/// A program of a user who can't see the agent's data folder.
fn stranger(program: &Path, socket: &Path, user: u32, group: u32) -> Output {
    Command::new(program)
        .args(RAISE)
        .env("MILLWRIGHT_AGENT_SOCKET", socket)
        .uid(user)
        .gid(group)
        .output()
        .unwrap()
}

#[test]
fn a_socket_elsewhere_is_for_the_agents_user_and_found_through_the_data_folder() {
    let place = Place::new();
    let nowhere = place.folder.path().join("nowhere");
    let mut running = Running::start(&place.data_dir, &place.config(""));
    assert_eq!(fs::metadata(&place.socket).unwrap().mode() & 0o777, 0o600);
    let socket = place.socket.to_str().unwrap();

    assert!(output(&RAISE, &place.data_dir).status.success(), "by the data folder");
    let by_option = output(&[RAISE.as_slice(), &["--socket", socket]].concat(), &nowhere);
    assert!(by_option.status.success(), "{by_option:?}");
    let by_variable =
        agent(&["status", "--json"], &nowhere).env("MILLWRIGHT_AGENT_SOCKET", socket).output();
    assert_eq!(json(&by_variable.unwrap())["active_faults"][0]["code"], "E-204");
    let missed = output(&RAISE, &nowhere);
    assert_eq!(missed.status.code(), Some(3));
    assert!(stderr(&missed).contains("nowhere/agent.sock"), "{missed:?}");

    // What a killed agent leaves is replaced; one that ends leaves nothing.
    running.signal("-KILL");
    running.0.wait().unwrap();
    assert!(place.socket.exists());
    let mut running = Running::start(&place.data_dir, &place.config(""));
    running.signal("-TERM");
    assert!(running.0.wait().unwrap().success());
    assert!(!place.socket.exists());
    assert!(fs::symlink_metadata(place.data_dir.join("agent.sock")).is_err());
    let _at_its_usual_place = Running::start(&place.data_dir, super::NO_DRIVERS);
    assert!(output(&RAISE, &place.data_dir).status.success());
}

#[test]
fn members_of_the_group_report_faults_and_others_do_not() {
    let place = Place::new();
    let group = group();
    let config = place.config(&format!("group = {:?}", group.name));
    let _running = Running::start(&place.data_dir, &config);
    let socket = fs::metadata(&place.socket).unwrap();
    assert_eq!((socket.mode() & 0o777, socket.gid()), (0o660, group.gid.as_raw()));
    assert_eq!(fs::metadata(&place.data_dir).unwrap().mode() & 0o777, 0o700);
    assert_eq!(socket.uid(), geteuid().as_raw());
    if !geteuid().is_root() {
        eprintln!("NOT TESTED: only root can become another user");
        return;
    }
    // Where other users can run it.
    let program = place.folder.path().join("millwright-agent");
    fs::copy(env!("CARGO_BIN_EXE_millwright-agent"), &program).unwrap();
    let member = stranger(&program, &place.socket, NOBODY, group.gid.as_raw());
    assert!(member.status.success(), "{member:?}");
    let other = stranger(&program, &place.socket, NOBODY, NOBODY);
    assert_eq!(other.status.code(), Some(1));
    assert!(stderr(&other).contains("Permission denied"), "{other:?}");
}

#[test]
fn a_socket_that_cannot_be_had_is_refused_with_the_reason() {
    let place = Place::new();
    let run = place.refused(&place.config("group = 'no-such-group'"));
    assert_eq!(run.status.code(), Some(1));
    assert!(stderr(&run).contains("\"no-such-group\": there is no such group"), "{run:?}");
    assert!(!place.socket.exists());

    fs::write(&place.socket, "somebody's work").unwrap();
    let run = place.refused(&place.config(""));
    assert_eq!(run.status.code(), Some(1));
    assert!(stderr(&run).contains("isn't a socket"), "{run:?}");
    assert_eq!(fs::read_to_string(&place.socket).unwrap(), "somebody's work");
    fs::remove_file(&place.socket).unwrap();

    let other = place.folder.path().join("other");
    let _other = Running::start(&other, &place.config(""));
    let run = place.refused(&place.config(""));
    assert_eq!(run.status.code(), Some(4));
    assert!(stderr(&run).contains("another agent listens"), "{run:?}");
    assert!(output(&RAISE, &other).status.success(), "the first one goes on");

    let run = place.refused("drivers = []\n[local]\nsocket = '/nowhere/agent.sock'\n");
    assert!(stderr(&run).contains("/nowhere/agent.sock"), "{run:?}");
}
