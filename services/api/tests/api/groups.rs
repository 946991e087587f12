//! Alarms with one cause on one ticket, over HTTP.

use millwright_alarms::ended;
use millwright_core::access::Role;
use millwright_schemas::wire::events::Severity;
use serde_json::{Value, json};

use crate::harness::TestApi;
use crate::machines::customer;
use crate::plant::{Lift, id, items, lift, told, work};

/// A site with so many machines, perhaps connected by a gateway.
struct Site {
    gateway: Option<Lift>,
    machines: Vec<Lift>,
}

async fn machine(api: &TestApi, token: &str, new: Value) -> Lift {
    let made = api.call(token, "POST", "/machines", Some(new)).await.json(201);
    Lift { id: id(&made).parse().unwrap(), organization: api.organization }
}

async fn site(api: &TestApi, token: &str, count: usize, with_gateway: bool) -> Site {
    let site = json!({"name": "Plant", "time_zone": "Europe/Vienna"});
    let site = api.call(token, "POST", "/sites", Some(site)).await.json(201);
    let gateway = match with_gateway {
        true => {
            let new = json!({"name": "Gateway", "serial_number": "G", "site_id": site["id"]});
            Some(machine(api, token, new).await)
        }
        false => None,
    };
    let mut machines = Vec::new();
    for number in 1..=count {
        let new = json!({"name": format!("Press {number}"), "serial_number": number.to_string(),
            "site_id": site["id"], "parent_id": gateway.map(|gateway| gateway.id)});
        machines.push(machine(api, token, new).await);
    }
    Site { gateway, machines }
}

async fn tickets(api: &TestApi, token: &str, query: &str) -> Vec<Value> {
    items(api, token, &format!("/tickets?{query}")).await
}

async fn get(api: &TestApi, token: &str, ticket: &Value) -> Value {
    api.call(token, "GET", &format!("/tickets/{}", id(ticket)), None).await.json(200)
}

async fn notes(api: &TestApi, token: &str, ticket: &Value) -> Vec<String> {
    let all = items(api, token, &format!("/tickets/{}/comments?limit=500", id(ticket))).await;
    all.iter().map(|one| one["note"].as_str().unwrap_or("-").to_owned()).collect()
}

async fn set_policy(api: &TestApi, admin: &str, policy: Value) {
    let path = format!("/organizations/{}/policy", api.organization);
    let now = api.call(admin, "GET", &path, None).await;
    let if_match = [("if-match", now.header("etag"))];
    api.call_with(admin, "PUT", &path, Some(policy), &if_match).await.json(200);
}

/// Role and reason of the ticket's alarms, as they are listed.
fn roles(ticket: &Value) -> Vec<(String, String)> {
    let list = ticket["alarm_list"].as_array().unwrap();
    let word = |alarm: &Value, name: &str| alarm[name].as_str().unwrap().to_owned();
    list.iter().map(|alarm| (word(alarm, "role"), word(alarm, "reason"))).collect()
}

