//! The tests of the whole: through HTTP and through the store, never through private parts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod config;
mod data_key;
mod docs;
mod flow;
mod layers;
mod store_base;
mod store_resources;
mod template;

/// The root of the repository.
fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
