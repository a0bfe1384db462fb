//! What a deployment is told from outside, and the clients that are made of it.

pub mod address;
pub mod clients;
pub mod env;
pub mod key_file;
pub mod sdk_http;

pub use env::Settings;
