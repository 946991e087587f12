//! A client of the REST API.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(30);
/// Items a page when a whole list is read.
const PAGE: usize = 200;

/// Signed in at a platform.
#[derive(Debug, Clone)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Api {
    /// Signs in.
    pub async fn login(url: &str, email: &str, password: &str) -> Self {
        let anonymous = Self::anonymous(url);
        let session = anonymous
            .post("/auth/login", &json!({ "email": email, "password": password }))
            .await
            .expect("the sign-in is accepted");
        let token = session["access_token"].as_str().expect("an access token").to_owned();
        Self { token, ..anonymous }
    }

    /// A client with a token of these scopes, which doesn't end as a session does.
    pub async fn lasting(&self, scopes: &[&str]) -> anyhow::Result<Self> {
        let wanted = json!({ "name": "for a long test", "scopes": scopes });
        let created = self.post("/api-tokens", &wanted).await?;
        let token = created["token"].as_str().context("a token")?.to_owned();
        Ok(Self { token, ..self.clone() })
    }

    /// A client that isn't signed in.
    #[must_use]
    pub fn anonymous(url: &str) -> Self {
        let client = reqwest::Client::builder().timeout(ANSWER).build().expect("a client");
        Self { client, base: format!("{url}/api/v1"), token: String::new() }
    }

    /// Sends a request and gives status and body, whatever they are.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        self.send_as(method, path, body, &uuid::Uuid::new_v4().to_string()).await
    }

    /// The same with an `Idempotency-Key` of the caller's choice, for POST.
    pub async fn send_as(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: &str,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if method == Method::POST {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = response.status();
        let text = response.text().await?;
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text)
                .with_context(|| format!("{method} {path}: {status}, not JSON: {text}"))?
        };
        Ok((status, body))
    }

    /// DELETE; anything but success is an error with the problem in it.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.succeed(Method::DELETE, path, None).await.map(drop)
    }

    async fn succeed(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let (status, answer) = self.send(method.clone(), path, body).await?;
        if !status.is_success() {
            bail!("{method} {path}: {status}: {answer}");
        }
        Ok(answer)
    }

    /// GET; anything but success is an error with the problem in it.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.succeed(Method::GET, path, None).await
    }

    /// POST; anything but success is an error with the problem in it.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.succeed(Method::POST, path, Some(body)).await
    }

    /// PUT of what was at this version; anything but success is an error with the problem in it.
    pub async fn put(&self, path: &str, body: &Value, version: &str) -> anyhow::Result<Value> {
        let request = self.client.put(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let response = request.header("If-Match", version).json(body).send().await?;
        let status = response.status();
        let answer: Value = response.json().await?;
        ensure!(status.is_success(), "PUT {path}: {status}: {answer}");
        Ok(answer)
    }

    /// All items of a list, page by page.
    pub async fn items(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{joint}limit={PAGE}{cursor}")).await?;
            items.extend(page["items"].as_array().context("items")?.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// A stream of server-sent events, from its start.
    pub async fn stream(&self, path: &str) -> anyhow::Result<crate::api::Stream> {
        let response = reqwest::Client::new()
            .get(format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .header("Accept", "text/event-stream")
            .send()
            .await?
            .error_for_status()?;
        Ok(Stream { response, buffer: String::new() })
    }

    /// Registers a machine and gives its id.
    pub async fn create_machine(&self, name: &str) -> String {
        self.create_machine_with(json!({ "name": name, "serial_number": name })).await
    }

    /// Registers a machine with more about it and gives its id.
    pub async fn create_machine_with(&self, machine: Value) -> String {
        let machine = self.post("/machines", &machine).await.expect("the machine is created");
        machine["id"].as_str().expect("an id").to_owned()
    }

    /// A new enrolment code.
    pub async fn enrollment_code(&self, machine: &str) -> String {
        let path = format!("/machines/{machine}/enrollment-codes");
        let created = self.post(&path, &json!({})).await.expect("a code is created");
        created["code"].as_str().expect("a code").to_owned()
    }

    /// A new device token.
    pub async fn device_token(&self, machine: &str) -> String {
        let path = format!("/machines/{machine}/device-tokens");
        let created = self.post(&path, &json!({})).await.expect("a token is created");
        created["token"].as_str().expect("a token").to_owned()
    }

    /// Takes a machine out of use.
    pub async fn decommission(&self, machine: &str) {
        let path = format!("/machines/{machine}/decommission");
        self.post(&path, &json!({})).await.expect("the machine is decommissioned");
    }

    /// Issues a command and gives its id.
    pub async fn command(&self, machine: &str, command: Value) -> anyhow::Result<String> {
        let issued = self.post(&format!("/machines/{machine}/commands"), &command).await?;
        Ok(issued["id"].as_str().context("an id")?.to_owned())
    }

    /// The command as it is now; an error unless it is in one of these states.
    pub async fn command_in(&self, id: &str, states: &[&str]) -> anyhow::Result<Value> {
        let command = self.get(&format!("/commands/{id}")).await?;
        let state = command["state"].as_str().context("a state")?;
        ensure!(states.contains(&state), "it is {command}");
        Ok(command)
    }

    /// Alarms of a machine that are active.
    pub async fn open_alarms(&self, machine: &str) -> anyhow::Result<Vec<Value>> {
        self.items(&format!("/alarms?machine_id={machine}&state=open")).await
    }

    /// Tickets of a machine; `state` may be empty.
    pub async fn tickets(&self, machine: &str, state: &str) -> anyhow::Result<Vec<Value>> {
        let state = if state.is_empty() { String::new() } else { format!("&state={state}") };
        self.items(&format!("/tickets?machine_id={machine}{state}")).await
    }

    /// The newest value of a signal; an error while there is none.
    pub async fn latest(&self, machine: &str, signal: &str) -> anyhow::Result<Value> {
        let signals = self.items(&format!("/machines/{machine}/signals")).await?;
        let found = signals.iter().find(|item| item["signal"] == signal);
        Ok(found.with_context(|| format!("no signal {signal} yet"))?["value"].clone())
    }

    /// Events that the machine reported, of one type.
    pub async fn machine_events(&self, machine: &str, kind: &str) -> anyhow::Result<Vec<Value>> {
        let events = self.items(&format!("/machines/{machine}/events")).await?;
        Ok(events.into_iter().filter(|event| event["type"] == kind).collect())
    }

    /// What was refused of a machine.
    pub async fn quarantine(&self, machine: &str) -> anyhow::Result<Vec<Value>> {
        self.items(&format!("/machines/{machine}/quarantine")).await
    }
}

/// A stream of server-sent events.
#[derive(Debug)]
pub struct Stream {
    response: reqwest::Response,
    buffer: String,
}

impl Stream {
    /// The next event's data; comments (keep-alive) are passed over.
    pub async fn next(&mut self, within: Duration) -> anyhow::Result<Value> {
        tokio::time::timeout(within, self.read()).await.context("no event in time")?
    }

    async fn read(&mut self) -> anyhow::Result<Value> {
        loop {
            while let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let data: Vec<&str> =
                    event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
                let data = data.join("\n");
                self.buffer = rest.to_owned();
                if !data.is_empty() {
                    return Ok(serde_json::from_str(data.trim())?);
                }
            }
            let chunk = self.response.chunk().await?.context("the stream ended")?;
            self.buffer.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}
