//! The panel of the real agent.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::Client;
use serde_json::Value;

use super::until;

struct Running(Child);

impl Running {
    fn start(folder: &Path, listen: &str) -> Self {
        let file = folder.join("agent.toml");
        fs::write(&file, format!("drivers = []\n[panel]\nlisten = {listen:?}\n")).unwrap();
        let child = agent(folder)
            .args(["run", "--config"])
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Running {
    /// Told to end, it does, also with a browser's connection open.
    async fn ends(&mut self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut ended = None;
        until("it has ended", || {
            ended = self.0.try_wait().unwrap();
            std::future::ready(ended.is_some())
        })
        .await;
        assert!(ended.unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn agent(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millwright-agent"));
    for variable in ["CONFIG", "SOCKET", "LOG_LEVEL"] {
        command.env_remove(format!("MILLWRIGHT_AGENT_{variable}"));
    }
    command.env("MILLWRIGHT_AGENT_DATA_DIR", folder.join("data"));
    command
}

fn status(folder: &Path) -> Option<Value> {
    let output = agent(folder).args(["status", "--json"]).output().unwrap();
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}

/// The status of an agent that has been given time to start.
async fn running_status(folder: &Path) -> Value {
    until("the agent answers and its panel is open", || async {
        status(folder).is_some_and(|status| !status["panel"]["url"].is_null())
    })
    .await;
    status(folder).unwrap()
}

#[tokio::test]
async fn status_shows_where_the_panel_is_and_it_is_there() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut running = Running::start(folder.path(), &address);
    let status = running_status(folder.path()).await;
    let problem = status["panel"]["problem"].as_str().unwrap();
    assert!(problem.contains("Address already in use"), "{problem}");
    let url = status["panel"]["url"].as_str().unwrap();
    assert!(!url.contains(&address));
    let client = Client::builder().no_proxy().build().unwrap();
    let state: Value =
        client.get(format!("{url}api/state")).send().await.unwrap().json().await.unwrap();
    assert_eq!(state["connection"]["state"], "not_enrolled");
    let text = agent(folder.path()).arg("status").output().unwrap().stdout;
    assert!(String::from_utf8(text).unwrap().contains(&format!("Panel          {url}\n")));
    running.ends().await;
}

#[tokio::test]
async fn no_panel_means_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path(), "");
    until("the agent answers", || async { status(folder.path()).is_some() }).await;
    let panel = status(folder.path()).unwrap()["panel"].clone();
    assert!(panel["url"].is_null() && panel["problem"].is_null(), "{panel}");
    running.ends().await;
}
