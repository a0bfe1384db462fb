//! What platforms are called with.

use std::future::Future;
use std::pin::Pin;

use secrecy::SecretString;

use super::outbound;
use crate::clock::World;

/// What providers need of the outside.
pub struct Calls<'a> {
    /// The one client for all platforms.
    pub http: &'a outbound::Outbound,
    /// Access tokens, kept between calls.
    pub tokens: &'a dyn TokenStore,
    /// Clock and randomness.
    pub world: &'a World,
}

/// What a [`TokenStore`] is doing.
pub type Keeping<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where access tokens are kept between calls and processes, sealed. A store that fails says so in the log and acts as if it
/// were empty: a token can always be fetched again.
pub trait TokenStore: Send + Sync {
    /// The token under this key, if one is there that is good for another ten minutes at `now`.
    fn get<'a>(&'a self, key: &'a str, now: i64) -> Keeping<'a, Option<SecretString>>;
    /// Keeps a token until `expires_at` (milliseconds), and ends a claim.
    fn put<'a>(&'a self, key: &'a str, token: &'a SecretString, expires_at: i64) -> Keeping<'a, ()>;
    /// Forgets a token that the platform refused, unless another has replaced it.
    fn forget<'a>(&'a self, key: &'a str, refused: &'a SecretString) -> Keeping<'a, ()>;
    /// Claims the fetching of a new token for some seconds. `false` while somebody else is at it.
    fn claim<'a>(&'a self, key: &'a str, now: i64) -> Keeping<'a, bool>;
    /// Gives a claim back that brought no token.
    fn give_up<'a>(&'a self, key: &'a str) -> Keeping<'a, ()>;
}
