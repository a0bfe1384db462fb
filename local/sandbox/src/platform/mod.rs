//! What the sandbox platforms share: what each offers, the people, files, faults, callbacks on their way out, and pages.

pub(crate) mod boxes;
pub(crate) mod control;
pub(crate) mod desk;
pub(crate) mod faults;
pub(crate) mod fields;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod inbox;
pub(crate) mod outbox;
pub(crate) mod page;
pub(crate) mod people;
pub(crate) mod range;
pub(crate) mod sending;
pub(crate) mod sheet;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod text;

use std::future::Future;
use std::pin::Pin;

use axum::Router;
use serde_json::Value;

use self::people::Person;

/// A future that a platform returns.
pub(crate) type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A played platform.
pub(crate) trait Platform: Send + Sync {
    /// Its kind, as a connection names it; everything of it is below `/sandbox/{kind}`.
    fn kind(&self) -> &'static str;

    /// Its name for people.
    fn label(&self) -> &'static str;

    /// Everything below `/sandbox/{kind}`.
    fn router(&self) -> Router;

    /// The played app as a connection takes it: `{"settings": {…}, "secrets": {…}, "callback_url": …}`.
    fn app(&self) -> Value;

    /// Everybody, with the account that the platform knows them by; in the order of [`people::PEOPLE`].
    fn people(&self) -> Vec<(&'static Person, String)>;

    /// Enters a callback URL in the platform's console, which checks it before it keeps it. The error is the console's.
    fn set_callback_url<'a>(&'a self, url: &'a str) -> Doing<'a, Result<(), String>>;

    /// Sends the callbacks that are due.
    fn deliver_due(&self) -> Doing<'_, ()>;
}
