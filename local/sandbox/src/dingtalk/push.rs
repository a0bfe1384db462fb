//! Sending events to the subscriber, and judging the answer: encrypted, signed, `success` and nothing else.

use std::time::Duration;

use countersign::clock::World;
use countersign::crypto::envelope::Keys;
use serde::Deserialize;
use serde_json::json;

use super::DingTalk;
use super::app::App;
use crate::platform::outbox::{self, Answer};
use crate::platform::text::random_name;

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
pub(super) async fn push(host: &DingTalk, app: &App, url: &str, event: &str) -> Result<String, String> {
    let keys = app.subscription.keys().ok_or("加密 aes_key 不合法")?;
    let mut url: reqwest::Url = url.parse().map_err(|_| "URL 不合法".to_owned())?;
    let world = &host.world;
    let timestamp = world.now().to_string();
    let nonce = random_text(world, 8);
    let mut random = [0; 16];
    random.copy_from_slice(random_text(world, 16).as_bytes());
    let encrypt = keys.encrypt(random, event.as_bytes(), app.app_key.as_bytes());
    let signature = keys.signature(&timestamp, &nonce, &encrypt);
    let query = [("signature", &signature), ("timestamp", &timestamp), ("nonce", &nonce)];
    url.query_pairs_mut().extend_pairs(query);
    let body = json!({"encrypt": encrypt}).to_string();
    let request = host.http.post(url).header("content-type", "application/json").body(body);
    let answer = outbox::send(request, DEADLINE).await;
    let answer = answer.map_err(|error| format!("访问 URL 失败: {error}"))?;
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
