//! Why a routine of the engine stopped.

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
