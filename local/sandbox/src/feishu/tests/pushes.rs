//! The subscription, order and retries of events, faults, and what a killed process leaves behind.

use serde_json::{Value, json};

use super::harness::{CHEN, Harness, LI, Manner, Subscriber, ZHANG, start};

#[tokio::test]
async fn the_console_keeps_only_a_url_that_gives_the_challenge_back() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::new(&sandbox).await;
    for (manner, text) in [
        (Manner::OtherChallenge, "Challenge code没有返回"),
        (Manner::NoJson, "返回数据不是合法的JSON格式"),
        (Manner::Redirect, "请求网址校验失败: HTTP 307"),
        (Manner::ServerError, "请求网址校验失败: HTTP 500"),
    ] {
        subscriber.behave(manner);
        let (status, answer) = sandbox.enter(json!({"callback_url": subscriber.url})).await;
        assert_eq!((status, &answer["error"]), (400, &json!(text)));
    }
    for bad in [
        json!({"callback_url": "ftp://x.example"}),
        json!({"callback_url": "http://127.0.0.1:1/"}),
        json!({}),
        json!({"callback_url": null, "verification_token": ""}),
    ] {
        assert_eq!(sandbox.enter(bad.clone()).await.0, 400, "{bad}");
    }
    subscriber.behave(Manner::Good);
    subscriber.taken();
    let (status, app) = sandbox.enter(json!({"callback_url": subscriber.url})).await;
    assert_eq!((status, &app["callback_url"]), (200, &json!(subscriber.url)));
    assert_eq!(app["settings"]["endpoint"], "http://127.0.0.1:3000/sandbox/feishu");
    let check = subscriber.taken();
    assert_eq!(check[0]["token"], app["secrets"]["verification_token"]);
    subscriber.set_key("");
    let (status, app) = sandbox.enter(json!({"callback_url": subscriber.url, "encrypt_key": ""})).await;
    assert_eq!((status, &app["secrets"]["encrypt_key"]), (200, &json!("")), "in clear, when there is no key");
    subscriber.taken();
    let code = sandbox.definition(&["AND"]).await;
    sandbox.started(&code, &[&[LI]]).await;
    assert_eq!(subscriber.told(), ["instance PENDING", "task PENDING li"]);
}

#[tokio::test]
async fn only_a_subscribed_definition_tells_anything() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.definition(&["AND"]).await;
    sandbox.post(&format!("/approval/v4/approvals/{code}/unsubscribe"), json!({})).await;
    let id = sandbox.started(&code, &[&[LI]]).await;
    assert_eq!(subscriber.taken(), Vec::<Value>::new());
    assert!(sandbox.callbacks(&id).await.iter().all(|(_, state)| state == "unsubscribed"));
    sandbox.post(&format!("/approval/v4/approvals/{code}/subscribe"), json!({})).await;
    sandbox.act(&id, json!({"user": LI, "action": "approve"})).await;
    assert_eq!(subscriber.told(), ["task APPROVED li", "instance APPROVED"]);
}

#[tokio::test]
async fn one_unanswered_event_holds_back_the_later_ones_of_its_instance() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.definition(&["AND"]).await;
    subscriber.behave(Manner::Created);
    let id = sandbox.started(&code, &[&[LI]]).await;
    assert_eq!(subscriber.told(), ["instance PENDING"], "201 is not 200, and the task's event waits");
    sandbox.act(&id, json!({"user": LI, "action": "approve"})).await;
    assert_eq!(subscriber.told(), Vec::<String>::new());
    let mut other = start(&code, &[&[ZHANG]]);
    other["uuid"] = "other".into();
    subscriber.behave(Manner::Good);
    let (_, answer) = sandbox.post("/approval/v4/instances", other).await;
    sandbox.settle(answer["data"]["instance_code"].as_str().unwrap()).await;
    assert_eq!(subscriber.told(), ["instance PENDING", "task PENDING zhang"], "another instance goes on");

    sandbox.pass(14_999);
    sandbox.sandbox.deliver_due().await;
    assert_eq!(subscriber.told(), Vec::<String>::new());
    sandbox.pass(1);
    sandbox.sandbox.deliver_due().await;
    assert_eq!(subscriber.told(), ["instance PENDING", "task PENDING li", "task APPROVED li", "instance APPROVED"]);
}

