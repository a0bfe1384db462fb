//! What a browser holds of a session: random, and stored only as a hash, which is the session's id.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::clock::World;
use crate::crypto::envelope::random_text;
use crate::ids::SessionId;

/// Letters and digits of a token: more than 256 bits.
const CHARACTERS: usize = 44;

/// The token of a session.
pub struct SessionToken(SecretString);

impl SessionToken {
    /// A new one.
    #[must_use]
    pub fn generate(world: &World) -> Self {
        Self(random_text(|bytes| world.entropy.fill(bytes), CHARACTERS))
    }

    /// Reads one; `None` for what has another shape.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == CHARACTERS && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| Self(text.to_owned().into()))
    }

    /// The id of its session: the whole hash, so that what finds the session cannot be guessed from how long the finding takes, and
    /// whoever sees ids can open nothing.
    #[must_use]
    pub fn id(&self) -> SessionId {
        SessionId::of_digest(&Sha256::digest(self.0.expose_secret()).into())
    }

    /// The token, for the browser's cookie.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_leads_to_its_session_and_shows_in_no_debug() {
        let token = SessionToken::generate(&World::system());
        let read = SessionToken::parse(token.reveal()).unwrap();
        assert_eq!(read.id(), token.id());
        assert_ne!(SessionToken::generate(&World::system()).id(), token.id());
        assert_eq!(token.id().as_str().parse(), Ok(token.id()));
        assert!(!format!("{token:?}").contains(token.reveal()));
        for bad in ["", &token.reveal()[1..], &format!("{}a", token.reveal()), &"-".repeat(44), &"ä".repeat(22)] {
            assert!(SessionToken::parse(bad).is_none(), "{bad}");
        }
    }
}
