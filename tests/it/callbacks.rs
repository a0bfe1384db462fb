//! What may come in at `/callbacks/{connection}`: nothing bad is taken in, and nothing is said about why.

use aws_sdk_dynamodb::types::AttributeValue;
use countersign::approval::Mode;
use countersign::store::{Consistency, keys};
use countersign_tests::desk::{
    AES_KEY, APP_KEY, APP_SECRET, Desk, TEMPLATE, TOKEN, callback_path, connection, instance_event, keys, make, opened,
    task_event,
};
use countersign_tests::http::Answer;
use serde_json::{Value, json};

const ONE: &[(&str, Mode, &[&str])] = &[("Owner", Mode::Any, &["manager4220"])];

/// The one refusal of what is not from the platform.
const UNAUTHORIZED: &str = r#"{"errcode":401,"errmsg":"signature does not match"}"#;

fn vectors(group: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../fixtures/dingtalk_callback.json")).unwrap();
    file[group].as_array().unwrap().clone()
}

#[track_caller]
fn tells_no_secret(answer: &Answer) {
    for secret in [TOKEN, AES_KEY, APP_SECRET] {
        assert!(!answer.text.contains(secret), "{}", answer.text);
    }
}

/// Writes since then.
fn writes(desk: &Desk) -> u64 {
    desk.app.store.meter().spent().writes
}

#[tokio::test]
async fn every_negative_vector_is_refused_with_the_same_words() {
    let desk = Desk::new().await;
    for vector in vectors("negative") {
        let text = |name: &str| vector[name].as_str().unwrap();
        // Who it was made for is inside; `owner_key` is who opens it.
        let id =
            make(&desk.client, "/v1/connections", &connection(text("owner_key"), text("token"), text("aes_key"))).await;
        let path = callback_path(&id.parse().unwrap(), text("signature"), text("timestamp"), text("nonce"));
        let before = writes(&desk);
        let body = json!({"encrypt": vector["encrypt"]}).to_string();
        let answer = desk.client.with_key("").send("POST", &path, &[], body).await;
        assert_eq!((answer.status, answer.text.as_str()), (401, UNAUTHORIZED), "{}", vector["name"]);
        assert_eq!(writes(&desk), before, "{}", vector["name"]);
        assert!(!answer.text.contains(text("token")) && !answer.text.contains(text("aes_key")));
    }
}

#[tokio::test]
async fn every_vector_of_the_platforms_own_making_is_answered_success() {
    let desk = Desk::new().await;
    let ours = vectors("vectors").into_iter().filter(|vector| vector["direction"] == "dingtalk_to_us");
    // One published vector has a token that is too short to be saved; the provider's own tests open it.
    let savable = |vector: &Value| vector["token"].as_str().unwrap().len() >= 6;
    for vector in ours.chain(vectors("published")).filter(savable) {
        let text = |name: &str| vector[name].as_str().unwrap();
        let id =
            make(&desk.client, "/v1/connections", &connection(text("owner_key"), text("token"), text("aes_key"))).await;
        let path = callback_path(&id.parse().unwrap(), text("signature"), text("timestamp"), text("nonce"));
        let before = writes(&desk);
        let answer =
            desk.client.with_key("").send("POST", &path, &[], json!({"encrypt": vector["encrypt"]}).to_string()).await;
        let is_event = text("plaintext").starts_with('{');
        assert_eq!(answer.status, 200, "{}: {}", vector["name"], answer.text);
        let (reply, keys) = (|name: &str| answer.json[name].as_str().unwrap(), keys(text("token"), text("aes_key")));
        let verified =
            keys.verify(reply("msg_signature"), reply("timeStamp"), reply("nonce"), reply("encrypt")).unwrap();
        let decrypted = keys.decrypt(verified).unwrap();
        assert_eq!((decrypted.message(), decrypted.owner()), (&b"success"[..], text("owner_key").as_bytes()));
        let counted = u64::from(!is_event);
        assert_eq!(writes(&desk), before + counted, "none of them is ours: {}", vector["name"]);
    }
}

