//! `millwright demo`: eight machines on one computer, and nothing left behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use millwright_tests::process::Process;
use millwright_tests::{Api, eventually, ports, programs};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const MACHINES: usize = 8;
const COMPLETE: Duration = Duration::from_secs(60);
const STOPPED: Duration = Duration::from_secs(30);

fn start(folder: &Path, log: &str, arguments: &[&str]) -> Process {
    let mut command = programs::millwright();
    command.arg("demo").args(arguments);
    command.arg("--data-dir").arg(folder.join("data"));
    Process::start("millwright demo", &mut command, folder.join(log))
}

/// Signs in as the demo says, from its output alone.
async fn api(output: &str) -> anyhow::Result<Api> {
    let value = |label: &str| {
        let line = output.lines().find_map(|line| line.trim().strip_prefix(label));
        line.map(|rest| rest.trim().to_owned()).with_context(|| format!("no {label:?} yet"))
    };
    let url = value("Open")?;
    let sign_in = value("Sign in")?;
    let (email, password) = sign_in.split_once(" / ").context("e-mail / password")?;
    Ok(Api::login(&url, email, password).await)
}

/// Id by serial number, once all are connected and have values.
async fn machines(api: &Api) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for machine in api.items("/machines").await? {
        let text = |name: &str| machine[name].as_str().context("a text").map(str::to_owned);
        ensure!(machine["connection"]["connected"] == true, "not connected: {machine}");
        let id = text("id")?;
        let signals = api.items(&format!("/machines/{id}/signals")).await?;
        ensure!(!signals.is_empty(), "no values yet: {machine}");
        found.push((text("serial_number")?, id));
    }
    ensure!(found.len() == MACHINES, "{} machines", found.len());
    found.sort();
    Ok(found)
}

async fn certificates(api: &Api, machines: &[(String, String)]) -> Vec<Value> {
    let mut all = Vec::new();
    for (_, id) in machines {
        let list = api.get(&format!("/machines/{id}/certificates")).await.expect("certificates");
        all.extend(list["items"].as_array().expect("items").iter().cloned());
    }
    all
}

/// Ids and command lines of processes that have the folder in their command line.
fn processes(folder: &Path) -> Vec<(i32, String)> {
    let folder = folder.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for process in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let Ok(id) = process.file_name().to_string_lossy().parse() else { continue };
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&folder) {
            found.push((id, line));
        }
    }
    found
}

fn left_behind(folder: &Path) -> Vec<String> {
    processes(folder).into_iter().map(|(_, line)| line).collect()
}

fn agent_process(folder: &Path, name: &str) -> Option<i32> {
    let is_agent = |line: &str| line.contains(name) && line.contains("millwright-agent run");
    processes(folder).into_iter().find(|(_, line)| is_agent(line)).map(|(id, _)| id)
}

