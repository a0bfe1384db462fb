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
mod sign_in;
mod start;
mod state;
mod templates;
mod token;
mod values;
mod view;

#[cfg(test)]
mod tests;

use std::path::Path;

use axum::response::Response;
use countersign::clock::World;

use self::app::App;
use self::model::Form;
pub(crate) use self::state::State;
use crate::platform::Platform;
use crate::platform::app::Registered;
use crate::platform::call::Arrived;
use crate::platform::control::Deed;
use crate::platform::desk::{Claim, Desk};
use crate::platform::files::Error;
use crate::platform::host::Host;
use crate::platform::http::Refused;
use crate::platform::people::Account;
use crate::platform::sign_in::Asked;

/// The platform as it runs.
type WeCom = Host<State>;

impl Platform for State {
    const KIND: &'static str = "wecom";
    const LABEL: &'static str = "WeCom";
    const RETRIES: &'static [i64] = &push::RETRIES;
    /// Unconfirmed; as long as on the other platforms.
    const MAX_REMARK: usize = 1_024;
    const PERMISSION: &'static str = "approval";

    type App = App;
    type Instance = Form;

    fn open(folder: &Path, world: World) -> Result<Self, Error> {
        Self::read(folder, world)
    }

    fn registered(&mut self) -> &mut Registered<App> {
        &mut self.app
    }

    fn desk(&mut self) -> &mut Desk<Form> {
        &mut self.desk
    }

    fn people() -> Vec<Account> {
        let known = |account: &directory::Account| Some((account.person()?, account.userid.to_owned()));
        directory::ACCOUNTS.iter().filter_map(known).collect()
    }

    fn answer(host: &WeCom, arrived: Arrived) -> Response {
        gateway::answer(host, arrived)
    }

    fn perform(&mut self, id: &str, deed: &Deed) -> Result<Option<Claim>, Refused> {
        act::perform(self, id, deed)
    }

    async fn push(host: &WeCom, app: App, url: &str, event: &str) -> Result<String, String> {
        push::push(host, &app, url, event).await
    }

    async fn check(host: &WeCom, app: &App, url: &str) -> Result<(), String> {
        push::check(host, app, url).await
    }

    fn asked(&self, path: &str, query: &[(String, String)]) -> Result<Asked, String> {
        sign_in::asked(self, path, query)
    }
}
