//! The HTTP clients behind the one client: by what addresses they may call, and by whom they trust.
//!
//! Connections are shared by what is called with the same client only, so that nobody is served over a connection that was made in
//! the trust of somebody else.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Client, ClientBuilder};
use url::Url;

use super::address::{AddressPolicy, PublicOnly};
use crate::crypto::authorities::Authorities;
use crate::crypto::tls::{client_builder, client_builder_trusting};
use crate::ttl_map::{ALWAYS, TtlMap};

/// Most clients that trust private authorities; beyond that, the one that was used longest ago is dropped.
const MAX_TRUSTING: usize = 32;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A function may be frozen between two calls; a connection that was idle for long is likely dead.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
const USER_AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

/// Every client, made when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Clients {
    any_address: OnceLock<Client>,
    public_addresses: OnceLock<Client>,
    /// Those that trust private authorities, by these (PEM) and by whether they may call any address.
    trusting: TtlMap<(Arc<str>, bool), Client, MAX_TRUSTING>,
}

impl Clients {
    /// The client for this URL and these authorities (PEM) beside the public ones; `None` if the machine has no usable TLS, or the
    /// authorities cannot be read.
    pub(super) fn of(&self, policy: &AddressPolicy, url: &Url, authorities: Option<&Arc<str>>) -> Option<Client> {
        let any_address = policy.trusts(url);
        if let Some(authorities) = authorities.filter(|_| url.scheme() == "https") {
            return self.trusting(any_address, authorities);
        }
        let slot = if any_address { &self.any_address } else { &self.public_addresses };
        if let Some(client) = slot.get() {
            return Some(client.clone());
        }
        let client = build(client_builder(), any_address)?;
        Some(slot.get_or_init(|| client).clone())
    }

    fn trusting(&self, any_address: bool, authorities: &Arc<str>) -> Option<Client> {
        let key = (Arc::clone(authorities), any_address);
        if let Some(client) = self.trusting.get(&key, 0) {
            return Some(client);
        }
        let read = Authorities::read(authorities).ok()?;
        let client = build(client_builder_trusting(read.der())?, any_address)?;
        self.trusting.put(key, client.clone(), ALWAYS);
        Some(client)
    }
}

fn build(builder: ClientBuilder, any_address: bool) -> Option<Client> {
    // A proxy would resolve names itself, out of sight of the policy.
    let mut builder = builder
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT);
    if !any_address {
        builder = builder.dns_resolver(PublicOnly);
    }
    builder.build().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A certificate of an authority (P-256, made for this test, valid until 2056), and how often it is meant to stand there.
    const PEM: &str = include_str!("../../../../tests/fixtures/authority.pem");

    #[test]
    fn as_many_clients_as_are_bounded_are_kept_and_the_latest_of_them() {
        let (clients, url) = (Clients::default(), Url::parse("https://oa.example/").unwrap());
        let policy = AddressPolicy::AllowAll;
        // Texts that differ hold the same certificate.
        let text = |n: usize| -> Arc<str> { format!("{n}\n{PEM}").into() };
        for n in 0..MAX_TRUSTING + 1 {
            // The first is used again and again, so another one is dropped.
            assert!(clients.of(&policy, &url, Some(&text(0))).is_some());
            assert!(clients.of(&policy, &url, Some(&text(n))).is_some());
        }
        let kept = |any_address: bool, n: usize| clients.trusting.get(&(text(n), any_address), 0).is_some();
        assert_eq!((0..=MAX_TRUSTING).filter(|n| kept(true, *n)).count(), MAX_TRUSTING);
        assert!(kept(true, 0) && kept(true, MAX_TRUSTING) && !kept(true, 1) && !kept(false, 0));
        assert!(clients.of(&policy, &url, Some(&"no certificate".into())).is_none());
        let plain = Url::parse("http://oa.example/").unwrap();
        assert!(clients.of(&policy, &plain, Some(&text(1))).is_some() && !kept(true, 1));
    }
}
