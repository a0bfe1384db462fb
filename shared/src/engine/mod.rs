//! What happens to an approval between the state machine, the store and the platforms. Every routine here may be interrupted
//! after any step and called again.

pub mod act;
pub mod app;
pub mod callback;
mod caught;
pub mod connections;
pub mod deliver;
pub mod dispatch;
mod due;
pub mod effects;
mod error;
mod failure;
pub mod inbox;
pub mod memory;
mod optimistic;
pub mod organizations;
pub mod pace;
pub mod people;
pub mod poll;
pub mod public_address;
pub mod rules;
pub mod submit;
pub mod sweep;
pub mod template;
pub mod transition;
pub mod unreadable;
pub mod usage;
pub mod withdraw;

pub use app::App;
pub use caught::{Panicked, caught};
pub use error::Error;
pub use failure::failure;
