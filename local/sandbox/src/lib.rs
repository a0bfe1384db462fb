//! The sandbox: platforms to try approvals on without an account anywhere, and a receiver for the decisions.
//!
//! Each platform is a folder. It plays the platform's API at `/sandbox/{platform}` as strictly as the platform does,
//! shows a page there on which one acts as a person, and sends the platform's encrypted callbacks. What goes on is kept
//! in files and survives a killed process.

mod clock;
mod dingtalk;
mod feishu;
mod index;
mod platform;
mod receiver;
mod wecom;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use countersign::clock::World;
use serde_json::Value;

pub use self::clock::SandboxClock;
pub use self::platform::files::Error;
use self::platform::host::{Host, Running};
use self::platform::people::PEOPLE;
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
    platforms: Vec<Arc<dyn Running>>,
    receiver: Receiver,
}

/// A person of the played organisation and the account that each platform knows them by.
#[derive(Debug, Clone)]
pub struct Member {
    /// The person.
    pub person: &'static Person,
    /// Accounts by the platform's kind.
    pub accounts: BTreeMap<&'static str, String>,
}

/// Every platform that the sandbox plays; a new one is a folder and a line here.
fn open_all(folder: &Path, url: &str, world: &World) -> Result<Vec<Arc<dyn Running>>, Error> {
    Ok(vec![
        Arc::new(Host::<dingtalk::State>::open(folder, url, world)?),
        Arc::new(Host::<feishu::State>::open(folder, url, world)?),
        Arc::new(Host::<wecom::State>::open(folder, url, world)?),
    ])
}

impl Sandbox {
    /// Opens the sandbox with what its files hold; at the first start, with new apps and no approvals.
    ///
    /// # Errors
    /// [`Error`] when its files cannot be read or written, or hold something else.
    pub fn open(config: &SandboxConfig, world: World) -> Result<Self, Error> {
        let folder = config.data_dir.join("sandbox");
        Ok(Self {
            platforms: open_all(&folder, &config.public_url, &world)?,
            receiver: Receiver::open(folder.join("receiver"), world)?,
        })
    }

    /// Everything below `/sandbox`.
    pub fn router(&self) -> Router {
        let own = Router::new()
            .route("/sandbox", get(index::page))
            .route("/sandbox/", get(async || Redirect::permanent("/sandbox")))
            .merge(platform::page::assets())
            .merge(self.receiver.router());
        self.platforms.iter().fold(own, |router, platform| router.merge(platform.router()))
    }

    /// The kinds of the played platforms and their names for people.
    #[must_use]
    pub fn kinds(&self) -> Vec<(&'static str, &'static str)> {
        self.platforms.iter().map(|platform| (platform.kind(), platform.label())).collect()
    }

    /// The played app of a platform as a connection takes it: `{"settings": {…}, "secrets": {…}, "callback_url": …}`.
    #[must_use]
    pub fn app(&self, kind: &str) -> Option<Value> {
        Some(self.platform(kind)?.connection())
    }

    /// Enters a callback URL in a platform's console, which checks it before it keeps it.
    ///
    /// # Errors
    /// What the console says.
    pub async fn set_callback_url(&self, kind: &str, url: &str) -> Result<(), String> {
        self.platform(kind).ok_or_else(|| format!("the sandbox plays no {kind}"))?.set_callback_url(url).await
    }

    fn platform(&self, kind: &str) -> Option<&dyn Running> {
        self.platforms.iter().find(|platform| platform.kind() == kind).map(AsRef::as_ref)
    }

    /// The receiver of decisions.
    #[must_use]
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Everybody, with their accounts.
    #[must_use]
    pub fn people(&self) -> Vec<Member> {
        let on = |person: &Person| {
            let account = |platform: &Arc<dyn Running>| {
                let (_, account) = platform.people().into_iter().find(|(other, _)| other.key == person.key)?;
                Some((platform.kind(), account))
            };
            self.platforms.iter().filter_map(account).collect()
        };
        PEOPLE.iter().map(|person| Member { person, accounts: on(person) }).collect()
    }

    /// Sends the callbacks of all platforms that are due.
    pub async fn deliver_due(&self) {
        for platform in &self.platforms {
            platform.deliver_due().await;
        }
    }

    /// Sends callbacks that were still to be sent when the process stopped, and from then on every one that is due: the
    /// platforms repeat what was not answered properly. Call it once, when the callbacks' receiver is up. It goes on
    /// until the runtime ends or the returned task is aborted.
    pub fn resume(&self) -> tokio::task::JoinHandle<()> {
        let sandbox = self.clone();
        tokio::spawn(async move {
            loop {
                sandbox.deliver_due().await;
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
