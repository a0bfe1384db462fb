//! What a WeCom connection is made of.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::providers::settings::{address, missing, secret, setting};
use crate::providers::{AUTHORITIES, Account, Error, Field, Shape, token};

/// Host of the API. Private deployments have another.
const ENDPOINT: &str = "https://qyapi.weixin.qq.com";

/// The settings and secrets of a connection.
pub(super) const FIELDS: &[Field] = &[
    setting("endpoint", false, Shape::Url),
    AUTHORITIES,
    setting("corp_id", true, Shape::Text(64)),
    setting("agent_id", true, Shape::Text(20)),
    secret("app_secret", true, Shape::Text(128)),
    secret("token", true, Shape::Text(32)),
    secret("aes_key", true, Shape::AesKey),
];

/// The address that is called where this setting is left out.
pub(super) fn usual_address(setting: &str) -> Option<&'static str> {
    (setting == "endpoint").then_some(ENDPOINT)
}

/// A connection's settings, read for calls.
#[derive(Debug, Clone)]
pub(super) struct Settings<'a> {
    connection: &'a str,
    pub(super) corp_id: &'a str,
    /// Whose secret it is: the application's id, which is unique within a corporation only.
    pub(super) agent_id: &'a str,
    pub(super) app_secret: &'a SecretString,
    /// Whom calls trust beside the public authorities, in PEM.
    pub(super) authorities: Option<&'a str>,
    pub(super) endpoint: &'a str,
}

impl<'a> Settings<'a> {
    /// Reads a connection's settings.
    pub(super) fn of(account: &'a Account) -> Result<Self, Error> {
        let filled = |name| account.setting(name).filter(|text| !text.is_empty());
        let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        Ok(Self {
            connection: &account.connection,
            corp_id: filled("corp_id").ok_or_else(|| missing("corp_id"))?,
            agent_id: filled("agent_id").filter(is_number).ok_or_else(|| missing("agent_id"))?,
            app_secret: account.secrets.get("app_secret").ok_or_else(|| missing("app_secret"))?,
            authorities: account.authorities(),
            endpoint: filled("endpoint").unwrap_or(ENDPOINT),
        })
    }

    /// The address of a call.
    pub(super) fn url(&self, path: &str) -> Result<Url, Error> {
        address(self.endpoint, path)
    }

    /// Whether the API is the platform's own.
    pub(super) fn is_usual(&self) -> bool {
        self.endpoint.trim_end_matches('/') == ENDPOINT
    }

    /// Under what the access token is kept: a token is one application's in one corporation on one host.
    pub(super) fn token_key(&self) -> String {
        let secret = self.app_secret.expose_secret();
        token::key("wecom", self.connection, &[self.endpoint, self.corp_id, self.agent_id, secret])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::providers::wecom::tests::account;

    #[test]
    fn tokens_are_never_shared() {
        let one = account("https://api.example");
        let key = |change: &dyn Fn(&mut Account)| {
            let mut other = one.clone();
            change(&mut other);
            Settings::of(&other).unwrap().token_key()
        };
        let own = key(&|_| {});
        assert_eq!(own, key(&|_| {}));
        assert!(!own.contains("the-app-secret"));
        assert_ne!(own, key(&|other| other.connection = "con_2".into()));
        for (name, value) in [("corp_id", "ww2"), ("agent_id", "1000099"), ("endpoint", "https://b.example")] {
            assert_ne!(own, key(&|other| _ = other.settings.insert(name.into(), value.into())), "{name}");
        }
        assert_ne!(own, key(&|other| _ = other.secrets.insert("app_secret".into(), "guessed".into())));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (name, value) in [("corp_id", ""), ("agent_id", ""), ("agent_id", "my app")] {
            let mut account = account("https://api.example");
            account.settings.insert(name.into(), value.into());
            let error = Settings::of(&account).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn endpoints_may_have_a_path() {
        let account = account("http://127.0.0.1:3000/sandbox/wecom/");
        let url = Settings::of(&account).unwrap().url("/cgi-bin/x").unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:3000/sandbox/wecom/cgi-bin/x");
    }
}
