//! The played self-built app: its credentials, its access token, and where it receives events.

use countersign::clock::World;
use countersign::crypto::envelope::random_text;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::platform::app as platform;
use crate::platform::subscription::Subscription;
use crate::platform::text::random_name;

/// How long an access token lives, in milliseconds.
const TOKEN_LIFE: i64 = 7_200_000;
/// Characters of an access token; documented is at most 512 bytes.
const TOKEN_LENGTH: usize = 214;

/// The app.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(super) corp_id: String,
    pub(super) agent_id: String,
    pub(super) secret: SecretString,
    pub(super) access: Option<Access>,
    pub(super) subscription: Subscription,
}

/// The access token and until when it is good.
#[derive(Debug, Clone)]
pub(super) struct Access {
    token: SecretString,
    expires_at: i64,
}

/// What an access token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    Good,
    Expired,
    Unknown,
}

impl App {
    /// The access token and the seconds that it is still good for. Asking again gives the same one and does not renew it:
    /// unconfirmed, but commonly reported.
    pub(super) fn token(&mut self, world: &World) -> (SecretString, i64) {
        let now = world.now();
        let access = match self.access.take() {
            Some(access) if access.expires_at > now => access,
            _ => Access {
                token: random_text(|bytes| world.entropy.fill(bytes), TOKEN_LENGTH),
                expires_at: now + TOKEN_LIFE,
            },
        };
        let answer = (access.token.clone(), (access.expires_at - now) / 1000);
        self.access = Some(access);
        answer
    }

    /// What an access token is worth.
    pub(super) fn worth(&self, token: &str, now: i64) -> Worth {
        match self.access.as_ref().filter(|access| access.token.expose_secret() == token) {
            Some(access) if access.expires_at > now => Worth::Good,
            Some(_) => Worth::Expired,
            None => Worth::Unknown,
        }
    }
}

impl platform::App for App {
    type File = AppFile;

    fn new(world: &World) -> Self {
        let random = |length| random_text(|bytes| world.entropy.fill(bytes), length);
        Self {
            corp_id: format!("ww{}", random_name(world, b"0123456789abcdef", 16)),
            agent_id: format!("10000{}", random_name(world, b"123456789", 2)),
            secret: random(43),
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
    corp_id: String,
    agent_id: String,
    secret: String,
    access_token: Option<String>,
    access_token_expires_at: i64,
    callback_url: Option<String>,
    token: String,
    aes_key: String,
}

impl From<&App> for AppFile {
    fn from(app: &App) -> Self {
        Self {
            corp_id: app.corp_id.clone(),
            agent_id: app.agent_id.clone(),
            secret: app.secret.expose_secret().to_owned(),
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
            corp_id: file.corp_id,
            agent_id: file.agent_id,
            secret: file.secret.into(),
            access: file.access_token.map(|token| Access { token: token.into(), expires_at }),
            subscription: Subscription {
                url: file.callback_url,
                token: file.token.into(),
                aes_key: file.aes_key.into(),
            },
        }
    }
}
