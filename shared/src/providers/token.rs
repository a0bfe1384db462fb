//! Access tokens: kept between calls, fetched when there is none, and once more when the platform refuses one.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Calls;
use super::failure::{Failure, Judge};
use super::lenient::{number, text};
use super::outbound::Request;
use crate::crypto::hex;

/// How long a token lives where the answer does not say, and at most, in seconds.
const TOKEN_SECONDS: i64 = 7_200;
/// How often, and with what pauses, those who wait for a token look for it.
const MAX_CHECKS: u32 = 10;
const CHECK_AGAIN: Duration = Duration::from_millis(100);

/// How a platform gives access tokens.
pub(super) struct TokenGrant<'a> {
    /// Under what the token is kept: see [`key`].
    pub(super) key: String,
    /// Asks for one.
    pub(super) request: Request,
    /// Whom this call, and those with the token, trust beside the public authorities, in PEM.
    pub(super) authorities: Option<&'a str>,
    /// The secret in that request, which no error may repeat.
    pub(super) secret: &'a SecretString,
    /// Reads the answer.
    pub(super) judge: Judge,
    /// The answer's field with the token.
    pub(super) token: &'static str,
    /// The answer's field with the seconds that it lives.
    pub(super) seconds: &'static str,
}

/// Under what a token is kept. Another connection, host, corporation or secret has another token: who does not know
/// an app's secret must not be served from its cache, so the secret is one of the `parts`.
pub(super) fn key(platform: &str, connection: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    format!("{platform}/{connection}/{}", hex(&hash.finalize()[..16]))
}

impl Calls<'_> {
    /// Makes a call; when the platform refuses the token, once more with a new one. Tokens may die before their time. One that is
    /// refused too is not kept either, so that whoever tries later begins with another.
    pub(super) async fn with_token(
        &self,
        grant: &TokenGrant<'_>,
        request: impl Fn(&SecretString) -> Request + Send + Sync,
        judge: Judge,
    ) -> Result<Value, Failure> {
        let token = self.token(grant).await.map_err(Failure::before_the_call)?;
        match self.once(request(&token).trusting(grant.authorities), judge, &token).await {
            Err(failure) if failure.refuses_token() => {
                self.tokens.forget(&grant.key, &token).await;
                let token = self.token(grant).await.map_err(Failure::before_the_call)?;
                let again = self.once(request(&token).trusting(grant.authorities), judge, &token).await;
                if again.as_ref().is_err_and(Failure::refuses_token) {
                    self.tokens.forget(&grant.key, &token).await;
                }
                again
            }
            result => result,
        }
    }

    /// Fetches a new token, whether one is kept or not: what an administrator's check wants.
    pub(super) async fn renew_token(&self, grant: &TokenGrant<'_>) -> Result<(), Failure> {
        self.fetch(grant).await.map(drop)
    }

    pub(super) async fn once(&self, request: Request, judge: Judge, secret: &SecretString) -> Result<Value, Failure> {
        let answer = self.http.send(request.guarded(self.world)).await?;
        judge(&answer, self.world.now()).map_err(|failure| failure.without(secret.expose_secret()))
    }

    /// The kept token, or a new one. One of those who find none fetches it, and the others wait for that: the platforms throttle
    /// the asking for tokens. Should it not come, they ask too: a token that lives is given again, or stays valid.
    async fn token(&self, grant: &TokenGrant<'_>) -> Result<SecretString, Failure> {
        let now = self.world.now();
        if let Some(token) = self.tokens.get(&grant.key, now).await {
            return Ok(token);
        }
        if !self.tokens.claim(&grant.key, now).await {
            for _ in 0..MAX_CHECKS {
                tokio::time::sleep(CHECK_AGAIN).await;
                if let Some(token) = self.tokens.get(&grant.key, now).await {
                    return Ok(token);
                }
            }
        }
        let fetched = self.fetch(grant).await;
        if fetched.is_err() {
            self.tokens.give_up(&grant.key).await;
        }
        fetched
    }

    /// Fetches a token and keeps it.
    async fn fetch(&self, grant: &TokenGrant<'_>) -> Result<SecretString, Failure> {
        let now = self.world.now();
        let asked =
            self.once(grant.request.clone().trusting(grant.authorities).free(), grant.judge, grant.secret).await;
        let answer = asked.map_err(Failure::of_the_secret)?;
        let token = text(&answer[grant.token]).ok_or_else(|| Failure::not_understood(grant.token))?;
        let token = SecretString::from(token);
        let seconds = number(&answer[grant.seconds]).unwrap_or(TOKEN_SECONDS).clamp(0, TOKEN_SECONDS);
        self.tokens.put(&grant.key, &token, now + seconds * 1_000).await;
        Ok(token)
    }
}
