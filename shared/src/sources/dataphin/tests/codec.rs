//! What is sealed opens again under every combination of settings, and under DingTalk's own code by default.

use base64::Engine as _;
use proptest::prelude::*;
use secrecy::SecretString;

use super::{AES_KEY, CALLBACK, TOKEN, receiver};
use crate::clock::World;
use crate::crypto::envelope::{BASE64, Keys};
use crate::sources::dataphin::{Codec, Decision, OpenError, Outcome, Unopened, callback, open};
use crate::sources::{Receiver, Unsendable};

fn codec(settings: &[(&str, &str)]) -> Codec {
    Codec::of(&receiver(settings)).unwrap()
}

fn with_key(key: &str, settings: &[(&str, &str)]) -> Receiver {
    let mut receiver = receiver(settings);
    receiver.secrets.insert("encoding_aes_key".to_owned(), key.into());
    receiver
}

fn decision() -> Decision {
    Decision {
        apply_id: "001".into(),
        tenant_id: Some("100000001".into()),
        instance_id: "apr_1".into(),
        outcome: Outcome::Approved,
        by: None,
        comment: Some("fine".into()),
        at: 1_790_000_000_000,
    }
}

#[test]
fn by_default_it_is_dingtalks_envelope() {
    let keys = Keys::new(&SecretString::from(TOKEN), &SecretString::from(AES_KEY)).unwrap();
    let codec = codec(&[]);
    let encrypt = codec.seal(b"{}", &World::system());
    let signature = codec.signature("1", "n", &encrypt).unwrap();
    let opened = keys.decrypt(keys.verify(&signature, "1", "n", &encrypt).unwrap()).unwrap();
    assert_eq!((opened.message(), opened.owner()), (&b"{}"[..], &b""[..]));
    let theirs = keys.encrypt([7; 16], b"hello", b"");
    assert_eq!(codec.open(&theirs).unwrap().message, b"hello");
    assert_ne!(codec.seal(b"{}", &World::system()), encrypt, "no two are the same");
}

#[test]
fn ecb_is_aes_as_it_was_published() {
    // FIPS 197, appendix C: the same plain block under keys of three lengths.
    let plain: Vec<u8> = (0..16).map(|n| n * 0x11).collect();
    for (length, sealed) in [
        (16, "69c4e0d86a7b0430d8cdb78070b4c55a"),
        (24, "dda97ca4864cdfe06eaf70a0ec0d7191"),
        (32, "8ea2b7ca516745bfeafc49904b496089"),
    ] {
        let key = base64::engine::general_purpose::STANDARD.encode((0..length).collect::<Vec<u8>>());
        let settings = [("key_encoding", "base64"), ("mode", "ecb"), ("frame", "bare"), ("padding", "pkcs7_16")];
        let codec = Codec::of(&with_key(&key, &settings)).unwrap();
        let bytes = BASE64.decode(codec.seal(&plain, &World::system())).unwrap();
        let hex: String = bytes[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((hex.as_str(), bytes.len()), (sealed, 32));
    }
}

#[test]
fn the_padding_is_to_the_setting_and_any_of_1_to_32_is_taken() {
    for padding in ["pkcs7_16", "pkcs7_32"] {
        let settings = [("padding", padding), ("frame", "bare")];
        let (wide, to) = (codec(&settings), if padding == "pkcs7_16" { 16 } else { 32 });
        for length in 0..=64 {
            let message = vec![b'x'; length];
            let sealed = wide.seal(&message, &World::system());
            assert_eq!(BASE64.decode(&sealed).unwrap().len(), (length / to + 1) * to);
            // Whatever the reader's own setting says.
            for reading in ["pkcs7_16", "pkcs7_32"] {
                let reader = codec(&[("padding", reading), ("frame", "bare")]);
                assert_eq!(reader.open(&sealed).unwrap().message, message);
            }
        }
    }
}

#[test]
fn keys_that_do_not_fit_are_told_without_the_key() {
    for (key, encoding) in
        [("short", "dingtalk43"), ("hunter2hunter2", "utf8"), ("!!!!", "base64"), ("QUJD", "base64"), (AES_KEY, "utf8")]
    {
        let Unsendable(why) = Codec::of(&with_key(key, &[("key_encoding", encoding)])).unwrap_err();
        assert!(why.contains("`encoding_aes_key`") && !why.contains(key), "{why}");
    }
    for (key, encoding) in [(&format!("{AES_KEY}=")[..], "dingtalk43"), ("0123456789abcdef", "utf8")] {
        assert!(Codec::of(&with_key(key, &[("key_encoding", encoding)])).is_ok(), "{key}");
    }
    let mut none = receiver(&[]);
    none.secrets.clear();
    assert!(Codec::of(&none).is_err());
}

#[test]
fn what_does_not_open_says_what_to_look_at() {
    let codec = codec(&[]);
    assert_eq!(codec.open("***"), Err(OpenError::NotBase64));
    assert_eq!(codec.open(""), Err(OpenError::NotBlocks));
    assert_eq!(codec.open("AAAA"), Err(OpenError::NotBlocks));
    let other = Codec::of(&with_key(&"B".repeat(43), &[])).unwrap();
    assert!(other.open(&codec.seal(b"{}", &World::system())).is_err());
    assert_eq!(format!("{codec:?}"), "Codec([REDACTED])");
}

#[test]
fn a_written_callback_is_opened_with_its_query() {
    let receiver = receiver(&[]);
    let sent = callback::Callback::write(&receiver, &decision(), &World::system()).unwrap();
    let query: Vec<(String, String)> = sent.url.query_pairs().into_owned().collect();
    let names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["timestamp", "nonce", "signature"]);
    assert!(sent.url.as_str().starts_with(CALLBACK));
    let captured = open(&receiver, &query, &sent.body).unwrap();
    assert_eq!((captured.signed, captured.for_us), (Some(true), true));
    assert_eq!(captured.opened.message, sent.plain.as_bytes());
    // The ciphertext alone, as it may be copied.
    let body: serde_json::Value = serde_json::from_str(&sent.body).unwrap();
    let alone = open(&receiver, &query, body["encrypt"].as_str().unwrap()).unwrap();
    assert_eq!((alone.signed, alone.opened), (Some(true), captured.opened));
    assert_eq!(open(&receiver, &[], &sent.body).unwrap().signed, Some(false));
    assert_eq!(open(&receiver, &query, "{}"), Err(Unopened::NoEnvelope));
}

