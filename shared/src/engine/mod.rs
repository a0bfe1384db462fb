//! What happens to an approval between the state machine, the store and the platforms. Every routine here may be interrupted
//! after any step and called again.

pub mod callback;
mod caught;
pub mod connections;
pub mod deadline;
pub mod deliver;
pub mod dispatch;
pub mod due;
mod kept;
mod leftovers;
mod look;
pub mod organizations;
pub mod pace;
pub mod people;
pub mod poll;
pub mod public_address;
pub mod rules;
pub mod start;
pub mod submit;
pub mod sweep;
pub mod template;
pub mod transition;
pub mod unreadable;
pub mod usage;
pub mod withdraw;

pub use caught::{Panicked, caught};

use crate::providers;
use crate::store;

/// Why a routine stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The table.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The platform.
    #[error(transparent)]
    Provider(#[from] providers::Error),
}

impl Error {
    /// Whether it is to be feared that trying again brings the same: something that is stored is missing or cannot be read.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        use store::Error as E;
        matches!(self, Self::Store(E::NotFound | E::Corrupt { .. } | E::TooLarge | E::InvalidCursor))
    }
}
