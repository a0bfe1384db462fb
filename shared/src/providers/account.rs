//! What a connection's credentials and addresses are made of.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::{Map, Value};

/// What a platform's credentials and addresses are made of, opened and ready for use.
#[derive(Debug, Clone)]
pub struct Account {
    /// The connection's id.
    pub connection: String,
    /// The settings as saved: they passed [`super::Provider::fields`].
    pub settings: Map<String, Value>,
    /// The secrets, by name.
    pub secrets: Secrets,
    /// Earlier secrets that are still accepted on callbacks while keys are being rotated.
    pub old_secrets: Option<Secrets>,
    /// The platform's codes of the templates that this connection's instances are started from: ours by [`super::Provider::layout`],
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
pub(super) const AUTHORITIES: Field =
    Field { name: CA_CERTIFICATE, secret: false, required: false, shape: Shape::Authorities };

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
