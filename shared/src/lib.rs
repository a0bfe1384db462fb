//! The one crate that all functions share.
//!
//! Dependencies point one way: [`approval`] and [`crypto`] import nothing of ours; [`providers`] and [`store`] know
//! [`approval`]; [`engine`] joins them; functions know this crate and never each other.
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
pub mod store;
