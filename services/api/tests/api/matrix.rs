//! Who may call what: every role at every endpoint. An endpoint that isn't listed fails the
//! test, so a new one gets its line here.

use std::collections::BTreeMap;

use millwright_api::openapi::openapi;
use millwright_core::access::{Permission, Role};
use serde_json::{Value, json};

use crate::harness::TestApi;

/// What an endpoint needs.
#[derive(Debug, Clone, Copy)]
enum Needs {
    /// No sign-in.
    Nothing,
    /// Any caller.
    SignIn,
    /// A caller with this permission.
    Permission(Permission),
}

use Needs::{Nothing, Permission as P, SignIn};

const TABLE: &[(&str, &str, Needs)] = &[
    ("GET", "/healthz", Nothing),
    ("GET", "/readyz", Nothing),
    ("GET", "/metrics", Nothing),
    ("GET", "/mqtt", Nothing),
    ("POST", "/api/v1/auth/login", Nothing),
    ("POST", "/api/v1/auth/refresh", Nothing),
    ("POST", "/api/v1/auth/logout", Nothing),
    ("GET", "/api/v1/auth/me", SignIn),
    ("POST", "/api/v1/auth/password", SignIn),
    ("GET", "/api/v1/users", P(Permission::ReadUsers)),
    ("POST", "/api/v1/users", P(Permission::WriteUsers)),
    ("GET", "/api/v1/users/{id}", P(Permission::ReadUsers)),
    ("PATCH", "/api/v1/users/{id}", P(Permission::WriteUsers)),
    ("DELETE", "/api/v1/users/{id}", P(Permission::WriteUsers)),
    ("GET", "/api/v1/api-tokens", P(Permission::WriteApiTokens)),
    ("POST", "/api/v1/api-tokens", P(Permission::WriteApiTokens)),
    ("DELETE", "/api/v1/api-tokens/{id}", P(Permission::WriteApiTokens)),
    ("GET", "/api/v1/audit", P(Permission::ReadAudit)),
    ("GET", "/api/v1/machines/{id}/signals", P(Permission::ReadTelemetry)),
    ("GET", "/api/v1/machines/{id}/telemetry", P(Permission::ReadTelemetry)),
    ("GET", "/api/v1/machines/{id}/storage", P(Permission::ReadTelemetry)),
    ("GET", "/api/v1/storage", P(Permission::WritePolicies)),
    ("GET", "/api/v1/storage/machines", P(Permission::ReadTelemetry)),
    ("GET", "/api/v1/telemetry/latest", P(Permission::ReadTelemetry)),
    ("GET", "/api/v1/machines/{id}/events", P(Permission::ReadTelemetry)),
    ("GET", "/api/v1/machines/{id}/loss", P(Permission::ReadTelemetry)),
    ("GET", "/api/v1/machines/{id}/quarantine", P(Permission::ReadTelemetry)),
    ("GET", "/api/v1/rules", P(Permission::ReadRules)),
    ("POST", "/api/v1/rules", P(Permission::WriteRules)),
    ("GET", "/api/v1/rules/{id}", P(Permission::ReadRules)),
    ("PUT", "/api/v1/rules/{id}", P(Permission::WriteRules)),
    ("DELETE", "/api/v1/rules/{id}", P(Permission::WriteRules)),
    ("GET", "/api/v1/rules/{id}/precision", P(Permission::ReadRules)),
    ("POST", "/api/v1/rules/backtest", P(Permission::ReadRules)),
    ("GET", "/api/v1/rules/backtests", P(Permission::ReadRules)),
    ("GET", "/api/v1/rules/backtests/{id}", P(Permission::ReadRules)),
    ("POST", "/api/v1/rules/backtests/{id}/cancel", P(Permission::ReadRules)),
    ("GET", "/api/v1/telemetry/stream", P(Permission::ReadTelemetry)),
    ("GET", "/api/v1/events", P(Permission::ReadEvents)),
    ("GET", "/api/v1/events/stream", P(Permission::ReadEvents)),
    ("GET", "/api/v1/organizations", P(Permission::ReadOrganizations)),
    ("POST", "/api/v1/organizations", P(Permission::WriteOrganizations)),
    ("GET", "/api/v1/organizations/{id}", P(Permission::ReadOrganizations)),
    ("PATCH", "/api/v1/organizations/{id}", P(Permission::WriteOrganizations)),
    ("GET", "/api/v1/sites", P(Permission::ReadOrganizations)),
    ("POST", "/api/v1/sites", P(Permission::WriteOrganizations)),
    ("GET", "/api/v1/sites/{id}", P(Permission::ReadOrganizations)),
    ("PATCH", "/api/v1/sites/{id}", P(Permission::WriteOrganizations)),
    ("GET", "/api/v1/machines", P(Permission::ReadMachines)),
    ("POST", "/api/v1/machines", P(Permission::WriteMachines)),
    ("GET", "/api/v1/machines/{id}", P(Permission::ReadMachines)),
    ("PATCH", "/api/v1/machines/{id}", P(Permission::WriteMachines)),
    ("POST", "/api/v1/machines/{id}/decommission", P(Permission::WriteMachines)),
    ("GET", "/api/v1/machines/{id}/maintenance", P(Permission::ReadMachines)),
    ("PUT", "/api/v1/machines/{id}/maintenance", P(Permission::MaintainMachines)),
    ("DELETE", "/api/v1/machines/{id}/maintenance", P(Permission::MaintainMachines)),
    ("POST", "/api/v1/machines/{id}/relearn", P(Permission::WriteRules)),
    ("GET", "/api/v1/machines/{id}/learning", P(Permission::ReadRules)),
    ("GET", "/api/v1/machines/{id}/revisions", P(Permission::ReadAlarms)),
    ("GET", "/api/v1/alarms", P(Permission::ReadAlarms)),
    ("GET", "/api/v1/alarms/{id}", P(Permission::ReadAlarms)),
    ("POST", "/api/v1/alarms/{id}/acknowledge", P(Permission::WriteAlarms)),
    ("POST", "/api/v1/alarms/{id}/shelve", P(Permission::WriteAlarms)),
    ("POST", "/api/v1/alarms/{id}/unshelve", P(Permission::WriteAlarms)),
    ("POST", "/api/v1/alarms/{id}/out-of-service", P(Permission::WriteAlarms)),
    ("POST", "/api/v1/alarms/{id}/return-to-service", P(Permission::WriteAlarms)),
    ("POST", "/api/v1/alarms/{id}/clear", P(Permission::WriteAlarms)),
    ("POST", "/api/v1/alarms/{id}/feedback", P(Permission::WriteAlarms)),
    ("GET", "/api/v1/tickets", P(Permission::ReadTickets)),
    ("POST", "/api/v1/tickets", P(Permission::WriteTickets)),
    ("GET", "/api/v1/tickets/{id}", P(Permission::ReadTickets)),
    ("PATCH", "/api/v1/tickets/{id}", P(Permission::WriteTickets)),
    ("POST", "/api/v1/tickets/{id}/move", P(Permission::WriteTickets)),
    ("POST", "/api/v1/tickets/{id}/split", P(Permission::WriteTickets)),
    ("GET", "/api/v1/tickets/{id}/comments", P(Permission::ReadTickets)),
    ("POST", "/api/v1/tickets/{id}/comments", P(Permission::CommentTickets)),
    ("GET", "/api/v1/tickets/{id}/evidence", P(Permission::ReadTickets)),
    ("GET", "/api/v1/organizations/{id}/policy", P(Permission::ReadPolicies)),
    ("PUT", "/api/v1/organizations/{id}/policy", P(Permission::WritePolicies)),
    ("POST", "/api/v1/machines/{id}/enrollment-codes", P(Permission::EnrollMachines)),
    ("GET", "/api/v1/machines/{id}/certificates", P(Permission::ReadMachines)),
    ("POST", "/api/v1/machines/{id}/certificates/{serial}/revoke", P(Permission::EnrollMachines)),
    ("GET", "/api/v1/machines/{id}/device-tokens", P(Permission::ReadMachines)),
    ("POST", "/api/v1/machines/{id}/device-tokens", P(Permission::EnrollMachines)),
    ("DELETE", "/api/v1/machines/{id}/device-tokens/{token_id}", P(Permission::EnrollMachines)),
    ("POST", "/api/v1/machines/{id}/commands", P(Permission::IssueReadCommands)),
    ("GET", "/api/v1/machines/{id}/commands", P(Permission::ReadCommands)),
    ("GET", "/api/v1/machines/{id}/catalogue", P(Permission::ReadCommands)),
    ("GET", "/api/v1/commands", P(Permission::ReadCommands)),
    ("GET", "/api/v1/commands/{id}", P(Permission::ReadCommands)),
    ("POST", "/api/v1/commands/{id}/cancel", P(Permission::IssueReadCommands)),
    ("POST", "/api/v1/commands/{id}/decision", P(Permission::ApproveCommands)),
    ("POST", "/api/v1/enroll", Nothing),
    ("POST", "/api/v1/enroll/renew", Nothing),
    ("GET", "/api/v1/trust", Nothing),
    ("GET", "/api/v1/trust/ca.pem", Nothing),
    ("POST", "/api/v1/trust/rotations", P(Permission::OperatePlatform)),
    ("POST", "/api/v1/trust/retirements", P(Permission::OperatePlatform)),
];

