//! The developer console: the app's credentials and where it receives events.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::app::App;
use crate::platform::app::Configurable;
use crate::platform::boxes::Console;
use crate::platform::http::Refused;
use crate::platform::subscription::{Entry, Rules};

const RULES: Rules = Rules {
    min_token: 1,
    bad_token: "Token 不合法: at most 32 letters and digits",
    bad_aes_key: "EncodingAESKey 不合法: 43 letters and digits",
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
                "corp_id": self.corp_id,
                "agent_id": self.agent_id,
            },
            "secrets": {
                "app_secret": self.secret.expose_secret(),
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
                ("CorpId", self.corp_id.clone()),
                ("AgentId", self.agent_id.clone()),
            ],
            secrets: vec![
                ("Secret", self.secret.expose_secret().to_owned()),
                ("Token", subscription.token.expose_secret().to_owned()),
                ("EncodingAESKey", subscription.aes_key.expose_secret().to_owned()),
            ],
            entries: &[("token", "Token", "令牌"), ("aes_key", "EncodingAESKey", "消息加密密钥")],
            note: "Saving sends a GET with echostr first, and keeps only a URL that answers it within a second.",
        }
    }
}
