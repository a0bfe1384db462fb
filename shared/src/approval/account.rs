//! When two ids of a platform's accounts are one.

use std::borrow::Cow;

/// Whether the account ids of a platform know upper and lower case. The platform says so; everything that compares accounts
/// of one platform asks here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccountIds {
    /// Ids that differ in case are two people's.
    #[default]
    KnowCase,
    /// Ids that differ in case only are the same person's. The platform may send either.
    KnowNoCase,
}

impl AccountIds {
    /// What two ids of the same account have in common; for comparing and for keys, not for calls to the platform.
    #[must_use]
    pub fn key(self, account: &str) -> Cow<'_, str> {
        match self {
            Self::KnowCase => Cow::Borrowed(account),
            Self::KnowNoCase => Cow::Owned(account.to_lowercase()),
        }
    }

    /// Whether two ids are the same account's.
    #[must_use]
    pub fn same(self, one: &str, other: &str) -> bool {
        one == other || (self == Self::KnowNoCase && one.to_lowercase() == other.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::AccountIds::{KnowCase, KnowNoCase};

    #[test]
    fn case_makes_a_difference_where_the_platform_knows_it() {
        assert!(KnowCase.same("UserId01", "UserId01") && !KnowCase.same("UserId01", "userid01"));
        assert!(KnowNoCase.same("UserId01", "userid01") && !KnowNoCase.same("userid01", "userid02"));
        for ids in [KnowCase, KnowNoCase] {
            assert_eq!(ids.key("UserId01") == ids.key("userid01"), ids.same("UserId01", "userid01"));
        }
    }
}
