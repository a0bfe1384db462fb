//! DingTalk's callbacks: the first byte says whether the rest is the request's body or what was sealed in it.

#![no_main]

use std::sync::LazyLock;

use countersign::providers::Account;
use countersign::providers::dingtalk::DingTalk;
use countersign_fuzz::{AES_KEY, NONCE, TIMESTAMP, TOKEN, account, open, request, seal};
use libfuzzer_sys::fuzz_target;

const OWNER: &str = "dingfuzzappkey000001";

static ACCOUNT: LazyLock<Account> =
    LazyLock::new(|| account(&[("app_key", OWNER)], &[("token", TOKEN), ("aes_key", AES_KEY)]));

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    if kind % 4 == 0 {
        let query = [("signature", "0"), ("timestamp", TIMESTAMP), ("nonce", NONCE)];
        return open(&DingTalk, &ACCOUNT, &request(&query, &[], rest), false);
    }
    let (encrypt, signature) = seal(rest, OWNER);
    let query = [("signature", signature.as_str()), ("timestamp", TIMESTAMP), ("nonce", NONCE)];
    let body = serde_json::json!({ "encrypt": encrypt }).to_string();
    open(&DingTalk, &ACCOUNT, &request(&query, &[], body.as_bytes()), true);
});
