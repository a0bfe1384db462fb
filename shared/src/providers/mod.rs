//! The approval platforms, one folder each. [`ALL`] is the only list of them.
//!
//! What a platform cannot do is a value the caller sees ([`Error::Unsupported`]), never a silent no-op.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::approval::{AccountIds, DecidedBy, Event, Mode};
use crate::clock::World;

pub mod dingtalk;
pub mod directory;
pub mod external;
pub mod feishu;
pub mod outbound;
pub mod wecom;

mod failure;
mod fate;
mod form;
pub(crate) mod lenient;
mod mobile;
mod settings;
mod token;

pub use fate::Fate;
pub use mobile::Mobile;

#[cfg(test)]
mod testing;

/// Every platform. A new one is a folder and a line here.
pub static ALL: &[&dyn Provider] = &[&dingtalk::DingTalk, &external::External, &feishu::Feishu, &wecom::WeCom];

/// The platform with this `kind`, as a connection names it.
#[must_use]
pub fn by_kind(kind: &str) -> Option<&'static dyn Provider> {
    ALL.iter().copied().find(|provider| provider.kind() == kind)
}

/// A future that a provider returns.
pub type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// What a platform's credentials and addresses are made of, opened and ready for use.
#[derive(Debug, Clone)]
pub struct Account {
    /// The connection's id.
    pub connection: String,
    /// The settings as saved: they passed [`Provider::fields`].
    pub settings: Map<String, Value>,
    /// The secrets, by name.
    pub secrets: Secrets,
    /// Earlier secrets that are still accepted on callbacks while keys are being rotated.
    pub old_secrets: Option<Secrets>,
    /// The platform's codes of the templates that this connection's instances are started from: ours by [`Provider::layout`],
    /// the customer's by the code itself.
    pub templates: BTreeMap<String, String>,
}

/// Secrets by name.
pub type Secrets = BTreeMap<String, SecretString>;

impl Account {
    /// The platform's code of our template of this layout, if it was made.
    #[must_use]
    pub fn template(&self, layout: &str) -> Option<&str> {
        self.templates.get(layout).map(String::as_str)
    }

    /// Whether instances of a template, by the platform's code of it, are started here.
    #[must_use]
    pub fn has_template(&self, code: &str) -> bool {
        self.templates.values().any(|own| own == code)
    }

    /// The authorities that calls to its addresses trust beside the public ones, in PEM.
    #[must_use]
    pub fn authorities(&self) -> Option<&str> {
        self.setting(CA_CERTIFICATE)
    }

    /// The text of a setting; `None` when it is absent or not a text.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(Value::as_str)
    }
}

/// The setting with the certificates of private authorities.
const CA_CERTIFICATE: &str = "ca_certificate";

/// [`CA_CERTIFICATE`], of every platform whose address can be the customer's own.
const AUTHORITIES: Field = Field { name: CA_CERTIFICATE, secret: false, required: false, shape: Shape::Authorities };

/// One field of a connection's settings or secrets.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name, as in the JSON of a connection.
    pub name: &'static str,
    /// Whether it is a secret: it goes in and never comes out.
    pub secret: bool,
    /// Whether a connection cannot be saved without it.
    pub required: bool,
    /// What it must look like.
    pub shape: Shape,
}

/// What a field must look like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Text of 1 to so many characters, without control characters.
    Text(usize),
    /// An address that starts with `https://` or `http://`.
    Url,
    /// An address that people are shown and we do not call, of at most so many characters; `{…}` behind the host stands for a value.
    Link(usize),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A whole number from this to that, written as a text.
    Whole(u32, u32),
    /// Exactly 43 letters and digits that decode to 32 bytes.
    AesKey,
    /// JSON pointers, separated by commas, of at most so many characters together.
    Pointers(usize),
    /// Certificates of authorities in PEM, as [`crate::crypto::authorities`] reads them.
    Authorities,
}

/// What providers need of the outside.
pub struct Calls<'a> {
    /// The one client for all platforms.
    pub http: &'a outbound::Outbound,
    /// Access tokens, kept between calls.
    pub tokens: &'a dyn TokenStore,
    /// Clock and randomness.
    pub world: &'a World,
}