#[tokio::test]
async fn a_lost_site_is_one_ticket_that_ends_with_its_last_alarm() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let site = site(&api, &admin, 5, false).await;
    for machine in &site.machines {
        machine.lose(&api).await;
    }
    work(&api).await;
    let all = tickets(&api, &admin, "").await;
    assert_eq!(all.len(), 1, "{all:?}");
    let ticket = get(&api, &admin, &all[0]).await;
    assert_eq!((&ticket["alarms"], &ticket["active_alarms"]), (&json!(5), &json!(5)));
    assert_eq!(ticket["title"], "Press 1: contact lost, and 4 other alarms");
    assert_eq!(ticket["machine_id"], site.machines[0].id.to_string());
    let root = &ticket["alarm_list"][0];
    assert_eq!((&root["role"], &root["reason"]), (&json!("root"), &json!("earliest")));
    assert_eq!(
        (&root["because"], &root["machine_name"]),
        (&json!("it began first"), &json!("Press 1"))
    );
    let symptom = ("symptom".to_owned(), "same_site".to_owned());
    assert_eq!(roles(&ticket)[1..], vec![symptom; 4]);
    assert!(all[0].get("alarm_list").is_none(), "only where one is asked for");
    assert_eq!(told(&api, &admin, "ticket.*").await, ["ticket.opened", "ticket.alarms_grouped"]);
    // Whichever machine one looks at.
    assert_eq!(site.machines[4].tickets(&api, &admin).await.len(), 1);
    let alarm = site.machines[4].alarms(&api, &admin).await.remove(0);
    assert_eq!(alarm["ticket_number"], ticket["number"]);

    for machine in &site.machines[..4] {
        machine.find(&api).await;
        work(&api).await;
        assert_eq!(get(&api, &admin, &ticket).await["state"], "new");
    }
    site.machines[4].find(&api).await;
    work(&api).await;
    assert_eq!(get(&api, &admin, &ticket).await["state"], "resolved");
    // Lost again soon: the same ticket, for all of them.
    api.pass_seconds(300);
    for machine in &site.machines {
        machine.lose(&api).await;
    }
    work(&api).await;
    let all = tickets(&api, &admin, "").await;
    assert_eq!(all.len(), 1, "{all:?}");
    let again = get(&api, &admin, &ticket).await;
    assert_eq!((&again["reopened"], &again["active_alarms"]), (&json!(1), &json!(5)));
    assert_eq!(again["title"], ticket["title"]);
    assert_eq!(roles(&again).iter().filter(|(role, _)| role == "root").count(), 1);

    // The root alone comes back: the ticket is about that, and no more.
    for machine in &site.machines {
        machine.find(&api).await;
    }
    work(&api).await;
    api.pass_seconds(300);
    site.machines[0].lose(&api).await;
    work(&api).await;
    let alone = get(&api, &admin, &ticket).await;
    assert_eq!((&alone["reopened"], &alone["title"]), (&json!(2), &json!("contact lost")));
    // A symptom that comes back alone is a matter of its own.
    api.pass_seconds(150);
    let admin = api.admin().await;
    site.machines[3].lose(&api).await;
    work(&api).await;
    assert_eq!(site.machines[3].tickets(&api, &admin).await[0]["number"], "T-1002");
}

#[tokio::test]
async fn tickets_that_were_opened_before_it_was_clear_are_merged_and_a_likelier_root_takes_over() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let site = site(&api, &admin, 3, true).await;
    for machine in &site.machines {
        machine.lose(&api).await;
        work(&api).await;
        api.pass_seconds(1);
    }
    let open = tickets(&api, &admin, "state=open").await;
    assert_eq!(open.len(), 1, "{open:?}");
    let ticket = get(&api, &admin, &open[0]).await;
    assert_eq!((&ticket["number"], &ticket["alarms"]), (&json!("T-1001"), &json!(3)));
    assert_eq!(ticket["title"], "Press 1: contact lost, and 2 other alarms");
    let merged = tickets(&api, &admin, "state=canceled").await;
    assert_eq!((merged.len(), &merged[0]["resolution"]), (1, &json!("merged into T-1001")));
    assert_eq!((&merged[0]["alarms"], &merged[0]["active_alarms"]), (&json!(0), &json!(0)));
    assert_eq!(notes(&api, &admin, &merged[0]).await, ["opened", "merged"]);

    let gateway = site.gateway.unwrap();
    gateway.lose(&api).await;
    work(&api).await;
    let open = tickets(&api, &admin, "state=open").await;
    assert_eq!(open.len(), 1, "{open:?}");
    let ticket = get(&api, &admin, &open[0]).await;
    assert_eq!(ticket["title"], "Gateway: contact lost, and 3 other alarms");
    assert_eq!(ticket["machine_id"], gateway.id.to_string());
    let symptom = ("symptom".to_owned(), "same_parent".to_owned());
    let root = ("root".to_owned(), "gateway_lost".to_owned());
    assert_eq!(roles(&ticket), [&[root][..], &vec![symptom; 3]].concat());
    let expected = ["opened", "alarm_joined", "ticket_merged", "alarm_joined", "root_changed"];
    assert_eq!(notes(&api, &admin, &ticket).await, expected);
    assert!(told(&api, &admin, "ticket.*").await.contains(&"ticket.root_changed".to_owned()));
}

