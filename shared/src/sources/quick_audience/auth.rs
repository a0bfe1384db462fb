//! How a call back proves who sends it: three ways, by the source's setting `auth`. Which of them guards the call at Quick Audience
//! is not confirmed.
//!
//! * `access_id` (default): the form carries `accessId`, as in the vendor's own sample request.
//! * `open_platform`: the query carries `appId`, `accessKey` and `timestamp` (milliseconds), the header `Authorization` the
//!   signature over them ([`open_platform`]).
//! * `none`: nothing, for an address that is guarded otherwise.

use secrecy::{ExposeSecret, SecretString};
use url::Url;
use url::form_urlencoded::{Serializer, parse};

use super::{Receiver, Unsendable};
use crate::crypto::open_platform::{self, Values};
use crate::providers::external::wire::{ACCESS_ID, CALL_BACK_PATH};
use crate::providers::outbound::Request;

const FORM: &str = "application/x-www-form-urlencoded";

/// The call with this form, made at `now` (milliseconds).
pub(super) fn request(receiver: &Receiver, form: &str, now: i64) -> Result<Request, Unsendable> {
    let url = address(receiver.url()?);
    match receiver.setting("auth").unwrap_or("access_id") {
        "none" => Ok(post(url, form.to_owned())),
        "open_platform" => signed(receiver, url, form, now),
        _ => {
            let access_id = needed(receiver, "access_id", "the source's secret `access_id` is not set")?;
            let mut form = Serializer::new(form.to_owned());
            form.append_pair(ACCESS_ID, access_id.expose_secret());
            Ok(post(url, form.finish()))
        }
    }
}

/// The documented path is added to an address that has none.
fn address(mut url: Url) -> Url {
    if url.path() == "/" {
        url.set_path(CALL_BACK_PATH);
    }
    url
}

fn post(url: Url, form: String) -> Request {
    Request::post(url).body(FORM, form.into_bytes())
}

fn needed<'a>(receiver: &'a Receiver, name: &str, missing: &'static str) -> Result<&'a SecretString, Unsendable> {
    receiver.secrets.get(name).ok_or(Unsendable(missing))
}

fn signed(receiver: &Receiver, mut url: Url, form: &str, now: i64) -> Result<Request, Unsendable> {
    let app_id = receiver.setting("app_id").ok_or(Unsendable("the source's setting `app_id` is not set"))?;
    let access_key = needed(receiver, "access_key", "the source's secret `access_key` is not set")?.expose_secret();
    let secret = needed(receiver, "access_secret", "the source's secret `access_secret` is not set")?;
    let timestamp = now.to_string();
    let values = match receiver.setting("signature_values") {
        Some("encoded") => Values::Encoded,
        _ => Values::Plain,
    };
    let query = [("appId", app_id), ("accessKey", access_key), ("timestamp", timestamp.as_str())];
    let fields: Vec<_> = match receiver.setting("signature_covers") {
        Some("query_and_form") => parse(form.as_bytes()).collect(),
        _ => Vec::new(),
    };
    let parameters = query.into_iter().chain(fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
    let signature = open_platform::signature(parameters, secret.expose_secret(), values);
    url.query_pairs_mut().extend_pairs(query);
    Ok(post(url, form.to_owned()).secret_header("authorization", &signature.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn receiver(settings: &serde_json::Value, secrets: &[(&str, &str)]) -> Receiver {
        Receiver {
            url: Some("https://qa.example/".parse().unwrap()),
            authorities: None,
            settings: settings.as_object().cloned().unwrap(),
            secrets: secrets.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
            signing: Vec::new(),
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (settings, secrets, missing) in [
            (json!({}), &[][..], "access_id"),
            (json!({"auth": "open_platform"}), &[("access_key", "k"), ("access_secret", "s")], "app_id"),
            (json!({"auth": "open_platform", "app_id": "a"}), &[("access_secret", "s")], "access_key"),
            (json!({"auth": "open_platform", "app_id": "a"}), &[("access_key", "k")], "access_secret"),
        ] {
            let refused = request(&receiver(&settings, secrets), "applyId=1", 0).unwrap_err();
            assert!(refused.0.contains(&format!("`{missing}`")), "{refused}");
        }
        assert!(request(&receiver(&json!({"auth": "none"}), &[]), "applyId=1", 0).is_ok());
        let nowhere = Receiver { url: None, ..receiver(&json!({"auth": "none"}), &[]) };
        assert!(request(&nowhere, "applyId=1", 0).unwrap_err().0.contains("callback URL"));
    }

    #[test]
    fn only_an_address_without_a_path_gets_the_documented_one() {
        let of = |url: &str| address(url.parse().unwrap()).to_string();
        assert_eq!(of("https://qa.example"), "https://qa.example/openapi/apply/externalApplyCallBack");
        assert_eq!(of("https://qa.example/gateway/qa?x=1"), "https://qa.example/gateway/qa?x=1");
    }
}
