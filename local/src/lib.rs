//! The local run: what `cargo run` starts beside the functions.
#![warn(missing_docs)]

pub mod sandbox;
