//! What a DingTalk connection is made of.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::providers::settings::{address, missing, secret, setting};
use crate::providers::{AUTHORITIES, Account, Error, Field, Shape, token};

/// Host of the newer API.
const ENDPOINT: &str = "https://api.dingtalk.com";
/// Host of the sign-in pages.
const SIGN_IN: &str = "https://login.dingtalk.com";
/// Host of the older API, which contacts still need.
const LEGACY_ENDPOINT: &str = "https://oapi.dingtalk.com";

/// The settings and secrets of a connection.
pub(super) const FIELDS: &[Field] = &[
    setting("endpoint", false, Shape::Url),
    setting("legacy_endpoint", false, Shape::Url),
    AUTHORITIES,
    setting("app_key", true, Shape::Text(64)),
    setting("agent_id", false, Shape::Text(20)),
    setting("corp_id", false, Shape::Text(64)),
    secret("app_secret", true, Shape::Text(128)),
    secret("token", true, Shape::Text(64)),
    secret("aes_key", true, Shape::AesKey),
];

/// The address that is called where this setting is left out.
pub(super) fn usual_address(setting: &str) -> Option<&'static str> {
    match setting {
        "endpoint" => Some(ENDPOINT),
        "legacy_endpoint" => Some(LEGACY_ENDPOINT),
        _ => None,
    }
}

/// A connection's settings, read for calls.
#[derive(Debug, Clone)]
pub(super) struct Settings<'a> {
    pub(super) connection: &'a str,
    pub(super) app_key: &'a str,
    pub(super) app_secret: &'a SecretString,
    pub(super) agent_id: Option<i64>,
    pub(super) corp_id: Option<&'a str>,
    /// Whom calls trust beside the public authorities, in PEM.
    pub(super) authorities: Option<&'a str>,
    pub(super) endpoint: &'a str,
    legacy_endpoint: &'a str,
}

impl<'a> Settings<'a> {
    /// Reads a connection's settings.
    pub(super) fn of(account: &'a Account) -> Result<Self, Error> {
        let filled = |name| account.setting(name).filter(|text| !text.is_empty());
        let agent_id = filled("agent_id").map(|text| text.parse().map_err(|_| missing("agent_id")));
        Ok(Self {
            connection: &account.connection,
            app_key: filled("app_key").ok_or_else(|| missing("app_key"))?,
            app_secret: account.secrets.get("app_secret").ok_or_else(|| missing("app_secret"))?,
            agent_id: agent_id.transpose()?,
            corp_id: filled("corp_id"),
            authorities: account.authorities(),
            endpoint: filled("endpoint").unwrap_or(ENDPOINT),
            legacy_endpoint: filled("legacy_endpoint").unwrap_or(LEGACY_ENDPOINT),
        })
    }

    /// The address of a call of the newer API.
    pub(super) fn url(&self, path: &str) -> Result<Url, Error> {
        address(self.endpoint, path)
    }

    /// The address of a call of the older API.
    pub(super) fn legacy_url(&self, path: &str) -> Result<Url, Error> {
        address(self.legacy_endpoint, path)
    }

    /// Where the platform's own sign-in pages are; `None` where the API is somewhere else.
    pub(super) fn sign_in_page(&self) -> Option<&'static str> {
        (self.endpoint.trim_end_matches('/') == ENDPOINT).then_some(SIGN_IN)
    }

    /// Under what the access token is kept.
    pub(super) fn token_key(&self) -> String {
        let secret = self.app_secret.expose_secret();
        token::key(
            "dingtalk",
            self.connection,
            &[self.endpoint, self.app_key, self.corp_id.unwrap_or_default(), secret],
        )
    }

    /// The page where an administrator grants the app a permission.
    pub(super) fn grant_page(&self, scope: &str) -> String {
        let content = format!("{}#{scope}", self.app_key);
        let content: String = url::form_urlencoded::byte_serialize(content.as_bytes()).collect();
        format!("https://open-dev.dingtalk.com/appscope/apply?content={content}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::providers::dingtalk::tests::account;

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
        assert_ne!(own, key(&|other| _ = other.settings.insert("corp_id".into(), "ding2".into())));
        assert_ne!(own, key(&|other| _ = other.settings.insert("endpoint".into(), "https://b.example".into())));
        assert_ne!(own, key(&|other| _ = other.secrets.insert("app_secret".into(), "guessed".into())));
    }

    #[test]
    fn endpoints_may_have_a_path() {
        let account = account("http://127.0.0.1:3000/sandbox/dingtalk/");
        let settings = Settings::of(&account).unwrap();
        assert_eq!(settings.url("/v1.0/x").unwrap().as_str(), "http://127.0.0.1:3000/sandbox/dingtalk/v1.0/x");
    }
}
