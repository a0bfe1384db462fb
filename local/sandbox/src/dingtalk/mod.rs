//! The sandbox that plays DingTalk: both of its API hosts under one address, its event pushes, its developer console,
//! and its people.
//!
//! It refuses what the platform refuses, with the platform's own answers as its documentation and captures show them.

mod act;
mod answer;
mod app;
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
mod notices;
mod page;
mod push;
mod sign_in;
mod start;
mod state;
mod tasks;
mod token;
mod values;
mod view;

#[cfg(test)]
mod tests;

use std::path::Path;

use axum::response::Response;
use countersign::clock::World;

use self::app::App;
use self::model::Instance;
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
type DingTalk = Host<State>;

impl Platform for State {
    const KIND: &'static str = "dingtalk";
    const LABEL: &'static str = "DingTalk";
    const RETRIES: &'static [i64] = &push::RETRIES;
    const MAX_REMARK: usize = instances::MAX_REMARK;
    const PERMISSION: &'static str = "Workflow.Form.Write";

    type App = App;
    type Instance = Instance;

    fn open(folder: &Path, world: World) -> Result<Self, Error> {
        Self::read(folder, world)
    }

    fn registered(&mut self) -> &mut Registered<App> {
        &mut self.app
    }

    fn desk(&mut self) -> &mut Desk<Instance> {
        &mut self.desk
    }

    fn people() -> Vec<Account> {
        let known = |account: &directory::Account| Some((account.person()?, account.userid.to_owned()));
        directory::ACCOUNTS.iter().filter_map(known).collect()
    }

    fn other_ids(account: &str) -> Vec<(&'static str, String)> {
        directory::account(account).map(|account| ("unionid", account.unionid.to_owned())).into_iter().collect()
    }

    fn answer(host: &DingTalk, arrived: Arrived) -> Response {
        gateway::answer(host, &arrived)
    }

    fn perform(&mut self, id: &str, deed: &Deed) -> Result<Option<Claim>, Refused> {
        act::perform(self, id, deed)
    }

    async fn push(host: &DingTalk, app: App, url: &str, event: &str) -> Result<String, String> {
        push::push(host, &app, url, event).await
    }

    async fn check(host: &DingTalk, app: &App, url: &str) -> Result<(), String> {
        push::push(host, app, url, console::CHECK).await.map(drop)
    }

    fn asked(&self, path: &str, query: &[(String, String)]) -> Result<Asked, String> {
        sign_in::asked(self, path, query)
    }

    fn notices(&self, account: &str) -> Vec<(String, String)> {
        notices::notices(self, account)
    }
}
