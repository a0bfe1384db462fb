//! Sending events to the subscriber, and judging the answer: encrypted, signed, `success` and nothing else.

use std::time::Duration;

use countersign::clock::World;
use countersign::crypto::envelope::Keys;
use serde::Deserialize;
use serde_json::json;

use super::DingTalk;
use super::app::App;
use super::state::{Batch, State};
use crate::sandbox::platform::outbox::{self, Answer, Attempt, CallbackState};
use crate::sandbox::platform::text::random_name;

/// How long the subscriber may take. Documented for HTTP pushes; older pages name less.
const DEADLINE: Duration = Duration::from_millis(2_500);
/// When a failed push is repeated, in milliseconds after each failure. Documented.
pub(super) const RETRIES: [i64; 2] = [10_000, 30_000];
/// What the console says of an answer that is not the encrypted `success`.
const BAD_ANSWER: &str = "HTTP请求结果校验返回字段值失败";

/// The subscriber's answer. The names are these, and all four are texts.
#[derive(Deserialize)]
struct Reply {
    msg_signature: String,
    #[serde(rename = "timeStamp")]
    time_stamp: String,
    nonce: String,
    encrypt: String,
}

/// Sends one event; the error is what the console shows.
pub(super) async fn push(
    client: &reqwest::Client,
    world: &World,
    app: &App,
    url: &str,
    event: &str,
) -> Result<String, String> {
    let keys = app.subscription.keys().ok_or("加密 aes_key 不合法")?;
    let mut url: reqwest::Url = url.parse().map_err(|_| "URL 不合法".to_owned())?;
    let timestamp = world.now().to_string();
    let nonce = random_text(world, 8);
    let mut random = [0; 16];
    random.copy_from_slice(random_text(world, 16).as_bytes());
    let encrypt = keys.encrypt(random, event.as_bytes(), app.app_key.as_bytes());
    let signature = keys.signature(&timestamp, &nonce, &encrypt);
    let query = [("signature", &signature), ("timestamp", &timestamp), ("nonce", &nonce)];
    url.query_pairs_mut().extend_pairs(query);
    let body = json!({"encrypt": encrypt}).to_string();
    let answer = outbox::post(client, url.as_str(), body, DEADLINE).await?;
    judge(&keys, &app.app_key, &answer)
}

/// Whether an answer is the encrypted `success`.
fn judge(keys: &Keys, app_key: &str, answer: &Answer) -> Result<String, String> {
    let status = answer.status;
    if status != 200 {
        return Err(format!("{BAD_ANSWER}: HTTP {status}"));
    }
    let reply: Reply = serde_json::from_slice(&answer.body).map_err(|error| format!("{BAD_ANSWER}: {error}"))?;
    let verified = keys
        .verify(&reply.msg_signature, &reply.time_stamp, &reply.nonce, &reply.encrypt)
        .map_err(|_| format!("{BAD_ANSWER}: 签名计算失败"))?;
    let opened = keys.decrypt(verified).map_err(|_| format!("{BAD_ANSWER}: 计算解密文字失败"))?;
    if opened.owner() != app_key.as_bytes() {
        return Err(format!("{BAD_ANSWER}: 计算解密文字corpid不匹配"));
    }
    if opened.message() != b"success" {
        return Err(format!("{BAD_ANSWER}: 返回内容不是 success"));
    }
    Ok("success".to_owned())
}

fn random_text(world: &World, length: usize) -> String {
    random_name(world, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", length)
}

/// A callback that is about to be sent.
struct Outgoing {
    app: App,
    url: Option<String>,
    event: String,
    /// Extra copies still to be sent; they go with the first attempt.
    copies: u32,
}

impl DingTalk {
    /// Sends a batch, one after the other.
    pub(super) async fn deliver(&self, batch: &Batch) {
        for number in &batch.numbers {
            self.deliver_one(&batch.instance, *number).await;
        }
    }

    /// Sends every callback that is due, those of different instances at once, and waits for the answers.
    pub(in crate::sandbox) async fn deliver_due(&self) {
        let due: Vec<Batch> = {
            let state = self.state();
            let now = state.now();
            let batch = |instance: &super::model::Instance| {
                let due = instance
                    .callbacks
                    .iter()
                    .filter(|callback| callback.state == CallbackState::Pending && callback.due_at <= now);
                Batch { instance: instance.id.clone(), numbers: due.map(|callback| callback.number).collect() }
            };
            state.instances.values().map(batch).filter(|batch| !batch.numbers.is_empty()).collect()
        };
        let mut sending = tokio::task::JoinSet::new();
        for batch in due {
            let platform = self.clone();
            sending.spawn(async move { platform.deliver(&batch).await });
        }
        sending.join_all().await;
    }

    async fn deliver_one(&self, instance: &str, number: u32) {
        let Some(outgoing) = self.take(instance, number) else { return };
        for copy in 0..=outgoing.copies {
            let (at, began) = (self.inner.world.now(), std::time::Instant::now());
            let outcome = match &outgoing.url {
                Some(url) => push(&self.inner.http, &self.inner.world, &outgoing.app, url, &outgoing.event).await,
                None => Err("no callback URL is set".to_owned()),
            };
            let took_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
            let (ok, detail) = match outcome {
                Ok(detail) => (true, detail),
                Err(detail) => (false, detail),
            };
            self.record(instance, number, Attempt { at, took_ms, ok, detail, copy: copy > 0 });
        }
        self.state().in_flight.remove(&(instance.to_owned(), number));
    }

    /// Takes a pending callback for sending, unless somebody else is at it.
    fn take(&self, instance: &str, number: u32) -> Option<Outgoing> {
        let mut state = self.state();
        let callback = state.instances.get(instance)?.callbacks.iter().find(|callback| callback.number == number)?;
        if callback.state != CallbackState::Pending {
            return None;
        }
        let copies = if callback.attempts.is_empty() { callback.copies } else { 0 };
        let event = callback.event.clone();
        let app = state.app.clone();
        let free = state.in_flight.insert((instance.to_owned(), number));
        free.then(|| Outgoing { url: app.subscription.url.clone(), app, event, copies })
    }

    fn record(&self, instance: &str, number: u32, attempt: Attempt) {
        let mut state = self.state();
        let now = state.now();
        let Some(mut instance) = state.instances.get(instance).cloned() else { return };
        if let Some(callback) = instance.callbacks.iter_mut().find(|callback| callback.number == number) {
            callback.record(attempt, now, &RETRIES);
        }
        keep(&mut state, instance);
    }
}

/// A result that cannot be kept is not lost for good: the callback stays pending and goes out again.
fn keep(state: &mut State, instance: super::model::Instance) {
    if let Err(error) = state.put_instance(instance) {
        tracing::error!(%error, "the DingTalk sandbox cannot keep the result of a callback");
    }
}
