//! What a first start finds: a connection to each platform of the sandbox, members known there, a flow on each, and a source
//! whose decisions go to the receiver page.
//!
//! Everything is made through the public API, as an administrator would. What was made is noted step by step, so that an
//! interrupted first start goes on where it stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, Request};
use countersign::crypto::api_key::ApiKey;
use countersign::engine::App;
use countersign::ids::OrgId;
use countersign::resources::{ApiKeyRecord, Role};
use countersign_sandbox::Sandbox;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::Error;

/// What was made so far.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
struct Made {
    platforms: BTreeMap<String, MadePlatform>,
    members: Vec<String>,
    source: Option<String>,
    /// The flow on the built-in platform.
    here: Option<String>,
}

/// What was made for one platform.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
struct MadePlatform {
    connection: Option<String>,
    flow: Option<String>,
    callback: bool,
    template: bool,
}

struct Seeder<'a> {
    public_url: &'a str,
    sandbox: &'a Sandbox,
    api: Router,
    key: SecretString,
    file: PathBuf,
    made: Made,
}

/// Makes what is not there yet. The server must answer already: the platform's console checks the callback URL.
///
/// # Errors
/// When a step is refused.
pub async fn seed(app: &App, sandbox: &Sandbox, org: &OrgId, data_dir: &Path) -> Result<(), Error> {
    let file = data_dir.join("sandbox").join("seeded.json");
    let made: Made =
        std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let is_done = |(kind, _): &(&str, &str)| made.platforms.get(*kind).is_some_and(|made| made.template);
    if made.source.is_some() && made.here.is_some() && sandbox.kinds().iter().all(is_done) {
        return Ok(());
    }
    let key = ApiKey::generate(&app.world);
    let mut record = key_record(&key, org, app.world.now());
    let version = app.store.create(&record).await.map_err(|error| Error::new(error.to_string()))?;
    let mut seeder = Seeder {
        public_url: &app.settings.public_url,
        sandbox,
        api: countersign_config::routes(app.clone()),
        key: key.reveal(),
        file,
        made,
    };
    let result = seeder.run().await;
    record.revoked_at = Some(app.world.now());
    app.store.delete(&record, version).await.map_err(|error| Error::new(error.to_string()))?;
    result
}

/// A key that exists while the seeding runs.
fn key_record(key: &ApiKey, org: &OrgId, now: i64) -> ApiKeyRecord {
    ApiKeyRecord {
        id: key.id().clone(),
        org: org.clone(),
        name: "First start".to_owned(),
        role: Role::Owner,
        source: None,
        hash: key.hash(),
        deployment: false,
        created_at: now,
        revoked_at: None,
    }
}

