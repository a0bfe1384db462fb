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
mod detail;
mod directory;
mod engine;
mod events;
mod fields;
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
use axum::routing::{any, get, post};
use countersign::clock::World;
use serde_json::Value;

use self::state::State;
use super::platform::files::Error;
use super::platform::people::Person;
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
            .route(BASE, get(page::page))
            .route(&format!("{BASE}/"), get(async || Redirect::permanent(BASE)))
            .route(&format!("{BASE}/_/people"), get(act::people))
            .route(&format!("{BASE}/_/instances"), get(act::instances))
            .route(&format!("{BASE}/_/instances/{{id}}"), get(act::instance))
            .route(&format!("{BASE}/_/instances/{{id}}/act"), post(act::act))
            .route(&format!("{BASE}/_/faults"), get(act::faults).post(act::set_faults).delete(act::clear_faults))
            .route(&format!("{BASE}/_/app"), get(console::read).put(console::subscribe))
            .route(&format!("{BASE}/_/version"), get(act::version))
            .route(&format!("{BASE}/_/{{*unknown}}"), any(act::unknown))
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
        Box::pin(Self::deliver_due(self))
    }
}

/// Everybody and their user ids.
fn people() -> impl Iterator<Item = (&'static super::Person, &'static str)> {
    directory::ACCOUNTS.iter().filter_map(|account| account.person().map(|person| (person, account.userid)))
}
