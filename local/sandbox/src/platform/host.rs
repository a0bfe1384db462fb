//! A platform that runs: its memory, where it is reached, and what it does in the same way as the others.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{Redirect, Response};
use axum::routing::{any, get};
use countersign::clock::World;
use serde_json::Value;

use super::app::{App as _, Configurable};
use super::call::Arrived;
use super::desk::Desk;
use super::files::Error;
use super::http::Refused;
use super::people::Account;
use super::{Platform, control, inbox, outbox, sending, sign_in};

/// A future that a platform returns.
pub(crate) type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A platform that runs. Cheap to clone.
pub(crate) struct Host<P> {
    memory: Arc<Mutex<P>>,
    /// What callbacks go out with.
    pub(crate) http: reqwest::Client,
    /// Clock and random numbers.
    pub(crate) world: World,
    /// Where the platform's API is reached, without a slash at the end.
    pub(crate) endpoint: Arc<str>,
}

impl<P> Clone for Host<P> {
    fn clone(&self) -> Self {
        let (http, world) = (self.http.clone(), self.world.clone());
        Self { memory: Arc::clone(&self.memory), http, world, endpoint: Arc::clone(&self.endpoint) }
    }
}

/// The path that everything of a platform is below.
pub(crate) fn base<P: Platform>() -> String {
    format!("/sandbox/{}", P::KIND)
}

impl<P: Platform> Host<P> {
    /// Opens a platform with its files in `folder`, in a folder of its kind; `public_url` is where the sandbox is reached.
    pub(crate) fn open(folder: &Path, public_url: &str, world: &World) -> Result<Self, Error> {
        let memory = P::open(&folder.join(P::KIND), world.clone())?;
        let endpoint = format!("{}{}", public_url.trim_end_matches('/'), base::<P>());
        let (memory, http) = (Arc::new(Mutex::new(memory)), outbox::client()?);
        Ok(Self { memory, http, world: world.clone(), endpoint: endpoint.into() })
    }

    /// The memory. A panic elsewhere leaves it whole: changes go in as a last step.
    pub(crate) fn state(&self) -> MutexGuard<'_, P> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the instances while nobody else does.
    pub(crate) fn desk<T>(&self, work: impl FnOnce(&mut Desk<P::Instance>) -> T) -> T {
        work(self.state().desk())
    }

    /// The app as it is now.
    pub(crate) fn app(&self) -> P::App {
        self.state().registered().clone()
    }

    /// Sends one event to the URL that is set.
    pub(crate) async fn push(&self, event: &str) -> Result<String, String> {
        let mut app = self.app();
        let url = app.url().clone().ok_or("no callback URL is set")?;
        P::push(self, app, &url, event).await
    }

    /// Keeps what was entered in the console, once its URL answers the platform's check.
    pub(crate) async fn enter(&self, entry: <P::App as Configurable>::Entry) -> Result<(), Refused> {
        self.save(self.app().entered(entry)?).await.map_err(Refused::bad)
    }

    /// Checks and keeps where the app's events go.
    async fn save(&self, mut app: P::App) -> Result<(), String> {
        if let Some(url) = app.url().clone() {
            P::check(self, &app, &url).await?;
        }
        let mut state = self.state();
        // Only where events go was entered: there may be new access tokens meanwhile.
        let app = app.with_tokens_of(state.registered());
        state.put_app(app).map_err(|error| error.to_string())
    }
}

/// Every call of a platform's API, as late as the faults have it.
async fn serve<P: Platform>(
    Shared(host): Shared<Host<P>>,
    method: Method,
    uri: Uri,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().strip_prefix(base::<P>().as_str()).unwrap_or_default().to_owned();
    let response = P::answer(&host, Arrived { method, path, query, headers, body });
    let delay = host.desk(|desk| desk.faults.delay_ms);
    tokio::time::sleep(Duration::from_millis(delay)).await;
    response
}

/// A platform that runs, whichever it is.
pub(crate) trait Running: Send + Sync {
    /// See [`Platform::KIND`].
    fn kind(&self) -> &'static str;

    /// See [`Platform::LABEL`].
    fn label(&self) -> &'static str;

    /// Everything below `/sandbox/{kind}`.
    fn router(&self) -> Router;

    /// See [`Configurable::connection`].
    fn connection(&self) -> Value;

    /// See [`Platform::people`].
    fn people(&self) -> Vec<Account>;

    /// Enters a callback URL in the platform's console, which checks it before it keeps it. The error is the console's.
    fn set_callback_url<'a>(&'a self, url: &'a str) -> Doing<'a, Result<(), String>>;

    /// Sends the callbacks that are due.
    fn deliver_due(&self) -> Doing<'_, ()>;
}

impl<P: Platform> Running for Host<P> {
    fn kind(&self) -> &'static str {
        P::KIND
    }

    fn label(&self) -> &'static str {
        P::LABEL
    }

    fn router(&self) -> Router {
        let base = base::<P>();
        let redirect = Redirect::permanent(&base);
        Router::new()
            .route(&base, get(inbox::page::<P>))
            .route(&format!("{base}/"), get(async || redirect))
            .merge(control::routes(&base))
            .merge(sign_in::routes(&base))
            .route(&format!("{base}/{{*path}}"), any(serve::<P>))
            .with_state(self.clone())
    }

    fn connection(&self) -> Value {
        self.app().connection(&self.endpoint)
    }

    fn people(&self) -> Vec<Account> {
        P::people()
    }

    fn set_callback_url<'a>(&'a self, url: &'a str) -> Doing<'a, Result<(), String>> {
        let mut app = self.app();
        *app.url() = Some(url.to_owned());
        Box::pin(self.save(app))
    }

    fn deliver_due(&self) -> Doing<'_, ()> {
        Box::pin(sending::deliver_due(self))
    }
}
