//! The approval platforms, one folder each. [`ALL`] is the only list of them.
//!
//! What a platform cannot do is a value the caller sees ([`Error::Unsupported`]), never a silent no-op.

use std::future::Future;
use std::pin::Pin;

use serde_json::{Map, Value};

use crate::approval::{AccountIds, DecidedBy, Event, Mode};
use crate::clock::World;

pub mod builtin;
pub mod dingtalk;
pub mod directory;
pub mod external;
pub mod feishu;
pub mod outbound;
pub mod sign_in;
pub mod wecom;

mod account;
mod callback;
mod calls;
mod check;
mod error;
mod failure;
mod fate;
mod form;
mod instance;
pub(crate) mod lenient;
mod mobile;
mod settings;
mod token;

use account::AUTHORITIES;
pub use account::{Account, Field, Secrets, Shape};
pub use callback::{CallbackError, Notice, Opened, RawCallback, Reply, Unreadable};
pub use calls::{Calls, Keeping, TokenStore};
pub use check::{Check, Warning};
pub use error::{Error, SEVERAL_ACCOUNTS, TEMPLATE_MISSING};
pub use fate::Fate;
pub use instance::{Contact, NodePlan, Resource, Start, Started};
pub use mobile::Mobile;

#[cfg(test)]
mod testing;

/// Every platform. A new one is a folder and a line here.
pub static ALL: &[&dyn Provider] =
    &[&builtin::Builtin, &dingtalk::DingTalk, &external::External, &feishu::Feishu, &wecom::WeCom];

/// The platform with this `kind`, as a connection names it.
#[must_use]
pub fn by_kind(kind: &str) -> Option<&'static dyn Provider> {
    ALL.iter().copied().find(|provider| provider.kind() == kind)
}

/// A future that a provider returns.
pub type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// The layout of platforms that take the nodes with each instance, so that one template does for all.
pub const ANY_LAYOUT: &str = "standard";

/// One approval platform. Implementations hold no state.
pub trait Provider: Send + Sync + std::fmt::Debug {
    /// Its name in the JSON of a connection.
    fn kind(&self) -> &'static str;

    /// The settings and secrets of a connection.
    fn fields(&self) -> &'static [Field];

    /// Whether calls to the address in this setting show this secret, or something that is made with it (a token, a signature). A
    /// secret that goes to an address is asked for again when the address's host changes.
    fn sends(&self, _address: &str, _secret: &str) -> bool {
        true
    }

    /// The address that is called where this setting is left out, if there is one.
    fn usual_address(&self, _setting: &str) -> Option<&'static str> {
        None
    }

    /// What is wrong with settings and secrets that are each of the right shape: JSON pointers, and for each what is wrong.
    /// `has_secret` tells which secrets there will be; `old` are the settings before, of a connection that is changed.
    fn check(
        &self,
        _settings: &Map<String, Value>,
        _old: Option<&Map<String, Value>>,
        _has_secret: &dyn Fn(&str) -> bool,
    ) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Whether its callbacks come to `/callbacks/{connection}`.
    fn has_callbacks(&self) -> bool {
        true
    }

    /// Whose word counts for its stages.
    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Platform
    }

    /// When two of its account ids are the same person's.
    fn account_ids(&self) -> AccountIds {
        AccountIds::KnowCase
    }

    /// How many calls a month the platform answers where nothing else was agreed; `None` where it names no such number.
    fn monthly_quota(&self) -> Option<u64> {
        None
    }

    /// What a connection with these settings does without, though it works. `has_secret` says which secrets it has.
    fn warnings(&self, _settings: &Map<String, Value>, _has_secret: &dyn Fn(&str) -> bool) -> Vec<Warning> {
        Vec::new()
    }

    /// Whether a start is to carry the names of organisation and workspace, which cost a reading each.
    fn wants_names(&self) -> bool {
        false
    }

    /// Whether its people are our members, so that nobody is looked for elsewhere and an account is a member's id.
    fn asks_members(&self) -> bool {
        false
    }

    /// Whether approvers must be named, as accounts of the platform.
    fn needs_approvers(&self) -> bool {
        true
    }

    /// The secrets that we can make up for callbacks and the administrator then enters on the platform: names and lengths in
    /// letters and digits. Empty where the platform makes them.
    fn generated_keys(&self) -> &'static [(&'static str, usize)] {
        &[]
    }

    /// What a template of ours depends on: instances whose nodes have the same layout are started from the same one.
    fn layout(&self, _nodes: &[NodePlan]) -> String {
        ANY_LAYOUT.to_owned()
    }

    /// Why nodes of this mode and so many approvers cannot be put on this platform, if they cannot.
    fn refuses(&self, mode: Mode, approvers: usize) -> Option<&'static str>;

    /// Verifies, decrypts and parses a callback.
    ///
    /// # Errors
    /// See [`CallbackError`]; nothing in it tells an attacker more.
    fn open(&self, account: &Account, callback: &RawCallback, world: &World) -> Result<Opened, CallbackError>;

    /// The answer to a callback that was not opened: the same for every way of not being verified.
    fn reject(&self, error: CallbackError) -> Reply {
        let (status, body) = match error {
            CallbackError::Malformed => (400, r#"{"errcode":400,"errmsg":"malformed callback"}"#),
            CallbackError::BadSignature | CallbackError::WrongReceiver => {
                (401, r#"{"errcode":401,"errmsg":"signature does not match"}"#)
            }
        };
        Reply { status, content_type: "application/json", body: body.as_bytes().to_vec() }
    }

    /// Starts an instance. Never repeats a call whose effect is unknown: that is [`Error::Unavailable`], and the
    /// caller looks with [`Provider::find`] before it starts again. Whatever fails before that call is [`Error::NotSent`].
    fn start<'a>(&'a self, account: &'a Account, start: &'a Start, calls: &'a Calls<'a>) -> Call<'a, Started>;

    /// Looks for an instance that an interrupted start may have made.
    fn find<'a>(&'a self, account: &'a Account, start: &'a Start, calls: &'a Calls<'a>) -> Call<'a, Option<Started>>;

    /// Reads an instance: one [`Event::Snapshot`].
    fn fetch<'a>(&'a self, account: &'a Account, instance: &'a str, calls: &'a Calls<'a>) -> Call<'a, Event>;

    /// Withdraws an instance on behalf of its applicant.
    fn cancel<'a>(
        &'a self,
        account: &'a Account,
        instance: &'a str,
        applicant: &'a str,
        reason: &'a str,
        calls: &'a Calls<'a>,
    ) -> Call<'a, ()>;

    /// Makes our template of a layout, or finds it: the platform's code of it. Callers hold a lease, so that it is made once.
    fn create_template<'a>(&'a self, account: &'a Account, layout: &'a str, calls: &'a Calls<'a>) -> Call<'a, String>;

    /// The account id of the person with this mobile number.
    fn account_by_mobile<'a>(&'a self, account: &'a Account, mobile: &'a str, calls: &'a Calls<'a>)
    -> Call<'a, String>;

    /// The account id of the person with this e-mail address.
    fn account_by_email<'a>(&'a self, account: &'a Account, email: &'a str, calls: &'a Calls<'a>) -> Call<'a, String>;

    /// Checks credentials and permissions.
    fn test_connection<'a>(
        &'a self,
        account: &'a Account,
        calls: &'a Calls<'a>,
    ) -> Pin<Box<dyn Future<Output = Vec<Check>> + Send + 'a>>;
}
