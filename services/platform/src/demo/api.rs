//! The platform's API, as any other program would use it.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use millwright_schemas::MachineId;
use millwright_schemas::api::auth::{AccessToken, LoginRequest};
use millwright_schemas::api::credentials::CreateEnrollmentCode;
use millwright_schemas::api::enrollment::EnrollmentCodeCreated;
use millwright_schemas::api::machines::{CreateMachine, Machine};
use millwright_schemas::api::page::Page;
use millwright_schemas::api::problem::Problem;
use millwright_schemas::api::rules::{Rule, RuleInput};
use millwright_schemas::api::sites::{CreateSite, Site};
use millwright_schemas::secret::Secret;
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::limits::REQUEST;
use super::welcome::ADMIN;

/// Signed in as the administrator.
#[derive(Debug)]
pub(super) struct Api {
    client: reqwest::Client,
    base: String,
    password: Secret,
    token: Option<Secret>,
}

impl Api {
    pub(super) fn new(http: SocketAddr, password: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(REQUEST).no_proxy().build()?;
        let base = format!("http://{http}/api/v1");
        Ok(Self { client, base, password: Secret::new(password), token: None })
    }

    /// Signs in, again when the last sign-in has ended.
    pub(super) async fn sign_in(&mut self) -> anyhow::Result<()> {
        let login = LoginRequest { email: ADMIN.to_owned(), password: self.password.clone() };
        let url = format!("{}/auth/login", self.base);
        let response = self.client.post(url).json(&login).send().await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            bail!(
                "the platform doesn't accept the password of {ADMIN}: it was given another one at \
                 its first start. Set MILLWRIGHT_ADMIN_PASSWORD to that one, or take another \
                 --data-dir"
            );
        }
        let token: AccessToken = read(response, "sign-in").await?;
        self.token = Some(token.access_token);
        Ok(())
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> anyhow::Result<reqwest::Response> {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if *method == Method::POST {
            request = request.header("Idempotency-Key", uuid::Uuid::new_v4().to_string());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.with_context(|| format!("{method} {path}"))
    }

    async fn call<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> anyhow::Result<T> {
        let mut response = self.send(&method, path, body).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.sign_in().await?;
            response = self.send(&method, path, body).await?;
        }
        read(response, &format!("{method} {path}")).await
    }

    /// What is at a path.
    pub(super) async fn get<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<T> {
        self.call(Method::GET, path, None::<&()>).await
    }

    async fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> anyhow::Result<T> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// All machines.
    pub(super) async fn machines(&mut self) -> anyhow::Result<Vec<Machine>> {
        self.all("/machines").await
    }

    /// All sites.
    pub(super) async fn sites(&mut self) -> anyhow::Result<Vec<Site>> {
        self.all("/sites").await
    }

    /// All rules.
    pub(super) async fn rules(&mut self) -> anyhow::Result<Vec<Rule>> {
        self.all("/rules").await
    }

    pub(super) async fn create_rule(&mut self, rule: &RuleInput) -> anyhow::Result<Rule> {
        self.post("/rules", rule).await
    }

    async fn all<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<Vec<T>> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page: Page<T> = self.get(&format!("{path}?limit=500{cursor}")).await?;
            items.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    pub(super) async fn create_site(&mut self, site: &CreateSite) -> anyhow::Result<Site> {
        self.post("/sites", site).await
    }

    pub(super) async fn create_machine(
        &mut self,
        machine: &CreateMachine,
    ) -> anyhow::Result<Machine> {
        self.post("/machines", machine).await
    }

    /// A code with which a machine can enrol once.
    pub(super) async fn enrollment_code(&mut self, machine: MachineId) -> anyhow::Result<String> {
        let path = format!("/machines/{machine}/enrollment-codes");
        let created: EnrollmentCodeCreated =
            self.post(&path, &CreateEnrollmentCode::default()).await?;
        Ok(created.code)
    }
}

async fn read<T: DeserializeOwned>(response: reqwest::Response, what: &str) -> anyhow::Result<T> {
    let status = response.status();
    let body = response.bytes().await.with_context(|| what.to_owned())?;
    if status.is_success() {
        return serde_json::from_slice(&body).with_context(|| format!("{what}: unexpected answer"));
    }
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => bail!("{what}: {}: {}", problem.title, problem.detail.unwrap_or_default()),
        Err(_) => bail!("{what}: {status}"),
    }
}
