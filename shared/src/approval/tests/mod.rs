//! What the state machine promises.

mod examples;
mod platform;
mod properties;
