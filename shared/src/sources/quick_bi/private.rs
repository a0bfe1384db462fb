//! How calls to a private deployment of Quick BI are signed (principles documented; the exact text as several public programs
//! write it): path and query are signed, a JSON body is not. A request is valid for three minutes, a nonce once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use url::Url;

use super::openapi::{Signer, encode, query};
use crate::crypto::hmac_sha256;
use crate::providers::outbound::Request;

/// A call that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Whether it changes something: `POST`, else `GET`.
    pub is_write: bool,
    /// Its path.
    pub path: &'a str,
    /// Names and values of the query.
    pub parameters: &'a [(&'a str, String)],
}

/// The signed call.
#[must_use]
pub fn call(endpoint: &Url, call: &Call<'_>, signer: &Signer<'_>) -> Request {
    let given =
        || call.parameters.iter().map(|(name, value)| (*name, value.as_str())).filter(|(_, text)| !text.is_empty());
    let mut url = endpoint.clone();
    url.set_path(call.path);
    url.set_query(given().next().map(|_| query(given())).as_deref());
    let signature = signature(call, signer);
    let request = if call.is_write { Request::post(url) } else { Request::get(url) };
    request
        .header("x-gw-accessid", signer.id)
        .header("x-gw-nonce", signer.nonce)
        .header("x-gw-timestamp", &signer.now.to_string())
        .secret_header("x-gw-signature", &signature.into())
        .body("application/json;charset=utf-8", Vec::new())
}

fn signature(call: &Call<'_>, signer: &Signer<'_>) -> String {
    let mut text = format!("{}\n{}", if call.is_write { "POST" } else { "GET" }, call.path);
    let mut given: Vec<_> = call.parameters.iter().filter(|(_, value)| !value.is_empty()).collect();
    given.sort_unstable();
    let pairs: Vec<String> = given.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if !pairs.is_empty() {
        text.push('\n');
        text.push_str(&pairs.join("&"));
    }
    let Signer { id, nonce, now, .. } = signer;
    text.push_str(&format!("\nX-Gw-AccessId:{id}\nX-Gw-Nonce:{nonce}\nX-Gw-Timestamp:{now}"));
    STANDARD.encode(hmac_sha256(signer.secret.expose_secret().as_bytes(), &[encode(&text).as_bytes()]))
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn signatures_are_as_other_programs_make_them() {
        let secret = SecretString::from("sk-1");
        let nonce = "11111111-2222-3333-4444-555555555555";
        let signer = Signer { id: "ak-1", secret: &secret, now: 1_700_000_000_000, nonce };
        let path = "/openapi/v2/works/bloodRelationship";
        let made = |parameters: &[(&str, String)]| signature(&Call { is_write: false, path, parameters }, &signer);
        assert_eq!(made(&[]), "RTGIYpG9aRrZ9dfiscGNKrPDJXxVI1f5kyh6aor6pww=");
        assert_eq!(made(&[("empty", String::new())]), made(&[]));
        let works = [("worksId", "w-1".to_owned())];
        assert_eq!(made(&works), "L1+FM8Y1zsJ8DKtKk2XKfki1mhFMF/H6Be+QFFwlPiU=");
    }
}
