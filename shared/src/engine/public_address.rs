//! Whether a platform can reach us: callbacks go to the deployment's public address, and nothing tells of those that find no way.

use std::net::{IpAddr, ToSocketAddrs};

use url::{Host, Url};

use crate::engine::App;
use crate::providers::Check;
use crate::providers::outbound::{AddressPolicy, Answer, OutboundError, Request, is_public};
use crate::resources::Connection;
use crate::settings::address;

/// The check's name.
const NAME: &str = "public_address";
/// Every deployment answers here, without a key.
const HEALTH: &str = "/health";

/// From where a platform calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    ThisMachine,
    /// A private network, which may reach what the internet does not.
    PrivateNetwork,
    Internet,
}

/// What stands in the way, and how to mend it.
type Trouble = (String, String);

/// Checks the address that this connection's platform calls back; `None` where it has none to be called at, and so calls nobody.
pub async fn check(app: &App, connection: &Connection) -> Option<Check> {
    let platform = connection.address()?;
    let mut from = from(&platform, &app.settings.addresses);
    if from == Caller::Internet && is_private(&resolved(&platform).await) {
        from = Caller::PrivateNetwork;
    }
    if from == Caller::ThisMachine {
        let detail = "the platform is on this machine and needs no public address".to_owned();
        return Some(Check { name: NAME, ok: true, detail, fix: String::new() });
    }
    Some(match probe(app, from).await {
        Ok((detail, fix)) => Check { name: NAME, ok: true, detail, fix: fix.to_owned() },
        Err((detail, fix)) => Check { name: NAME, ok: false, detail, fix },
    })
}

async fn probe(app: &App, from: Caller) -> Result<(String, &'static str), Trouble> {
    let text = app.settings.public_url.as_str();
    let url = parse(text)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    leads_somewhere(&host, &resolved(&url).await, from)?;
    let health = parse(&format!("{}{HEALTH}", text.trim_end_matches('/')))?;
    let is_ours = is_ours(&host, app.outbound.send(Request::get(health)).await)?;
    if !is_ours {
        return Ok((format!("{host} is a private address, and was not called: it may not be from here"), ""));
    }
    if url.scheme() == "http" && from == Caller::Internet {
        return Ok((format!("{host} answers, and is not https: callbacks come in the clear"), TO_HTTPS));
    }
    Ok((format!("{host} answers as this deployment"), ""))
}

const TO_HTTPS: &str = "Give the address a certificate, and COUNTERSIGN_PUBLIC_URL https://; then enter the new callback_url on the platform";

fn parse(text: &str) -> Result<Url, Trouble> {
    let url = address::check(&AddressPolicy::AllowAll, text);
    url.map_err(|why| {
        let fix = "Set COUNTERSIGN_PUBLIC_URL to the address at which the internet reaches this deployment, as https://approvals.example.com";
        (format!("the public address cannot be used: {why}"), fix.to_owned())
    })
}

/// From where the platform at this address calls. Hosts that the operator lists are in a private network.
fn from(platform: &Url, policy: &AddressPolicy) -> Caller {
    let literal = match platform.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(name)) if name.eq_ignore_ascii_case("localhost") => return Caller::ThisMachine,
        _ if matches!(policy, AddressPolicy::PublicAnd(_)) && policy.trusts(platform) => return Caller::PrivateNetwork,
        _ if address::check(&AddressPolicy::PublicOnly, platform.as_str()).is_err() => return Caller::PrivateNetwork,
        _ => return Caller::Internet,
    };
    if literal.is_loopback() {
        Caller::ThisMachine
    } else if is_public(literal) {
        Caller::Internet
    } else {
        Caller::PrivateNetwork
    }
}

/// The addresses behind a host; none where its name is unknown.
async fn resolved(url: &Url) -> Vec<IpAddr> {
    let host = match url.host() {
        Some(Host::Ipv4(address)) => return vec![address.into()],
        Some(Host::Ipv6(address)) => return vec![address.into()],
        Some(Host::Domain(name)) => name.to_owned(),
        None => return Vec::new(),
    };
    let resolve = move || (host.as_str(), 0).to_socket_addrs().map(|found| found.map(|at| at.ip()).collect());
    tokio::task::spawn_blocking(resolve).await.ok().and_then(Result::ok).unwrap_or_default()
}

/// Whether a name leads into a private network alone.
fn is_private(found: &[IpAddr]) -> bool {
    !found.is_empty() && !found.iter().copied().any(is_public)
}

