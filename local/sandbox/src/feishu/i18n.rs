//! Texts by language: most texts of a call are keys such as `@i18n@name`, and the words stand in `i18n_resources`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Refusal;
use super::body;

/// What every key begins with.
pub(super) const PREFIX: &str = "@i18n@";
/// Fewest characters of a key that names a definition, a node or a note.
pub(super) const MIN_KEY: usize = 9;

/// The resources of one call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Texts {
    /// The default language; none when no resources were sent.
    default: Option<String>,
    /// Words by language and key. A language that the platform does not know is kept and never asked for.
    languages: BTreeMap<String, BTreeMap<String, String>>,
}

impl Texts {
    /// Reads `i18n_resources`.
    pub(super) fn read(body: &Value) -> Result<Self, Refusal> {
        let mut texts = Self::default();
        for resource in body::list(body, "i18n_resources")? {
            if !resource.is_object() {
                return Err(Refusal::json_type("i18n_resources"));
            }
            let words = body::list(resource, "texts")?;
            let is_default = body::boolean(resource, "is_default")?;
            let locale = body::text(resource, "locale")?;
            let locale = locale.ok_or_else(|| Refusal::required("i18n_resources[*].locale"))?;
            if resource.get("is_default").is_none() {
                return Err(Refusal::required("i18n_resources[*].is_default"));
            }
            let language = texts.languages.entry(locale.to_owned()).or_default();
            for word in words {
                let part = |name: &str| {
                    let full = format!("i18n_resources[*].texts[*].{name}");
                    body::text(word, name)?.ok_or_else(|| Refusal::required(&full))
                };
                language.insert(part("key")?.to_owned(), part("value")?.to_owned());
            }
            if is_default && texts.default.replace(locale.to_owned()).is_some() {
                return Err(Refusal::param("i18n_resources has more than one default"));
            }
        }
        if texts.default.is_none() && !texts.languages.is_empty() {
            return Err(Refusal::param("i18n_resources has no default"));
        }
        Ok(texts)
    }

    /// Checks a key: its beginning, its length, and that the default language has it.
    pub(super) fn check(&self, field: &str, key: &str, shortest: usize) -> Result<(), Refusal> {
        if !key.starts_with(PREFIX) {
            return Err(Refusal::param(format!("{field} must start with {PREFIX}")));
        }
        if key.chars().count() < shortest {
            return Err(Refusal::param(format!("the i18n key of {field} has fewer than {shortest} characters")));
        }
        let default = self.default.as_ref().and_then(|locale| self.languages.get(locale));
        match default.is_some_and(|words| words.contains_key(key)) {
            true => Ok(()),
            false => Err(Refusal::param(format!("Default i18n has no key: {key}"))),
        }
    }

    /// The words of a key in a language, else in the default one; what is no key stays as it is.
    pub(super) fn words<'a>(&'a self, key: &'a str, locale: Option<&str>) -> &'a str {
        let of = |locale: &str| self.languages.get(locale)?.get(key);
        let found = locale.and_then(of).or_else(|| self.default.as_deref().and_then(of));
        found.map_or(key, String::as_str)
    }
}
