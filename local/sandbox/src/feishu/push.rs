//! Sending events to the request URL: encrypted and signed when there is an Encrypt Key, in clear when there is none.

use std::time::Duration;

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::array::Array;
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Feishu;
use super::app::App;
use crate::platform::outbox;
use crate::platform::text::random_name;

/// How long the answer to an event may take. Documented.
const EVENT_DEADLINE: Duration = Duration::from_secs(3);
/// How long the answer to the check of a URL may take. Documented.
const CHECK_DEADLINE: Duration = Duration::from_secs(1);
/// When an event goes out again, in milliseconds after each failure: 15 s, 5 min, 1 h, 6 h. Documented. What happens to
/// the events behind one that is given up is unconfirmed; here they go out.
pub(super) const RETRIES: [i64; 4] = [15_000, 300_000, 3_600_000, 21_600_000];

const BLOCK: usize = 16;

/// Sends one event; both texts are for people.
pub(super) async fn event(host: &Feishu, app: &App, url: &str, event: &str) -> Result<String, String> {
    let (world, client) = (&host.world, &host.http);
    let mut request = client.post(url).header("content-type", "application/json;charset=utf-8");
    let body = match &app.encrypt_key {
        None => event.to_owned(),
        Some(key) => {
            let body = json!({"encrypt": encrypt(world.random(), key.expose_secret(), event)}).to_string();
            // Whether a repeated event is signed anew is unconfirmed; here it is.
            let timestamp = world.now().div_euclid(1000).to_string();
            let nonce = random_name(world, b"0123456789", 10);
            let signature = signature(&timestamp, &nonce, key.expose_secret(), &body);
            request = request
                .header("x-lark-request-timestamp", timestamp)
                .header("x-lark-request-nonce", nonce)
                .header("x-lark-signature", signature);
            body
        }
    };
    let answer = outbox::send(request.body(body), EVENT_DEADLINE).await?;
    match answer.status {
        200 => Ok("200".to_owned()),
        other => Err(format!("HTTP {other}")),
    }
}

/// The check of a URL that is about to be saved: it has to give the challenge back. It carries no signature.
pub(super) async fn check(host: &Feishu, app: &App, url: &str) -> Result<(), String> {
    let (world, client) = (&host.world, &host.http);
    let challenge = random_name(world, b"0123456789abcdef-", 36);
    let token = app.verification_token.expose_secret();
    let question = json!({"challenge": challenge, "token": token, "type": "url_verification"}).to_string();
    let body = match &app.encrypt_key {
        None => question,
        Some(key) => json!({"encrypt": encrypt(world.random(), key.expose_secret(), &question)}).to_string(),
    };
    let request = client.post(url).header("content-type", "application/json;charset=utf-8").body(body);
    let answer = outbox::send(request, CHECK_DEADLINE).await.map_err(|error| format!("请求网址校验失败: {error}"))?;
    if answer.status != 200 {
        return Err(format!("请求网址校验失败: HTTP {}", answer.status));
    }
    let reply: Value = serde_json::from_slice(&answer.body).map_err(|_| "返回数据不是合法的JSON格式".to_owned())?;
    match reply["challenge"] == *challenge {
        true => Ok(()),
        false => Err("Challenge code没有返回".to_owned()),
    }
}

/// AES-256-CBC with the key's SHA-256, the IV in front, padded to 16 bytes, as base64.
fn encrypt(iv: [u8; BLOCK], key: &str, plain: &str) -> String {
    let pad = BLOCK - plain.len() % BLOCK;
    let mut bytes = plain.as_bytes().to_vec();
    bytes.resize(plain.len() + pad, u8::try_from(pad).unwrap_or_default());
    let key = Array::from(<[u8; 32]>::from(Sha256::digest(key.as_bytes())));
    let (blocks, _) = Array::slice_as_chunks_mut(&mut bytes);
    cbc::Encryptor::<Aes256>::new(&key, &Array::from(iv)).encrypt_blocks(blocks);
    STANDARD.encode([iv.as_slice(), &bytes].concat())
}

