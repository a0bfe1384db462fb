//! What handlers share.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;

use crate::clock::World;
use crate::config::Settings;
use crate::providers::outbound::Outbound;
use crate::providers::{Calls, TokenStore};
use crate::store::{DataKey, Store};

/// What handlers share; clones are cheap and share everything.
#[derive(Clone)]
pub struct App {
    /// The table.
    pub store: Store,
    /// Where the sealer of secrets comes from.
    pub data_key: DataKey,
    /// Clock and randomness.
    pub world: World,
    /// What the environment said.
    pub settings: Arc<Settings>,
    /// The one client for calls that leave us.
    pub outbound: Outbound,
    /// Access tokens of platforms.
    pub tokens: Arc<dyn TokenStore>,
}

impl App {
    /// What providers need of the outside.
    #[must_use]
    pub fn calls(&self) -> Calls<'_> {
        Calls { http: &self.outbound, tokens: &*self.tokens, world: &self.world }
    }
}

/// Access tokens kept in this process only.
#[derive(Debug, Default)]
pub struct ProcessTokens(Mutex<HashMap<String, (SecretString, i64)>>);

/// How long a token must be good for to be handed out, milliseconds.
const TOKEN_MARGIN_MS: i64 = 10 * 60 * 1000;

impl ProcessTokens {
    fn tokens(&self) -> std::sync::MutexGuard<'_, HashMap<String, (SecretString, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenStore for ProcessTokens {
    fn get<'a>(&'a self, key: &'a str, now: i64) -> Pin<Box<dyn Future<Output = Option<SecretString>> + Send + 'a>> {
        let good = |(token, until): &(SecretString, i64)| (*until - now >= TOKEN_MARGIN_MS).then(|| token.clone());
        let found = self.tokens().get(key).and_then(good);
        Box::pin(std::future::ready(found))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        token: &'a SecretString,
        expires_at: i64,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.tokens().insert(key.to_owned(), (token.clone(), expires_at));
        Box::pin(std::future::ready(()))
    }

    fn forget<'a>(&'a self, key: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.tokens().remove(key);
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[tokio::test]
    async fn a_token_is_handed_out_while_it_is_good_for_ten_minutes() {
        let tokens = ProcessTokens::default();
        tokens.put("a", &"t".into(), 1_000_000).await;
        let at = |now| tokens.get("a", now);
        assert_eq!(at(400_000).await.map(|token| token.expose_secret().to_owned()).as_deref(), Some("t"));
        assert!(at(400_001).await.is_none());
        tokens.forget("a").await;
        assert!(at(0).await.is_none());
    }
}
