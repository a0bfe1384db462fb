//! What sources speak: the formats in which they are told of decisions, and in which products ask. One module each;
//! [`ALL`] is the only list of them.
//!
//! Pure: a format makes bodies and requests and reads answers; who sends them, when and how often is the engine's.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use crate::clock::World;
use crate::crypto::webhook::WebhookSecret;
use crate::delivery::Told;
use crate::providers::Field;
use crate::providers::outbound::{Answer, Request};
use crate::store::approvals::Record;
use crate::store::requests;

pub mod dataphin;
pub mod native;
pub mod quick_audience;
pub mod quick_bi;

/// Every format. A new one is a module and a line here.
pub static ALL: &[&dyn Format] =
    &[&native::Native, &dataphin::Dataphin, &quick_audience::QuickAudience, &quick_bi::QuickBi];

/// The format with this `kind`, as a source names it.
#[must_use]
pub fn by_kind(kind: &str) -> Option<&'static dyn Format> {
    ALL.iter().copied().find(|format| format.kind() == kind)
}

/// The format in which a source is told of decisions.
pub trait Format: Send + Sync + fmt::Debug {
    /// Its name in a source's `format`.
    fn kind(&self) -> &'static str;

    /// The settings and secrets that a source of this format has.
    fn fields(&self) -> &'static [Field];

    /// Those of its settings that stand in an object of their own, where there are many that few people touch.
    fn object(&self) -> Option<&'static SettingsObject> {
        None
    }

    /// Whether calls to this address (`callback_url`, or the setting of this name) show this secret, or something that is made with it
    /// (a signature, a sealed text). A secret that goes to an address is asked for again when the address's host changes.
    fn sends(&self, _address: &str, _secret: &str) -> bool {
        true
    }

    /// The address that is called where this setting is left out, if there is one.
    fn usual_address(&self, _setting: &str) -> Option<&'static str> {
        None
    }

    /// Those of its secrets that are made up where a new source is given none: its answer shows them, once.
    fn generated(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether settings and secrets that passed [`Format::fields`] fit together: asked when a source is saved.
    ///
    /// # Errors
    /// What does not fit.
    fn fits(&self, _receiver: &Receiver) -> Result<(), Unsendable> {
        Ok(())
    }

    /// Whether [`News::request`] is needed to tell; else it is not read.
    fn needs_request(&self) -> bool {
        false
    }

    /// Whether the sweep asks the product for requests that it has not told of.
    fn is_polled(&self) -> bool {
        false
    }

    /// What tells of an event: the body of the delivery, the same on every attempt. `None` when the format has no word for it.
    /// Secrets, signatures and what else belongs to one attempt come with [`Format::request`].
    fn tell(&self, news: &News<'_>) -> Option<String>;

    /// The call that brings a body to its receiver, signed now.
    ///
    /// # Errors
    /// Why it cannot be written: a setting is missing.
    fn request(&self, receiver: &Receiver, outgoing: &Outgoing<'_>, world: &World) -> Result<Request, Unsendable>;

    /// What the receiver's answer means. 2xx is success unless the format says more.
    fn verdict(&self, _receiver: &Receiver, answer: &Answer) -> Verdict {
        if answer.is_success() {
            return Verdict::Accepted;
        }
        let error = match answer.status {
            status @ 300..=399 => format!("the receiver answered {status}: redirects are not followed"),
            status => format!("the receiver answered {status}"),
        };
        Verdict::Refused { error, is_final: answer.status == GONE }
    }
}

/// 410: the receiver wants no more of it.
const GONE: u16 = 410;

/// Settings that stand in an object among a source's settings. They are stored beside the others: no two settings of a format have one
/// name.
#[derive(Debug)]
pub struct SettingsObject {
    /// The object's name.
    pub name: &'static str,
    /// What stands in it.
    pub fields: &'static [Field],
}

impl SettingsObject {
    /// Whether the setting of this name stands in it.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }
}

/// An event that a source is to be told of.
#[derive(Debug, Clone, Copy)]
pub struct News<'a> {
    /// Which event.
    pub told: &'a Told,
    /// The approval as it is shown.
    pub record: &'a Record,
    /// What was asked, for formats that need it.
    pub request: Option<&'a requests::Request>,
    /// The source's settings.
    pub settings: &'a Map<String, Value>,
}

/// Where a source's decisions go, with its secrets opened.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// The source's callback URL, if it has one.
    pub url: Option<Url>,
    /// Whom calls to it trust beside the public authorities, in PEM.
    pub authorities: Option<String>,
    /// Its settings: they passed [`Format::fields`].
    pub settings: Map<String, Value>,
    /// Its secrets, by name.
    pub secrets: BTreeMap<String, SecretString>,
    /// What native deliveries are signed with: the secret, and the one before while it is being rotated.
    pub signing: Vec<WebhookSecret>,
}

impl Receiver {
    /// The text of a setting; `None` when it is absent or not a text.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(Value::as_str)
    }

    /// The callback URL.
    ///
    /// # Errors
    /// [`Unsendable`] when there is none.
    pub fn url(&self) -> Result<Url, Unsendable> {
        self.url.clone().ok_or(Unsendable("the source has no callback URL"))
    }
}

/// A body on its way.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The delivery's id: the same on every attempt.
    pub id: &'a str,
    /// What [`Format::tell`] made.
    pub body: &'a str,
}

/// Why a call cannot be written. It is given up then: only another setting would help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsendable(pub &'static str);

/// What a receiver's answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has the event.
    Accepted,
    /// It has not.
    Refused {
        /// Why, for an operator.
        error: String,
        /// Whether repeating it is useless.
        is_final: bool,
    },
}
