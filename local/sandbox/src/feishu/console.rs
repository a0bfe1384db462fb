//! The developer console: the app's credentials and its event subscription.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::app::App;
use super::{BASE, Feishu, push};
use crate::platform::boxes::{self, Console};
use crate::platform::http::{Refused, SecretText, is_web_address};

/// What is entered in the console. Key and token stay as they are unless they are given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// `null` ends the subscription. It has to be there.
    #[serde(deserialize_with = "Option::deserialize")]
    callback_url: Option<String>,
    /// An empty one ends the encryption.
    #[serde(default)]
    encrypt_key: Option<SecretText>,
    #[serde(default)]
    verification_token: Option<SecretText>,
}

impl Feishu {
    /// Settings, secrets and callback URL.
    pub(super) fn settings(&self) -> Value {
        let app = self.state().app.clone();
        json!({
            "settings": {"endpoint": self.inner.endpoint, "app_id": app.app_id},
            "secrets": {
                "app_secret": app.app_secret.expose_secret(),
                "encrypt_key": app.encrypt_key.as_ref().map_or("", |key| key.expose_secret()),
                "verification_token": app.verification_token.expose_secret(),
            },
            "callback_url": app.url,
        })
    }

    /// Keeps what was entered, once its URL gives the challenge back.
    pub(super) async fn subscribe(&self, entry: Entry) -> Result<(), Refused> {
        let mut app = self.state().app.clone();
        app.url = entry.callback_url.filter(|url| !url.is_empty());
        if let Some(SecretText(key)) = entry.encrypt_key {
            app.encrypt_key = Some(key).filter(|key| !key.expose_secret().is_empty());
        }
        if let Some(SecretText(token)) = entry.verification_token {
            if token.expose_secret().is_empty() {
                return Err(Refused::bad("the Verification Token is never empty"));
            }
            app.verification_token = token;
        }
        if app.url.as_deref().is_some_and(|url| !is_web_address(url)) {
            return Err(Refused::bad("请求网址不合法: an address that starts with http:// or https://"));
        }
        self.save(app).await.map_err(Refused::bad)
    }

    /// Stores a request URL after its check; the error is the console's text.
    pub(super) async fn set_url(&self, url: &str) -> Result<(), String> {
        let mut app = self.state().app.clone();
        app.url = Some(url.to_owned());
        self.save(app).await
    }

    async fn save(&self, app: App) -> Result<(), String> {
        if let Some(url) = &app.url {
            push::check(&self.inner.http, &self.inner.world, &app, url).await?;
        }
        let mut state = self.state();
        // Only the subscription was entered: there may be new tokens meanwhile.
        let app = App { tokens: state.app.tokens.clone(), ..app };
        state.put_app(app).map_err(|error| error.to_string())
    }

    /// The console on the page.
    pub(super) fn console_box(&self) -> String {
        let app = self.state().app.clone();
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        boxes::console(&Console {
            base: BASE,
            keys: &[("API address", &self.inner.endpoint), ("App ID", &app.app_id), ("Tenant key", &app.tenant_key)],
            secrets: &[
                ("App Secret", app.app_secret.expose_secret()),
                ("Encrypt Key", &app.encrypt_key.as_ref().map_or_else(|| "none".to_owned(), text)),
                ("Verification Token", app.verification_token.expose_secret()),
            ],
            url: app.url.as_deref(),
            entries: &[
                ("encrypt_key", "Encrypt Key", "加密策略"),
                ("verification_token", "Verification Token", "校验令牌"),
            ],
            note: "Saving sends a challenge first, and keeps only a URL that gives it back within a second.",
        })
    }
}
