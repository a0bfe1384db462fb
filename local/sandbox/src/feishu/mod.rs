//! The sandbox that plays Feishu: its API, its event pushes, its developer console, and its people.
//!
//! It refuses what the platform refuses, with the platform's own answers as its documentation and captures show them.
//! Where neither says how something is answered, the fact is marked unconfirmed beside the code.

mod act;
mod answer;
mod apis;
mod app;
mod body;
mod comments;
mod console;
mod contacts;
mod definitions;
mod directory;
mod engine;
mod events;
mod flow;
mod gateway;
mod i18n;
mod instances;
mod model;
mod nodes;
mod page;
mod push;
mod start;
mod state;
mod tasks;
mod token;
mod view;
mod widgets;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::response::Redirect;
use axum::routing::{any, get};
use countersign::clock::World;
use serde_json::Value;

use self::model::Instance;
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
const BASE: &str = "/sandbox/feishu";

/// The played platform. Cheap to clone.
#[derive(Clone)]
pub(super) struct Feishu {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    http: reqwest::Client,
    world: World,
    /// Address of the API, without a slash at the end.
    endpoint: String,
}

impl Feishu {
    /// Opens the platform with its files in `folder`; `public_url` is where the sandbox is reached.
    pub(super) fn open(folder: &Path, public_url: &str, world: World) -> Result<Self, Error> {
        let state = State::open(folder, world.clone())?;
        let endpoint = format!("{}{BASE}", public_url.trim_end_matches('/'));
        let inner = Inner { state: Mutex::new(state), http: outbox::client()?, world, endpoint };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The memory. A panic elsewhere leaves it whole: changes go in as a last step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platform for Feishu {
    fn kind(&self) -> &'static str {
        "feishu"
    }

    fn label(&self) -> &'static str {
        "Feishu"
    }

    fn router(&self) -> Router {
        Router::new()
            .route(BASE, get(inbox::page::<Self>))
            .route(&format!("{BASE}/"), get(async || Redirect::permanent(BASE)))
            .merge(control::routes(BASE))
            .route(&format!("{BASE}/{{*path}}"), any(gateway::serve))
            .with_state(self.clone())
    }

    fn app(&self) -> Value {
        self.settings()
    }

    fn people(&self) -> Vec<(&'static Person, String)> {
        let known = |account: &directory::Account| Some((account.person()?, account.open_id.to_owned()));
        directory::ACCOUNTS.iter().filter_map(known).collect()
    }

    fn set_callback_url<'a>(&'a self, url: &'a str) -> Doing<'a, Result<(), String>> {
        Box::pin(self.set_url(url))
    }

    fn deliver_due(&self) -> Doing<'_, ()> {
        Box::pin(sending::deliver_due(self))
    }
}

impl Sends for Feishu {
    type Instance = Instance;

    const RETRIES: &'static [i64] = &push::RETRIES;

    fn desk<T>(&self, work: impl FnOnce(&mut Desk<Instance>) -> T) -> T {
        work(&mut self.state().desk)
    }

    async fn push(&self, event: &str) -> Result<String, String> {
        let app = self.state().app.clone();
        let url = app.url.clone().ok_or("no request URL is set")?;
        push::event(&self.inner.http, &self.inner.world, &app, &url, event).await
    }
}

impl Played for Feishu {
    type Entry = console::Entry;

    /// The platform names no bound; this one keeps the files small.
    const LONGEST_REMARK: usize = 1024;

    fn other_ids(account: &str) -> Vec<(&'static str, String)> {
        let ids = directory::account(account)
            .map(|account| [("user_id", account.user_id.to_owned()), ("union_id", account.union_id.to_owned())]);
        ids.into_iter().flatten().collect()
    }

    fn summary(instance: &Instance) -> Value {
        view::summary(instance)
    }

    fn whole(instance: &Instance) -> Value {
        view::whole(instance)
    }

    fn perform(&self, id: &str, deed: &Deed) -> Result<Option<Claim>, Refused> {
        act::perform(&mut self.state(), id, deed)
    }

    async fn enter(&self, entry: console::Entry) -> Result<(), Refused> {
        self.subscribe(entry).await
    }
}

impl Inbox for Feishu {
    const PERMISSION: &'static str = "approval:approval";

    fn lists(instance: &Instance, account: &str, list: List) -> bool {
        page::lists(instance, account, list)
    }

    fn open_tasks(instance: &Instance, account: &str) -> usize {
        page::open_tasks(instance, account)
    }

    fn badge(instance: &Instance) -> Badge {
        page::badge(instance)
    }

    fn sheet(instance: &Instance) -> Sheet {
        page::sheet(instance)
    }

    fn abilities(instance: &Instance, account: &str) -> Abilities {
        page::abilities(instance, account)
    }

    fn notices(&self, _: &str) -> String {
        String::new()
    }

    fn console(&self) -> String {
        self.console_box()
    }
}
