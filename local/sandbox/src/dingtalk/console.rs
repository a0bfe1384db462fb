//! The developer console: the app's credentials and its event subscription.

use countersign::crypto::envelope::Keys;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::app::{App, Subscription};
use super::{DingTalk, push};
use crate::platform::http::{Refused, SecretText, is_web_address};

/// The check that the console sends when a URL is saved.
const CHECK: &str = r#"{"EventType":"check_url"}"#;

/// What is entered in the console. Token and AES key stay as they are unless they are given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// `null` ends the subscription. It has to be there.
    #[serde(deserialize_with = "Option::deserialize")]
    callback_url: Option<String>,
    #[serde(default)]
    token: Option<SecretText>,
    #[serde(default)]
    aes_key: Option<SecretText>,
}

impl DingTalk {
    /// Settings, secrets and callback URL.
    pub(crate) fn app(&self) -> Value {
        let app = self.state().app.clone();
        json!({
            "settings": {
                "endpoint": self.inner.endpoint,
                "legacy_endpoint": self.inner.endpoint,
                "app_key": app.app_key,
                "agent_id": app.agent_id.to_string(),
                "corp_id": app.corp_id,
            },
            "secrets": {
                "app_secret": app.app_secret.expose_secret(),
                "token": app.subscription.token.expose_secret(),
                "aes_key": app.subscription.aes_key.expose_secret(),
            },
            "callback_url": app.subscription.url,
        })
    }

    /// Stores a callback URL after its check; the error is the console's text.
    pub(crate) async fn set_callback_url(&self, url: &str) -> Result<(), String> {
        let mut app = self.state().app.clone();
        app.subscription.url = Some(url.to_owned());
        self.save(app).await
    }

    /// Keeps what was entered, once its URL answers the check.
    pub(super) async fn subscribe(&self, entry: Entry) -> Result<(), Refused> {
        let mut app = self.state().app.clone();
        app.subscription = entered(&app.subscription, entry)?;
        self.save(app).await.map_err(Refused::bad)
    }

    /// Checks and keeps a subscription.
    async fn save(&self, app: App) -> Result<(), String> {
        if let Some(url) = &app.subscription.url {
            push::push(&self.inner.http, &self.inner.world, &app, url, CHECK).await?;
        }
        let mut state = self.state();
        // Only the subscription was entered: the access token may have changed meanwhile.
        let app = App { subscription: app.subscription, ..state.app.clone() };
        state.put_app(app).map_err(|error| error.to_string())
    }
}

/// The subscription as entered, if its parts look as the console wants them.
fn entered(current: &Subscription, entry: Entry) -> Result<Subscription, Refused> {
    let token = entry.token.map_or_else(|| current.token.clone(), |text| text.0);
    let aes_key = entry.aes_key.map_or_else(|| current.aes_key.clone(), |text| text.0);
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let exposed = token.expose_secret();
    if !(3..=32).contains(&exposed.len()) || !plain(exposed) {
        return Err(Refused::bad("签名 token 不合法: 3 to 32 letters and digits"));
    }
    if !plain(aes_key.expose_secret()) || Keys::new(&token, &aes_key).is_err() {
        return Err(Refused::bad("加密 aes_key 不合法: 43 letters and digits"));
    }
    let url = entry.callback_url.filter(|url| !url.is_empty());
    match url {
        Some(url) if !is_web_address(&url) => {
            Err(Refused::bad("URL 不合法: an address that starts with http:// or https://"))
        }
        url => Ok(Subscription { url, token, aes_key }),
    }
}
