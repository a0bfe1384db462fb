//! The played app: its credentials, its access token, and its event subscription.

use countersign::clock::World;
use countersign::crypto::envelope::random_text;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::platform::app as platform;
use crate::platform::subscription::Subscription;
use crate::platform::text::random_name;

/// How long an access token lives, in milliseconds.
const TOKEN_LIFE: i64 = 7_200_000;

/// The app.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(super) app_key: String,
    pub(super) app_secret: SecretString,
    pub(super) agent_id: i64,
    pub(super) corp_id: String,
    pub(super) access: Option<Access>,
    pub(super) subscription: Subscription,
}

/// The access token and until when it is good.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) token: SecretString,
    pub(super) expires_at: i64,
}

impl App {
    /// The access token: the same one while it is good, and good again for two hours.
    pub(super) fn renew(&mut self, world: &World) -> SecretString {
        let now = world.now();
        let token = match self.access.take() {
            Some(access) if access.expires_at > now => access.token,
            _ => random_text(|bytes| world.entropy.fill(bytes), 32),
        };
        self.access = Some(Access { token: token.clone(), expires_at: now + TOKEN_LIFE });
        token
    }

    /// Whether an access token is the app's and still good.
    pub(super) fn accepts(&self, token: &str, now: i64) -> bool {
        let access = self.access.as_ref().filter(|access| access.expires_at > now);
        access.is_some_and(|access| access.token.expose_secret() == token)
    }
}

impl platform::App for App {
    type File = AppFile;

    fn new(world: &World) -> Self {
        let random = |length| random_text(|bytes| world.entropy.fill(bytes), length);
        let lower = |length| random_name(world, b"0123456789abcdefghijklmnopqrstuvwxyz", length);
        let digits = random_name(world, b"123456789", 10);
        Self {
            app_key: format!("ding{}", lower(16)),
            app_secret: random(64),
            agent_id: digits.parse().unwrap_or(1_234_567_890),
            corp_id: format!("ding{}", random_name(world, b"0123456789abcdef", 32)),
            access: None,
            subscription: Subscription::new(world),
        }
    }

    fn url(&mut self) -> &mut Option<String> {
        &mut self.subscription.url
    }

    fn with_tokens_of(self, other: &Self) -> Self {
        Self { access: other.access.clone(), ..self }
    }
}

/// The app as its file holds it, secrets in the clear: the file is its owner's alone.
#[derive(Serialize, Deserialize)]
pub(crate) struct AppFile {
    app_key: String,
    app_secret: String,
    agent_id: i64,
    corp_id: String,
    access_token: Option<String>,
    access_token_expires_at: i64,
    callback_url: Option<String>,
    token: String,
    aes_key: String,
}

impl From<&App> for AppFile {
    fn from(app: &App) -> Self {
        Self {
            app_key: app.app_key.clone(),
            app_secret: app.app_secret.expose_secret().to_owned(),
            agent_id: app.agent_id,
            corp_id: app.corp_id.clone(),
            access_token: app.access.as_ref().map(|access| access.token.expose_secret().to_owned()),
            access_token_expires_at: app.access.as_ref().map_or(0, |access| access.expires_at),
            callback_url: app.subscription.url.clone(),
            token: app.subscription.token.expose_secret().to_owned(),
            aes_key: app.subscription.aes_key.expose_secret().to_owned(),
        }
    }
}

impl From<AppFile> for App {
    fn from(file: AppFile) -> Self {
        let expires_at = file.access_token_expires_at;
        Self {
            app_key: file.app_key,
            app_secret: file.app_secret.into(),
            agent_id: file.agent_id,
            corp_id: file.corp_id,
            access: file.access_token.map(|token| Access { token: token.into(), expires_at }),
            subscription: Subscription {
                url: file.callback_url,
                token: file.token.into(),
                aes_key: file.aes_key.into(),
            },
        }
    }
}
