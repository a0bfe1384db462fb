//! The developer console: the app's credentials and where it receives events.

use countersign::crypto::envelope::Keys;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::app::{App, Receiving};
use super::{BASE, WeCom, push};
use crate::platform::boxes::{self, Console};
use crate::platform::http::{Refused, SecretText, is_web_address};

/// What is entered in the console. Token and key stay as they are unless they are given.
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

impl WeCom {
    /// Settings, secrets and callback URL.
    pub(super) fn settings(&self) -> Value {
        let app = self.state().app.clone();
        json!({
            "settings": {
                "endpoint": self.inner.endpoint,
                "corp_id": app.corp_id,
                "agent_id": app.agent_id,
            },
            "secrets": {
                "app_secret": app.secret.expose_secret(),
                "token": app.receiving.token.expose_secret(),
                "aes_key": app.receiving.aes_key.expose_secret(),
            },
            "callback_url": app.receiving.url,
        })
    }

    /// Stores a callback URL after its check; the error is the console's text.
    pub(super) async fn receive_at(&self, url: &str) -> Result<(), String> {
        let receiving = self.state().app.receiving.clone();
        self.save(Receiving { url: Some(url.to_owned()), ..receiving }).await
    }

    /// Keeps what was entered, once its URL answers the check.
    pub(super) async fn receive(&self, entry: Entry) -> Result<(), Refused> {
        let current = self.state().app.receiving.clone();
        self.save(entered(&current, entry)?).await.map_err(Refused::bad)
    }

    async fn save(&self, receiving: Receiving) -> Result<(), String> {
        if let Some(url) = &receiving.url {
            let app = App { receiving: receiving.clone(), ..self.state().app.clone() };
            push::check(&self.inner.http, &self.inner.world, &app, url).await?;
        }
        let mut state = self.state();
        let app = App { receiving, ..state.app.clone() };
        state.put_app(app).map_err(|error| error.to_string())
    }

    /// The console on the page.
    pub(super) fn console_box(&self) -> String {
        let app = self.state().app.clone();
        boxes::console(&Console {
            base: BASE,
            keys: &[("API address", &self.inner.endpoint), ("CorpId", &app.corp_id), ("AgentId", &app.agent_id)],
            secrets: &[
                ("Secret", app.secret.expose_secret()),
                ("Token", app.receiving.token.expose_secret()),
                ("EncodingAESKey", app.receiving.aes_key.expose_secret()),
            ],
            url: app.receiving.url.as_deref(),
            entries: &[("token", "Token", "令牌"), ("aes_key", "EncodingAESKey", "消息加密密钥")],
            note: "Saving sends a GET with <code>echostr</code> first, and keeps only a URL that answers it within a second.",
        })
    }
}

/// What was entered, if its parts look as the console wants them.
fn entered(current: &Receiving, entry: Entry) -> Result<Receiving, Refused> {
    let token = entry.token.map_or_else(|| current.token.clone(), |text| text.0);
    let aes_key = entry.aes_key.map_or_else(|| current.aes_key.clone(), |text| text.0);
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let exposed = token.expose_secret();
    if !(1..=32).contains(&exposed.len()) || !plain(exposed) {
        return Err(Refused::bad("Token 不合法: at most 32 letters and digits"));
    }
    if !plain(aes_key.expose_secret()) || Keys::new(&token, &aes_key).is_err() {
        return Err(Refused::bad("EncodingAESKey 不合法: 43 letters and digits"));
    }
    match entry.callback_url.filter(|url| !url.is_empty()) {
        Some(url) if !is_web_address(&url) => {
            Err(Refused::bad("URL 不合法: an address that starts with http:// or https://"))
        }
        url => Ok(Receiving { url, token, aes_key }),
    }
}
