//! WeCom's callbacks: the first byte says whether the rest is the request's body or what was sealed in it.

#![no_main]

use std::sync::LazyLock;

use countersign::providers::Account;
use countersign::providers::wecom::WeCom;
use countersign_fuzz::{AES_KEY, NONCE, TIMESTAMP, TOKEN, account, open, request, seal};
use libfuzzer_sys::fuzz_target;

const CORPORATION: &str = "ww1a2b3c4d5e6f7081";

static ACCOUNT: LazyLock<Account> = LazyLock::new(|| {
    account(&[("corp_id", CORPORATION), ("agent_id", "1000012")], &[("token", TOKEN), ("aes_key", AES_KEY)])
});

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    if kind % 4 == 0 {
        let query = [("msg_signature", "0"), ("timestamp", TIMESTAMP), ("nonce", NONCE)];
        return open(&WeCom, &ACCOUNT, &request(&query, &[], rest), false);
    }
    let (encrypt, signature) = seal(rest, CORPORATION);
    let query = [("msg_signature", signature.as_str()), ("timestamp", TIMESTAMP), ("nonce", NONCE)];
    let body = format!(
        "<xml><ToUserName><![CDATA[{CORPORATION}]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"
    );
    open(&WeCom, &ACCOUNT, &request(&query, &[], body.as_bytes()), true);
});
