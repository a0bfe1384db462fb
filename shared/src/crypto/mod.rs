//! Callback envelopes, signatures, sealed secrets, API keys and tokens of sessions: bytes in, bytes out.
//!
//! Nothing here knows a platform or a store; random bytes are handed in by the caller, or drawn from the caller's
//! world.

pub mod api_key;
pub mod authorities;
pub mod envelope;
pub mod open_platform;
pub mod passphrase;
pub mod seal;
pub mod session_token;
pub mod tls;
pub mod webhook;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// HMAC-SHA-256 of these parts, one after the other.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