/// Bodies that can be read, but whose effect the test survives: permission is asked first.
fn body(path: &str) -> Option<Value> {
    match path {
        "/api/v1/auth/password" => {
            Some(json!({"current_password": "x", "new_password": "a new password"}))
        }
        "/api/v1/users" => Some(json!({"email": "x", "name": "", "role": "", "password": ""})),
        "/api/v1/users/{id}" => Some(json!({})),
        "/api/v1/api-tokens" => Some(json!({"name": "", "scopes": []})),
        "/api/v1/organizations" => Some(json!({"name": ""})),
        "/api/v1/sites" => Some(json!({"name": "", "time_zone": ""})),
        "/api/v1/machines" => Some(json!({"name": "", "serial_number": ""})),
        "/api/v1/machines/{id}/certificates/{serial}/revoke" => Some(json!({"reason": "r"})),
        "/api/v1/machines/{id}/commands" => Some(json!({"name": "ping"})),
        "/api/v1/commands/{id}/decision" => Some(json!({"approve": true})),
        "/api/v1/machines/{id}/maintenance" => Some(json!({"for_s": 0, "reason": ""})),
        "/api/v1/alarms/{id}/shelve" => Some(json!({"for_s": 0, "reason": ""})),
        "/api/v1/alarms/{id}/out-of-service" | "/api/v1/alarms/{id}/clear" => {
            Some(json!({"reason": ""}))
        }
        "/api/v1/tickets" => {
            Some(json!({"machine_id": "0198b2c4-7c1e-7000-8000-0123456789ab", "title": ""}))
        }
        "/api/v1/tickets/{id}/split" => Some(json!({"alarm_ids": []})),
        "/api/v1/tickets/{id}/move" => Some(json!({"to": "closed"})),
        "/api/v1/tickets/{id}/comments" => Some(json!({"text": ""})),
        "/api/v1/trust/rotations" => Some(json!({"what": "command_key"})),
        "/api/v1/trust/retirements" => Some(json!({"what": "command_key", "id": "none"})),
        "/api/v1/alarms/{id}/feedback" => Some(json!({"verdict": "real"})),
        "/api/v1/rules" | "/api/v1/rules/{id}" | "/api/v1/rules/backtest" => {
            Some(json!({"name": "", "severity": "major",
            "condition": {"kind": "threshold", "signal": "s"}}))
        }
        _ => Some(json!({})),
    }
}

