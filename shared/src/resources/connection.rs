//! Connections: approval platforms that we reach with credentials.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::fields::{FieldErrors, step};
use super::hosts::{Destination, addresses, destinations};
use super::secret::SealedSecret;
use crate::approval::BUILTIN;
use crate::crypto::authorities::Authorities;
use crate::crypto::envelope::Keys;
use crate::ids::{ConnectionId, OrgId};
use crate::providers::outbound::AddressPolicy;
use crate::providers::{Account, Field, Provider, Secrets, Shape, builtin, by_kind};
use crate::settings::address;
use crate::store::{DataKey, Error, Resource};

/// Shortest secret that is taken, in characters: the token of DingTalk's own published example has six. What platforms make up is longer.
pub const MIN_SECRET: usize = 6;

/// A connection as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Its organisation.
    pub org: OrgId,
    /// Which platform.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The settings, by name.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// The secrets, by name.
    #[serde(default)]
    pub secrets: BTreeMap<String, SealedSecret>,
    /// Earlier secrets that callbacks may still use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub old_secrets: BTreeMap<String, SealedSecret>,
    /// The platform's codes of the templates that instances are started from: ours by layout, the customer's by the code itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub templates: BTreeMap<String, String>,
    /// Platform account in whose name we ask when the applicant has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_applicant: Option<String>,
    /// How many calls a month the platform answers, where it is not what it usually is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_quota: Option<u64>,
    /// Whether its settings and secrets are as an owner has saved them: only then administrators and owners may sign in through it. Who can
    /// change where a connection leads can say who somebody is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_owner: bool,
    /// When it was made, milliseconds.
    pub created_at: i64,
}

super::resource!(Connection, "CON");

/// What stands for the connection of a stage that names none.
#[must_use]
#[expect(clippy::expect_used, reason = "a constant, which a test reads")]
pub fn builtin_id() -> ConnectionId {
    BUILTIN.parse().expect("the id of a connection")
}

impl Connection {
    /// The built-in platform of an organisation, on which stages run that name no connection. It is stored nowhere.
    #[must_use]
    pub fn builtin(org: OrgId) -> Self {
        Self {
            id: builtin_id(),
            org,
            kind: builtin::KIND.to_owned(),
            name: "Built-in".to_owned(),
            settings: Map::new(),
            secrets: BTreeMap::new(),
            old_secrets: BTreeMap::new(),
            templates: BTreeMap::new(),
            default_applicant: None,
            monthly_quota: None,
            of_owner: false,
            created_at: 0,
        }
    }

    /// The platform.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is one that this version does not know.
    pub fn provider(&self) -> Result<&'static dyn Provider, Error> {
        by_kind(&self.kind).ok_or_else(|| Error::Corrupt { key: self.key().to_string() })
    }

    /// How many calls a month the platform answers; `None` where there is no such number.
    #[must_use]
    pub fn quota(&self) -> Option<u64> {
        self.monthly_quota.or_else(|| by_kind(&self.kind)?.monthly_quota())
    }

    /// Where its platform is called: the first of its addresses.
    #[must_use]
    pub fn address(&self) -> Option<Url> {
        let provider = by_kind(&self.kind)?;
        let mut all = addresses(provider.fields(), &self.settings, |name| provider.usual_address(name));
        Url::parse(all.next()?.1).ok()
    }

    /// Where its secrets go; nowhere on a platform that this version does not know.
    #[must_use]
    pub fn destinations(&self) -> BTreeSet<Destination> {
        let Some(provider) = by_kind(&self.kind) else { return BTreeSet::new() };
        let addresses = addresses(provider.fields(), &self.settings, |name| provider.usual_address(name));
        destinations(addresses, self.secrets.keys(), |address, secret| provider.sends(address, secret))
    }

    /// What the platform's code needs: settings, and the secrets opened.
    ///
    /// # Errors
    /// As [`DataKey::sealer`]; [`Error::Corrupt`] when a secret does not open.
    pub async fn account(&self, data_key: &DataKey) -> Result<Account, Error> {
        let secrets = self.open(&self.secrets, data_key).await?;
        let old_secrets = if self.old_secrets.is_empty() {
            None
        } else {
            let mut old = secrets.clone();
            old.extend(self.open(&self.old_secrets, data_key).await?);
            Some(old)
        };
        Ok(Account {
            connection: self.id.as_str().to_owned(),
            settings: self.settings.clone(),
            secrets,
            old_secrets,
            templates: self.templates.clone(),
        })
    }

    async fn open(&self, sealed: &BTreeMap<String, SealedSecret>, data_key: &DataKey) -> Result<Secrets, Error> {
        if sealed.is_empty() {
            return Ok(Secrets::new());
        }
        let (sealer, key) = (data_key.sealer().await?, self.key());
        sealed.iter().map(|(name, secret)| Ok((name.clone(), secret.open(sealer, &key, name)?))).collect()
    }
}

