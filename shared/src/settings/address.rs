//! Addresses in a configuration: they come from a customer, and in the cloud they must not lead into our own network.
//!
//! Literal private addresses and local names are refused when they are saved. What a public name resolves to is looked
//! at again by the client that calls it.

use url::{Host, Url};

use crate::providers::outbound::AddressPolicy;

/// Reads the operator's list of private endpoints: `host` or `host:port`, separated by commas; `*` allows all.
#[must_use]
pub fn policy(list: &str) -> AddressPolicy {
    let hosts: Vec<String> =
        list.split(',').map(|host| host.trim().to_ascii_lowercase()).filter(|host| !host.is_empty()).collect();
    if hosts.iter().any(|host| host == "*") {
        AddressPolicy::AllowAll
    } else if hosts.is_empty() {
        AddressPolicy::PublicOnly
    } else {
        AddressPolicy::PublicAnd(hosts)
    }
}

/// Reads an address that we are to call.
///
/// # Errors
/// What is wrong with it, for the person who typed it.
pub fn check(policy: &AddressPolicy, text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "not an address: it must start with https:// or http://")?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err("the address must start with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address must not hold a user name or a password");
    }
    let local = matches!(url.host(), Some(Host::Domain(name)) if is_local_name(name));
    if policy.refuses(&url) || (local && !policy.trusts(&url)) {
        return Err("a private address; COUNTERSIGN_ALLOW_PRIVATE_ENDPOINTS can allow it");
    }
    Ok(url)
}

/// An address as it is read: what is stored of one that passed [`check`].
#[must_use]
pub fn normalised(text: &str) -> String {
    Url::parse(text).map_or_else(|_| text.to_owned(), String::from)
}

/// Checks an address that people are shown and we do not call. `{…}` may stand for a value, but not in the host.
///
/// # Errors
/// What is wrong with it, for the person who typed it.
pub fn check_link(text: &str) -> Result<(), &'static str> {
    let url = check(&AddressPolicy::AllowAll, text)?;
    if url.host_str().is_none_or(|host| host.contains(['{', '}'])) {
        return Err("the host must be written out");
    }
    Ok(())
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || [".localhost", ".local", ".internal"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn private_addresses_and_local_names_are_refused_in_every_spelling() {
        for bad in [
            "http://localhost/",
            "http://LOCALHOST.:80",
            "http://a.localhost",
            "http://db.internal",
            "http://127.1",
            "http://2130706433",
            "http://0x7f.0.0.1",
            "http://10.1.2.3",
            "http://169.254.169.254",
            "http://[::1]",
            "http://[::ffff:10.0.0.1]",
        ] {
            assert!(check(&AddressPolicy::PublicOnly, bad).unwrap_err().contains("private"), "{bad}");
            assert!(check(&AddressPolicy::AllowAll, bad).is_ok(), "{bad}");
        }
        for good in ["https://oapi.dingtalk.com/x", "http://93.184.216.34:8080", "https://[2606:4700::1111]"] {
            assert!(check(&AddressPolicy::PublicOnly, good).is_ok(), "{good}");
        }
    }

    #[test]
    fn other_schemes_and_passwords_are_refused() {
        for bad in ["", "x", "/a", "ftp://a.example", "file:///etc/passwd", "https://u:p@a.example", "https://"] {
            assert!(check(&AddressPolicy::AllowAll, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn listed_hosts_are_allowed() {
        let listed = policy(" oa.internal, 10.0.0.5:8080 ,[::1]");
        for good in ["http://oa.internal/x", "http://OA.internal", "http://10.0.0.5:8080", "http://[::1]:80"] {
            assert!(check(&listed, good).is_ok(), "{good}");
        }
        assert!(check(&listed, "http://10.0.0.6").is_err());
        assert_eq!(policy("a, *"), AddressPolicy::AllowAll);
        assert_eq!(policy(" ,"), AddressPolicy::PublicOnly);
    }
}
