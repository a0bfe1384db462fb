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
mod sign_in;
mod start;
mod state;
mod tasks;
mod token;
mod view;
mod widgets;

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
type Feishu = Host<State>;

impl Platform for State {
    const KIND: &'static str = "feishu";
    const LABEL: &'static str = "Feishu";
    const RETRIES: &'static [i64] = &push::RETRIES;
    /// The platform names no bound; this one keeps the files small.
    const MAX_REMARK: usize = 1024;
    const PERMISSION: &'static str = "approval:approval";

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
        let known = |account: &directory::Account| Some((account.person()?, account.open_id.to_owned()));
        directory::ACCOUNTS.iter().filter_map(known).collect()
    }

    fn other_ids(account: &str) -> Vec<(&'static str, String)> {
        let ids = directory::account(account)
            .map(|account| [("user_id", account.user_id.to_owned()), ("union_id", account.union_id.to_owned())]);
        ids.into_iter().flatten().collect()
    }

    fn answer(host: &Feishu, arrived: Arrived) -> Response {
        gateway::answer(host, &arrived)
    }

    fn perform(&mut self, id: &str, deed: &Deed) -> Result<Option<Claim>, Refused> {
        act::perform(self, id, deed)
    }

    async fn push(host: &Feishu, app: App, url: &str, event: &str) -> Result<String, String> {
        push::event(host, &app, url, event).await
    }

    async fn check(host: &Feishu, app: &App, url: &str) -> Result<(), String> {
        push::check(host, app, url).await
    }

    fn asked(&self, path: &str, query: &[(String, String)]) -> Result<Asked, String> {
        sign_in::asked(self, path, query)
    }
}
