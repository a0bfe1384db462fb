//! Who was looked for, and what became of it.

use crate::approval::Person;
use crate::engine::App;
use crate::providers::{self, Account, Provider};
use crate::resources::{Approver, Connection, Member};
use crate::store;

use super::error::SubmitError;

/// One connection with all that is needed to look people up on it.
pub(super) struct Platform {
    pub(super) connection: Connection,
    pub(super) provider: &'static dyn Provider,
    pub(super) account: Account,
}

impl Platform {
    pub(super) async fn open(app: &App, connection: Connection) -> Result<Self, SubmitError> {
        let provider = providers::by_kind(&connection.kind).ok_or(SubmitError::UnknownPlatform)?;
        let account = app.account(&connection).await?;
        Ok(Self { connection, provider, account })
    }

    /// How people are told of it.
    pub(super) fn name(&self) -> String {
        format!("connection \"{}\" ({})", self.connection.name, self.connection.id)
    }
}

/// Why a person was not found: something the sender can mend, or an error of its own.
pub(super) enum Missing {
    /// There is no such person, or none any more: somebody else may be asked. Said of the field.
    Nobody(String),
    /// They cannot be looked for at all. Said of the field.
    Field(String),
    /// More than a node may ask. Said of the field.
    TooMany(String),
    /// The whole submit fails.
    Failed(SubmitError),
}

impl Missing {
    /// The error of an applicant who was not found.
    pub(super) fn of_applicant(self) -> SubmitError {
        match self {
            Self::Failed(error) => error,
            Self::Nobody(why) | Self::Field(why) | Self::TooMany(why) => SubmitError::UnknownApplicant(why),
        }
    }
}

impl From<store::Error> for Missing {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// What became of looking somebody up.
pub(super) enum Found {
    /// Their account.
    Account(String),
    /// Nobody was found; what was tried, for the sender.
    Nobody(Vec<String>),
}

/// Somebody who can be asked, as the state keeps them, and the member if they are one.
pub(super) struct Candidate {
    pub(super) person: Person,
    pub(super) member: Option<Member>,
}

/// Somebody who was named and cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Absent {
    /// Who, as in `mobile 13900000000`.
    pub(super) who: String,
    /// Why not, for the sender.
    pub(super) why: String,
}

/// Whom an approver stands for.
#[derive(Default)]
pub(super) struct Named {
    pub(super) found: Vec<Candidate>,
    pub(super) absent: Vec<Absent>,
}

impl Named {
    /// Adds somebody who was looked for under this name.
    pub(super) fn add(&mut self, who: &Approver, found: Result<Candidate, Missing>) -> Result<(), Missing> {
        match found {
            Ok(candidate) => self.found.push(candidate),
            Err(Missing::Nobody(why)) => self.absent.push(Absent { who: who.to_string(), why }),
            Err(other) => return Err(other),
        }
        Ok(())
    }
}

/// In whose name a stage is started.
pub(super) struct Starter {
    /// The account; `None` where the platform needs none.
    pub(super) account: Option<String>,
    /// Whether it is the applicant's own, and not the connection's default.
    pub(super) is_own: bool,
}
