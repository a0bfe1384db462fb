//! The tests of the whole: through HTTP and through the store, never through private parts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod config;
mod data_key;
mod store_base;
mod template;
mod store_resources;