#[tokio::test]
async fn eight_machines_report_and_a_second_start_goes_on() {
    millwright_tests::start();
    let folder = tempfile::tempdir().unwrap();

    let (http, mqtt) = (ports::free().to_string(), ports::free().to_string());
    let addresses = ["--http", &http, "--mqtt", &mqtt];
    let mut demo = start(folder.path(), "first.log", &addresses);
    let first = complete(&mut demo).await;
    let output = demo.output();
    for words in ["/docs", "curl", "Ctrl-C"] {
        assert!(output.contains(words), "no word of {words:?}:\n{output}");
    }
    let welcome: Vec<&str> = output.lines().skip_while(|line| !line.contains("Open ")).collect();
    let end = welcome.iter().position(|line| line.starts_with("Ctrl-C")).expect("its end");
    assert!(end < 40, "the welcome fits on a screen:\n{output}");
    let panels = welcome[..end].iter().filter_map(|line| line.trim().split(' ').next());
    let panels: Vec<&str> = panels.filter(|word| word.starts_with("http://")).collect();
    assert_eq!(panels.len(), MACHINES, "a panel each:\n{output}");
    let page = reqwest::get(panels[0]).await.expect("a panel's page").text().await.unwrap();
    assert!(page.contains("panel-token"), "{page}");
    let machines_first = machines(&first).await.expect("eight machines");
    let certificates_first = certificates(&first, &machines_first).await;
    assert_eq!(certificates_first.len(), MACHINES);
    let killed = agent_process(folder.path(), "demo-mill-1").expect("the mill's agent runs");
    kill(Pid::from_raw(killed), Signal::SIGKILL).expect("the agent is killed");
    eventually("the agent is started again", COMPLETE, async || {
        let id = agent_process(folder.path(), "demo-mill-1").context("no agent")?;
        ensure!(id != killed, "still the killed one");
        machines(&first).await.map(drop)
    })
    .await;
    demo.signal(Signal::SIGINT);
    let status = demo.end(STOPPED).await;
    assert!(status.success(), "after Ctrl-C: {status}");
    assert_eq!(left_behind(folder.path()), Vec::<String>::new());

    let mut demo = start(folder.path(), "second.log", &addresses);
    let second = complete(&mut demo).await;
    let machines_second = machines(&second).await.expect("eight machines");
    assert_eq!(machines_second, machines_first, "the same machines");
    assert_eq!(
        certificates(&second, &machines_second).await,
        certificates_first,
        "not enrolled anew"
    );
    // The platform would stop at once when killed; the agents must not stay either.
    demo.kill();
    eventually("nothing is left behind by a killed demo", STOPPED, async || {
        let left = left_behind(folder.path());
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
    .await;
}

/// Waits until all machines have values, at the API and in what the demo shows.
async fn complete(demo: &mut Process) -> Api {
    let api = eventually("the demo says how to sign in", COMPLETE, async || {
        if let Some(status) = demo.ended() {
            panic!("millwright demo ended: {status}");
        }
        api(&demo.output()).await
    })
    .await;
    eventually("eight machines report", COMPLETE, async || machines(&api).await).await;
    eventually("the demo shows them", COMPLETE, async || {
        let output = demo.output();
        for machine in api.items("/machines").await? {
            let name = machine["name"].as_str().context("a name")?;
            ensure!(output.contains(name), "{name} isn't shown:\n{output}");
        }
        Ok(())
    })
    .await;
    api
}

#[tokio::test]
async fn it_stops_by_itself_and_names_a_taken_port() {
    millwright_tests::start();
    let folder = tempfile::tempdir().unwrap();
    let any = "127.0.0.1:0";
    let arguments = ["--for-s", "15", "--http", any, "--mqtt", any];
    let mut demo = start(folder.path(), "short.log", &arguments);
    let status = demo.end(Duration::from_secs(60)).await;
    assert!(status.success(), "{status}");
    let output = demo.output();
    assert!(output.contains("8 of 8"), "eight machines were connected:\n{output}");
    assert_eq!(left_behind(folder.path()), Vec::<String>::new());

    let arguments = ["--trouble-every-s", "19"];
    let mut demo = start(folder.path(), "often.log", &arguments);
    assert!(!demo.end(STOPPED).await.success(), "too often");
    assert!(demo.output().contains("20..=86400"), "{}", demo.output());

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for option in ["--http", "--mqtt"] {
        let mut command = programs::millwright();
        let other = if option == "--http" { "--mqtt" } else { "--http" };
        command.args(["demo", option, &address, other, "127.0.0.1:0"]);
        command.arg("--data-dir").arg(folder.path().join("taken"));
        let log = folder.path().join(format!("taken{option}.log"));
        let mut demo = Process::start("millwright demo", &mut command, log);
        let status = demo.end(Duration::from_secs(30)).await;
        assert!(!status.success(), "the port is taken");
        let output = demo.output();
        assert!(output.contains(option) && output.contains(&address), "{option}:\n{output}");
    }
}