/// What a [`TokenStore`] is doing.
pub type Keeping<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where access tokens are kept between calls and processes, sealed. A store that fails says so in the log and acts as if it
/// were empty: a token can always be fetched again.
pub trait TokenStore: Send + Sync {
    /// The token under this key, if one is there that is good for another ten minutes at `now`.
    fn get<'a>(&'a self, key: &'a str, now: i64) -> Keeping<'a, Option<SecretString>>;
    /// Keeps a token until `expires_at` (milliseconds), and ends a claim.
    fn put<'a>(&'a self, key: &'a str, token: &'a SecretString, expires_at: i64) -> Keeping<'a, ()>;
    /// Forgets a token that the platform refused, unless another has replaced it.
    fn forget<'a>(&'a self, key: &'a str, refused: &'a SecretString) -> Keeping<'a, ()>;
    /// Claims the fetching of a new token for some seconds. `false` while somebody else is at it.
    fn claim<'a>(&'a self, key: &'a str, now: i64) -> Keeping<'a, bool>;
    /// Gives a claim back that brought no token.
    fn give_up<'a>(&'a self, key: &'a str) -> Keeping<'a, ()>;
}

/// A callback as it came in: nothing in it is verified.
#[derive(Debug, Clone, Default)]
pub struct RawCallback {
    /// The method, upper case.
    pub method: String,
    /// The decoded query, in order.
    pub query: Vec<(String, String)>,
    /// Header names in lower case and their values.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl RawCallback {
    /// The first query value of this name.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first header of this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A verified, decrypted and parsed callback, and the way to answer it.
pub struct Opened {
    /// What it says of instances; empty for challenges and for events we do not use.
    pub notices: Vec<Notice>,
    is_unreadable: bool,
    acknowledge: Box<Acknowledge>,
}

/// A callback that is proved to be the platform's, and that cannot be read, or not be believed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unreadable {
    /// That its instance is to be read, where it names one.
    pub notice: Option<Notice>,
}

impl Unreadable {
    /// A callback of which only this is known. The instance is wanted to be read because of what changed up to `at`
    /// (milliseconds).
    pub(crate) fn of(instance: Option<String>, template: Option<String>, at: i64) -> Self {
        let events = vec![Event::ReadWanted { at }];
        Self { notice: instance.map(|instance| Notice { instance, template, events }) }
    }
}

/// Makes the answer: with the keys that opened the callback, at the time of the answer.
type Acknowledge = dyn FnOnce(&World) -> Reply + Send + Sync;

impl Opened {
    /// A callback that says this and is answered so.
    pub fn new(notices: Vec<Notice>, acknowledge: impl FnOnce(&World) -> Reply + Send + Sync + 'static) -> Self {
        Self { notices, is_unreadable: false, acknowledge: Box::new(acknowledge) }
    }

    /// A callback that says this, or cannot be read: then it is answered just so, since repeating it would not help.
    pub fn of(
        read: Result<Vec<Notice>, Unreadable>,
        acknowledge: impl FnOnce(&World) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (notices, is_unreadable) = match read {
            Ok(notices) => (notices, false),
            Err(unreadable) => (unreadable.notice.into_iter().collect(), true),
        };
        Self { notices, is_unreadable, acknowledge: Box::new(acknowledge) }
    }

    /// Whether it could not be read, or not be believed.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.is_unreadable
    }

    /// The answer that tells the platform that it is done. To be given only once the notices are dealt with.
    #[must_use]
    pub fn acknowledge(self, world: &World) -> Reply {
        (self.acknowledge)(world)
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("notices", &self.notices).finish_non_exhaustive()
    }
}

/// What a callback says of one instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The platform's id of the instance.
    pub instance: String,
    /// The platform's code of its template, where the callback names it.
    pub template: Option<String>,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// An answer in the platform's own format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Content type.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a callback was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// The envelope cannot be read at all, so that nothing proves whose it is.
    #[error("the body is not a callback of this platform")]
    Malformed,
    /// The signature does not match the token.
    #[error("the signature does not match")]
    BadSignature,
    /// It is signed, but cannot be decrypted, or was encrypted for another app.
    #[error("the content was not encrypted for this connection")]
    WrongReceiver,
}

/// One node of an instance that is about to be started.
#[derive(Debug, Clone, PartialEq)]
pub struct NodePlan {
    /// Its name.
    pub name: String,
    /// Its mode.
    pub mode: Mode,
    /// Platform account ids of its approvers.
    pub approvers: Vec<String>,
}

/// An instance that is about to be started.
#[derive(Debug, Clone)]
pub struct Start {
    /// Our approval id; the instance carries it, so that it can be found again.
    pub approval: String,
    /// Index of the stage.
    pub stage: usize,
    /// When the approval was submitted, milliseconds.
    pub submitted_at: i64,
    /// Title.
    pub title: String,
    /// Reason, if one was given.
    pub reason: Option<String>,
    /// Platform account id of the applicant, where the platform needs one.
    pub applicant: Option<String>,
    /// Display name, mobile and e-mail of the applicant, as far as they are known.
    pub applicant_details: Contact,
    /// Free fields, as submitted.
    pub fields: Map<String, Value>,
    /// Name and address of what access is asked to.
    pub resource: Option<Resource>,
    /// Begin and end of what is asked for, milliseconds.
    pub starts_at: Option<i64>,
    /// End, milliseconds.
    pub ends_at: Option<i64>,
    /// The nodes, in order.
    pub nodes: Vec<NodePlan>,
    /// A template of the customer's to use instead of ours.
    pub template: Option<String>,
    /// In which people are to read times.
    pub time_zone: jiff::tz::TimeZone,
    /// Our names of the organisation and of the workspace, for a platform that [`Provider::wants_names`].
    pub organization_name: Option<String>,
    /// The workspace's.
    pub workspace_name: Option<String>,
}