#[tokio::test]
async fn what_is_not_the_platforms_changes_nothing() {
    let desk = Desk::new().await;
    let record = desk.running("inst-1", ONE).await;
    let event = instance_event("inst-1", "finish", Some("agree")).to_string();
    let right = keys(TOKEN, AES_KEY);
    let encrypt = right.encrypt([1; 16], event.as_bytes(), APP_KEY.as_bytes());
    let signature = right.signature("1", "n", &encrypt);
    let body = json!({"encrypt": encrypt}).to_string();
    let other_token = keys("anotherToken0001", AES_KEY).signature("1", "n", &encrypt);
    let other_key = keys(TOKEN, "QPONMLKJIHGFEDCBAzyxwvutsrqponmlkjihgfedcba").encrypt([1; 16], event.as_bytes(), b"x");
    let stranger = right.encrypt([1; 16], event.as_bytes(), b"dingotherapp");
    let signed = |encrypt: &str| (right.signature("1", "n", encrypt), json!({"encrypt": encrypt}).to_string());
    let before = writes(&desk);
    let cases = [
        ("another token", (other_token, body.clone())),
        ("no signature", (String::new(), body.clone())),
        ("a longer signature", (format!("{signature}0"), body.clone())),
        ("upper case", (signature.to_ascii_uppercase(), body.clone())),
        ("another AES key", signed(&other_key)),
        ("another receiver", signed(&stranger)),
        ("no base64", signed("not base64!")),
        ("half a block", signed("AAAA")),
        ("nothing", signed("")),
    ];
    for (what, (signature, body)) in cases {
        let answer = desk.post(&signature, "1", "n", body).await;
        assert_eq!((answer.status, answer.text.as_str()), (401, UNAUTHORIZED), "{what}");
        tells_no_secret(&answer);
    }
    let other_time = desk.post(&signature, "2", "n", body.clone()).await;
    assert_eq!((other_time.status, other_time.text.as_str()), (401, UNAUTHORIZED));
    let unsigned = format!("/callbacks/{}", desk.connection);
    let unsigned = desk.client.with_key("").send("POST", &unsigned, &[], body.clone()).await;
    assert_eq!((unsigned.status, unsigned.text.as_str()), (401, UNAUTHORIZED), "no query at all");
    assert_eq!((writes(&desk), desk.shown(&record.id).await["status"].clone()), (before, json!("pending")));
    let right = desk.post(&signature, "1", "n", body).await;
    assert_eq!((right.status, opened(&right.json).as_deref()), (200, Some("success")));
    assert_eq!(desk.shown(&record.id).await["status"], "approved", "the very same, sent by the platform");
}

#[tokio::test]
async fn bodies_that_are_no_envelope_are_refused() {
    let desk = Desk::new().await;
    let record = desk.running("inst-1", ONE).await;
    let before = writes(&desk);
    for body in ["", "{", "[]", "null", "{}", r#"{"encrypt":5}"#, r#"{"encrypt":null}"#, "encrypt=abc", "\u{0}\u{1}"] {
        let answer = desk.post("0".repeat(40).as_str(), "1", "n", body.to_owned()).await;
        assert!((400..500).contains(&answer.status), "{body}: {} {}", answer.status, answer.text);
        tells_no_secret(&answer);
    }
    let oversized = json!({"encrypt": "A".repeat(1 << 20)}).to_string();
    let answer = desk.post("0".repeat(40).as_str(), "1", "n", oversized).await;
    assert_eq!(answer.status, 413, "{}", answer.text);
    assert_eq!((writes(&desk), desk.shown(&record.id).await["version"].clone()), (before, json!(record.version)));
}

#[tokio::test]
async fn what_is_the_platforms_and_cannot_be_read_is_acknowledged_and_counted() {
    let desk = Desk::new().await;
    let record = desk.running("inst-1", ONE).await;
    let path = format!("/v1/connections/{}", desk.connection);
    let counted = async || desk.client.call("GET", &path, &Value::Null).await.json["unreadable_callbacks"].clone();
    assert_eq!(counted().await, Value::Null);
    let before = writes(&desk);
    let deep = "[".repeat(5_000);
    let texts = ["", "success", "[]", "null", "5", "{", "\u{0}", deep.as_str()].map(|text| text.as_bytes().to_vec());
    let shapes = [
        json!({}),
        json!({"EventType": ""}),
        json!({"EventType": 5}),
        json!({"EventType": "bpms_instance_change"}),
        json!({"EventType": "bpms_instance_change", "processInstanceId": "", "type": "finish", "result": "agree"}),
        json!({"EventType": "bpms_instance_change", "processInstanceId": ["inst-1"], "type": {}, "result": []}),
        json!({"EventType": "bpms_task_change", "processInstanceId": {"a": "inst-1"}, "taskId": "x", "type": "finish"}),
    ];
    let shapes = shapes.iter().map(|event| event.to_string().into_bytes());
    let all: Vec<Vec<u8>> = texts.into_iter().chain([vec![0xff, 0xfe, b'{', b'}']]).chain(shapes).collect();
    for text in &all {
        let answer = desk.push_text(text, APP_KEY).await;
        let text = String::from_utf8_lossy(text);
        assert_eq!((answer.status, opened(&answer.json).as_deref()), (200, Some("success")), "{text}: {}", answer.text);
        tells_no_secret(&answer);
    }
    assert_eq!(desk.shown(&record.id).await["version"], json!(record.version));
    assert_eq!(
        (writes(&desk), counted().await["count"].clone()),
        (before + 1, json!(1)),
        "stored once a minute at the most"
    );
    desk.clock.advance(60_000);
    desk.push(&json!({})).await;
    assert_eq!(counted().await, json!({"count": all.len() + 1, "last_at": "2026-09-21T14:14:20Z"}));
}

