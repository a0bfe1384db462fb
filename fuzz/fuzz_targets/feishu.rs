//! Feishu's callbacks: the first byte says whether the rest is the body as it comes, the body with its right signature, or what was
//! sealed in it.

#![no_main]

use std::sync::LazyLock;

use countersign::crypto::passphrase::Passphrase;
use countersign::providers::Account;
use countersign::providers::feishu::Feishu;
use countersign_fuzz::{NONCE, TIMESTAMP, account, open, request};
use libfuzzer_sys::fuzz_target;
use secrecy::SecretString;

const TOKEN: &str = "v3rT0kEnAbCdEfGhIjKlMnOpQrStUv01";
const APP: &str = "cli_a1b2c3d4e5f6a00d";
const ENCRYPT_KEY: &str = "fuzzEncryptKey0000000000000000001";

static ACCOUNT: LazyLock<Account> =
    LazyLock::new(|| account(&[("app_id", APP)], &[("verification_token", TOKEN), ("encrypt_key", ENCRYPT_KEY)]));
/// A connection without an Encrypt Key: the token in the text proves it.
static OPEN: LazyLock<Account> = LazyLock::new(|| account(&[("app_id", APP)], &[("verification_token", TOKEN)]));
static SECRET: LazyLock<SecretString> = LazyLock::new(|| ENCRYPT_KEY.into());

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let key = Passphrase::new(&SECRET);
    let signed = |body: &[u8]| {
        let signature = key.signature(TIMESTAMP, NONCE, body);
        let headers = [
            ("x-lark-request-timestamp", TIMESTAMP),
            ("x-lark-request-nonce", NONCE),
            ("x-lark-signature", signature.as_str()),
        ];
        request(&[], &headers, body)
    };
    // What is signed must also hold the token and name the app, so none of these is sure to be taken.
    match kind % 6 {
        0 => open(&Feishu, &ACCOUNT, &request(&[], &[], rest), false),
        1 => open(&Feishu, &OPEN, &request(&[], &[], rest), false),
        2 => open(&Feishu, &ACCOUNT, &signed(rest), false),
        _ => {
            let encrypt = key.encrypt([7; 16], rest);
            let body = serde_json::json!({ "encrypt": encrypt }).to_string();
            open(&Feishu, &ACCOUNT, &signed(body.as_bytes()), false);
        }
    }
});
