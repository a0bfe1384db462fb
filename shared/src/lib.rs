//! The one crate that all functions share.
//!
//! Dependencies point one way: [`approval`] and [`rules`] import nothing of ours, [`crypto`] only [`clock`] and [`ids`]; [`providers`] and
//! [`store`] know [`approval`]; [`settings`] and [`resources`] say what a deployment and its organisations are; [`engine`]
//! joins them and knows nothing of [`http`], which is on top; functions know this crate and never each other. A test holds it.
#![warn(missing_docs)]

pub mod approval;
pub mod backoff;
pub mod clock;
pub mod crypto;
pub mod delivery;
pub mod engine;
pub mod http;
pub mod ids;
pub mod providers;
pub mod resources;
pub mod rules;
pub mod settings;
pub mod sources;
pub mod store;
pub mod ttl_map;
