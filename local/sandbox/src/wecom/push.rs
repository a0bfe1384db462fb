//! Reaching the URL that receives events: the check when it is saved, and the events.

use std::time::Duration;

use countersign::clock::World;
use countersign::crypto::envelope::Keys;

use super::WeCom;
use super::app::App;
use super::events::cdata;
use crate::platform::outbox;
use crate::platform::text::random_name;

/// How long the check may take. Documented.
const CHECK_DEADLINE: Duration = Duration::from_secs(1);
/// How long an event's answer may take. Documented.
const DEADLINE: Duration = Duration::from_secs(5);
/// When a failed event is sent again, in milliseconds after each failure: three times, as documented, then it is lost. How
/// long the platform waits in between is unconfirmed.
pub(super) const RETRIES: [i64; 3] = [5_000, 5_000, 5_000];
/// What the console says of a URL that does not answer the check. Seen in captures.
const REFUSED: &str = "openapi回调地址请求不通过";
const DIGITS: &[u8] = b"0123456789";

/// Where a signed text goes.
struct Signed {
    url: reqwest::Url,
    timestamp: String,
    nonce: String,
}

impl Signed {
    fn new(world: &World, url: &str) -> Result<Self, String> {
        let url = url.parse().map_err(|_| "URL 不合法".to_owned())?;
        Ok(Self { url, timestamp: (world.now() / 1000).to_string(), nonce: random_name(world, DIGITS, 10) })
    }

    /// The address with the signature of an encrypted text.
    fn address(mut self, keys: &Keys, encrypt: &str) -> reqwest::Url {
        let signature = keys.signature(&self.timestamp, &self.nonce, encrypt);
        let query = [("msg_signature", &signature), ("timestamp", &self.timestamp), ("nonce", &self.nonce)];
        self.url.query_pairs_mut().extend_pairs(query);
        self.url
    }
}

fn seal(keys: &Keys, world: &World, app: &App, message: &str) -> String {
    keys.encrypt(world.random(), message.as_bytes(), app.corp_id.as_bytes())
}

/// The check: a GET whose answer is the decrypted text and nothing else. The error is what the console shows.
pub(super) async fn check(host: &WeCom, app: &App, url: &str) -> Result<(), String> {
    let keys = app.subscription.keys().ok_or("EncodingAESKey 不合法")?;
    let world = &host.world;
    let echo = random_name(world, b"123456789", 19);
    let encrypt = seal(&keys, world, app, &echo);
    let mut address = Signed::new(world, url)?.address(&keys, &encrypt);
    address.query_pairs_mut().append_pair("echostr", &encrypt);
    let answer = outbox::send(host.http.get(address), CHECK_DEADLINE).await;
    let answer = answer.map_err(|error| format!("{REFUSED}: {error}"))?;
    match answer.status {
        200 if answer.body == echo.as_bytes() => Ok(()),
        200 => Err(format!("{REFUSED}: the answer is not the decrypted echostr and nothing else")),
        status => Err(format!("{REFUSED}: HTTP {status}")),
    }
}

/// Sends one event. Anything but a 200 in time is a failure; the answer's body is not read.
pub(super) async fn push(host: &WeCom, app: &App, url: &str, event: &str) -> Result<String, String> {
    let keys = app.subscription.keys().ok_or("EncodingAESKey 不合法")?;
    let encrypt = seal(&keys, &host.world, app, event);
    let address = Signed::new(&host.world, url)?.address(&keys, &encrypt);
    // The order of the elements is not fixed; seen in captures is this one.
    let body = format!(
        "<xml><ToUserName>{}</ToUserName><Encrypt>{}</Encrypt><AgentID>{}</AgentID></xml>",
        cdata(&app.corp_id),
        cdata(&encrypt),
        cdata(&app.agent_id),
    );
    let request = host.http.post(address).header("content-type", "text/xml").body(body);
    match outbox::send(request, DEADLINE).await?.status {
        200 => Ok("HTTP 200".to_owned()),
        status => Err(format!("HTTP {status}")),
    }
}
