//! What the demo says once: where things are and what to look at.

use std::net::SocketAddr;

use super::folder::{AgentFolder, Folder};
use super::limits::FIRST_FAILURE;

/// Who signs in.
pub(super) const ADMIN: &str = "admin@localhost";

/// What there is to say.
#[derive(Debug)]
pub(super) struct Welcome<'a> {
    pub(super) http: SocketAddr,
    pub(super) mqtt: SocketAddr,
    pub(super) password: &'a str,
    pub(super) folder: &'a Folder,
    /// The agent of this computer.
    pub(super) host: &'a AgentFolder,
    /// As it can be called from where the demo was started.
    pub(super) agent_program: &'a str,
    /// Names of the machines with the addresses of their panels.
    pub(super) panels: &'a [(&'a str, Option<&'a str>)],
}

/// The lines, to be copied from.
pub(super) fn lines(welcome: &Welcome<'_>) -> Vec<String> {
    let Welcome { http, mqtt, password, folder, host, agent_program, panels } = welcome;
    let data = folder.shown.display();
    let agent_data = host.data();
    let agent_data = agent_data.display();
    let after = FIRST_FAILURE.as_secs();
    let panel =
        |(name, url): &(&str, Option<&str>)| format!("\n    {:30}{name}", url.unwrap_or("none"));
    let panels: String = panels.iter().map(panel).collect();
    let text = format!(
        r#"
  Open     http://{http}
  Sign in  {ADMIN} / {password}

A machine fails in about {after} s; what to do next is said here then. The operators' panels:
{panels}

  API http://{http}/docs · MQTT mqtts://{mqtt} · data in {data}, for the next start too

By hand, in another terminal:

  # Sign in
  TOKEN=$(curl -s http://{http}/api/v1/auth/login -H 'Content-Type: application/json' \
    -d '{{"email":"{ADMIN}","password":"{password}"}}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  # All machines; tickets and alarms likewise
  curl -s -H "Authorization: Bearer $TOKEN" http://{http}/api/v1/machines
  # A fault of this computer, as a program on it reports it
  {agent_program} fault raise --code E-204 --source fan.1 --severity major --data-dir '{agent_data}'

Ctrl-C stops all of it.
"#
    );
    text.lines().map(str::to_owned).collect()
}
