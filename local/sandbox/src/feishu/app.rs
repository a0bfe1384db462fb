//! The played app: its credentials, its tenant tokens, and where its events go.

use countersign::clock::World;
use countersign::crypto::envelope::random_text;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::platform::app as platform;
use crate::platform::text::random_name;

/// How long a token lives, in milliseconds.
const TOKEN_LIFE: i64 = 7_200_000;
/// With this long left, the same token is answered again; with less, a new one, and both are good. Documented.
const SAME_TOKEN: i64 = 30 * 60_000;

/// The app.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(super) app_id: String,
    pub(super) app_secret: SecretString,
    pub(super) tenant_key: String,
    /// Oldest first.
    pub(super) tokens: Vec<Token>,
    pub(super) url: Option<String>,
    /// Without one, events go out in clear and unsigned.
    pub(super) encrypt_key: Option<SecretString>,
    pub(super) verification_token: SecretString,
}

/// A tenant token and until when it is good.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) text: SecretString,
    pub(super) expires_at: i64,
}

impl App {
    /// A token with its remaining seconds: the latest one while it is good for half an hour, else a new one.
    pub(super) fn token(&mut self, world: &World) -> (SecretString, i64) {
        let now = world.now();
        self.tokens.retain(|token| token.expires_at > now);
        if self.tokens.last().is_none_or(|token| token.expires_at - now < SAME_TOKEN) {
            let random = random_text(|bytes| world.entropy.fill(bytes), 40);
            let text = format!("t-{}", random.expose_secret()).into();
            self.tokens.push(Token { text, expires_at: now + TOKEN_LIFE });
        }
        let latest = self.tokens.last().map(|token| (token.text.clone(), (token.expires_at - now) / 1000));
        latest.unwrap_or_else(|| (String::new().into(), 0))
    }

    /// Whether a token is the app's and still good.
    pub(super) fn accepts(&self, text: &str, now: i64) -> bool {
        self.tokens.iter().any(|token| token.expires_at > now && token.text.expose_secret() == text)
    }
}

impl platform::App for App {
    type File = AppFile;

    fn new(world: &World) -> Self {
        let random = |length| random_text(|bytes| world.entropy.fill(bytes), length);
        let hex = |length| random_name(world, b"0123456789abcdef", length);
        Self {
            app_id: format!("cli_{}", hex(16)),
            app_secret: random(32),
            tenant_key: hex(16),
            tokens: vec![],
            url: None,
            encrypt_key: Some(random(24)),
            verification_token: random(32),
        }
    }

    fn url(&mut self) -> &mut Option<String> {
        &mut self.url
    }

    fn with_tokens_of(self, other: &Self) -> Self {
        Self { tokens: other.tokens.clone(), ..self }
    }
}

/// The app as its file holds it, secrets in the clear: the file is its owner's alone.
#[derive(Serialize, Deserialize)]
pub(crate) struct AppFile {
    app_id: String,
    app_secret: String,
    tenant_key: String,
    tokens: Vec<(String, i64)>,
    callback_url: Option<String>,
    encrypt_key: Option<String>,
    verification_token: String,
}

impl From<&App> for AppFile {
    fn from(app: &App) -> Self {
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        Self {
            app_id: app.app_id.clone(),
            app_secret: text(&app.app_secret),
            tenant_key: app.tenant_key.clone(),
            tokens: app.tokens.iter().map(|token| (text(&token.text), token.expires_at)).collect(),
            callback_url: app.url.clone(),
            encrypt_key: app.encrypt_key.as_ref().map(text),
            verification_token: text(&app.verification_token),
        }
    }
}

impl From<AppFile> for App {
    fn from(file: AppFile) -> Self {
        let token = |(text, expires_at): (String, i64)| Token { text: text.into(), expires_at };
        Self {
            app_id: file.app_id,
            app_secret: file.app_secret.into(),
            tenant_key: file.tenant_key,
            tokens: file.tokens.into_iter().map(token).collect(),
            url: file.callback_url,
            encrypt_key: file.encrypt_key.map(SecretString::from),
            verification_token: file.verification_token.into(),
        }
    }
}