impl Seeder<'_> {
    async fn run(&mut self) -> Result<(), Error> {
        let kinds = self.sandbox.kinds();
        for (kind, label) in &kinds {
            if self.made(kind).connection.is_none() {
                self.connection(kind, label).await?;
            }
        }
        self.members().await?;
        for (kind, _) in &kinds {
            if self.made(kind).flow.is_none() {
                self.flow(kind).await?;
            }
        }
        if self.made.here.is_none() {
            let id = self.create("/v1/flows", &self.flow_of("here", &Value::Null)).await?;
            self.note(|made| made.here = Some(id))?;
        }
        if self.made.source.is_none() {
            let first = kinds.first().and_then(|(kind, _)| self.made(kind).flow).unwrap_or_default();
            self.source(&first).await?;
        }
        for (kind, _) in &kinds {
            self.callback_and_template(kind).await?;
        }
        Ok(())
    }

    fn made(&self, kind: &str) -> MadePlatform {
        self.made.platforms.get(kind).cloned().unwrap_or_default()
    }

    /// Notes what was made for a platform, at once.
    fn note_of(&mut self, kind: &str, change: impl FnOnce(&mut MadePlatform)) -> Result<(), Error> {
        self.note(|made| change(made.platforms.entry(kind.to_owned()).or_default()))
    }

    async fn connection(&mut self, kind: &str, label: &str) -> Result<(), Error> {
        let app = self.sandbox.app(kind).unwrap_or_default();
        let first = self.sandbox.people().into_iter().next();
        let body = json!({
            "kind": kind,
            "name": format!("{label} (sandbox)"),
            "settings": app["settings"],
            "secrets": app["secrets"],
            "default_applicant": first.and_then(|mut member| member.accounts.remove(kind)),
        });
        let id = self.create("/v1/connections", &body).await?;
        self.note_of(kind, |made| made.connection = Some(id))
    }

    async fn members(&mut self) -> Result<(), Error> {
        let people = self.sandbox.people();
        for member in people.iter().skip(self.made.members.len()) {
            let account = |(kind, account): (&&str, &String)| Some((self.made(kind).connection?, account.clone()));
            let accounts: BTreeMap<String, String> = member.accounts.iter().filter_map(account).collect();
            let body = json!({
                "name": member.person.name,
                "mobile": member.person.mobile,
                "email": member.person.email,
                "accounts": accounts,
            });
            let id = self.create("/v1/members", &body).await?;
            self.note(|made| made.members.push(id))?;
        }
        Ok(())
    }

    /// One node: the first person's approval.
    async fn flow(&mut self, kind: &str) -> Result<(), Error> {
        let body = self.flow_of(&format!("on {kind}"), &json!(self.made(kind).connection));
        let id = self.create("/v1/flows", &body).await?;
        self.note_of(kind, |made| made.flow = Some(id))
    }

    /// A flow of that on a connection, or on the built-in platform.
    fn flow_of(&self, place: &str, connection: &Value) -> Value {
        let owner = self.made.members.first().cloned().unwrap_or_default();
        let node = json!({ "name": "Owner", "mode": "any", "approvers": [{ "member": owner }] });
        json!({
            "name": format!("One approver {place}"),
            "stages": [{ "connection": connection, "nodes": [node] }],
            "nodes_from_request": true,
        })
    }

    async fn callback_and_template(&mut self, kind: &str) -> Result<(), Error> {
        let made = self.made(kind);
        let connection = made.connection.unwrap_or_default();
        if !made.callback {
            let answer = self.call(Method::GET, &format!("/v1/connections/{connection}"), &Value::Null).await?;
            let url = answer["callback_url"].as_str().unwrap_or_default();
            self.sandbox.set_callback_url(kind, url).await.map_err(Error::new)?;
            self.note_of(kind, |made| made.callback = true)?;
        }
        if !made.template {
            self.call(Method::POST, &format!("/v1/connections/{connection}/template"), &json!({})).await?;
            self.note_of(kind, |made| made.template = true)?;
        }
        Ok(())
    }

    async fn source(&mut self, flow: &str) -> Result<(), Error> {
        let body = json!({
            "name": "Receiver page",
            "format": "native",
            "callback_url": format!("{}/sandbox/receiver", self.public_url),
            "default_flow": flow,
        });
        let answer = self.call(Method::POST, "/v1/sources", &body).await?;
        let secret = answer["webhook_secret"].as_str().unwrap_or_default().to_owned();
        self.sandbox.receiver().trust(&SecretString::from(secret)).map_err(|error| Error::new(error.to_string()))?;
        let id = answer["id"].as_str().map(str::to_owned);
        self.note(|made| made.source = id)
    }

    async fn create(&self, path: &str, body: &Value) -> Result<String, Error> {
        let answer = self.call(Method::POST, path, body).await?;
        answer["id"].as_str().map(str::to_owned).ok_or_else(|| Error::new(format!("{path} answered without an id")))
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, Error> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(AUTHORIZATION, format!("Bearer {}", self.key.expose_secret()))
            .header(CONTENT_TYPE, "application/json")
            .body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) })
            .map_err(|error| Error::new(error.to_string()))?;
        let response = self.api.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.map_err(|error| Error::new(error.to_string()))?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        Err(Error::new(format!("{path} answered {status}: {}", answer["detail"].as_str().unwrap_or_default())))
    }

    /// Notes what was made, at once.
    fn note(&mut self, change: impl FnOnce(&mut Made)) -> Result<(), Error> {
        change(&mut self.made);
        let text = serde_json::to_vec_pretty(&self.made).map_err(|error| Error::new(error.to_string()))?;
        let beside = self.file.with_extension("new");
        std::fs::write(&beside, text)?;
        Ok(std::fs::rename(&beside, &self.file)?)
    }
}
