//! The sandbox that plays DingTalk: both of its API hosts under one address, its event pushes, its developer console,
//! and its people.
//!
//! It refuses what the platform refuses, with the platform's own answers as its documentation and captures show them.

mod act;
mod answer;
mod app;
mod boxes;
mod console;
mod controls;
mod directory;
mod engine;
mod events;
mod forms;
mod gateway;
mod instances;
mod legacy;
mod model;
mod page;
mod push;
mod start;
mod state;
mod tasks;
mod token;
mod values;
mod view;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::response::Redirect;
use axum::routing::{any, get};
use countersign::clock::World;
use serde_json::Value;

use self::state::State;
use super::platform::control::{self, Deed, Played};
use super::platform::desk::{Claim, Desk};
use super::platform::files::Error;
use super::platform::http::Refused;
use super::platform::inbox::{self, Inbox, List};
use super::platform::people::Person;
use super::platform::sending::{self, Sends};
use super::platform::sheet::{Abilities, Badge, Sheet};
use super::platform::{Doing, Platform, outbox};

/// The path that everything of this platform is below.
pub(super) const BASE: &str = "/sandbox/dingtalk";

/// The played platform. Cheap to clone.
#[derive(Clone)]
pub(super) struct DingTalk {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    http: reqwest::Client,
    world: World,
    /// Address of both APIs, without a slash at the end.
    endpoint: String,
}

impl DingTalk {
    /// Opens the platform with its files in `folder`; `public_url` is where the sandbox is reached.
    pub(super) fn open(folder: &Path, public_url: &str, world: World) -> Result<Self, Error> {
        let state = State::open(folder, world.clone())?;
        let endpoint = format!("{}{BASE}", public_url.trim_end_matches('/'));
        let inner = Inner { state: Mutex::new(state), http: outbox::client()?, world, endpoint };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Everything below [`BASE`].
    pub(super) fn router(&self) -> Router {
        Router::new()
            .route(BASE, get(inbox::page::<Self>))
            .route(&format!("{BASE}/"), get(async || Redirect::permanent(BASE)))
            .merge(control::routes(BASE))
            .route(&format!("{BASE}/{{*path}}"), any(gateway::serve))
            .with_state(self.clone())
    }

    /// The memory. A panic elsewhere leaves it whole: changes go in as a last step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platform for DingTalk {
    fn kind(&self) -> &'static str {
        "dingtalk"
    }

    fn label(&self) -> &'static str {
        "DingTalk"
    }

    fn router(&self) -> Router {
        Self::router(self)
    }

    fn app(&self) -> Value {
        Self::app(self)
    }

    fn people(&self) -> Vec<(&'static Person, String)> {
        people().map(|(person, account)| (person, account.to_owned())).collect()
    }

    fn set_callback_url<'a>(&'a self, url: &'a str) -> Doing<'a, Result<(), String>> {
        Box::pin(Self::set_callback_url(self, url))
    }

    fn deliver_due(&self) -> Doing<'_, ()> {
        Box::pin(sending::deliver_due(self))
    }
}

impl Sends for DingTalk {
    type Instance = model::Instance;

    const RETRIES: &'static [i64] = &push::RETRIES;

    fn desk<T>(&self, work: impl FnOnce(&mut Desk<model::Instance>) -> T) -> T {
        work(&mut self.state().desk)
    }

    async fn push(&self, event: &str) -> Result<String, String> {
        let app = self.state().app.clone();
        let url = app.subscription.url.clone().ok_or("no callback URL is set")?;
        push::push(&self.inner.http, &self.inner.world, &app, &url, event).await
    }
}

impl Played for DingTalk {
    type Entry = console::Entry;

    const LONGEST_REMARK: usize = instances::LONGEST_REMARK;

    fn other_ids(account: &str) -> Vec<(&'static str, String)> {
        directory::account(account).map(|account| ("unionid", account.unionid.to_owned())).into_iter().collect()
    }

    fn summary(instance: &model::Instance) -> Value {
        view::summary(instance)
    }

    fn whole(instance: &model::Instance) -> Value {
        view::whole(instance)
    }

    fn perform(&self, id: &str, deed: &Deed) -> Result<Option<Claim>, Refused> {
        act::perform(&mut self.state(), id, deed)
    }

    async fn enter(&self, entry: console::Entry) -> Result<(), Refused> {
        self.subscribe(entry).await
    }
}

impl Inbox for DingTalk {
    const PERMISSION: &'static str = "Workflow.Form.Write";

    fn lists(instance: &model::Instance, account: &str, list: List) -> bool {
        page::lists(instance, account, list)
    }

    fn open_tasks(instance: &model::Instance, account: &str) -> usize {
        page::open_tasks(instance, account)
    }

    fn badge(instance: &model::Instance) -> Badge {
        page::badge(instance)
    }

    fn sheet(instance: &model::Instance) -> Sheet {
        page::sheet(instance)
    }

    fn abilities(instance: &model::Instance, account: &str) -> Abilities {
        page::abilities(instance, account)
    }

    fn notices(&self, account: &str) -> String {
        boxes::notices(&self.state(), account)
    }

    fn console(&self) -> String {
        boxes::console(&self.state(), &self.inner.endpoint)
    }
}

/// Everybody and their user ids.
fn people() -> impl Iterator<Item = (&'static super::Person, &'static str)> {
    directory::ACCOUNTS.iter().filter_map(|account| account.person().map(|person| (person, account.userid)))
}
