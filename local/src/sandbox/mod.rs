//! The sandbox: platforms to try approvals on without an account anywhere, and a receiver for the decisions.
//!
//! Each platform is a folder. It plays the platform's API at `/sandbox/{platform}` as strictly as the platform does,
//! shows a page there on which one acts as a person, and sends the platform's encrypted callbacks. What goes on is kept
//! in files and survives a killed process.

mod dingtalk;
mod platform;
mod receiver;

use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::response::{Redirect, Response};
use axum::routing::get;
use countersign::clock::World;
use serde_json::Value;

use self::dingtalk::DingTalk;
pub use self::platform::files::Error;
pub use self::platform::people::Person;
pub use self::receiver::Receiver;

/// How often the sandbox looks for callbacks that are due.
const TICK: Duration = Duration::from_millis(500);

/// Where the sandbox keeps its state and where it is reached.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// State goes into the folder `sandbox` below this one.
    pub data_dir: PathBuf,
    /// The address that the sandbox is served at, as in `http://127.0.0.1:3000`.
    pub public_url: String,
}

/// The sandbox. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    dingtalk: DingTalk,
    receiver: Receiver,
}

/// A person of the played organisation and the account that each platform knows them by.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// The person.
    pub person: &'static Person,
    /// DingTalk's user id: a text, also where it looks like a number.
    pub dingtalk: &'static str,
}

impl Sandbox {
    /// Opens the sandbox with what its files hold; at the first start, with new apps and no approvals.
    ///
    /// # Errors
    /// [`Error`] when its files cannot be read or written, or hold something else.
    pub fn open(config: &SandboxConfig, world: World) -> Result<Self, Error> {
        let folder = config.data_dir.join("sandbox");
        Ok(Self {
            dingtalk: DingTalk::open(&folder.join("dingtalk"), &config.public_url, world.clone())?,
            receiver: Receiver::open(folder.join("receiver"), world)?,
        })
    }

    /// Everything below `/sandbox`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/sandbox", get(index))
            .route("/sandbox/", get(async || Redirect::permanent("/sandbox")))
            .merge(platform::page::assets())
            .merge(self.dingtalk.router())
            .merge(self.receiver.router())
    }

    /// The played DingTalk app as a connection takes it: `{"settings": {…}, "secrets": {…}, "callback_url": …}`.
    #[must_use]
    pub fn dingtalk_app(&self) -> Value {
        self.dingtalk.app()
    }

    /// Enters a callback URL in DingTalk's developer console, which checks it before it keeps it.
    ///
    /// # Errors
    /// What the console says.
    pub async fn set_dingtalk_callback(&self, url: &str) -> Result<(), String> {
        self.dingtalk.set_callback_url(url).await
    }

    /// The receiver of decisions.
    #[must_use]
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Everybody, with their accounts.
    #[must_use]
    pub fn people(&self) -> Vec<Member> {
        dingtalk::people().map(|(person, dingtalk)| Member { person, dingtalk }).collect()
    }

    /// Sends callbacks that were still to be sent when the process stopped, and from then on every one that is due: the
    /// platforms repeat what was not answered properly. Call it once, when the callbacks' receiver is up. It goes on
    /// until the runtime ends or the returned task is aborted.
    pub fn resume(&self) -> tokio::task::JoinHandle<()> {
        let sandbox = self.clone();
        tokio::spawn(async move {
            loop {
                sandbox.dingtalk.deliver_due().await;
                tokio::time::sleep(TICK).await;
            }
        })
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sandbox")
    }
}

/// `GET /sandbox`.
async fn index() -> Response {
    let body = include_str!("index.html");
    platform::page::shell("Sandbox", "", body)
}