/// During an upgrade a later version may have written it: the platform calls again, and that version takes it in.
#[tokio::test]
async fn a_callback_for_an_approval_that_this_version_cannot_read_comes_again() {
    let desk = Desk::new().await;
    let record = desk.running("inst-1", ONE).await;
    let finish = instance_event("inst-1", "finish", Some("agree"));
    let key = keys::approval(&record.id);
    let stored = async || desk.app.store.get_item(&key, Consistency::Strong).await.unwrap().unwrap();
    let readable = stored().await;
    let mut later = readable.clone();
    later.insert("st".to_owned(), AttributeValue::S("a state of a later version".to_owned()));
    desk.app.store.put_item(later.clone()).await.unwrap();
    for _ in 0..2 {
        let answer = desk.push(&finish).await;
        assert!(answer.status >= 500, "not acknowledged: {} {}", answer.status, answer.text);
        assert_eq!(stored().await, later);
    }
    desk.app.store.put_item(readable).await.unwrap();
    assert_eq!(desk.push(&finish).await.status, 200);
    assert_eq!(desk.shown(&record.id).await["status"], "approved");
}

#[tokio::test]
async fn the_instance_of_an_unreadable_event_is_read() {
    let desk = Desk::new().await;
    let record = desk.running("inst-1", ONE).await;
    let nobodys = json!({"EventType": "bpms_task_change", "processInstanceId": "inst-1", "taskId": 7, "type": "finish",
        "result": "agree", "processCode": TEMPLATE});
    let twice = r#"{"EventType":"bpms_instance_change","processInstanceId":"inst-1","type":"finish","result":"refuse","result":"agree"}"#;
    for text in [nobodys.to_string().as_str(), twice] {
        let answer = desk.push_text(text.as_bytes(), APP_KEY).await;
        assert_eq!(opened(&answer.json).as_deref(), Some("success"), "{text}");
        let now = desk.app.store.approval(&record.id).await.unwrap();
        assert_eq!((now.state.stage_to_read(), now.state.closed), (Some(0), None), "{text}");
        desk.clock.advance(1);
    }
}

#[tokio::test]
async fn an_instance_whose_id_fits_no_key_is_not_ours() {
    let desk = Desk::new().await;
    let before = writes(&desk);
    for length in [1_990, 2_048, 100_000] {
        let mut event = instance_event(&"x".repeat(length), "finish", Some("agree"));
        event["processCode"] = json!("PROC-OF-SOMEBODY-ELSE");
        let answer = desk.push(&event).await;
        assert_eq!(opened(&answer.json).as_deref(), Some("success"), "{length}: {}", answer.text);
        if length > 2_000 {
            event["processCode"] = json!(TEMPLATE);
            let answer = desk.push(&event).await;
            assert_eq!(opened(&answer.json).as_deref(), Some("success"), "{length}: {}", answer.text);
        }
    }
    assert_eq!(writes(&desk), before);
}

#[tokio::test]
async fn events_that_are_of_no_use_are_answered_success_and_nothing_is_written() {
    let desk = Desk::new().await;
    let mut foreign = instance_event("inst-9", "finish", Some("agree"));
    foreign["processCode"] = json!("PROC-OF-SOMEBODY-ELSE");
    let mut nameless = instance_event("inst-9", "finish", Some("agree"));
    nameless.as_object_mut().unwrap().remove("processCode");
    let before = writes(&desk);
    for event in
        [json!({"EventType": "check_url"}), json!({"EventType": "user_add_org", "userId": ["1"]}), foreign, nameless]
    {
        let answer = desk.push(&event).await;
        assert_eq!(
            (answer.status, opened(&answer.json).as_deref()),
            (200, Some("success")),
            "{event}: {}",
            answer.text
        );
    }
    assert_eq!(writes(&desk), before, "nothing was written");
}

