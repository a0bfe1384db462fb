//! Where events go that are sealed in the envelope of DingTalk and WeCom.

use countersign::clock::World;
use countersign::crypto::envelope::{Keys, random_text};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::http::{Refused, SecretText, is_web_address};

/// Longest token, in characters.
const MAX_TOKEN: usize = 32;

/// Where events go and with which keys.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) url: Option<String>,
    pub(crate) token: SecretString,
    pub(crate) aes_key: SecretString,
}

/// What is entered in the console. Token and AES key stay as they are unless they are given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// `null` ends the subscription. It has to be there.
    #[serde(deserialize_with = "Option::deserialize")]
    callback_url: Option<String>,
    #[serde(default)]
    token: Option<SecretText>,
    #[serde(default)]
    aes_key: Option<SecretText>,
}

/// What a console says of a token and of an AES key that it does not take, and the fewest characters of a token.
pub(crate) struct Rules {
    pub(crate) min_token: usize,
    pub(crate) bad_token: &'static str,
    pub(crate) bad_aes_key: &'static str,
}

impl Subscription {
    /// Random keys and no URL.
    pub(crate) fn new(world: &World) -> Self {
        let random = |length| random_text(|bytes| world.entropy.fill(bytes), length);
        Self { url: None, token: random(24), aes_key: random(43) }
    }

    /// The keys of its envelopes; `None` when the AES key is not one.
    pub(crate) fn keys(&self) -> Option<Keys> {
        Keys::new(&self.token, &self.aes_key).ok()
    }

    /// The subscription as entered, if its parts look as the console wants them.
    pub(crate) fn entered(self, entry: Entry, rules: &Rules) -> Result<Self, Refused> {
        let token = entry.token.map_or(self.token, |text| text.0);
        let aes_key = entry.aes_key.map_or(self.aes_key, |text| text.0);
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let exposed = token.expose_secret();
        if !(rules.min_token..=MAX_TOKEN).contains(&exposed.len()) || !plain(exposed) {
            return Err(Refused::bad(rules.bad_token));
        }
        if !plain(aes_key.expose_secret()) || Keys::new(&token, &aes_key).is_err() {
            return Err(Refused::bad(rules.bad_aes_key));
        }
        let url = entry.callback_url.filter(|url| !url.is_empty());
        if url.as_deref().is_some_and(|url| !is_web_address(url)) {
            return Err(Refused::bad("URL 不合法: an address that starts with http:// or https://"));
        }
        Ok(Self { url, token, aes_key })
    }
}
