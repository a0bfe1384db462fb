//! All that the platform knows, in memory and in files. Every change is in its file before anybody is answered.

use std::path::Path;

use countersign::clock::World;

use super::app::App;
use super::directory;
use super::events;
use super::guard::Guard;
use super::model::{Change, Form, Template};
use crate::platform::app::Registered;
use crate::platform::desk::{Claim, Desk, Order};
use crate::platform::files::{Error, Folder, Shelf};
use crate::platform::text::beijing;

/// The platform's memory.
pub(crate) struct State {
    /// The forms and the faults.
    pub(super) desk: Desk<Form>,
    pub(super) app: Registered<App>,
    pub(super) templates: Shelf<Template>,
    /// Wrong secrets.
    pub(super) wrong_secrets: Guard,
    /// Mobile numbers and e-mail addresses of nobody.
    pub(super) misses: Guard,
}

impl State {
    /// Reads everything back, or begins with an app and nothing else.
    pub(super) fn read(folder: &Path, world: World) -> Result<Self, Error> {
        Ok(Self {
            app: Registered::open(Folder::open(folder.to_owned())?, &world)?,
            desk: Desk::open(folder.join("forms"), Order::Due, world)?,
            templates: Shelf::open(folder.join("templates"))?,
            wrong_secrets: Guard::of_secrets(),
            misses: Guard::of_misses(),
        })
    }

    /// The time.
    pub(super) fn now(&self) -> i64 {
        self.desk.now()
    }

    /// Whether the app lacks a permission.
    pub(super) fn lacks(&self, permission: &str) -> bool {
        self.desk.faults.missing_scopes.iter().any(|missing| missing == permission)
    }

    /// Whether a member is in the app's visible range. `visible_range:{userid}` among the missing permissions is who is not.
    pub(super) fn sees(&self, userid: &str) -> bool {
        let hidden = |missing: &String| {
            missing.strip_prefix("visible_range:").is_some_and(|hidden| hidden.eq_ignore_ascii_case(userid))
        };
        let range = &self.desk.faults.range;
        let account = directory::account(userid);
        let person = account.and_then(|account| Some((account.person()?, account.userid)));
        let shown = person.is_none_or(|(person, userid)| range.shows(person, userid) && !range.has_left(userid));
        shown && !self.desk.faults.missing_scopes.iter().any(hidden)
    }

    /// Keeps a template.
    pub(super) fn put_template(&mut self, template: Template) -> Result<(), Error> {
        self.templates.put(template)?;
        self.desk.version += 1;
        Ok(())
    }

    /// The number of the next form: the day in Beijing and a counter.
    pub(super) fn next_number(&self) -> String {
        let day = beijing(self.now(), "%Y%m%d");
        let today = self.desk.instances.keys().filter_map(|number| number.strip_prefix(&day)?.parse::<u32>().ok());
        format!("{day}{:04}", today.max().unwrap_or_default() + 1)
    }

    /// Keeps a form together with the callback of what happened to it. A claim that comes back has to be delivered.
    pub(super) fn commit(&mut self, form: Form, change: Change) -> Result<Option<Claim>, Error> {
        let told = events::event(&form, &self.app.corp_id, change, self.now()).into_iter().collect();
        self.desk.commit(form, told, self.app.subscription.url.is_some())
    }
}