#[tokio::test]
async fn an_event_is_repeated_after_15_seconds_5_minutes_1_hour_and_6_hours() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.definition(&["AND"]).await;
    subscriber.behave(Manner::ServerError);
    let id = sandbox.started(&code, &[&[LI]]).await;
    let first = subscriber.taken();
    for delay in [15_000, 300_000, 3_600_000, 21_600_000] {
        sandbox.pass(delay - 1);
        sandbox.sandbox.deliver_due().await;
        assert_eq!(subscriber.taken(), Vec::<Value>::new());
        sandbox.pass(1);
        sandbox.sandbox.deliver_due().await;
        assert_eq!(subscriber.taken()[0], first[0], "the same event with the same uuid");
    }
    assert_eq!(sandbox.callbacks(&id).await[0].1, "failed");
}

#[tokio::test]
async fn pushes_can_be_lost_repeated_and_reordered_and_answers_lost() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.definition(&["AND"]).await;
    sandbox.fault(json!({"drop_callbacks": 1})).await;
    let id = sandbox.started(&code, &[&[LI]]).await;
    assert_eq!(subscriber.told(), ["task PENDING li"]);
    sandbox.fault(json!({"repeat_callbacks": 1, "reorder_callbacks": true})).await;
    sandbox.act(&id, json!({"user": LI, "action": "approve"})).await;
    assert_eq!(subscriber.told(), ["instance APPROVED", "instance APPROVED", "task APPROVED li", "task APPROVED li"]);

    sandbox.fault(json!({"fail": "after_effect"})).await;
    let mut body = start(&code, &[&[LI]]);
    body["uuid"] = "lost".into();
    let (status, _) = sandbox.post("/approval/v4/instances", body.clone()).await;
    assert_eq!(status, 504);
    assert_eq!(sandbox.read("lost").await["open_id"], CHEN, "it was created all the same");
    assert_eq!(sandbox.post("/approval/v4/instances", body).await.1["code"], 60_012);
    sandbox.fault(json!({"fail": 1})).await;
    let (status, answer) = sandbox.get("/approval/v4/instances/lost").await;
    assert_eq!((status, &answer["code"]), (500, &json!(1_395_001)));
}

#[tokio::test]
async fn a_killed_process_loses_neither_state_nor_events() {
    let mut sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.definition(&["AND"]).await;
    subscriber.behave(Manner::ServerError);
    let id = sandbox.started(&code, &[&[LI]]).await;
    let (token, before) = (sandbox.token().await, sandbox.read(&id).await);
    sandbox.pass(15_000);
    let again = sandbox.restarted().await;
    drop(sandbox);
    assert_eq!((again.token().await, again.read(&id).await), (token, before));
    assert_eq!(again.post(&format!("/approval/v4/approvals/{code}/subscribe"), json!({})).await.1["code"], 1_390_007);
    subscriber.behave(Manner::Good);
    subscriber.taken();
    again.sandbox.deliver_due().await;
    assert_eq!(subscriber.told(), ["instance PENDING", "task PENDING li"]);
    again.act(&id, json!({"user": LI, "action": "approve"})).await;
    assert_eq!(again.read(&id).await["status"], "APPROVED");
}

#[tokio::test]
async fn the_page_shows_the_instance_to_its_approver() {
    let sandbox = Harness::new().await;
    let code = sandbox.definition(&["AND"]).await;
    let id = sandbox.started(&code, &[&[LI]]).await;
    let page = sandbox.http.get(format!("{}?as={LI}", sandbox.base)).send().await.unwrap().text().await.unwrap();
    for text in ["Deploy api v1.2.3", &id, "value=\"approve\"", "before me", "Verification Token"] {
        assert!(page.contains(text), "{text}");
    }
    let page = sandbox.http.get(format!("{}?as={ZHANG}&instance={id}", sandbox.base)).send().await.unwrap();
    assert!(!page.text().await.unwrap().contains("value=\"approve\""), "others cannot decide");
}