#[tokio::test]
async fn alarms_of_one_machine_share_a_ticket_within_the_window() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let lift = lift(&api, &admin, "S-1").await;
    let start = api.now();
    lift.raise_at(&api, "E-1", Severity::Major, start).await;
    work(&api).await;
    api.pass_seconds(1_000);
    let admin = api.admin().await;
    // Known late; it is when they began that counts.
    lift.raise_at(&api, "E-2", Severity::Critical, start.plus_seconds(120)).await;
    lift.raise_at(&api, "E-3", Severity::Minor, start.plus_seconds(121)).await;
    lift.raise_at(&api, "E-4", Severity::Major, start.plus_seconds(241)).await;
    work(&api).await;
    let all = lift.tickets(&api, &admin).await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(
        (&all[0]["title"], &all[0]["alarms"]),
        (&json!("fault E-4 (axis.x E-4)"), &json!(1))
    );
    let ticket = get(&api, &admin, &all[1]).await;
    assert_eq!((&ticket["alarms"], &ticket["priority"]), (&json!(2), &json!("P1")));
    assert_eq!(ticket["title"], "Lift: fault E-2 (axis.x E-2), and 1 other alarm");
    let expected = [("root", "most_severe"), ("symptom", "same_machine")];
    let expected = expected.map(|(role, reason)| (role.to_owned(), reason.to_owned()));
    assert_eq!(roles(&ticket), expected);
    let expected = ["opened", "alarm_joined", "priority_raised", "root_changed"];
    assert_eq!(notes(&api, &admin, &ticket).await, expected);
    // Back while the others are open: it belongs there, whenever it is.
    lift.clear(&api, "E-1").await;
    api.pass_seconds(5_000);
    let admin = api.admin().await;
    lift.raise(&api, "E-1", Severity::Major).await;
    work(&api).await;
    let ticket = get(&api, &admin, &ticket).await;
    assert_eq!((&ticket["alarms"], &ticket["active_alarms"]), (&json!(3), &json!(2)));
    assert_eq!(ticket["title"], "Lift: fault E-2 (axis.x E-2), and 1 other alarm");
}

#[tokio::test]
async fn what_people_have_taken_up_or_named_stays_theirs() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let site = site(&api, &admin, 3, false).await;
    let mut taken = Vec::new();
    for machine in &site.machines[..2] {
        machine.lose(&api).await;
        work(&api).await;
        let ticket = machine.tickets(&api, &admin).await.remove(0);
        let path = format!("/tickets/{}", id(&ticket));
        let change = Some(json!({"title": "Looked at"}));
        let if_match = [("if-match", "\"1\"")];
        api.call_with(&admin, "PATCH", &path, change, &if_match).await.json(200);
        let text = Some(json!({"text": "on my way"}));
        api.call(&admin, "POST", &format!("{path}/comments"), text).await.json(201);
        taken.push(ticket);
    }
    site.machines[2].lose(&api).await;
    work(&api).await;
    let (first, second) = (get(&api, &admin, &taken[0]).await, get(&api, &admin, &taken[1]).await);
    assert_eq!((&first["state"], &first["alarms"]), (&json!("new"), &json!(2)));
    assert_eq!(first["title"], "Looked at");
    assert_eq!((&second["state"], &second["alarms"]), (&json!("new"), &json!(1)));
    assert_eq!(tickets(&api, &admin, "").await.len(), 2);
}

