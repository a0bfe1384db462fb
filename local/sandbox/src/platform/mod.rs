//! What the sandbox platforms share: what each offers, the host that runs it, the people, files, faults, callbacks on
//! their way out, and pages.

pub(crate) mod app;
pub(crate) mod boxes;
pub(crate) mod call;
pub(crate) mod control;
pub(crate) mod desk;
pub(crate) mod faults;
pub(crate) mod fields;
pub(crate) mod files;
pub(crate) mod host;
pub(crate) mod http;
pub(crate) mod inbox;
pub(crate) mod lang;
pub(crate) mod outbox;
pub(crate) mod page;
pub(crate) mod people;
pub(crate) mod range;
pub(crate) mod sending;
pub(crate) mod sheet;
pub(crate) mod sign_in;
pub(crate) mod subscription;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod text;

use std::future::Future;
use std::path::Path;

use axum::response::Response;
use countersign::clock::World;

use self::app::{Configurable, Registered};
use self::call::Arrived;
use self::control::Deed;
use self::desk::{Claim, Desk};
use self::files::Error;
use self::host::Host;
use self::http::Refused;
use self::inbox::Shown;
use self::people::Account;
use self::sign_in::Asked;

/// What is particular to a platform. It is the platform's memory; a [`Host`] serves it, sends its callbacks and shows
/// its page.
pub(crate) trait Platform: Sized + Send + 'static {
    /// Its kind, as a connection names it; everything of it is below `/sandbox/{kind}`.
    const KIND: &'static str;

    /// Its name for people.
    const LABEL: &'static str;

    /// When a failed callback goes out again, in milliseconds after each failure.
    const RETRIES: &'static [i64];

    /// Most characters of a remark.
    const MAX_REMARK: usize;

    /// Permissions, as an example in the form of the faults.
    const PERMISSION: &'static str;

    /// The played app.
    type App: Configurable;

    /// A running or ended approval.
    type Instance: Shown;

    /// Opens the platform with its files in `folder`.
    fn open(folder: &Path, world: World) -> Result<Self, Error>;

    /// The app.
    fn registered(&mut self) -> &mut Registered<Self::App>;

    /// The instances and the faults.
    fn desk(&mut self) -> &mut Desk<Self::Instance>;

    /// Everybody, with the account that the platform knows them by; in the order of [`people::PEOPLE`].
    fn people() -> Vec<Account>;

    /// Other ids that the platform knows an account by, with their names.
    fn other_ids(_account: &str) -> Vec<(&'static str, String)> {
        vec![]
    }

    /// Answers a call of the platform's API.
    fn answer(host: &Host<Self>, arrived: Arrived) -> Response;

    /// Does what a person does. A claim that comes back has to be delivered.
    fn perform(&mut self, id: &str, deed: &Deed) -> Result<Option<Claim>, Refused>;

    /// Sends one event to the app's URL. Both texts are for people; the error is the platform's.
    fn push(
        host: &Host<Self>,
        app: Self::App,
        url: &str,
        event: &str,
    ) -> impl Future<Output = Result<String, String>> + Send;

    /// The console's check of a URL that is about to be saved. The error is the console's.
    fn check(host: &Host<Self>, app: &Self::App, url: &str) -> impl Future<Output = Result<(), String>> + Send;

    /// What a sign-in page was asked, if it takes the request; the error is what it shows.
    fn asked(&self, path: &str, query: &[(String, String)]) -> Result<Asked, String>;

    /// Work notices that a person got, newest first: when, and what they say.
    fn notices(&self, _account: &str) -> Vec<(String, String)> {
        vec![]
    }

    /// Keeps the app as it is now.
    fn put_app(&mut self, app: Self::App) -> Result<(), Error> {
        self.registered().put(app)?;
        self.desk().version += 1;
        Ok(())
    }
}
