//! The sandbox that plays WeCom: its API with the Approval app, its encrypted XML events, its developer console, and its
//! people.
//!
//! It refuses what the platform refuses, with the platform's own codes as its documentation and captures show them. Among
//! the missing permissions of the faults it knows `approval`, `approval_app`, `contacts`, `trusted_ip` and
//! `visible_range:{userid}`.

mod act;
mod answer;
mod app;
mod console;
mod contacts;
mod controls;
mod directory;
mod engine;
mod events;
mod forms;
mod gateway;
mod guard;
mod model;
mod page;
mod push;
mod start;
mod state;
mod templates;
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

use self::model::Form;
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
const BASE: &str = "/sandbox/wecom";

/// The played platform. Cheap to clone.
#[derive(Clone)]
pub(super) struct WeCom {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    http: reqwest::Client,
    world: World,
    /// Address of the API, without a slash at the end.
    endpoint: String,
}

impl WeCom {
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

impl Platform for WeCom {
    fn kind(&self) -> &'static str {
        "wecom"
    }

    fn label(&self) -> &'static str {
        "WeCom"
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
        let accounts = directory::ACCOUNTS.iter();
        accounts.filter_map(|account| Some((account.person()?, account.userid.to_owned()))).collect()
    }

    fn set_callback_url<'a>(&'a self, url: &'a str) -> Doing<'a, Result<(), String>> {
        Box::pin(self.receive_at(url))
    }

    fn deliver_due(&self) -> Doing<'_, ()> {
        Box::pin(sending::deliver_due(self))
    }
}

impl Sends for WeCom {
    type Instance = Form;

    const RETRIES: &'static [i64] = &push::RETRIES;

    fn desk<T>(&self, work: impl FnOnce(&mut Desk<Form>) -> T) -> T {
        work(&mut self.state().desk)
    }

    async fn push(&self, event: &str) -> Result<String, String> {
        let app = self.state().app.clone();
        let url = app.receiving.url.clone().ok_or("no callback URL is set")?;
        push::push(&self.inner.http, &self.inner.world, &app, &url, event).await
    }
}

impl Played for WeCom {
    type Entry = console::Entry;

    /// Unconfirmed; as long as on the other platforms.
    const LONGEST_REMARK: usize = 1_024;

    fn other_ids(_: &str) -> Vec<(&'static str, String)> {
        vec![]
    }

    fn summary(form: &Form) -> Value {
        view::summary(form)
    }

    fn whole(form: &Form) -> Value {
        view::whole(form)
    }

    fn perform(&self, id: &str, deed: &Deed) -> Result<Option<Claim>, Refused> {
        act::perform(&mut self.state(), id, deed)
    }

    async fn enter(&self, entry: console::Entry) -> Result<(), Refused> {
        self.receive(entry).await
    }
}

impl Inbox for WeCom {
    const PERMISSION: &'static str = "approval";

    fn lists(form: &Form, account: &str, list: List) -> bool {
        page::lists(form, account, list)
    }

    fn open_tasks(form: &Form, account: &str) -> usize {
        page::open_tasks(form, account)
    }

    fn badge(form: &Form) -> Badge {
        page::badge(form)
    }

    fn sheet(form: &Form) -> Sheet {
        page::sheet(form)
    }

    fn abilities(form: &Form, account: &str) -> Abilities {
        page::abilities(form, account)
    }

    fn notices(&self, _: &str) -> String {
        String::new()
    }

    fn console(&self) -> String {
        self.console_box()
    }
}
