//! The played app and its file.

use std::ops::Deref;

use countersign::clock::World;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::boxes::Console;
use super::files::{Error, Folder};
use super::http::Refused;

/// The file's name.
const FILE: &str = "app.json";

/// A played app.
pub(crate) trait App: Clone + Send + Sync + From<Self::File> {
    /// As its file holds it, secrets in the clear: the file is its owner's alone.
    type File: Serialize + DeserializeOwned + for<'a> From<&'a Self>;

    /// A new app with random credentials in the platform's shapes.
    fn new(world: &World) -> Self;

    /// Where its events go.
    fn url(&mut self) -> &mut Option<String>;

    /// The same app, with the access tokens that another state of it has.
    fn with_tokens_of(self, other: &Self) -> Self;
}

/// What the developer console shows of an app and lets people enter.
pub(crate) trait Configurable: App {
    /// What is entered.
    type Entry: DeserializeOwned + Send;

    /// The app with what was entered, if it looks as the console wants it.
    fn entered(self, entry: Self::Entry) -> Result<Self, Refused>;

    /// The app as a connection takes it: `{"settings": {…}, "secrets": {…}, "callback_url": …}`. The platform's API is
    /// reached at `endpoint`.
    fn connection(&self, endpoint: &str) -> Value;

    /// The console on the page.
    fn console(&self, endpoint: &str) -> Console;
}

/// The app that the platform knows, which is always as its file has it.
pub(crate) struct Registered<A> {
    root: Folder,
    app: A,
}

impl<A: App> Registered<A> {
    /// The app of a platform's folder; a new one at the first start.
    pub(crate) fn open(root: Folder, world: &World) -> Result<Self, Error> {
        if let Some(file) = root.read::<A::File>(FILE)? {
            return Ok(Self { root, app: A::from(file) });
        }
        let app = A::new(world);
        root.write(FILE, &A::File::from(&app))?;
        Ok(Self { root, app })
    }

    /// Keeps the app as it is now.
    pub(crate) fn put(&mut self, app: A) -> Result<(), Error> {
        self.root.write(FILE, &A::File::from(&app))?;
        self.app = app;
        Ok(())
    }
}

impl<A> Deref for Registered<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.app
    }
}