/// How a person can be reached or shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Mobile number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// What access is asked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// Where to look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A started instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The platform's id of it.
    pub instance: String,
    /// Where people see it.
    pub url: Option<String>,
}

/// What a connection does without, though it works: what that means, and how to mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The check that says the same.
    pub name: &'static str,
    /// What it means.
    pub detail: &'static str,
    /// How and where to mend it.
    pub fix: &'static str,
}

/// One check of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// Whether it passed.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
    /// How and where to mend it; where it passed, empty, or what would be better: a [`Warning`].
    pub fix: String,
}

impl From<Warning> for Check {
    fn from(warning: Warning) -> Self {
        let Warning { name, detail, fix } = warning;
        Self { name, ok: true, detail: detail.to_owned(), fix: fix.to_owned() }
    }
}

impl Check {
    /// A check that passed.
    fn passed(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, ok: true, detail: detail.into(), fix: String::new() }
    }

    /// A check that failed, and how to mend it. Where the platform did not answer, or not yet, `fix` would lead astray: then it is the
    /// address, or time.
    fn failed(name: &'static str, error: &Error, fix: impl Into<String>) -> Self {
        let fix = match error {
            Error::NotSent { fix: Some(fix), .. } => (*fix).to_owned(),
            Error::NotSent { .. } | Error::Unavailable { .. } => {
                "Check `endpoint` in the connection's settings (and `legacy_endpoint` on DingTalk), and that the platform can be \
                 reached from here: name server, firewall, proxy"
                    .to_owned()
            }
            Error::Throttled { .. } => "Try again in a minute".to_owned(),
            _ => fix.into(),
        };
        Self { name, ok: false, detail: error.to_string(), fix }
    }
}

/// Why a call to a platform failed, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The platform has no such call.
    #[error("{platform} cannot {what}")]
    Unsupported {
        /// The platform.
        platform: &'static str,
        /// What was asked, as in "find members by e-mail".
        what: &'static str,
    },
    /// A permission is missing; the message says which and where to grant it.
    #[error("{message}")]
    Permission {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
        /// Where to grant it.
        fix: String,
    },
    /// Credentials were refused.
    #[error("{message}")]
    Credentials {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
    },
    /// The access token was refused, and so was a new one. The credentials got one, so it may pass later.
    #[error("{message}")]
    TokenRefused {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
    },
    /// Too many calls; try later.
    #[error("{message}")]
    Throttled {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
        /// When to try again, in milliseconds, if the platform said.
        retry_after_ms: Option<u64>,
    },
    /// The month's calls are used up.
    #[error("{message}")]
    QuotaExhausted {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
    },
    /// There is no such instance, template or person.
    #[error("{message}")]
    NotFound {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
    },
    /// Not now, but the same call may pass later (DingTalk's 15 seconds after a start).
    #[error("{message}")]
    NotYet {
        /// The platform's code.
        code: String,
        /// For people.
        message: String,
    },
    /// The platform refused for good.
    #[error("{message}")]
    Refused {
        /// The platform's code.
        code: String,
        /// The platform's text.
        message: String,
    },
    /// The call was sent, and there is no answer, or one that cannot be understood: the effect is unknown.
    #[error("{message}")]
    Unavailable {
        /// For people; holds no secret.
        message: String,
    },
    /// The call was not made: no connection, no access token, or nothing of what must be known before it. It has had no
    /// effect, and may be made again as it is.
    #[error("{message}")]
    NotSent {
        /// For people; holds no secret.
        message: String,
        /// How to mend it, where that is known.
        fix: Option<&'static str>,
    },
}

impl Error {
    /// The same of a step before the call that matters: that call was not made.
    #[must_use]
    pub fn before_the_call(self) -> Self {
        match self {
            Self::Unavailable { message } => Self::NotSent { message, fix: None },
            other => other,
        }
    }
}

/// The code of [`Error::NotFound`] where several accounts have what was looked for; the text says so.
pub const SEVERAL_ACCOUNTS: &str = "several_accounts";

/// The code of [`Error::NotFound`] by which a provider says that our template is not there (any more): it is to be made, and
/// the start repeated.
pub const TEMPLATE_MISSING: &str = "template_missing";

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