#[tokio::test]
async fn a_code_that_nobody_knows_is_recorded_and_closes_nothing() {
    let desk = Desk::new().await;
    let record = desk.running("inst-1", ONE).await;
    for event in [
        instance_event("inst-1", "audit", Some("agree")),
        instance_event("inst-1", "finish", Some("maybe")),
        task_event("inst-1", 1, "manager4220", "finish", Some("perhaps")),
    ] {
        let answer = desk.push(&event).await;
        assert_eq!((answer.status, opened(&answer.json).as_deref()), (200, Some("success")), "{event}");
    }
    assert_eq!(desk.shown(&record.id).await["status"], "pending");
}

#[tokio::test]
async fn only_connections_with_callbacks_have_the_address() {
    let desk = Desk::new().await;
    let external = json!({"kind": "external", "name": "OA", "settings": {"url": "http://127.0.0.1:9", "access_id": "access-0"},
        "secrets": {"access_key": "access-key-0123456789"}});
    let external = make(&desk.client, "/v1/connections", &external).await;
    for id in ["con_unknown", "nonsense", external.as_str()] {
        for method in ["GET", "POST"] {
            let path = format!("/callbacks/{id}?signature=x&timestamp=1&nonce=n");
            let answer = desk.client.with_key("").send(method, &path, &[], r#"{"encrypt":"AAAA"}"#).await;
            assert_eq!(answer.status, 404, "{method} {id}: {}", answer.text);
        }
    }
}

/// People paste an address with a slash behind it, and products put a path of their own behind one.
#[tokio::test]
async fn an_address_that_was_pasted_with_a_slash_is_the_same_address() {
    let desk = Desk::new().await;
    let right = keys(TOKEN, AES_KEY);
    let record = desk.running("inst-1", ONE).await;
    let event = instance_event("inst-1", "finish", Some("agree")).to_string();
    let encrypt = right.encrypt([1; 16], event.as_bytes(), APP_KEY.as_bytes());
    let path = callback_path(&desk.connection, &right.signature("1", "n", &encrypt), "1", "n").replace('?', "/?");
    let answer = desk.client.with_key("").send("POST", &path, &[], json!({ "encrypt": encrypt }).to_string()).await;
    assert_eq!((answer.status, opened(&answer.json).as_deref()), (200, Some("success")), "{}", answer.text);
    assert_eq!(desk.shown(&record.id).await["status"], "approved");

    let callback = format!("/callbacks/{}", desk.connection);
    let dataphin = |slash: &str, rest: &str| format!("/inbound/src_1{slash}/dataphin/bpms/{rest}");
    let with_slash = |path: &str| (path.to_owned(), format!("{path}/"));
    for (method, (plain, slashed)) in [
        ("GET", with_slash(&callback)),
        ("POST", with_slash(&callback)),
        ("POST", with_slash("/openapi/apply/externalApplyCallBack")),
        ("POST", with_slash("/inbound/src_1/quick-audience/apply")),
        ("POST", with_slash("/inbound/src_1/quick-audience/apply/token")),
        ("POST", with_slash("/inbound/src_1/quick-bi/push")),
        ("POST", (dataphin("", "check/connect"), dataphin("/", "check/connect"))),
        ("POST", (dataphin("", "processinstance/create"), dataphin("/", "processinstance/create"))),
        ("GET", (dataphin("", "revoke"), dataphin("/", "revoke"))),
        ("POST", (dataphin("", "revoke"), dataphin("/", "revoke"))),
    ] {
        let call = async |path: &str| {
            let headers = [("x-trace-id", "the-same-trace"), ("content-type", "application/x-www-form-urlencoded")];
            let answer = desk.client.with_key("").send(method, path, &headers, "a=b").await;
            (answer.status, answer.text)
        };
        let (as_it_is, with_slash) = (call(&plain).await, call(&slashed).await);
        assert!(!as_it_is.1.contains("\"code\":\"not_found\""), "{method} {plain}: {as_it_is:?}");
        assert_eq!(with_slash, as_it_is, "{method} {slashed}");
    }
}

#[tokio::test]
async fn the_check_of_the_url_may_come_by_get() {
    let desk = Desk::new().await;
    let text = json!({"EventType": "check_url"}).to_string();
    let right = keys(TOKEN, AES_KEY);
    let encrypt = right.encrypt([1; 16], text.as_bytes(), APP_KEY.as_bytes());
    let signature = right.signature("1", "n", &encrypt);
    let encoded: String = encrypt.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let path = format!("{}&encrypt={encoded}", callback_path(&desk.connection, &signature, "1", "n"));
    let answer = desk.client.with_key("").send("GET", &path, &[], "").await;
    assert_eq!((answer.status, opened(&answer.json).as_deref()), (200, Some("success")), "{}", answer.text);
    let bare = desk.client.with_key("").send("GET", &format!("/callbacks/{}", desk.connection), &[], "").await;
    assert!((400..500).contains(&bare.status), "{}", bare.text);
}

#[tokio::test]
async fn events_decide_in_any_order_and_repeats_write_nothing() {
    let desk = Desk::new().await;
    let record = desk.running("inst-1", ONE).await;
    let events = [
        instance_event("inst-1", "finish", Some("agree")),
        task_event("inst-1", 7, "manager4220", "finish", Some("agree")),
        task_event("inst-1", 7, "manager4220", "start", None),
        instance_event("inst-1", "start", None),
    ];
    for event in &events {
        assert_eq!(desk.push(event).await.status, 200);
    }
    let done = desk.shown(&record.id).await;
    assert_eq!(done["status"], "approved");
    let before = writes(&desk);
    for event in &events {
        assert_eq!(opened(&desk.push(event).await.json).as_deref(), Some("success"));
    }
    assert_eq!((writes(&desk), desk.shown(&record.id).await), (before, done));
}

#[tokio::test]
async fn that_an_instance_is_nobodys_is_not_remembered() {
    let desk = Desk::new().await;
    let mut event = instance_event("inst-1", "finish", Some("agree"));
    event["processCode"] = json!("PROC-OTHER");
    assert_eq!(desk.push(&event).await.status, 200);
    // It was somebody's after all, of whom only the reference was late.
    let record = desk.running("inst-1", ONE).await;
    assert_eq!(desk.push(&event).await.status, 200);
    assert_eq!(desk.shown(&record.id).await["status"], "approved");
}

#[tokio::test]
async fn keys_that_are_retired_are_refused_at_once() {
    let desk = Desk::new().await;
    desk.running("inst-1", ONE).await;
    let elsewhere = desk.elsewhere();
    let event = instance_event("inst-1", "start", None);
    let path = format!("/v1/connections/{}", desk.connection);
    for process in [&desk, &elsewhere] {
        assert_eq!(process.push(&event).await.status, 200);
    }
    let renewed = desk.client.call("POST", &format!("{path}/generate-keys"), &Value::Null).await;
    assert_eq!(renewed.status, 200, "{}", renewed.text);
    assert_eq!(desk.push(&event).await.status, 200, "the old keys still count");
    let retired = desk.client.call("POST", &format!("{path}/generate-keys"), &json!({"retire_old": true})).await;
    assert_eq!(retired.status, 200, "{}", retired.text);
    assert_eq!(desk.push(&event).await.status, 401, "the clock stands still");
    // Another process may use what it read before, for a few seconds.
    desk.clock.advance(5_000);
    assert_eq!(elsewhere.push(&event).await.status, 401);
}

#[tokio::test]
async fn keys_that_are_replaced_are_refused_at_once() {
    let desk = Desk::new().await;
    let event = instance_event("inst-1", "start", None);
    assert_eq!(desk.push(&event).await.status, 200);
    let path = format!("/v1/connections/{}", desk.connection);
    let new = json!({"secrets": {"token": "anotherTokenOfTheDesk"}});
    assert_eq!(desk.client.call("PATCH", &path, &new).await.status, 200);
    assert_eq!(desk.push(&event).await.status, 401);
}

#[tokio::test]
async fn a_deleted_connection_takes_no_callback_more() {
    let desk = Desk::new().await;
    // Both know where the instance belongs.
    desk.running("inst-1", ONE).await;
    let event = instance_event("inst-1", "finish", Some("agree"));
    let elsewhere = desk.elsewhere();
    for process in [&desk, &elsewhere] {
        assert_eq!(process.push(&event).await.status, 200);
    }
    let path = format!("/v1/connections/{}", desk.connection);
    assert_eq!(desk.client.call("DELETE", &path, &Value::Null).await.status, 204);
    assert_eq!(desk.push(&event).await.status, 404);
    desk.clock.advance(5_000);
    assert_eq!(elsewhere.push(&event).await.status, 404);
}