/// Settings and secrets as they came in.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// All settings that are to be stored.
    pub settings: &'a Map<String, Value>,
    /// The secrets that are new.
    pub secrets: &'a BTreeMap<String, SecretString>,
    /// Names of the secrets that stay as they are.
    pub kept: &'a [&'a str],
}

/// Checks settings and secrets against what the platform or format wants. Pointers go into `/settings` and `/secrets`.
pub fn check_fields(fields: &[Field], given: &Given<'_>, policy: &AddressPolicy, errors: &mut FieldErrors) {
    let known = |name: &str, secret| fields.iter().any(|field| field.secret == secret && field.name == name);
    for name in given.settings.keys().filter(|name| !known(name, false)) {
        errors.push_unknown(format!("/settings/{}", step(name)), unknown(fields, false));
    }
    for name in given.secrets.keys().filter(|name| !known(name, true)) {
        errors.push_unknown(format!("/secrets/{}", step(name)), unknown(fields, true));
    }
    for field in fields {
        let pointer = format!("/{}/{}", if field.secret { "secrets" } else { "settings" }, field.name);
        let text = if field.secret {
            given.secrets.get(field.name).map(|secret| Some(secret.expose_secret()))
        } else {
            given.settings.get(field.name).map(Value::as_str)
        };
        match text {
            None if field.required && !given.kept.contains(&field.name) => errors.push(pointer, "is required"),
            None => {}
            Some(None) => errors.push(pointer, "must be a text"),
            Some(Some(text)) => {
                if let Err(detail) = check_shape(field.shape, text, policy) {
                    errors.push(pointer, detail);
                }
            }
        }
    }
}

/// Writes every address and certificate among the settings as it was read, so that what is shown is what is called and trusted. They
/// have passed [`check_fields`].
pub fn normalise(fields: &[Field], settings: &mut Map<String, Value>) {
    for field in fields {
        let Some(Value::String(text)) = settings.get_mut(field.name) else { continue };
        match field.shape {
            Shape::Url => *text = address::normalised(text),
            Shape::Authorities => normalise_authorities(text),
            _ => {}
        }
    }
}

/// Writes certificates as they were read: without what stood around them.
pub fn normalise_authorities(pem: &mut String) {
    if let Ok(read) = Authorities::read(pem) {
        *pem = read.pem();
    }
}

/// Refuses new secrets that could be guessed. What was stored before this was checked stays.
///
/// # Errors
/// A pointer to each, whoever asked is told `secret_too_short`.
pub fn check_lengths(secrets: &BTreeMap<String, SecretString>) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    for (name, secret) in secrets {
        if secret.expose_secret().chars().count() < MIN_SECRET {
            errors.push(format!("/secrets/{}", step(name)), format!("must have at least {MIN_SECRET} characters"));
        }
    }
    errors.into_result()
}

fn unknown(fields: &[Field], secret: bool) -> String {
    let names: Vec<_> = fields.iter().filter(|field| field.secret == secret).map(|field| field.name).collect();
    if names.is_empty() {
        "unknown; there are none".to_owned()
    } else {
        format!("unknown; there are {}", names.join(", "))
    }
}

fn check_shape(shape: Shape, text: &str, policy: &AddressPolicy) -> Result<(), String> {
    match shape {
        Shape::Text(longest) => {
            let length = text.chars().count();
            if length == 0 || length > longest || text.chars().any(char::is_control) {
                return Err(format!("must have 1 to {longest} characters, none of them a control character"));
            }
        }
        Shape::Url => drop(address::check(policy, text)?),
        Shape::Link(longest) => {
            check_shape(Shape::Text(longest), text, policy)?;
            address::check_link(text)?;
        }
        Shape::OneOf(words) => {
            if !words.contains(&text) {
                return Err(format!("must be one of {}", words.join(", ")));
            }
        }
        Shape::Whole(least, most) => {
            let fits = text.parse().is_ok_and(|number| (least..=most).contains(&number));
            if !fits || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(format!("must be a whole number from {least} to {most}, as a text"));
            }
        }
        Shape::AesKey => {
            Keys::new(&SecretString::from(""), &text.into())
                .map_err(|_| "must be 43 letters and digits that decode to 32 bytes")?;
        }
        Shape::Authorities => drop(Authorities::read(text)?),
        Shape::Pointers(longest) => {
            check_shape(Shape::Text(longest), text, policy)?;
            if !text.split(',').all(|pointer| pointer.trim().starts_with('/')) {
                return Err("must be JSON pointers that start with `/`, separated by commas".to_owned());
            }
        }
    }
    Ok(())
}
