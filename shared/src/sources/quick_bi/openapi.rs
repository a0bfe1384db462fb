//! How calls to Alibaba Cloud's OpenAPI are signed: version 3, `ACS3-HMAC-SHA256` (documented, with worked examples), for an
//! operation in RPC style, whose parameters are all in the query (as in the vendor's own SDK).

use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;

use crate::crypto::{hex, hmac_sha256};
use crate::delivery::rfc3339;
use crate::providers::outbound::Request;

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// An operation that is to be called.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// Its name.
    pub action: &'a str,
    /// Version of the product's API.
    pub version: &'a str,
    /// Names and values.
    pub parameters: &'a [(&'a str, String)],
}

/// Who calls, and what belongs to one call, in the cloud and in a private deployment.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// Id of the access key; of a private deployment the access id.
    pub id: &'a str,
    /// The access key's secret; of a private deployment the access key.
    pub secret: &'a SecretString,
    /// Now, in milliseconds. The cloud signs whole seconds, and they must be within 15 minutes of the server's time.
    pub now: i64,
    /// Random, once; of a private deployment a UUID.
    pub nonce: &'a str,
}

/// The signed call of an operation.
#[must_use]
pub fn call(endpoint: &Url, operation: &Operation<'_>, signer: &Signer<'_>) -> Request {
    let query = query(operation.parameters.iter().map(|(name, value)| (*name, value.as_str())));
    let headers = headers(endpoint, operation, signer);
    let authorization = authorization(endpoint.path(), &query, &headers, signer);
    let mut url = endpoint.clone();
    url.set_query(Some(&query));
    let mut request = Request::post(url);
    for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
        request = request.header(name, value);
    }
    request.header("accept", "application/json").secret_header("authorization", &authorization)
}

/// The headers that are signed, by name.
fn headers(endpoint: &Url, operation: &Operation<'_>, signer: &Signer<'_>) -> [(&'static str, String); 6] {
    let host = endpoint.host_str().unwrap_or_default();
    let host = endpoint.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    [
        ("host", host),
        ("x-acs-action", operation.action.to_owned()),
        ("x-acs-content-sha256", hex(&Sha256::digest(b""))),
        ("x-acs-date", rfc3339(signer.now.div_euclid(1000) * 1000)),
        ("x-acs-signature-nonce", signer.nonce.to_owned()),
        ("x-acs-version", operation.version.to_owned()),
    ]
}

fn authorization(path: &str, query: &str, headers: &[(&str, String)], signer: &Signer<'_>) -> SecretString {
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let signed = names.join(";");
    let mut canonical = format!("POST\n{path}\n{query}\n");
    for (name, value) in headers {
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{signed}\n{}", hex(&Sha256::digest(b"")));
    let message = format!("{ALGORITHM}\n{}", hex(&Sha256::digest(canonical)));
    let signature = hex(&hmac_sha256(signer.secret.expose_secret().as_bytes(), &[message.as_bytes()]));
    format!("{ALGORITHM} Credential={},SignedHeaders={signed},Signature={signature}", signer.id).into()
}

/// A query in the order of its names, encoded by RFC 3986; the same text is signed and sent.
pub(super) fn query<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut sorted: Vec<_> = parameters.into_iter().collect();
    sorted.sort_unstable();
    let pairs = sorted.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Percent-encoding of all but letters, digits and `-._~`.
pub(super) fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vendor's two worked examples.
    #[test]
    fn signatures_are_those_of_the_vendors_examples() {
        let endpoint = Url::parse("https://ecs.cn-shanghai.aliyuncs.com").unwrap();
        let parameters = [
            ("RegionId", "cn-shanghai".to_owned()),
            ("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd".to_owned()),
        ];
        let operation = Operation { action: "RunInstances", version: "2014-05-26", parameters: &parameters };
        let secret = SecretString::from("YourAccessKeySecret");
        let cases = [
            (
                "2023-10-26T10:22:32Z",
                "3156853299f313e23d1673dc12e1703d",
                "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
            ),
            (
                "2023-10-26T09:01:01Z",
                "d410180a5abf7fe235dd9b74aca91fc0",
                "e521358f7776c97df52e6b2891a8bc73026794a071b50c3323388c4e0df64804",
            ),
        ];
        for (at, nonce, signature) in cases {
            let now = at.parse::<jiff::Timestamp>().unwrap().as_millisecond() + 999;
            let signer = Signer { id: "YourAccessKeyId", secret: &secret, now, nonce };
            let query = query(parameters.iter().map(|(name, value)| (*name, value.as_str())));
            let headers = headers(&endpoint, &operation, &signer);
            let made = authorization(endpoint.path(), &query, &headers, &signer);
            let expected = format!(
                "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;\
                 x-acs-date;x-acs-signature-nonce;x-acs-version,Signature={signature}"
            );
            assert_eq!(made.expose_secret(), expected);
        }
    }

    #[test]
    fn a_query_is_sorted_and_encoded_and_a_url_leaves_it_alone() {
        let made = query([("b", "同意 'a'+/*~"), ("a", "")]);
        assert_eq!(made, "a=&b=%E5%90%8C%E6%84%8F%20%27a%27%2B%2F%2A~");
        let mut url = Url::parse("https://h").unwrap();
        url.set_query(Some(&made));
        assert_eq!(url.query(), Some(made.as_str()));
    }
}