/// The lower-case hexadecimal SHA-256 of time, nonce, key and body, one after the other.
fn signature(timestamp: &str, nonce: &str, key: &str, body: &str) -> String {
    let digest = Sha256::digest([timestamp, nonce, key, body].concat());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn an_event_is_encrypted_as_others_encrypt_it() {
        let official = "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=";
        let iv = STANDARD.decode(official).unwrap()[..16].try_into().unwrap();
        assert_eq!(encrypt(iv, "test key", "hello world"), official);
    }

    #[test]
    fn a_challenge_is_encrypted_as_others_encrypt_it() {
        let known = "ESIzRFVmd4iZAKq7zN3u/ymH/GseW9HsuDlFDC5ycHztO8LujCbC0crPGLkrN4mCsszkeHPJRAGO4Nf5dD1k7eY6n1gY4lgYfmlRe8YRRwTuqpK8hy7xxJHIOL6so0vQIPNVJqrN7aL7m4AMCbU8Qn5mK7PUTLSdTrSw9QU/2SU=";
        let iv = STANDARD.decode(known).unwrap()[..16].try_into().unwrap();
        let question =
            r#"{"challenge":"ajls384kdjx98XX","token":"v3rT0kEnAbCdEfGhIjKlMnOpQrStUv01","type":"url_verification"}"#;
        assert_eq!(encrypt(iv, "hJ7c2QpXv9LmT4sWz8RfYb3N", question), known);
    }

    #[test]
    fn a_signature_covers_time_nonce_key_and_body() {
        let body = r#"{"encrypt":"8OHSw7Sllod4aVpLPC0eD+XLGiuxNiGuKvppcYnI4+L2Z9/dpf3+fAH2Vaif1m4GUMR2eDWjtq/csfBporiF9/1x2oUkUfsq7ZgjBw+qVthyAVEFxkwNP/E0HVmPYE9RCtbXVdCqGobSG7pMHqwU0KaG7ODYcpvXyWj86N4jBfl2d9ChZdkxXxWBeOnS3YoybXm94BUN7dbG50FVb369XeCfSz4Re3yC1jvLUntyBaGX/WUJLbPx7mQqdpuUP/vNlLTfQLVkRdziefSfrtR2PBJPJjBSiLfM6m/vEsYiUFFTQPEcNVHpMBG1JTUA5xTx/X+eslTbQNyG1JOOBVScXw1wTzSNCLn+60FF/wTi7ebbBMhTM8NjulUdQypuibYZscjHAQs8zbSEnUXi4DrlAmGSdfyLMTp6Y5Sx7KTX8CBuRDrJ9YDcsbv4t6N24JFB9gZqCU9+f01aZVW//AbwP2P50+13aeWmuTO/p2afNc0dTzk8yGI2lV6mvu3O6SxyewkPB50hFfzVBJf+UaW+SXug1O2mfs3UhDoPb+KdjNLLq5+oda1mEy+/iw+iOWmmrZUJNLMwCK9Vrnt+4A/WALP33djHVVrSR+0trUI1HlG2vsSWX2TLDs95Sy1+QkVoIcLg4H9BrMrx8tKBlNEW3QUh7bjWm5Ec5neHfGYpJj+VVfQpBgtjzp3h8B/luHTj59CSD6626yOU3Rag+MFl0Tp3VCMCTXCK/l8b+318xZA5RYqkskzIQ/bbvg4ey3hHrb7bLE1f56o5Q6h7zx8C3+BNGLCs+t0sZ01IPxTuBVya+XlRJyPGzNeIkGwd5/oU8tqxKzqyTyMWeg4BueK9lDyLPrAUOZR/MlIZpL5aGhtvXnr0z6NqIqCMzoTS0Ad/EOJqd0Lr6kMHO9d22KsLEJipHxTTS30hm3HsN2SbxnY="}"#;
        let signature = signature("1766391026", "a8Zq_-0Wn", "hJ7c2QpXv9LmT4sWz8RfYb3N", body);
        assert_eq!(signature, "6b354e9e48b7b245a997f71b3b05b610e06c2635b677ff01f9b887529e51a529");
    }
}