/// The path with ids of nothing.
fn filled(path: &str) -> String {
    path.replace("{serial}", "abc123")
        .split('/')
        .map(|part| match part.starts_with('{') {
            true => "0198b2c4-7c1e-7000-8000-0123456789ab",
            false => part,
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// Parameters that a path's query can't do without.
fn query(path: &str) -> &'static str {
    match path {
        "/api/v1/trust" => "?after=0",
        _ => "",
    }
}

fn described() -> Vec<(String, String, bool)> {
    let json = serde_json::to_value(openapi()).unwrap();
    let mut all = Vec::new();
    for (path, item) in json["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = operation
                .get("security")
                .is_some_and(|list| list.as_array().unwrap().iter().any(|one| one == &json!({})));
            all.push((method.to_uppercase(), path.clone(), open));
        }
    }
    all
}

#[test]
fn every_endpoint_has_its_line() {
    let table: BTreeMap<_, _> = TABLE.iter().map(|(m, p, needs)| ((*m, *p), needs)).collect();
    let described = described();
    for (method, path, open) in &described {
        let needs = table.get(&(method.as_str(), path.as_str()));
        let needs = needs.unwrap_or_else(|| panic!("{method} {path} is missing in TABLE"));
        assert_eq!(matches!(needs, Nothing), *open, "security(()) of {method} {path}");
    }
    assert_eq!(table.len(), described.len(), "TABLE lists what isn't described");
}

#[tokio::test]
async fn every_role_at_every_endpoint() {
    let api = TestApi::start().await;
    let mut callers = vec![(None, String::new())];
    for role in Role::ALL {
        callers.push((Some(*role), api.person(*role).await));
    }
    for (method, path, needs) in TABLE {
        for (role, token) in &callers {
            let filled = format!("{}{}", filled(path), query(path));
            let mut request = api.request(method.parse().unwrap(), &filled);
            if role.is_some() {
                request = request.bearer_auth(token);
            }
            if let Some(body) = body(path).filter(|_| ["POST", "PATCH", "PUT"].contains(method)) {
                request = request.json(&body);
            }
            request = request.header("if-match", "\"1\"");
            let status = request.send().await.unwrap().status().as_u16();
            let who = role.map_or("nobody", Role::as_str);
            let call = format!("{who}: {method} {path} answered {status}");
            assert!(status < 500 && status != 405, "{call}");
            match (needs, role) {
                (Nothing, _) => assert_ne!(status, 403, "{call}"),
                (_, None) => assert_eq!(status, 401, "{call}"),
                (SignIn, Some(_)) => assert!(status != 401 && status != 403, "{call}"),
                (P(permission), Some(role)) if role.allows(*permission) => {
                    assert!(status != 401 && status != 403, "{call}");
                }
                (P(_), Some(_)) => assert_eq!(status, 403, "{call}"),
            }
        }
    }
}

#[tokio::test]
async fn the_description_is_served_and_true() {
    let api = TestApi::start().await;
    for path in ["/openapi.json", "/api/v1/openapi.json"] {
        let served: Value =
            api.request(reqwest::Method::GET, path).send().await.unwrap().json().await.unwrap();
        assert!(served == serde_json::to_value(openapi()).unwrap(), "{path}");
        assert_eq!(served["security"], json!([{"bearer": []}]));
        let users = &served["paths"]["/api/v1/users"]["post"]["responses"];
        assert!(users["default"]["content"]["application/problem+json"].is_object(), "{users}");
    }
    // What is described is there: answers other than "no such page".
    for (method, path, _) in described() {
        let answer = api.request(method.parse().unwrap(), &filled(&path)).send().await.unwrap();
        let text = answer.text().await.unwrap();
        assert!(!text.contains("no such page"), "{method} {path}: {text}");
    }
}