/// Whether the platform may get to one of the addresses behind our host.
fn leads_somewhere(host: &str, found: &[IpAddr], from: Caller) -> Result<(), Trouble> {
    if found.is_empty() {
        let fix = format!("Make a DNS record of {host}, or set COUNTERSIGN_PUBLIC_URL to a name that has one");
        return Err((format!("the name {host} leads to no address"), fix));
    }
    if from == Caller::Internet && is_private(found) {
        let fix = "Set COUNTERSIGN_PUBLIC_URL to an address that the internet reaches: of a gateway, a load balancer or a tunnel \
                   that leads here; then enter the new callback_url on the platform";
        return Err((format!("{host} is a private address, and the platform calls from the internet"), fix.to_owned()));
    }
    Ok(())
}

/// Whether the answer to the question after our health is our own; `false` where it could not be asked from here.
fn is_ours(host: &str, answer: Result<Answer, OutboundError>) -> Result<bool, Trouble> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(OutboundError::AddressRefused { .. }) => return Ok(false),
        Err(error) => {
            let usual = format!(
                "Look whether what stands before Countersign (gateway, load balancer, tunnel) runs and lets {HEALTH} and \
                 /callbacks/ through. Where this network cannot call its own public address, ask {HEALTH} there from outside"
            );
            return Err((error.to_string(), error.fix().map_or(usual, str::to_owned)));
        }
    };
    let is_healthy = answer.json::<serde_json::Value>().is_some_and(|body| body["status"] == "ok");
    if answer.status == 200 && is_healthy {
        return Ok(true);
    }
    let fix = "Let the address lead to Countersign, without a sign-in before it, and COUNTERSIGN_PUBLIC_URL hold the whole of it, \
               with the path if there is one";
    Err((format!("something else than Countersign answers at {host} (HTTP {})", answer.status), fix.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_platform_calls_from_where_it_is() {
        let listed = address::policy("oa.example");
        for (platform, policy, expected) in [
            ("https://api.dingtalk.com", &AddressPolicy::AllowAll, Caller::Internet),
            ("https://api.dingtalk.com", &listed, Caller::Internet),
            ("https://8.8.8.8", &AddressPolicy::PublicOnly, Caller::Internet),
            ("https://oa.example/apply", &listed, Caller::PrivateNetwork),
            ("https://10.0.0.5", &AddressPolicy::AllowAll, Caller::PrivateNetwork),
            ("https://oa.internal", &AddressPolicy::AllowAll, Caller::PrivateNetwork),
            ("http://127.0.0.1:3000/sandbox/dingtalk", &AddressPolicy::AllowAll, Caller::ThisMachine),
            ("http://localhost:3000", &AddressPolicy::AllowAll, Caller::ThisMachine),
            ("http://[::1]", &AddressPolicy::AllowAll, Caller::ThisMachine),
        ] {
            assert_eq!(from(&url(platform), policy), expected, "{platform}");
        }
    }

    #[test]
    fn each_cause_has_its_own_remedy() {
        let private: &[IpAddr] = &["10.0.0.1".parse().unwrap()];
        let public: &[IpAddr] = &["10.0.0.1".parse().unwrap(), "8.8.8.8".parse().unwrap()];
        let nowhere = leads_somewhere("a.example", &[], Caller::PrivateNetwork).unwrap_err();
        let unreachable = leads_somewhere("a.example", private, Caller::Internet).unwrap_err();
        assert!(leads_somewhere("a.example", private, Caller::PrivateNetwork).is_ok());
        assert!(leads_somewhere("a.example", public, Caller::Internet).is_ok());
        assert!(is_private(private) && !is_private(public) && !is_private(&[]));
        let answer = |status, body: &str| is_ours("a.example", Ok(Answer::of(status, body.as_bytes().to_vec())));
        assert_eq!(answer(200, r#"{"status": "ok"}"#), Ok(true));
        let other = answer(200, "<html>Welcome</html>").unwrap_err();
        assert_eq!(answer(302, "").unwrap_err().1, other.1);
        let silent = is_ours("a.example", Err(OutboundError::Connect { host: "a.example".into() })).unwrap_err();
        let untrusted =
            OutboundError::Tls { host: "a.example".into(), fault: crate::providers::outbound::TlsFault::Expired };
        let expired = is_ours("a.example", Err(untrusted)).unwrap_err();
        let wrong = parse("countersign.example").unwrap_err();
        let mut fixes = vec![nowhere.1, unreachable.1, other.1, silent.1, expired.1, wrong.1, TO_HTTPS.to_owned()];
        fixes.sort();
        fixes.dedup();
        assert_eq!(fixes.len(), 7, "{fixes:?}");
        let refused = OutboundError::AddressRefused { host: "a.example".into() };
        assert_eq!(is_ours("a.example", Err(refused)), Ok(false));
    }
}
