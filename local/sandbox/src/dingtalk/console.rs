//! The developer console: the app's credentials and its event subscription.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::app::App;
use crate::platform::app::Configurable;
use crate::platform::boxes::Console;
use crate::platform::http::Refused;
use crate::platform::subscription::{Entry, Rules};

/// The check that the console sends when a URL is saved.
pub(super) const CHECK: &str = r#"{"EventType":"check_url"}"#;

const RULES: Rules = Rules {
    min_token: 3,
    bad_token: "签名 token 不合法: 3 to 32 letters and digits",
    bad_aes_key: "加密 aes_key 不合法: 43 letters and digits",
};

impl Configurable for App {
    type Entry = Entry;

    fn entered(mut self, entry: Entry) -> Result<Self, Refused> {
        self.subscription = self.subscription.entered(entry, &RULES)?;
        Ok(self)
    }

    fn connection(&self, endpoint: &str) -> Value {
        json!({
            "settings": {
                "endpoint": endpoint,
                "legacy_endpoint": endpoint,
                "app_key": self.app_key,
                "agent_id": self.agent_id.to_string(),
                "corp_id": self.corp_id,
            },
            "secrets": {
                "app_secret": self.app_secret.expose_secret(),
                "token": self.subscription.token.expose_secret(),
                "aes_key": self.subscription.aes_key.expose_secret(),
            },
            "callback_url": self.subscription.url,
        })
    }

    fn console(&self, endpoint: &str) -> Console {
        let subscription = &self.subscription;
        Console {
            keys: vec![
                ("API address", endpoint.to_owned()),
                ("AppKey", self.app_key.clone()),
                ("AgentId", self.agent_id.to_string()),
                ("CorpId", self.corp_id.clone()),
            ],
            secrets: vec![
                ("AppSecret", self.app_secret.expose_secret().to_owned()),
                ("token", subscription.token.expose_secret().to_owned()),
                ("aes_key", subscription.aes_key.expose_secret().to_owned()),
            ],
            entries: &[("token", "signature token", "签名 token"), ("aes_key", "aes_key", "加密 aes_key")],
            note: "Saving sends check_url first, and keeps only a URL that answers it.",
        }
    }
}
