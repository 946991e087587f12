//! The agent's own commands.

use serde_json::{Value, json};

use crate::site::{Site, until};

const NO_CONSENT: &str = "[commands.policy]\nconfigure = { consent = \"none\" }\n\
                          software = { consent = \"none\" }\n";

#[test]
fn diagnostics_tell_the_state_and_the_log() {
    let site = Site::new();
    let _agent = site.run("");
    let id = site.order("collect_diagnostics", json!({}));
    site.until_told(id, &["received", "started", "succeeded"]);
    let last = site.last(id);
    let result = &last["result"];
    assert_eq!(result["connection"]["state"], "connected");
    assert_eq!(result["config"]["outbox"]["max_mib"], 64);
    assert!(result["computer"]["memory"]["total"].as_u64().unwrap() > 0);
    assert!(result["outbox"]["outbox"].is_string() && result["ledger"]["last_ord"] == 1);
    assert!(last["output"].as_str().unwrap().contains("connected"), "{last:?}");
}

#[test]
fn the_agent_starts_again_in_place_after_it_has_told() {
    let site = Site::new();
    let mut agent = site.run(NO_CONSENT);
    let id = site.order("restart_agent", json!({}));
    site.until_told(id, &["received", "started", "succeeded"]);
    let count = || site.events().iter().filter(|(name, _)| name == "agent.started").count();
    until("it is back", || count() == 2);
    assert!(agent.0.try_wait().unwrap().is_none(), "it is the same process");
    let ping = site.order("ping", json!({}));
    site.until_told(ping, &["received", "started", "succeeded"]);
    assert_eq!(site.told(id), ["received", "started", "succeeded"]);
    agent.terminate();
}

#[test]
fn the_interval_changes_at_once_and_only_within_its_bounds() {
    let site = Site::new();
    let config = "[[drivers]]\nkind = \"simulator\"\nname = \"mill\"\nmodel = \"cnc_mill\"\n\
                  interval_ms = 60000\n[signals]\nflush_interval_ms = 50\n";
    let _agent = site.run_with_drivers(&format!("{config}{NO_CONSENT}"));
    let readings = || site.status()["drivers"][0]["readings"].as_u64().unwrap_or_default();
    until("it has begun", || readings() == 1);
    let id = site.order("set_sampling", json!({ "interval_ms": 500 }));
    site.until_told(id, &["received", "started", "succeeded"]);
    until("it measures often", || readings() >= 4);
    for args in [json!({ "interval_ms": 5 }), json!({}), json!({ "interval_ms": "500" })] {
        let id = site.order("set_sampling", args);
        site.until_told(id, &["rejected"]);
        assert_eq!(site.last(id)["reason"], "invalid_arguments");
    }
    // Within the command's bounds, but not within this driver's.
    let id = site.order("set_sampling", json!({ "interval_ms": 3_600_000 }));
    site.until_told(id, &["received", "started", "failed"]);
    let error = site.last(id)["error"].as_str().unwrap().to_owned();
    assert!(error.contains("3600000") && error.contains("mill"), "{error}");
}

#[test]
fn a_simulated_machine_does_what_it_is_told() {
    let site = Site::new();
    let config = "[[drivers]]\nkind = \"simulator\"\nname = \"mill\"\nmodel = \"cnc_mill\"\n\
                  interval_ms = 100\n[commands.policy]\nmotion = { consent = \"none\" }\n";
    let _agent = site.run_with_drivers(config);
    let id = site.order("set_speed", json!({ "percent": 40 }));
    site.until_told(id, &["received", "started", "succeeded"]);
    assert_eq!(site.last(id)["result"], json!({ "percent": 40.0 }));
    let id = site.order("set_speed", json!({ "percent": 4_000 }));
    site.until_told(id, &["rejected"]);
    let error: Value = site.last(id)["error"].clone();
    assert!(error.as_str().unwrap().contains("args.percent"), "{error}");
}
