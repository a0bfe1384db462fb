//! Typed settings and the configuration resources, one file each.

pub mod address;
pub mod api_key;
pub mod clients;
pub mod env;
pub mod key_file;

pub use api_key::{ApiKeyRecord, Role};
pub use env::Settings;
