//! From which address a request came, as whoever took the connection saw it: never as the request says.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use lambda_http::request::RequestContext;

/// The other end of the connection, put into a request's extensions by who took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connected(pub IpAddr);

/// Where a request came from, as text to count by: an address, of IPv6 the network that one customer has; empty where it is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let taken = parts.extensions.get::<Connected>().map(|connected| connected.0);
        let by_gateway = || match parts.extensions.get::<RequestContext>()? {
            RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref()?.parse().ok(),
            _ => None,
        };
        Ok(Self(taken.or_else(by_gateway).map(counted).unwrap_or_default()))
    }
}

fn counted(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn who_has_a_whole_network_has_one_count() {
        let of = |text: &str| counted(text.parse().unwrap());
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(of("2001:db8:1:2::7"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::7"), of("2001:db8:1:3::7"));
    }
}