#[tokio::test]
async fn grouping_can_be_switched_off_and_its_bounds_are_told() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let path = format!("/organizations/{}/policy", api.organization);
    let wrong = json!({"grouping": {"window_s": 0, "machines": 1},
        "flapping": {"raises": 1, "period_s": 59}});
    let refused = api.call_with(&admin, "PUT", &path, Some(wrong), &[("if-match", "\"0\"")]).await;
    let problem = refused.problem(422, "invalid");
    let fields: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    let expected =
        ["grouping.window_s", "grouping.machines", "flapping.raises", "flapping.period_s"];
    assert_eq!(fields, expected);
    let policy = api.call(&admin, "GET", &path, None).await.json(200);
    let grouping = json!({"enabled": true, "window_s": 120, "machines": 3});
    let flapping = json!({"enabled": true, "raises": 5, "period_s": 900});
    assert_eq!((&policy["grouping"], &policy["flapping"]), (&grouping, &flapping));

    set_policy(&api, &admin, json!({"grouping": {"enabled": false}})).await;
    let site = site(&api, &admin, 3, false).await;
    for machine in &site.machines {
        machine.lose(&api).await;
    }
    work(&api).await;
    assert_eq!(tickets(&api, &admin, "").await.len(), 3);
}

#[tokio::test]
async fn alarms_are_taken_out_into_a_ticket_of_their_own() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    let site = site(&api, &admin, 4, false).await;
    for machine in &site.machines {
        machine.lose(&api).await;
    }
    work(&api).await;
    let ticket = get(&api, &admin, &tickets(&api, &admin, "").await[0]).await;
    let path = format!("/tickets/{}/split", id(&ticket));
    let alarms: Vec<String> = ticket["alarm_list"].as_array().unwrap().iter().map(id).collect();
    let split = async |token: &str, ids: &[String]| {
        api.call(token, "POST", &path, Some(json!({"alarm_ids": ids}))).await
    };
    let viewer = api.person(Role::Viewer).await;
    split(&viewer, &alarms[..1]).await.problem(403, "forbidden");
    let stranger = customer(&api).await;
    split(&stranger, &alarms[..1]).await.problem(404, "not-found");
    let twice = [alarms[0].clone(), alarms[0].clone()];
    let nothing = ["0198b2c4-7c1e-7000-8000-0123456789ab".to_owned()];
    let none: &[String] = &[];
    for wrong in [none, &twice, &nothing, &alarms] {
        let problem = split(&admin, wrong).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "alarm_ids", "{problem}");
    }
    assert_eq!(get(&api, &admin, &ticket).await, ticket, "nothing has changed");

    // The root goes: another one is it then.
    let opened = split(&admin, &alarms[..2]).await.json(201);
    let opened = get(&api, &admin, &opened).await;
    assert_eq!((&opened["number"], &opened["alarms"]), (&json!("T-1002"), &json!(2)));
    assert_eq!(opened["title"], "Press 1: contact lost, and 1 other alarm");
    let expected = [("root", "earliest"), ("symptom", "by_hand")];
    let expected = expected.map(|(role, reason)| (role.to_owned(), reason.to_owned()));
    assert_eq!(roles(&opened), expected);
    let left = get(&api, &admin, &ticket).await;
    assert_eq!((&left["alarms"], &left["machine_id"]), (&json!(2), &json!(site.machines[2].id)));
    assert_eq!(left["title"], "Press 3: contact lost, and 1 other alarm");
    assert_eq!(notes(&api, &admin, &left).await, ["opened", "alarms_grouped", "split"]);
    assert_eq!(notes(&api, &admin, &opened).await, ["split_from"]);
    assert!(told(&api, &admin, "ticket.*").await.contains(&"ticket.split".to_owned()));
    let again = split(&admin, &alarms[..1]).await.problem(422, "invalid");
    assert_eq!(again["errors"][0]["field"], "alarm_ids", "it isn't on it any more");

    // They stay apart, and each ends with its own.
    for machine in &site.machines[..2] {
        machine.find(&api).await;
    }
    work(&api).await;
    assert_eq!(get(&api, &admin, &opened).await["state"], "resolved");
    assert_eq!(get(&api, &admin, &left).await["state"], "new");
    let over = format!("/tickets/{}/split", id(&opened));
    let body = Some(json!({"alarm_ids": [alarms[0]]}));
    api.call(&admin, "POST", &over, body).await.problem(409, "conflict");
}

