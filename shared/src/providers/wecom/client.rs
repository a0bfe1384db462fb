//! Calls to WeCom. The access token and the secret go into the query, so no URL is logged or returned.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::errors::{into_error, judge};
use super::settings::Settings;
use crate::providers::failure::Failure;
use crate::providers::outbound::Request;
use crate::providers::token::TokenGrant;
use crate::providers::{Account, Calls, Error};

/// A connection, ready for calls.
pub(super) struct Api<'a> {
    pub(super) settings: Settings<'a>,
    calls: &'a Calls<'a>,
}

impl<'a> Api<'a> {
    pub(super) fn new(account: &'a Account, calls: &'a Calls<'a>) -> Result<Self, Error> {
        Ok(Self { settings: Settings::of(account)?, calls })
    }

    /// Milliseconds since the Unix epoch.
    pub(super) fn now(&self) -> i64 {
        self.calls.world.now()
    }

    /// Random bytes.
    pub(super) fn random<const N: usize>(&self) -> [u8; N] {
        self.calls.world.random()
    }

    /// A failure, for the caller.
    pub(super) fn error(&self, failure: Failure) -> Error {
        into_error(failure, &self.settings)
    }

    /// A read.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        let mut url = self.settings.url(path)?;
        url.query_pairs_mut().extend_pairs(query);
        self.with_token(|token| Request::get(signed(&url, token))).await
    }

    /// A write. It is repeated only after a refusal of the token, which had no effect.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let url = self.settings.url(path)?;
        self.with_token(|token| Request::post(signed(&url, token)).json(body)).await
    }

    /// A read that is a `POST`.
    pub(super) async fn query(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let url = self.settings.url(path)?;
        self.with_token(|token| Request::post(signed(&url, token)).repeatable().json(body)).await
    }

    /// Fetches a new token, whether one is kept or not.
    pub(super) async fn renew_token(&self) -> Result<(), Failure> {
        self.calls.renew_token(&self.grant()?).await
    }

    async fn with_token(&self, request: impl Fn(&SecretString) -> Request + Send + Sync) -> Result<Value, Failure> {
        self.calls.with_token(&self.grant()?, request, judge).await
    }

    /// A wrong secret must not be tried again and again: WeCom shuts an address out for an hour. So only a refused token is
    /// a reason to ask for another, never a refused secret.
    fn grant(&self) -> Result<TokenGrant<'_>, Failure> {
        let Settings { corp_id, app_secret: secret, .. } = self.settings;
        let mut url = self.settings.url("/cgi-bin/gettoken")?;
        url.query_pairs_mut().append_pair("corpid", corp_id).append_pair("corpsecret", secret.expose_secret());
        let (key, request) = (self.settings.token_key(), Request::get(url));
        let authorities = self.settings.authorities;
        Ok(TokenGrant { key, request, authorities, secret, judge, token: "access_token", seconds: "expires_in" })
    }
}

fn signed(url: &Url, token: &SecretString) -> Url {
    let mut url = url.clone();
    url.query_pairs_mut().append_pair("access_token", token.expose_secret());
    url
}
