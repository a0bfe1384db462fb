//! Callback envelopes, signatures and sealed secrets: bytes in, bytes out.
//!
//! Nothing here knows a platform, a clock or a store; random bytes are handed in by the caller.

pub mod envelope;
pub mod webhook;