#[tokio::test]
async fn an_alarm_that_comes_and_goes_is_one_ticket_with_one_note() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    set_policy(&api, &admin, json!({"flapping": {"raises": 2, "period_s": 600}})).await;
    let lift = lift(&api, &admin, "S-1").await;
    for _ in 0..8 {
        lift.raise(&api, "E-1", Severity::Major).await;
        work(&api).await;
        api.pass_seconds(1);
        lift.clear(&api, "E-1").await;
        work(&api).await;
        api.pass_seconds(1);
    }
    let all = lift.tickets(&api, &admin).await;
    assert_eq!(all.len(), 1, "{all:?}");
    let ticket = &all[0];
    assert_eq!((&ticket["state"], &ticket["reopened"]), (&json!("new"), &json!(2)));
    assert_eq!((&ticket["alarms"], &ticket["active_alarms"]), (&json!(8), &json!(0)));
    let alarm = lift.alarms(&api, &admin).await.remove(0);
    assert_eq!(alarm["flapping"]["count"], 8, "{alarm}");
    let once = |notes: &[String]| notes.iter().filter(|note| *note == "alarm_flapping").count();
    let told_before = notes(&api, &admin, ticket).await;
    assert_eq!((once(&told_before), told_before.last().unwrap().as_str()), (1, "alarm_flapping"));
    assert_eq!(told(&api, &admin, "alarm.flapping").await.len(), 1);

    // Quiet for as long: it is over, and so is the ticket.
    api.pass_seconds(600);
    let admin = api.admin().await;
    assert_eq!(ended::flapping(&api.state.store, api.now()).await.unwrap(), 1);
    work(&api).await;
    assert_eq!(get(&api, &admin, ticket).await["state"], "resolved");
    let alarm = lift.alarms(&api, &admin).await.remove(0);
    assert_eq!(alarm["flapping"], Value::Null);
}

#[tokio::test]
async fn the_ticket_of_one_that_comes_and_goes_ends_though_its_last_alarm_is_on_none() {
    let api = TestApi::start().await;
    let admin = api.admin().await;
    set_policy(&api, &admin, json!({"flapping": {"raises": 2, "period_s": 600}})).await;
    let lift = lift(&api, &admin, "S-1").await;
    let over = async || {
        api.pass_seconds(1);
        lift.clear(&api, "E-1").await;
        work(&api).await;
        api.pass_seconds(1);
    };
    for _ in 0..4 {
        lift.raise(&api, "E-1", Severity::Major).await;
        work(&api).await;
        over().await;
    }
    lift.raise(&api, "E-1", Severity::Major).await;
    work(&api).await;
    let alarm = lift.alarms(&api, &admin).await.remove(0);
    let path = format!("/alarms/{}/shelve", id(&alarm));
    let shelve = json!({"for_s": 3_600, "reason": "the sensor is known"});
    api.call(&admin, "POST", &path, Some(shelve)).await.json(200);
    over().await;
    // Shelved as it is, the key comes and goes once more.
    lift.raise(&api, "E-1", Severity::Major).await;
    work(&api).await;
    over().await;
    let last = lift.alarms(&api, &admin).await.remove(0);
    assert_eq!((&last["ticket_id"], &last["flapping"]["count"]), (&Value::Null, &json!(6)));
    let tickets = lift.tickets(&api, &admin).await;
    assert_eq!((tickets.len(), &tickets[0]["state"]), (1, &json!("new")), "{tickets:?}");

    api.pass_seconds(600);
    let admin = api.admin().await;
    assert_eq!(ended::flapping(&api.state.store, api.now()).await.unwrap(), 1);
    work(&api).await;
    assert_eq!(get(&api, &admin, &tickets[0]).await["state"], "resolved");
}
