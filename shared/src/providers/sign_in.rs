//! Signing in through a platform: where the browser goes, and whose account a code is that it brings back.
//!
//! Only ids count that the platform gives for the connection's own organisation. Names, numbers and addresses in a profile are what somebody typed.

use secrecy::SecretString;
use url::Url;

use super::failure::Failure;
use super::{Account, Calls, Error, dingtalk, feishu, wecom};

/// The platforms through which people can sign in. A new one is a line here.
pub static ALL: &[&dyn SignIn] = &[&dingtalk::DingTalk, &feishu::Feishu, &wecom::WeCom];

/// The one of this kind.
#[must_use]
pub fn by_kind(kind: &str) -> Option<&'static dyn SignIn> {
    ALL.iter().copied().find(|platform| platform.kind() == kind)
}

/// A sign-in that begins.
#[derive(Debug, Clone, Copy)]
pub struct Begun<'a> {
    /// Our address that the platform sends the browser back to.
    pub returns_to: &'a str,
    /// What comes back with the code.
    pub state: &'a str,
    /// What only this browser's sign-in has; platforms that take it are sent its hash first (PKCE).
    pub verifier: &'a SecretString,
    /// What the browser calls itself.
    pub user_agent: &'a str,
}

/// A browser that has come back.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// The platform's code, good once.
    pub code: &'a SecretString,
    /// As in [`Begun`].
    pub returns_to: &'a str,
    /// As in [`Begun`].
    pub verifier: &'a SecretString,
}

/// What a sign-in asks the platform, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// To take the code.
    Code,
    /// Who has signed in.
    Profile,
    /// Of which organisation the connection is.
    Organization,
    /// Whom that is in the connection's organisation.
    Directory,
}

/// Why a code is no account of the connection's organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotKnown {
    /// Somebody of another organisation, or none.
    Foreign,
    /// The platform's answer lacks the id; it may need this permission.
    NoId(&'static str),
    /// A step failed.
    Failed(Step, Error),
}

/// A platform through which people can sign in. Implementations hold no state.
pub trait SignIn: Send + Sync {
    /// The platform's name, as [`super::Provider::kind`] says it.
    fn kind(&self) -> &'static str;

    /// The names of the query's field with the code; the first that is there counts.
    fn code_names(&self) -> &'static [&'static str] {
        &["code"]
    }

    /// Where the browser goes.
    ///
    /// # Errors
    /// When the connection's settings do not do.
    fn page(&self, account: &Account, begun: &Begun<'_>) -> Result<Url, Error>;

    /// Whose account the code is, never an empty one. Nothing of the platform's answers is kept.
    fn account<'a>(
        &'a self,
        account: &'a Account,
        arrived: &'a Arrived<'a>,
        calls: &'a Calls<'a>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<String, NotKnown>> + Send + 'a>>;
}

/// Makes a failure of a step one for the caller.
pub(super) fn failed(step: Step, error: impl Fn(Failure) -> Error) -> impl Fn(Failure) -> NotKnown {
    move |failure| NotKnown::Failed(step, error(failure))
}

/// The address of a sign-in page: the platform's own where the API is the platform's own, else below the API's address.
pub(super) fn page(endpoint: &str, own: Option<&str>, path: &str) -> Result<Url, Error> {
    match own {
        Some(own) => super::settings::address(own, path),
        None => super::settings::address(endpoint, &format!("/sign-in{path}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_signs_in_is_on_a_platform_with_a_directory() {
        for platform in ALL {
            assert!(crate::providers::directory::by_kind(platform.kind()).is_some(), "{}", platform.kind());
        }
        assert!(by_kind("external").is_none());
    }
}
