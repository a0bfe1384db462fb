//! Callback envelopes, signatures, sealed secrets and API keys: bytes in, bytes out.
//!
//! Nothing here knows a platform or a store; random bytes are handed in by the caller, or drawn from the caller's
//! world.

pub mod api_key;
pub mod envelope;
pub mod open_platform;
pub mod passphrase;
pub mod seal;
pub mod webhook;
