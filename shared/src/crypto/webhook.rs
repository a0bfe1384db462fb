//! Standard Webhooks signatures of what we send to sources.
//!
//! `webhook-signature: v1,<base64(HMAC-SHA-256(secret, "{id}.{timestamp}.{body}"))>`; a secret is written
//! `whsec_<base64 of 24 to 64 bytes>`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// What every secret starts with.
const PREFIX: &str = "whsec_";

/// A secret that is not `whsec_` and base64 of 24 to 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is `whsec_` and base64 of 24 to 64 bytes")]
pub struct InvalidWebhookSecret;

/// The secret that a source shares with us.
#[derive(Clone)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret([REDACTED])")
    }
}

impl WebhookSecret {
    /// Reads a secret.
    ///
    /// # Errors
    /// [`InvalidWebhookSecret`].
    pub fn parse(text: &SecretString) -> Result<Self, InvalidWebhookSecret> {
        let body = text.expose_secret().strip_prefix(PREFIX).ok_or(InvalidWebhookSecret)?;
        let bytes = Zeroizing::new(STANDARD.decode(body).map_err(|_| InvalidWebhookSecret)?);
        if (24..=64).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(InvalidWebhookSecret) }
    }

    /// A new secret as text, made of 32 random bytes.
    #[must_use]
    pub fn generate(random: [u8; 32]) -> SecretString {
        let random = Zeroizing::new(random);
        format!("{PREFIX}{}", STANDARD.encode(random.as_slice())).into()
    }

    /// The value of `webhook-signature` for a message id, a time in seconds since the Unix epoch, and a body.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp_seconds: i64, body: &[u8]) -> String {
        let seconds = timestamp_seconds.to_string();
        let parts = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
        format!("v1,{}", STANDARD.encode(super::hmac_sha256(&self.0, &parts)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_published_example_is_reproduced() {
        let secret = WebhookSecret::parse(&SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn generated_secrets_read_back_and_short_ones_do_not() {
        assert!(WebhookSecret::parse(&WebhookSecret::generate([7; 32])).is_ok());
        for bad in
            ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64 not base64 not base64"]
        {
            assert_eq!(WebhookSecret::parse(&SecretString::from(bad)).unwrap_err(), InvalidWebhookSecret, "{bad}");
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let secret = WebhookSecret::parse(&WebhookSecret::generate([7; 32])).unwrap();
        assert_eq!(format!("{secret:?}"), "WebhookSecret([REDACTED])");
    }
}
