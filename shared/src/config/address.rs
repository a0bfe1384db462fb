//! Which addresses we may be told to call.
//!
//! An address in a configuration comes from a customer. In the cloud it must not lead into our own network, so literal
//! private addresses and local names are refused when they are saved. What a public name resolves to is looked at
//! again when it is called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Private addresses that may be called all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateEndpoints {
    /// All of them: the local run.
    Allowed,
    /// These hosts, names in lower case or addresses; often none.
    Only(Vec<String>),
}

impl Default for PrivateEndpoints {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

impl PrivateEndpoints {
    /// Reads a list of hosts separated by commas; `*` allows all.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        let hosts: Vec<String> = list
            .split(',')
            .map(|host| host.trim().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase())
            .filter(|host| !host.is_empty())
            .collect();
        if hosts.iter().any(|host| host == "*") { Self::Allowed } else { Self::Only(hosts) }
    }

    /// Whether this host may be called although it is private.
    #[must_use]
    pub fn allows(&self, host: &str) -> bool {
        match self {
            Self::Allowed => true,
            Self::Only(hosts) => {
                let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
                hosts.contains(&host)
            }
        }
    }

    /// Reads an address that we are to call.
    ///
    /// # Errors
    /// What is wrong with it, for the person who typed it.
    pub fn check(&self, text: &str) -> Result<Url, &'static str> {
        let url = Url::parse(text).map_err(|_| "not an address: it must start with https:// or http://")?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err("the address must start with https:// or http://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the address must not hold a user name or a password");
        }
        let (host, private) = match url.host() {
            Some(Host::Domain(name)) => (name.to_owned(), is_local_name(name)),
            Some(Host::Ipv4(address)) => (address.to_string(), is_private(IpAddr::V4(address))),
            Some(Host::Ipv6(address)) => (address.to_string(), is_private(IpAddr::V6(address))),
            None => return Err("the address has no host"),
        };
        if private && !self.allows(&host) {
            return Err("a private address; COUNTERSIGN_ALLOW_PRIVATE_ENDPOINTS can allow it");
        }
        Ok(url)
    }
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || [".localhost", ".local", ".internal"].iter().any(|end| name.ends_with(end))
}

/// Whether an address is not one of the public internet.
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(inner) => is_private_v4(inner),
            None => is_private_v6(address),
        },
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b)) // shared by carriers, and by Alibaba Cloud's metadata
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    // Only 2000::/3 is given out; the documentation prefix lies in it.
    first & 0xe000 != 0x2000 || (first == 0x2001 && address.segments()[1] == 0xdb8)
}

/// The IPv4 address inside an IPv6 one: mapped, translated (64:ff9b::/96) or 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bytes = address.octets();
    let last = || Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]);
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(last()),
        [0x2002, ..] => Some(Ipv4Addr::new(bytes[2], bytes[3], bytes[4], bytes[5])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn private_addresses_are_refused_in_every_spelling() {
        let policy = PrivateEndpoints::default();
        for bad in [
            "http://localhost/",
            "http://LOCALHOST.:80",
            "http://a.localhost",
            "http://db.internal",
            "http://127.0.0.1",
            "http://127.1",
            "http://2130706433",
            "http://0x7f.0.0.1",
            "http://0.0.0.0",
            "http://10.1.2.3",
            "http://172.16.0.1",
            "http://192.168.1.1",
            "http://169.254.169.254",
            "http://100.100.100.200",
            "http://[::1]",
            "http://[::]",
            "http://[::ffff:10.0.0.1]",
            "http://[fd00::1]",
            "http://[fe80::1]",
            "http://[64:ff9b::a00:1]",
            "http://[2002:a00:1::]",
            "http://224.0.0.1",
            "http://255.255.255.255",
        ] {
            assert!(policy.check(bad).unwrap_err().contains("private"), "{bad}");
        }
        for good in ["https://oapi.dingtalk.com/x", "http://93.184.216.34:8080", "https://[2606:4700::1111]"] {
            assert!(policy.check(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn other_schemes_and_passwords_are_refused() {
        for bad in ["", "x", "/a", "ftp://a.example", "file:///etc/passwd", "https://u:p@a.example", "https://"] {
            assert!(PrivateEndpoints::Allowed.check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn listed_hosts_are_allowed() {
        let policy = PrivateEndpoints::parse(" oa.internal, 10.0.0.5 ,[::1]");
        for good in ["http://oa.internal/x", "http://OA.internal", "http://10.0.0.5:8080", "http://[::1]:80"] {
            assert!(policy.check(good).is_ok(), "{good}");
        }
        assert!(policy.check("http://10.0.0.6").is_err());
        assert_eq!(PrivateEndpoints::parse("a, *"), PrivateEndpoints::Allowed);
        assert_eq!(PrivateEndpoints::parse(""), PrivateEndpoints::default());
    }
}
