//! What the targets share: an account whose keys are known, and what must hold of a callback however it was opened.

use std::sync::LazyLock;

use countersign::approval::{Approval, DecidedBy, Mode, Node, Person, Stage};
use countersign::clock::World;
use countersign::crypto::envelope::Keys;
use countersign::providers::{Account, Provider, RawCallback};
use secrecy::SecretString;
use serde_json::Value;

/// The token of DingTalk's and WeCom's envelope.
pub const TOKEN: &str = "fuzzToken0001";
/// The key of that envelope.
pub const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
/// When callbacks are made, in seconds.
pub const TIMESTAMP: &str = "1790000000";
/// Their random text.
pub const NONCE: &str = "830146027";

/// An account with these settings and secrets.
#[must_use]
pub fn account(settings: &[(&str, &str)], secrets: &[(&str, &str)]) -> Account {
    let texts = settings.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
    let hidden = secrets.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value)));
    Account {
        connection: "con_1".into(),
        settings: texts.collect(),
        secrets: hidden.collect(),
        old_secrets: None,
        templates: [("ours".to_owned(), "PROC-1".to_owned())].into(),
    }
}

/// A request with these parameters.
#[must_use]
pub fn request(query: &[(&str, &str)], headers: &[(&str, &str)], body: &[u8]) -> RawCallback {
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    RawCallback { method: "POST".into(), query: pairs(query), headers: pairs(headers), body: body.to_vec() }
}

/// A text sealed in the envelope that DingTalk and WeCom share, for this owner, and its signature.
#[must_use]
pub fn seal(text: &[u8], owner: &str) -> (String, String) {
    static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::new(&TOKEN.into(), &AES_KEY.into()).unwrap());
    let encrypt = KEYS.encrypt([7; 16], text, owner.as_bytes());
    let signature = KEYS.signature(TIMESTAMP, NONCE, &encrypt);
    (encrypt, signature)
}

/// Opens a callback. What it tells is bounded, is taken by the state machine and taken again as nothing new; what it was proved to be
/// is answered with success, and what was not is answered as a refusal.
pub fn open(provider: &dyn Provider, account: &Account, raw: &RawCallback, is_proved: bool) {
    let world = World::system();
    let opened = match provider.open(account, raw, &world) {
        Ok(opened) => opened,
        Err(error) => {
            assert!(!is_proved, "it is the platform's, and was refused: {error}");
            let reply = provider.reject(error);
            assert!((400..500).contains(&reply.status), "a refusal is answered {}", reply.status);
            return;
        }
    };
    assert!(opened.notices.len() <= 1_000, "{} notices", opened.notices.len());
    for notice in &opened.notices {
        assert!(!notice.instance.is_empty(), "of which instance?");
        let person = |account: &str| Person::with_account(account);
        let node = |name: &str, who: &str| Node::new(name, Mode::Any, vec![person(who)]);
        let nodes = vec![node("one", "u1"), node("two", "u2")];
        let mut stage = Stage::new("con_1".into(), provider.kind().into(), DecidedBy::Platform, nodes);
        stage.account_ids = provider.account_ids();
        let mut approval = Approval::new(1_790_000_000_000, person("u0"), vec![stage], 0);
        approval.started(0, notice.instance.clone(), None, 1_790_000_000_000);
        for event in &notice.events {
            let before = approval.clone();
            approval.apply(0, event.clone());
            assert!(approval.follows(&before), "{event:?} made {before:?} {approval:?}");
            assert!(!approval.apply(0, event.clone()), "{event:?} is new again");
        }
        let _ = approval.view();
    }
    assert_eq!(opened.acknowledge(&world).status, 200);
}
