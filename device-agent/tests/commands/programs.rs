//! Programs: what they are given, how they end, what is told of them.

use millwright_schemas::limits::COMMAND_OUTPUT_MAX_BYTES;
use serde_json::{Value, json};

use crate::site::{Site, configured, silent, until};

#[test]
fn a_program_gets_its_arguments_as_they_are_and_gives_a_result() {
    let site = Site::new();
    let touched = site.folder.path().join("touched");
    let script = "for a in \"$@\"; do printf '%s\\n' \"$a\" >>\"$0.args\"; done\n\
                  env | sort >\"$0.env\"; pwd >\"$0.pwd\"\n\
                  printf '{\"count\": %s}' $#";
    let path = site.program("show", script);
    let config = configured("show", &path, &["--text={text}", "{text}", "-n", "{number}", "$HOME"]);
    let _agent = site.run(&config);
    let text = format!("x; touch {0} | `touch {0}` $(touch {0}) 'ü\"\n*", touched.display());
    let id = site.order("show", json!({ "text": text }));
    site.until_told(id, &["received", "started", "succeeded"]);
    let last = site.last(id);
    assert_eq!(last["result"], json!({ "count": 4 }));
    assert_eq!(last["exit_code"], 0);
    let args = std::fs::read_to_string(path.with_extension("args")).unwrap();
    // The number wasn't given: its place is left out.
    assert_eq!(args, format!("--text={text}\n{text}\n-n\n$HOME\n"));
    assert!(!touched.exists());
    let env = std::fs::read_to_string(path.with_extension("env")).unwrap();
    assert!(env.contains("PASSED_ON=passed on") && !env.contains("s3cret"), "{env}");
    assert!(env.contains(&format!("MILLWRIGHT_COMMAND_ID={id}")), "{env}");
    assert_eq!(std::fs::read_to_string(path.with_extension("pwd")).unwrap(), "/\n");
}

#[test]
fn failures_are_told_with_code_output_and_reason() {
    let site = Site::new();
    let path = site.program("fail", "echo out; echo err >&2; exit 7");
    let config = configured("fail", &path, &[])
        + &configured("gone", &site.folder.path().join("nowhere"), &[])
        + &configured("signal", &site.program("signal", "kill -9 $$"), &[]);
    let _agent = site.run(&config);
    for (name, code, error) in [
        ("fail", json!(7), "exit code 7"),
        ("gone", Value::Null, "No such file"),
        ("signal", Value::Null, "signal 9"),
    ] {
        let id = site.order(name, json!({}));
        site.until_told(id, &["received", "started", "failed"]);
        let last = site.last(id);
        assert_eq!(last.get("exit_code").cloned().unwrap_or_default(), code, "{name}");
        assert!(last["error"].as_str().unwrap().contains(error), "{last:?}");
        if name == "fail" {
            let output = last["output"].as_str().unwrap();
            assert!(output.contains("out\n") && output.contains("err\n"), "{output}");
        }
    }
}

#[test]
fn the_deadline_ends_the_whole_group_also_when_it_doesnt_listen() {
    let site = Site::new();
    let script = "trap '' TERM\n(trap '' TERM; while :; do sleep 0.05; done) &\n\
                  echo $! >\"$0.child\"; echo begun\nwhile :; do sleep 0.05; done";
    let path = site.program("deaf", script);
    let _agent = site.run(&configured("deaf", &path, &[]));
    let mut claims = site.claims("deaf", json!({}));
    claims.deadline_s = 1;
    let id = site.send(&claims);
    site.until_told(id, &["received", "started", "timed_out"]);
    assert_eq!(site.last(id)["output"], "begun\n");
    let child = std::fs::read_to_string(path.with_extension("child")).unwrap();
    until("the child is gone", || {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
        state.is_err() || state.is_ok_and(|stat| stat.contains(") Z "))
    });
}

