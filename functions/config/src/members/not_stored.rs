//! Why a member was not stored, and what that is answered with.

use countersign::http::resource::lost;
use countersign::http::{IfMatch, Problem};
use countersign::ids::{MemberId, SourceId};
use countersign::resources::FieldErrors;
use countersign::store::members::Claim;
use countersign::store::{Current, Error};

use crate::owners::LastOwner;

/// Why a member was not stored.
#[derive(Debug)]
pub(crate) enum NotStored {
    /// Another member has what this one was to have; that member, where it is known.
    Taken(Wanted, Option<MemberId>),
    /// Somebody changed the member meanwhile.
    Changed,
    /// The member cannot be stored as it is.
    Invalid(FieldErrors),
    /// Nobody would be an owner any more.
    LastOwner,
    /// The store failed.
    Store(Error),
}

/// What only one member may have.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// What this source calls the member.
    SourceId(SourceId),
    /// An account, and where it stands in the member's JSON.
    Account(String),
    /// A mobile number, and where it stands in the member's JSON.
    Mobile(String),
}

impl Wanted {
    /// What is claimed at this place of the member's JSON.
    pub(super) fn claim(claim: &Claim, pointer: String) -> Self {
        match claim {
            Claim::Account(..) => Self::Account(pointer),
            Claim::Mobile(_) => Self::Mobile(pointer),
        }
    }

    fn taken(self) -> Problem {
        match self {
            Self::SourceId(source) => Problem::conflict("source_id_taken", "the source calls another member so")
                .at(format!("/source_ids/{source}")),
            Self::Account(pointer) => Problem::conflict("account_taken", "another member has this account").at(pointer),
            Self::Mobile(pointer) => {
                Problem::conflict("mobile_taken", "another member has this mobile number").at(pointer)
            }
        }
    }
}

impl NotStored {
    /// The answer to a request with this `If-Match`: a change that lost against another is 412 where the request named a version.
    pub(super) fn answer(self, if_match: &IfMatch) -> Problem {
        match self {
            Self::Taken(wanted, None) => wanted.taken(),
            Self::Taken(wanted, Some(by)) => wanted.taken().with("used_by", by.as_str()),
            Self::Changed => lost(Error::Conflict { current: Current::default() }, if_match),
            Self::Invalid(errors) => errors.into(),
            Self::LastOwner => LastOwner.into(),
            Self::Store(error) => error.into(),
        }
    }
}

impl From<NotStored> for Problem {
    /// The answer to a request that named no version.
    fn from(not_stored: NotStored) -> Self {
        not_stored.answer(&IfMatch::Any)
    }
}

impl From<Error> for NotStored {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

#[cfg(test)]
mod tests {
    use countersign::clock::World;

    use super::*;

    fn told(problem: &Problem) -> (u16, &'static str, &str, Vec<&str>) {
        let pointers = problem.errors().iter().map(|error| error.pointer.as_str()).collect();
        (problem.status().as_u16(), problem.code(), problem.detail(), pointers)
    }

    #[test]
    fn each_reason_has_its_answer() {
        let world = World::system();
        let (source, by) = (SourceId::new(&world), MemberId::new(&world));
        let at_source = format!("/source_ids/{source}");
        let taken = [
            (
                Wanted::SourceId(source),
                (409, "source_id_taken", "the source calls another member so", vec![at_source.as_str()]),
            ),
            (
                Wanted::claim(&Claim::Account("con_1".to_owned(), "a".to_owned()), "/accounts/con_1".to_owned()),
                (409, "account_taken", "another member has this account", vec!["/accounts/con_1"]),
            ),
            (
                Wanted::claim(&Claim::Mobile("+8613800000001".to_owned()), "/mobile".to_owned()),
                (409, "mobile_taken", "another member has this mobile number", vec!["/mobile"]),
            ),
        ];
        for (wanted, answer) in taken {
            assert_eq!(told(&NotStored::Taken(wanted, Some(by.clone())).into()), answer);
        }
        let meanwhile = "it has changed meanwhile; try again";
        assert_eq!(told(&NotStored::Changed.into()), (409, "conflict", meanwhile, vec![]));
        let mut errors = FieldErrors::new();
        errors.push("", "too much");
        let invalid = Problem::from(NotStored::Invalid(errors));
        assert_eq!((invalid.status().as_u16(), invalid.code()), (400, "invalid_request"));
        assert_eq!(Problem::from(NotStored::Store(Error::Throttled)).status(), 503);
        assert_eq!(Problem::from(NotStored::Store(Error::NotFound)).status(), 404);
    }

    #[test]
    fn a_lost_race_is_another_answer_where_a_version_was_named() {
        let named = IfMatch::OneOf(vec!["\"3\"".to_owned()]);
        assert_eq!(NotStored::Changed.answer(&named).status(), 412);
        let taken = NotStored::Taken(Wanted::Mobile("/mobile".to_owned()), None);
        assert_eq!(taken.answer(&named).status(), 409);
    }
}
