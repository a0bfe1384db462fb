//! Which addresses we may call. A customer types endpoints and callback URLs, so without a rule they could make us
//! call the machines beside us, or the cloud's metadata service.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Which addresses may be called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AddressPolicy {
    /// Any: for a local run.
    AllowAll,
    /// Public addresses, and the hosts that the operator listed.
    #[default]
    PublicOnly,
    /// Public addresses and these `host` or `host:port`, whatever they resolve to.
    PublicAnd(Vec<String>),
}

impl AddressPolicy {
    /// Whether this URL may be called without a look at the address behind it.
    #[must_use]
    pub fn trusts(&self, url: &Url) -> bool {
        match self {
            Self::AllowAll => true,
            Self::PublicOnly => false,
            Self::PublicAnd(listed) => {
                let host = url.host_str().unwrap_or_default();
                let with_port = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
                listed.iter().any(|entry| entry.eq_ignore_ascii_case(host) || entry.eq_ignore_ascii_case(&with_port))
            }
        }
    }

    /// Whether the URL names an address outright that may not be called. A name is looked at when it is resolved.
    #[must_use]
    pub fn refuses(&self, url: &Url) -> bool {
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return false,
            None => return true,
        };
        !self.trusts(url) && !is_public(literal)
    }
}

/// Whether an address belongs to the public internet: not private, shared, loopback, link-local (where the metadata
/// services live), unique-local, multicast, documentation, reserved or unspecified, also inside of IPv6.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([w, x], [y, z]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(w, x, y, z))
    };
    match (a, b) {
        // NAT64 leads to the IPv4 address at its end, 6to4 to the one after its prefix.
        (0x64, 0xff9b) => c == 0 && d == 0 && e == 0 && f == 0 && embedded(g, h),
        (0x2002, _) => embedded(b, c),
        // Protocol assignments, Teredo among them, and documentation.
        (0x2001, _) if b < 0x200 || b == 0xdb8 => false,
        (0x3fff, _) if b < 0x1000 => false,
        _ => a & 0xe000 == 0x2000,
    }
}

/// A name that leads to nothing but addresses that may not be called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to a private address")
    }
}

impl std::error::Error for Refused {}

/// Resolves names to their public addresses. The connection goes to what was checked, so a name cannot lead to one
/// address for the check and to another for the call.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::task::spawn_blocking(move || (host.as_str(), 0).to_socket_addrs()).await??;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(Refused.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        for public in ["1.1.1.1", "203.119.1.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        let not = "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.8.8.8 169.254.169.254 172.16.0.1 \
                   172.31.255.255 192.168.1.1 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 \
                   240.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 \
                   fe80::1 fec0::1 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 2001::1 2002:7f00:1:: 64:ff9b::a9fe:a9fe \
                   64:ff9b:1::1 100::1 3fff::1";
        for private in not.split_whitespace() {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn addresses_in_urls_are_looked_at_in_every_spelling() {
        let listed = AddressPolicy::PublicAnd(vec!["10.0.0.9:8080".into(), "OA.internal".into()]);
        for (url, refused) in [
            ("http://127.0.0.1/", true),
            ("http://0x7f.1/", true),
            ("http://2130706433/", true),
            ("http://[::ffff:127.0.0.1]/", true),
            ("http://169.254.169.254/latest/meta-data", true),
            ("https://1.1.1.1/", false),
            ("http://10.0.0.9:8080/", false),
            ("http://10.0.0.9:8081/", true),
            ("https://oa.internal/", false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(listed.refuses(&url), refused, "{url}");
            assert!(!AddressPolicy::AllowAll.refuses(&url), "{url}");
        }
        assert!(listed.trusts(&Url::parse("https://oa.internal/").unwrap()));
        assert!(!listed.trusts(&Url::parse("https://api.dingtalk.com/").unwrap()));
    }
}