#[test]
fn a_cancellation_reaches_what_runs_what_waits_and_what_is_still_to_come() {
    let site = Site::new();
    let record = site.record();
    let script = format!("echo \"$1\" >>{record:?}; sleep 60");
    let path = site.program("slow", &script);
    let _agent = site.run(&configured("slow", &path, &["{text}"]));
    let running = site.order("slow", json!({"text": "running"}));
    site.until_told(running, &["received", "started"]);
    let waiting = site.order("slow", json!({"text": "waiting"}));
    site.until_told(waiting, &["received"]);
    site.cancel(waiting);
    site.until_told(waiting, &["received", "canceled"]);
    let early = site.claims("slow", json!({"text": "early"}));
    site.cancel(early.jti);
    site.send(&early);
    site.until_told(early.jti, &["received", "canceled"]);
    until("it has recorded", || !site.recorded().is_empty());
    site.cancel(running);
    site.cancel(running);
    site.until_told(running, &["received", "started", "canceled"]);
    assert_eq!(site.last(running)["error"], "canceled by Grace Hopper");
    assert_eq!(site.last(running).get("exit_code"), None);
    let next = site.order("ping", json!({}));
    site.until_told(next, &["received", "started", "succeeded"]);
    assert_eq!(site.recorded(), ["running"]);
}

#[test]
fn output_is_streamed_and_bounded() {
    let site = Site::new();
    let script = "echo first; sleep 1.2\ni=0; while [ $i -lt 4000 ]; do \
                  echo \"line $i of much output that goes on and on\"; i=$((i+1)); done\n\
                  sleep 1.2; printf '\\377\\033[2Jlast'";
    let path = site.program("talk", script);
    let _agent = site.run(&configured("talk", &path, &[]));
    let id = site.order("talk", json!({}));
    site.until_told(id, &["received", "started", "succeeded"]);
    let parts: Vec<(u64, String, bool)> = site
        .events()
        .into_iter()
        .filter(|(name, _)| name == "command.progress")
        .map(|(_, data)| {
            let cut = data.get("output_cut").is_some_and(|cut| cut == true);
            let output = data["output"].as_str().unwrap().to_owned();
            (data["part"].as_u64().unwrap(), output, cut)
        })
        .collect();
    assert_eq!(parts[0], (0, "first\n".to_owned(), false));
    assert!(parts.iter().enumerate().all(|(index, part)| part.0 == index as u64), "{parts:?}");
    assert!(parts.iter().any(|part| part.2), "much at once is cut");
    let last = site.last(id);
    let output = last["output"].as_str().unwrap();
    assert!(last["output_cut"] == true && output.len() <= COMMAND_OUTPUT_MAX_BYTES);
    assert!(output.starts_with("first\nline 0 of"), "{}", &output[..100]);
    assert!(
        output.ends_with("line 3999 of much output that goes on and on\n\u{fffd}\u{fffd}[2Jlast")
    );
}

#[test]
fn commands_run_one_after_the_other_in_their_order() {
    let site = Site::new();
    let record = site.record();
    let script = format!("echo \"begin $1\" >>{record:?}; sleep 0.1; echo \"end $1\" >>{record:?}");
    let path = site.program("step", &script);
    let _agent = site.run(&configured("step", &path, &["{number}"]));
    let ids: Vec<_> =
        (0..5).map(|number| site.order("step", json!({ "number": number }))).collect();
    for id in &ids {
        site.until_told(*id, &["received", "started", "succeeded"]);
    }
    let expected: Vec<String> =
        (0..5).flat_map(|n| [format!("begin {n}"), format!("end {n}")]).collect();
    assert_eq!(site.recorded(), expected);
}

#[test]
fn what_a_program_leaves_running_is_ended_with_it() {
    let site = Site::new();
    let script = "(sleep 600) >/dev/null 2>&1 &\necho $! >\"$0.child\"; echo done";
    let path = site.program("leave", script);
    let _agent = site.run(&configured("leave", &path, &[]));
    let id = site.order("leave", json!({}));
    site.until_told(id, &["received", "started", "succeeded"]);
    let child = std::fs::read_to_string(path.with_extension("child")).unwrap();
    until("the child is gone", || {
        let listed = silent(std::process::Command::new("ps").args(["-o", "stat=", child.trim()]));
        listed.trim().is_empty() || listed.starts_with('Z')
    });
}
