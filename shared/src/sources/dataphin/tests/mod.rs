//! Dataphin's forms and callbacks, by the examples of its documentation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod codec;
mod inbound;
mod told;

use serde_json::Value;

use crate::sources::Receiver;

const TOKEN: &str = "6d1b2c1c";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";
const CALLBACK: &str = "https://dataphin.example/api/oa/bpms/integration/thirdparty/callback";

/// A source with these settings, beside the usual secrets.
fn receiver(settings: &[(&str, &str)]) -> Receiver {
    let secrets = [("access_token", TOKEN), ("encoding_aes_key", AES_KEY), ("token", "another-token")];
    Receiver {
        url: Some(CALLBACK.parse().unwrap()),
        authorities: None,
        settings: settings.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect(),
        secrets: secrets.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
        signing: Vec::new(),
    }
}

/// The documented example of a form.
fn example() -> Value {
    serde_json::from_str(include_str!("../../../../../tests/fixtures/dataphin_create.json")).unwrap()
}

/// The documented opening of a form's content.
fn example_content() -> Value {
    serde_json::from_str(include_str!("../../../../../tests/fixtures/dataphin_content.json")).unwrap()
}
