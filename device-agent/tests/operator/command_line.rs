//! `millwright-agent consent` and `help-request` against a running server.

use std::process::{Command, Output};

use millwright_agent::config::LocalConfig;
use millwright_agent::drivers::DriverCommands;
use millwright_agent::local::{self, LocalServer};
use millwright_agent::operator::Decision;
use serde_json::{Value, json};

use super::{Place, asked, order};

impl Place {
    fn listen(&self) {
        let socket = local::bind(self.folder.path(), &LocalConfig::default()).unwrap();
        let drivers = DriverCommands::default();
        tokio::spawn(LocalServer { source: self.source(), drivers }.run(socket));
    }

    /// Runs a command to its end.
    async fn says(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millwright-agent"));
        command.args(arguments).arg("--data-dir").arg(self.folder.path());
        command.env_remove("MILLWRIGHT_AGENT_SOCKET");
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap()
}

fn complaint(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn what_is_asked_is_listed_accepted_and_refused() {
    let place = Place::new();
    place.listen();
    let nothing = stdout(&place.says(&["consent", "list"]).await);
    assert_eq!(nothing, "Nothing is asked, and nothing is being done.\n");
    for (verb, word, decision) in
        [("accept", "granted", Decision::Granted), ("refuse", "refused", Decision::Refused)]
    {
        let order = order("set_speed");
        let id = order.id.to_string();
        let asking = asked(&place.desk, &order).await;
        let list = stdout(&place.says(&["consent", "list"]).await);
        let line = format!(
            "{id} set_speed (motion) percent=80 by Ada Lovelace for T-1042: less vibration\n"
        );
        assert!(list.starts_with("Asks, until ") && list.ends_with(&line), "{list}");
        let listed = json_of(&place.says(&["consent", "list", "--json"]).await);
        assert_eq!(listed["questions"][0]["id"], json!(id));
        let status = stdout(&place.says(&["status"]).await);
        assert!(status.contains("Asks ") && status.contains(&id), "{status}");
        let answer = json_of(&place.says(&["consent", verb, &id, "--json"]).await);
        assert_eq!(answer, json!({ "command_id": id, "decision": word }));
        assert_eq!(asking.await.unwrap(), decision);
        let again = place.says(&["consent", verb, &id]).await;
        let expected = format!("it has NO effect: no question about command {id} is open");
        assert!(complaint(&again, 1).contains(&expected), "{again:?}");
    }
}

#[tokio::test]
async fn what_is_done_is_listed_and_stopped() {
    let place = Place::new();
    place.listen();
    let nothing = place.says(&["consent", "stop"]).await;
    assert!(complaint(&nothing, 1).contains("it has NO effect: nothing is running"));
    let order = order("set_speed");
    let id = order.id.to_string();
    let activity = place.desk.begin(order);
    let list = stdout(&place.says(&["consent", "list"]).await);
    assert!(list.starts_with("Does, since ") && list.contains(&id), "{list}");
    assert_eq!(stdout(&place.says(&["consent", "stop", &id]).await), format!("Stopped: {id}.\n"));
    activity.stopped().await;
    let again = stdout(&place.says(&["consent", "stop"]).await);
    assert_eq!(again, "It is being stopped already.\n");
    let json = json_of(&place.says(&["consent", "stop", "--json"]).await);
    assert_eq!(json, json!({ "stopped": [] }));
    activity.end("canceled");
    assert_eq!(place.events().await[0].1["how"], "command_line");
}

#[tokio::test]
async fn help_is_asked_for_in_words() {
    let place = Place::new();
    place.listen();
    let taken = place.says(&["help-request", "--message", "It smells of oil", "--json"]).await;
    assert_eq!(json_of(&taken)["seq"], 1);
    assert_eq!(place.events().await[0].0, "help.requested");
    let empty = place.says(&["help-request", "--message", " "]).await;
    assert!(complaint(&empty, 1).contains("message: 0 characters, not 1 to 1000"));
}

#[tokio::test]
async fn without_an_agent_nothing_is_accepted() {
    let place = Place::new();
    let id = order("set_speed").id.to_string();
    for arguments in [
        ["consent", "accept", &id].as_slice(),
        &["consent", "stop"],
        &["consent", "list"],
        &["help-request", "--message", "x"],
    ] {
        let output = place.says(arguments).await;
        assert!(complaint(&output, 3).contains("no agent runs"), "{output:?}");
    }
    let typo = place.says(&["consent", "accept", "x"]).await;
    assert!(complaint(&typo, 2).contains("\"x\" is not a command id"), "{typo:?}");
}