#[test]
fn stamps_may_travel_in_the_body_under_other_names() {
    let settings = [
        ("stamp_in", "body"),
        ("envelope_field", "data.cipher"),
        ("timestamp_name", "timeStamp"),
        ("signature_name", "msg_signature"),
        ("nonce_name", "-"),
        ("access_token_name", "accessToken"),
        ("token_from", "setting"),
    ];
    let receiver = receiver(&settings);
    let sent = callback::Callback::write(&receiver, &decision(), &World::system()).unwrap();
    let body: serde_json::Value = serde_json::from_str(&sent.body).unwrap();
    let names: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["data", "msg_signature", "timeStamp"]);
    assert_eq!(sent.url.query(), Some(format!("accessToken={TOKEN}").as_str()));
    // A nonce that is not sent is not signed either.
    assert_eq!(open(&receiver, &[], &sent.body).unwrap().signed, Some(true));
}

/// One value of each setting of the codec.
fn any_settings() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let one = |name: &'static str, values: &'static [&'static str]| {
        prop::sample::select(values).prop_map(move |value| (name, value))
    };
    (
        one("key_encoding", &["dingtalk43", "base64", "utf8"]),
        one("mode", &["cbc", "ecb"]),
        one("iv", &["key_prefix", "zero", "random_prefixed"]),
        one("padding", &["pkcs7_32", "pkcs7_16"]),
        one("frame", &["dingtalk", "bare"]),
        one("owner_from", &["nothing", "access_token", "setting"]),
        one("sign", &["sha1_sorted", "none"]),
        one("token_from", &["access_token", "setting"]),
    )
        .prop_map(|(a, b, c, d, e, f, g, h)| vec![a, b, c, d, e, f, g, h, ("owner", "dataphin")])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(500)))]

    #[test]
    fn what_is_sealed_opens(settings in any_settings(), message in prop::collection::vec(any::<u8>(), 0..100)) {
        let key = if settings[0].1 == "utf8" { "0123456789abcdef0123456789abcdef" } else { AES_KEY };
        let codec = Codec::of(&with_key(key, &settings)).unwrap();
        let sealed = codec.seal(&message, &World::system());
        let opened = codec.open(&sealed).unwrap();
        prop_assert!(codec.is_for_us(&opened));
        prop_assert_eq!(opened.message, message);
        let owner = match settings[5].1 { "nothing" => "", "access_token" => TOKEN, _ => "dataphin" };
        let framed = settings[4].1 == "dingtalk";
        prop_assert_eq!(opened.owner, framed.then(|| owner.as_bytes().to_vec()));
        prop_assert_eq!(codec.signature("1", "2", &sealed).is_some(), settings[6].1 == "sha1_sorted");
    }

    #[test]
    fn garbage_never_panics(settings in any_settings(), bytes in prop::collection::vec(any::<u8>(), 0..130)) {
        let key = if settings[0].1 == "utf8" { "0123456789abcdef0123456789abcdef" } else { AES_KEY };
        let _ = Codec::of(&with_key(key, &settings)).unwrap().open(&BASE64.encode(bytes));
    }
}
