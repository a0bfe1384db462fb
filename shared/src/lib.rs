//! The one crate that all functions share.
//!
//! Dependencies point one way: [`approval`] and [`rules`] import nothing of ours, [`crypto`] only [`clock`] and [`ids`]; [`providers`] and
//! [`store`] know [`approval`]; [`engine`] joins them, in one layer with [`config`] and [`http`]; functions know this crate and
//! never each other. A test holds it.
#![warn(missing_docs)]

pub mod approval;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod delivery;
pub mod engine;
pub mod http;
pub mod ids;
pub mod providers;
pub mod rules;
pub mod sources;
pub mod store;
