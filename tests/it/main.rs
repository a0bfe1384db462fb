//! The tests of the whole: through HTTP and through the store, never through private parts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod config;
mod data_key;
mod flow;
mod store_base;
mod store_resources;
mod template;
