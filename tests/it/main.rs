//! The tests of the whole: through HTTP and through the store, never through private parts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
/// The root of the repository.
fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

mod builtin;
mod callbacks;
mod circles;
mod clock;
mod config;
mod crash;
mod data_key;
mod deadlines;
mod deliveries;
mod directory;
mod docs;
mod edges;
mod embedded;
mod external;
mod flow;
mod inbox;
mod kill;
mod layers;
mod leases;
mod leftovers;
mod lists;
mod local_http;
mod look_ups;
mod quota;
mod races;
mod readme;
mod rules;
mod sessions;
mod sign_in;
mod sources;
mod starts;
mod store_approvals;
mod store_base;
mod store_budgets;
mod store_resources;
mod stored;
mod sweep;
mod template;
mod tenants;
mod tls;
