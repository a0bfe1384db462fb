//! The developer console: the app's credentials and its event subscription.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::app::App;
use crate::platform::app::Configurable;
use crate::platform::boxes::Console;
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

impl Configurable for App {
    type Entry = Entry;

    fn entered(mut self, entry: Entry) -> Result<Self, Refused> {
        self.url = entry.callback_url.filter(|url| !url.is_empty());
        if let Some(SecretText(key)) = entry.encrypt_key {
            self.encrypt_key = Some(key).filter(|key| !key.expose_secret().is_empty());
        }
        if let Some(SecretText(token)) = entry.verification_token {
            if token.expose_secret().is_empty() {
                return Err(Refused::bad("the Verification Token is never empty"));
            }
            self.verification_token = token;
        }
        if self.url.as_deref().is_some_and(|url| !is_web_address(url)) {
            return Err(Refused::bad("请求网址不合法: an address that starts with http:// or https://"));
        }
        Ok(self)
    }

    fn connection(&self, endpoint: &str) -> Value {
        json!({
            "settings": {"endpoint": endpoint, "app_id": self.app_id},
            "secrets": {
                "app_secret": self.app_secret.expose_secret(),
                "encrypt_key": self.encrypt_key.as_ref().map_or("", |key| key.expose_secret()),
                "verification_token": self.verification_token.expose_secret(),
            },
            "callback_url": self.url,
        })
    }

    fn console(&self, endpoint: &str) -> Console {
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        Console {
            keys: vec![
                ("API address", endpoint.to_owned()),
                ("App ID", self.app_id.clone()),
                ("Tenant key", self.tenant_key.clone()),
            ],
            secrets: vec![
                ("App Secret", text(&self.app_secret)),
                ("Encrypt Key", self.encrypt_key.as_ref().map_or_else(|| "none".to_owned(), text)),
                ("Verification Token", text(&self.verification_token)),
            ],
            entries: &[
                ("encrypt_key", "Encrypt Key", "加密策略"),
                ("verification_token", "Verification Token", "校验令牌"),
            ],
            note: "Saving sends a challenge first, and keeps only a URL that gives it back within a second.",
        }
    }
}
