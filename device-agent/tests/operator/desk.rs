//! Questions, answers, stops, and the log of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::pin::pin;

use millwright_agent::limits::{HELP_MESSAGE_CHARS, LOG_ENTRIES_SHOWN, LOG_FILE_BYTES, QUESTIONS};
use millwright_agent::operator::{Decision, DeskError, Happening, How, LogEntry};
use millwright_schemas::CommandId;
use serde_json::json;
use uuid::Uuid;

use super::{Place, asked, order};

/// What the log tells, oldest first.
fn told(place: &Place) -> Vec<Happening> {
    place.desk.newest_entries().iter().rev().map(|entry| entry.what).collect()
}

#[tokio::test]
async fn an_answer_reaches_the_asker_the_log_and_the_platform() {
    for (decision, happening, event) in [
        (Decision::Granted, Happening::Granted, "consent.granted"),
        (Decision::Refused, Happening::Refused, "consent.refused"),
    ] {
        let place = Place::new();
        let order = order("set_speed");
        let asking = asked(&place.desk, &order).await;
        assert_eq!(place.desk.shown().questions[0].order, order);
        place.desk.decide(order.id, decision, How::CommandLine).await.unwrap();
        assert_eq!(asking.await.unwrap(), decision);
        assert!(place.desk.shown().questions.is_empty());
        assert_eq!(told(&place), [Happening::Asked, happening]);
        let data = json!({ "command_id": order.id, "how": "command_line" });
        assert_eq!(place.events().await, [(event.to_owned(), data)]);
        // On the disk, too, when the answer has taken effect.
        let text = fs::read_to_string(place.log_file()).unwrap();
        let last: LogEntry = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((last.what, last.how), (happening, Some(How::CommandLine)));
        let logged = last.order.unwrap();
        assert_eq!((logged.id, logged.args.as_str()), (order.id, "{\"percent\":80}"));
        let again = place.desk.decide(order.id, decision, How::Panel).await.unwrap_err();
        assert_eq!(again.to_string(), format!("no question about command {} is open", order.id));
    }
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_is_called_off() {
    let place = Place::new();
    let order = order("set_speed");
    let asking = asked(&place.desk, &order).await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    assert!(place.desk.shown().questions.is_empty());
    let late = place.desk.decide(order.id, Decision::Granted, How::Panel).await;
    assert!(matches!(late, Err(DeskError::NotAsked(id)) if id == order.id));
    assert_eq!(told(&place), [Happening::Asked, Happening::CalledOff]);
    assert!(place.events().await.is_empty());
}

#[tokio::test]
async fn too_many_questions_and_a_second_one_about_a_command_are_refused() {
    let place = Place::new();
    let first = order("set_speed");
    let mut asking = vec![asked(&place.desk, &first).await];
    assert_eq!(place.desk.ask(first.clone()).await, Decision::Refused);
    while asking.len() < QUESTIONS {
        asking.push(asked(&place.desk, &order("set_speed")).await);
    }
    assert_eq!(place.desk.ask(order("set_speed")).await, Decision::Refused);
    assert_eq!(place.desk.newest_entries()[0].how, Some(How::Agent));
    assert_eq!(place.desk.shown().questions.len(), QUESTIONS);
    place.desk.decide(first.id, Decision::Granted, How::Panel).await.unwrap();
    assert_eq!(asking.remove(0).await.unwrap(), Decision::Granted, "the first one is as it was");
    asking.iter().for_each(|asking| asking.abort());
}

#[tokio::test]
async fn an_answer_is_finished_when_whoever_gave_it_goes_away() {
    let place = Place::new();
    let order = order("set_speed");
    let asking = asked(&place.desk, &order).await;
    {
        let mut deciding = pin!(place.desk.decide(order.id, Decision::Granted, How::Panel));
        let begun = tokio::select! {
            biased;
            _ = &mut deciding => false,
            () = std::future::ready(()) => true,
        };
        assert!(begun, "it waits for the disk");
    }
    assert_eq!(asking.await.unwrap(), Decision::Granted);
}

#[tokio::test]
async fn a_stop_takes_effect_once_and_is_told() {
    let place = Place::new();
    let (first, second) = (order("set_speed"), order("lubricate"));
    let (running, other) = (place.desk.begin(first.clone()), place.desk.begin(second.clone()));
    let unknown = CommandId(Uuid::now_v7());
    let missed = place.desk.stop(Some(unknown), How::Panel).await.unwrap_err();
    assert_eq!(missed.to_string(), format!("command {unknown} isn't running"));

    assert_eq!(place.desk.stop(Some(first.id), How::Panel).await.unwrap(), [first.id]);
    running.stopped().await;
    assert!(place.desk.shown().activities[0].stopping);
    assert!(!place.desk.shown().activities[1].stopping);
    assert_eq!(place.desk.stop(None, How::CommandLine).await.unwrap(), [second.id]);
    assert!(place.desk.stop(None, How::Panel).await.unwrap().is_empty(), "stopped already");
    running.end("canceled");
    drop(other);
    assert!(place.desk.shown().activities.is_empty());
    assert!(matches!(place.desk.stop(None, How::Panel).await, Err(DeskError::NothingRuns)));

    let events = place.events().await;
    assert!(events.iter().all(|(name, _)| name == "consent.withdrawn"));
    let ids: Vec<_> = events.iter().map(|(_, data)| data["command_id"].clone()).collect();
    assert_eq!(ids, [json!(first.id), json!(second.id)]);
    let entries = place.desk.newest_entries();
    assert_eq!((entries[1].what, entries[1].text.as_deref()), (Happening::Ended, Some("canceled")));
    assert_eq!((entries[0].what, entries[0].text.as_deref()), (Happening::Ended, None));
}

#[tokio::test]
async fn a_request_for_help_has_words_but_not_too_many() {
    let place = Place::new();
    for (message, expected) in [
        (String::new(), "message: 0 characters, not 1 to 1000"),
        (" \n ".to_owned(), "message: 0 characters, not 1 to 1000"),
        ("ä".repeat(HELP_MESSAGE_CHARS + 1), "message: 1001 characters, not 1 to 1000"),
        ("a\u{7}b".to_owned(), "message: contains a control character"),
    ] {
        let error = place.desk.request_help(&message, How::Panel).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    assert!(place.events().await.is_empty() && place.desk.newest_entries().is_empty());
    place.desk.request_help("  It smells\nof oil. ", How::Panel).await.unwrap();
    let data = json!({ "message": "It smells\nof oil.", "how": "panel" });
    assert_eq!(place.events().await, [("help.requested".to_owned(), data)]);
    assert_eq!(told(&place), [Happening::HelpRequested]);
}

#[tokio::test]
async fn the_log_is_private_bounded_and_there_after_a_restart() {
    let mut place = Place::new();
    let message = "x".repeat(HELP_MESSAGE_CHARS);
    let lines = usize::try_from(LOG_FILE_BYTES).unwrap() / message.len();
    for _ in 0..lines {
        place.desk.request_help(&message, How::Panel).await.unwrap();
    }
    place.desk.begin(order("lubricate")).end("succeeded");
    let folder = place.close();
    let older = folder.path().join("operator.log.old");
    for file in [folder.path().join("operator.log"), older] {
        let metadata = fs::metadata(&file).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert!((1..=LOG_FILE_BYTES).contains(&metadata.len()), "{metadata:?}");
    }
    // A crash in the middle of a line.
    let file = folder.path().join("operator.log");
    let mut text = fs::read_to_string(&file).unwrap();
    text.push_str("{\"ts\":\"2026-");
    fs::write(&file, text).unwrap();
    place = Place::of(folder);
    let newest = place.desk.newest_entries();
    assert_eq!(newest.len(), LOG_ENTRIES_SHOWN);
    assert_eq!(newest[0].text.as_deref(), Some("succeeded"));
    place.desk.begin(order("lubricate")).end("failed");
    let place = Place::of(place.close());
    let texts: Vec<_> = place.desk.newest_entries().into_iter().map(|entry| entry.text).collect();
    assert_eq!(texts[0].as_deref(), Some("failed"), "the torn line hides nothing");
    assert_eq!(texts[2].as_deref(), Some("succeeded"));
}

#[tokio::test]
async fn long_arguments_are_cut_in_the_log_and_nowhere_else() {
    let place = Place::new();
    let mut order = order("set_speed");
    order.args.insert("note".to_owned(), json!("ä".repeat(4_000)));
    let activity = place.desk.begin(order.clone());
    assert_eq!(place.desk.shown().activities[0].order, order);
    let args = place.desk.newest_entries()[0].order.clone().unwrap().args;
    assert!(args.ends_with("ä…") && args.len() < 2_100, "{args}");
    activity.end("succeeded");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_nobody_and_tells_what_is_missing() {
    let place = Place::new();
    fs::create_dir(place.log_file()).unwrap();
    let first = order("set_speed");
    let asking = asked(&place.desk, &first).await;
    place.desk.decide(first.id, Decision::Granted, How::Panel).await.unwrap();
    assert_eq!(asking.await.unwrap(), Decision::Granted);
    let problem = place.desk.shown().log_problem.unwrap();
    assert!(problem.contains("operator.log: Is a directory"), "{problem}");

    fs::remove_dir(place.log_file()).unwrap();
    place.desk.request_help("again", How::Panel).await.unwrap();
    assert_eq!(place.desk.shown().log_problem, None);
    let text = fs::read_to_string(place.log_file()).unwrap();
    let entries: Vec<LogEntry> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((entries[0].what, entries[0].text.as_deref()), (Happening::EntriesLost, Some("2")));
    assert_eq!(entries[1].what, Happening::HelpRequested);
}
