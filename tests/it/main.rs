//! The tests of the whole: through HTTP and through the store, never through private parts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod callbacks;
mod config;
mod data_key;
mod external;
mod flow;
mod kill;
mod races;
mod store_approvals;
mod store_base;
mod store_budgets;
mod store_resources;
mod template;
mod tenants;
