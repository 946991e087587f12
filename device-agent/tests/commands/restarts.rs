//! The agent ends in every state of a command: killed, and in order.

use serde_json::json;

use crate::site::{Site, configured, until};

/// Whether a process still does something; killed, it may be left for others to be reaped.
fn lives(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// One that runs for long, and one that asks.
fn config(site: &Site) -> String {
    let script = format!("echo \"$1 $$\" >>{:?}; sleep 30", site.record());
    let path = site.program("slow.sh", &script);
    let asks = configured("asks", &path, &["{text}"]).replace("consent = \"none\"\n", "");
    configured("slow", &path, &["{text}"]) + &asks
}

#[test]
fn killed_while_it_runs_it_is_interrupted_and_never_run_again() {
    let site = Site::new();
    let config = config(&site);
    let mut agent = site.run(&config);
    let running = site.claims("slow", json!({ "text": "running" }));
    site.send(&running);
    site.until_told(running.jti, &["received", "started"]);
    let waiting = site.order("slow", json!({ "text": "waiting" }));
    site.until_told(waiting, &["received"]);
    let mut late = site.claims("slow", json!({ "text": "late" }));
    late.exp = site.now_s() + 2;
    site.send(&late);
    site.until_told(late.jti, &["received"]);
    until("it has recorded", || site.recorded().len() == 1);
    let process = site.recorded()[0].split_once(' ').unwrap().1.to_owned();
    agent.kill();
    assert!(lives(&process), "it has outlived the agent");
    until("it is late", || site.now_s() > late.exp);
    let _agent = site.run(&config);
    site.send(&running);
    site.until_told(running.jti, &["received", "started", "interrupted"]);
    // What waited goes on, now that nothing is left of the one before.
    site.until_told(waiting, &["received", "started"]);
    assert!(!lives(&process));
    site.until_told(late.jti, &["received", "rejected"]);
    assert_eq!(site.last(late.jti)["reason"], "expired");
    until("it has recorded", || site.recorded().len() == 2);
    assert!(site.recorded()[1].starts_with("waiting "));
    site.cancel(waiting);
    site.until_told(waiting, &["received", "started", "canceled"]);
    assert_eq!(site.recorded().len(), 2);
}

#[test]
fn killed_while_the_operator_is_asked_the_operator_is_asked_again() {
    let site = Site::new();
    let config = config(&site);
    let mut agent = site.run(&config);
    let id = site.order("asks", json!({ "text": "asked" }));
    site.until_told(id, &["received", "awaiting_consent"]);
    for kill in [true, false] {
        if kill {
            agent.kill();
        } else {
            agent.terminate();
        }
        agent = site.run(&config);
        until("it is asked again", || {
            site.status()["operator"]["questions"][0]["id"] == id.to_string()
        });
    }
    assert_eq!(site.told(id), ["received", "awaiting_consent"]);
    assert!(site.agent(&["consent", "accept", &id.to_string()]).status.success());
    site.until_told(id, &["received", "awaiting_consent", "started"]);
    until("it has recorded", || site.recorded().len() == 1);
}

#[test]
fn told_to_stop_the_agent_ends_what_runs_and_tells_it_before_it_leaves() {
    let site = Site::new();
    let config = config(&site);
    let mut agent = site.run(&config);
    let id = site.order("slow", json!({ "text": "running" }));
    site.until_told(id, &["received", "started"]);
    until("it has recorded", || site.recorded().len() == 1);
    let process = site.recorded()[0].split_once(' ').unwrap().1.to_owned();
    agent.terminate();
    assert!(!lives(&process));
    assert_eq!(site.told(id), ["received", "started", "interrupted"]);
    let names: Vec<String> = site.events().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.last().unwrap(), "agent.stopping");
}
