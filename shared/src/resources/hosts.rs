//! Where secrets go. Whoever may change an address must not learn with it a secret that was given for another host.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use super::fields::FieldErrors;
use crate::providers::{Field, Shape};

/// A secret, by name, and a host that is shown it, or something made with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    /// Name of the secret.
    pub secret: String,
    /// Scheme, host and port, as in `https://api.dingtalk.com`. Another port, or `http` instead of `https`, is another host.
    pub host: String,
}

/// The host of an address: scheme, host and port. What is no address is a host of its own.
#[must_use]
pub fn host(address: &str) -> String {
    Url::parse(address).map_or_else(|_| address.to_owned(), |url| url.origin().ascii_serialization())
}

/// The addresses among these settings, by name: what is set, else what is called where it is left out.
pub(super) fn addresses<'a>(
    fields: &'static [Field],
    settings: &'a Map<String, Value>,
    usual: impl Fn(&str) -> Option<&'static str> + 'a,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let fields = fields.iter().filter(|field| matches!(field.shape, Shape::Url));
    fields.filter_map(move |field| {
        let set = settings.get(field.name).and_then(Value::as_str);
        Some((field.name, set.or_else(|| usual(field.name))?))
    })
}

/// The destinations of these secrets, by the names and values of the addresses.
pub(super) fn destinations<'a>(
    addresses: impl Iterator<Item = (&'a str, &'a str)>,
    secrets: impl Iterator<Item = &'a String> + Clone,
    sends: impl Fn(&str, &str) -> bool,
) -> BTreeSet<Destination> {
    let mut found = BTreeSet::new();
    for (name, address) in addresses {
        let sent = secrets.clone().filter(|secret| sends(name, secret));
        found.extend(sent.map(|secret| Destination { secret: secret.clone(), host: host(address) }));
    }
    found
}

/// Refuses a change after which a secret that is not among those `given` anew would go where it did not go before.
///
/// # Errors
/// A pointer to each secret that is to be sent again.
pub fn must_be_given_again(
    before: &BTreeSet<Destination>,
    after: &BTreeSet<Destination>,
    given: &BTreeMap<String, SecretString>,
) -> Result<(), FieldErrors> {
    let astray = after.difference(before).filter(|destination| !given.contains_key(&destination.secret));
    let hosts: BTreeMap<&str, &str> = astray.map(|found| (found.secret.as_str(), found.host.as_str())).collect();
    let mut errors = FieldErrors::new();
    for (secret, host) in hosts {
        let detail = format!("is needed again, in this request: it would go to {host}, for which it was not given");
        errors.push(format!("/secrets/{secret}"), detail);
    }
    errors.into_result()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn to(addresses: &[(&str, &str)]) -> BTreeSet<Destination> {
        let destination =
            |(secret, address): &(&str, &str)| Destination { secret: (*secret).into(), host: host(address) };
        addresses.iter().map(destination).collect()
    }

    #[test]
    fn a_host_is_scheme_name_and_port() {
        for (one, same) in [
            ("https://a.example", "HTTPS://A.example:443/path?x=1"),
            ("http://127.0.0.1:9", "http://127.1:9/"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example/"),
        ] {
            assert_eq!(host(one), host(same));
        }
        for other in
            ["http://a.example", "https://a.example:8443", "https://a.example.evil.example", "https://b.example"]
        {
            assert_ne!(host("https://a.example"), host(other));
        }
    }

    #[test]
    fn only_what_goes_somewhere_new_is_asked_for() {
        let before = to(&[("s", "https://a.example"), ("t", "https://a.example")]);
        let given = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "x".into())).collect();
        let ask = |after: &BTreeSet<Destination>, names: &[&str]| must_be_given_again(&before, after, &given(names));
        assert!(ask(&before, &[]).is_ok() && ask(&to(&[]), &[]).is_ok());
        let moved = to(&[("s", "https://b.example"), ("t", "https://a.example")]);
        let refused = ask(&moved, &["t"]).unwrap_err();
        let refused = refused.into_list();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].pointer, "/secrets/s");
        assert!(ask(&moved, &["s"]).is_ok());
    }
}
