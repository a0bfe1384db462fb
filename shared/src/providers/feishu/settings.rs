//! What a Feishu connection is made of.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::providers::settings::{address, missing, secret, setting};
use crate::providers::{AUTHORITIES, Account, Error, Field, Shape, token};

/// Host of the API in mainland China. A tenant lives on one of the two; an app of one is unknown to the other.
const FEISHU: &str = "https://open.feishu.cn";
/// What the international hosts end with: `open.larksuite.com` and its kin.
const LARK_DOMAIN: &str = "larksuite.com";
/// The approval app that opens an instance's page, on Feishu and on Lark. Seen in the documentation's examples only
/// (unconfirmed), so `approval_app_id` replaces it.
const APPROVAL_APPS: (&str, &str) = ("cli_9cb844403dbb9108", "cli_9c7cc8a9a9edd105");

/// The settings and secrets of a connection. Without an Encrypt Key the platform sends callbacks in the clear and
/// unsigned, and only the verification token proves where they come from; with one, it must have signed them.
pub(super) const FIELDS: &[Field] = &[
    setting("endpoint", false, Shape::Url),
    AUTHORITIES,
    setting("app_id", true, Shape::Text(64)),
    setting("approval_app_id", false, Shape::Text(64)),
    secret("app_secret", true, Shape::Text(128)),
    secret("verification_token", true, Shape::Text(128)),
    secret("encrypt_key", false, Shape::Text(128)),
];

/// The address that is called where this setting is left out.
pub(super) fn usual_address(setting: &str) -> Option<&'static str> {
    (setting == "endpoint").then_some(FEISHU)
}

/// A connection's settings, read for calls.
#[derive(Debug, Clone)]
pub(super) struct Settings<'a> {
    pub(super) connection: &'a str,
    pub(super) app_id: &'a str,
    pub(super) app_secret: &'a SecretString,
    approval_app_id: Option<&'a str>,
    /// Whom calls trust beside the public authorities, in PEM.
    pub(super) authorities: Option<&'a str>,
    pub(super) endpoint: &'a str,
}

impl<'a> Settings<'a> {
    /// Reads a connection's settings.
    pub(super) fn of(account: &'a Account) -> Result<Self, Error> {
        let filled = |name| account.setting(name).filter(|text| !text.is_empty());
        Ok(Self {
            connection: &account.connection,
            app_id: filled("app_id").ok_or_else(|| missing("app_id"))?,
            app_secret: account.secrets.get("app_secret").ok_or_else(|| missing("app_secret"))?,
            approval_app_id: filled("approval_app_id"),
            authorities: account.authorities(),
            endpoint: filled("endpoint").unwrap_or(FEISHU),
        })
    }

    /// The address of a call; `path` begins after `/open-apis`.
    pub(super) fn url(&self, path: &str) -> Result<Url, Error> {
        address(self.endpoint, &format!("/open-apis{path}"))
    }

    /// Under what the access token is kept.
    pub(super) fn token_key(&self) -> String {
        let secret = self.app_secret.expose_secret();
        token::key("feishu", self.connection, &[self.endpoint, self.app_id, secret])
    }

    /// The console's page where the app is given one of these scopes.
    pub(super) fn grant_page(&self, scopes: &[impl AsRef<str>]) -> String {
        let scopes: Vec<&str> = scopes.iter().map(AsRef::as_ref).collect();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", &scopes.join(","))
            .append_pair("op_from", "openapi")
            .append_pair("token_type", "tenant")
            .finish();
        format!("{}/auth?{query}", self.console())
    }

    /// The app's page in the developer console.
    pub(super) fn console(&self) -> String {
        let host = if self.is_lark() { "open.larksuite.com" } else { "open.feishu.cn" };
        format!("https://{host}/app/{}", self.app_id)
    }

    /// Where people see an instance: a link that the client opens.
    pub(super) fn instance_page(&self, instance: &str) -> String {
        let host = if self.is_lark() { "applink.larksuite.com" } else { "applink.feishu.cn" };
        let usual = if self.is_lark() { APPROVAL_APPS.1 } else { APPROVAL_APPS.0 };
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("mode", "appCenter")
            .append_pair("appId", self.approval_app_id.unwrap_or(usual))
            .append_pair("path", &format!("pc/pages/in-process/index?instanceId={instance}"))
            .finish();
        format!("https://{host}/client/mini_program/open?{query}")
    }

    /// Where the platform's own sign-in pages are; `None` where the API is somewhere else.
    pub(super) fn sign_in_page(&self) -> Option<&'static str> {
        let host = Url::parse(self.endpoint).ok()?;
        match host.host_str()? {
            "open.feishu.cn" => Some("https://accounts.feishu.cn"),
            "open.larksuite.com" => Some("https://accounts.larksuite.com"),
            _ => None,
        }
    }

    fn is_lark(&self) -> bool {
        let host = Url::parse(self.endpoint).ok().and_then(|url| url.host_str().map(str::to_ascii_lowercase));
        host.is_some_and(|host| host == LARK_DOMAIN || host.ends_with(".larksuite.com"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::providers::feishu::tests::account;

    #[test]
    fn tokens_are_never_shared() {
        let one = account("https://api.example");
        let key = |change: &dyn Fn(&mut Account)| {
            let mut other = one.clone();
            change(&mut other);
            Settings::of(&other).unwrap().token_key()
        };
        let own = key(&|_| {});
        assert_eq!(own, key(&|other| _ = other.secrets.insert("encrypt_key".into(), "another".into())));
        assert!(!own.contains("the-app-secret"));
        assert_ne!(own, key(&|other| other.connection = "con_2".into()));
        assert_ne!(own, key(&|other| _ = other.settings.insert("app_id".into(), "cli_2".into())));
        assert_ne!(own, key(&|other| _ = other.settings.insert("endpoint".into(), "https://b.example".into())));
        assert_ne!(own, key(&|other| _ = other.secrets.insert("app_secret".into(), "guessed".into())));
    }

    #[test]
    fn a_tenant_lives_on_feishu_or_on_lark() {
        let page = |endpoint: Option<&str>, app: Option<&str>| {
            let mut account = account("https://x.example");
            account.settings.remove("endpoint");
            account.settings.extend(endpoint.map(|endpoint| ("endpoint".to_owned(), endpoint.into())));
            account.settings.extend(app.map(|app| ("approval_app_id".to_owned(), app.into())));
            let settings = Settings::of(&account).unwrap();
            (settings.instance_page("81D3-AB"), settings.console(), settings.url("/x").unwrap().to_string())
        };
        let path = "path=pc%2Fpages%2Fin-process%2Findex%3FinstanceId%3D81D3-AB";
        let (link, console, url) = page(None, None);
        let open = "https://applink.feishu.cn/client/mini_program/open?mode=appCenter&appId=cli_9cb844403dbb9108&";
        assert_eq!(link, format!("{open}{path}"));
        assert_eq!(console, "https://open.feishu.cn/app/cli_a1b2c3d4e5f6a00d");
        assert_eq!(url, "https://open.feishu.cn/open-apis/x");
        let (link, console, _) = page(Some("https://open.larksuite.com/"), Some("cli_own"));
        assert!(link.starts_with("https://applink.larksuite.com/") && link.contains("appId=cli_own&"), "{link}");
        assert_eq!(console, "https://open.larksuite.com/app/cli_a1b2c3d4e5f6a00d");
        let (_, _, url) = page(Some("http://127.0.0.1:3000/sandbox/feishu/"), None);
        assert_eq!(url, "http://127.0.0.1:3000/sandbox/feishu/open-apis/x");
    }
}
