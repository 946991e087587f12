//! What the demo says once: where things are and what to look at.

use std::net::SocketAddr;

use millwright_schemas::MachineId;

use super::folder::{AgentFolder, Folder};

/// Who signs in.
pub(super) const ADMIN: &str = "admin@localhost";

/// What there is to say.
#[derive(Debug)]
pub(super) struct Welcome<'a> {
    pub(super) http: SocketAddr,
    pub(super) mqtt: SocketAddr,
    pub(super) password: &'a str,
    pub(super) folder: &'a Folder,
    /// This computer, with the agent that measures it.
    pub(super) host: (MachineId, AgentFolder),
    /// As it can be called from where the demo was started.
    pub(super) agent_program: &'a str,
}

/// The lines, to be copied from.
pub(super) fn lines(welcome: &Welcome<'_>) -> Vec<String> {
    let Welcome { http, mqtt, password, folder, host, agent_program } = welcome;
    let (machine, agent) = host;
    let data = folder.shown.display();
    let agent_data = agent.data();
    let agent_data = agent_data.display();
    let text = format!(
        r#"
  Address  http://{http}
  Sign in  {ADMIN} / {password}
  API      http://{http}/docs
  MQTT     mqtts://{mqtt}
  Data     {data}: a second start continues with it

What to look at next, in another terminal:

  # Sign in
  TOKEN=$(curl -s http://{http}/api/v1/auth/login -H 'Content-Type: application/json' \
    -d '{{"email":"{ADMIN}","password":"{password}"}}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  # All machines
  curl -s -H "Authorization: Bearer $TOKEN" http://{http}/api/v1/machines
  # The newest values of this computer
  curl -s -H "Authorization: Bearer $TOKEN" http://{http}/api/v1/machines/{machine}/signals
  # Its load, live
  curl -sN -H "Authorization: Bearer $TOKEN" \
    'http://{http}/api/v1/telemetry/stream?machine_id={machine}&signal=host.cpu.load'
  # A fault, as a program on the machine reports it
  {agent_program} fault raise --code E-204 --source fan.1 --severity major \
    --message 'Fan 1 stands still' --data-dir '{agent_data}'
  # What it led to: an alarm and a ticket
  curl -s -H "Authorization: Bearer $TOKEN" 'http://{http}/api/v1/tickets?state=open'
  # A command to the machine, and how it went
  curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{{"name":"collect_diagnostics"}}' http://{http}/api/v1/machines/{machine}/commands
  curl -s -H "Authorization: Bearer $TOKEN" \
    'http://{http}/api/v1/commands?machine_id={machine}'
  # Where the operator sees it and agrees to commands that change something
  {agent_program} status --data-dir '{agent_data}'

Ctrl-C stops all of it.
"#
    );
    text.lines().map(str::to_owned).collect()
}
