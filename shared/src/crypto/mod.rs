//! Sealed secrets, API keys, callback envelopes and signatures: bytes in, bytes out.

pub mod api_key;
pub mod seal;
