//! The signature of Quick Audience's open platform: MD5, in lower-case hex, over all parameters and the secret among them.
//!
//! Documented: names in order, the secret as one more parameter `accessSecret`. Seen in the vendor's example, but not said:
//! `name=value` joined by `&`. Not settled: whether values are encoded before they are hashed ([`Values`]).

use md5::{Digest, Md5};
use url::form_urlencoded::byte_serialize;

/// How values stand in the text that is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// As they are.
    Plain,
    /// Encoded as in a form.
    Encoded,
}

/// The signature of these parameters, names and values.
#[must_use]
pub fn signature<'a>(
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    access_secret: &'a str,
    values: Values,
) -> String {
    let mut all: Vec<(&str, &str)> = parameters.into_iter().chain([("accessSecret", access_secret)]).collect();
    all.sort_unstable();
    let pair = |(name, value): &(&str, &str)| match values {
        Values::Plain => format!("{name}={value}"),
        Values::Encoded => format!("{name}={}", byte_serialize(value.as_bytes()).collect::<String>()),
    };
    let text = all.iter().map(pair).collect::<Vec<_>>().join("&");
    super::hex(&Md5::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vendor's sample values; the digest was made with another program.
    #[test]
    fn the_worked_example() {
        let parameters = [("timestamp", "1708235644862"), ("appId", "tttt"), ("accessKey", "xxxx")];
        for values in [Values::Plain, Values::Encoded] {
            assert_eq!(signature(parameters, "yyyy", values), "482898c9c725580c190c4df6b806f59e");
        }
    }

    #[test]
    fn values_are_encoded_where_it_is_asked_for() {
        let parameters = [("approverName", "张 三"), ("appId", "a&b")];
        let text = "accessSecret=s&appId=a&b&approverName=张 三";
        let encoded = "accessSecret=s&appId=a%26b&approverName=%E5%BC%A0+%E4%B8%89";
        let md5 = |text: &str| Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(signature(parameters, "s", Values::Plain), md5(text));
        assert_eq!(signature(parameters, "s", Values::Encoded), md5(encoded));
    }
}
