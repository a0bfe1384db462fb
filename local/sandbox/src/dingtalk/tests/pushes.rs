//! The subscription, retries, the failed list, faults, and what a killed process leaves behind.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Harness, Manner, Subscriber};

fn one() -> Value {
    json!([{"actionType": "NONE", "userIds": ["0123456789"]}])
}

async fn enter(sandbox: &Harness, body: Value) -> (u16, Value) {
    sandbox.send(Method::PUT, "/_/app", None, Some(body)).await
}

#[tokio::test]
async fn the_console_keeps_only_a_url_that_answers_the_check() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::new(&sandbox).await;
    for (manner, text) in [
        (Manner::PlainSuccess, "HTTP请求结果校验返回字段值失败: expected value"),
        (Manner::OtherOwner, "HTTP请求结果校验返回字段值失败: 计算解密文字corpid不匹配"),
        (Manner::OtherToken, "HTTP请求结果校验返回字段值失败: 签名计算失败"),
        (Manner::OtherText, "HTTP请求结果校验返回字段值失败: 返回内容不是 success"),
        (Manner::Redirect, "HTTP请求结果校验返回字段值失败: HTTP 307"),
        (Manner::ServerError, "HTTP请求结果校验返回字段值失败: HTTP 500"),
    ] {
        subscriber.behave(manner);
        let (status, answer) = enter(&sandbox, json!({"callback_url": subscriber.url})).await;
        assert_eq!(status, 400);
        assert!(answer["error"].as_str().unwrap().starts_with(text), "{answer}");
    }
    let (status, answer) = enter(&sandbox, json!({"callback_url": "http://127.0.0.1:1/"})).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().to_lowercase().contains("refused"), "{answer}");
    for bad in [
        json!({"callback_url": "ftp://x.example"}),
        json!({"callback_url": "nonsense"}),
        json!({}),
        json!({"callback_url": subscriber.url, "token": "with space"}),
        json!({"callback_url": subscriber.url, "aes_key": "short"}),
    ] {
        assert_eq!(enter(&sandbox, bad.clone()).await.0, 400, "{bad}");
    }
    let (_, app) = sandbox.send(Method::GET, "/_/app", None, None).await;
    assert_eq!(app["callback_url"], Value::Null);

    subscriber.behave(Manner::Good);
    let (status, app) = enter(&sandbox, json!({"callback_url": subscriber.url})).await;
    assert_eq!((status, &app["callback_url"]), (200, &json!(subscriber.url)));
    assert_eq!(app["settings"]["endpoint"], "http://127.0.0.1:3000/sandbox/dingtalk");
    assert_eq!(app["secrets"]["aes_key"].as_str().unwrap().len(), 43);
    let renewed = json!({"callback_url": subscriber.url, "token": "anothertoken1"});
    assert_eq!(enter(&sandbox, renewed).await.0, 400, "the subscriber does not have the new token");
    assert_ne!(sandbox.setting("token"), "anothertoken1");
}

#[tokio::test]
async fn without_a_subscription_nothing_is_sent() {
    let sandbox = Harness::new().await;
    let code = sandbox.template().await;
    let id = sandbox.started(&code, one()).await;
    assert!(sandbox.callbacks(&id).await.iter().all(|(_, state)| state == "unsubscribed"));
}

#[tokio::test]
async fn a_failed_push_is_repeated_after_10_and_30_seconds_and_then_listed_once() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.template().await;
    subscriber.behave(Manner::PlainSuccess);
    let id = sandbox.started(&code, one()).await;
    sandbox.settle(&id).await;
    assert_eq!(subscriber.taken().len(), 2);
    sandbox.sandbox.deliver_due().await;
    assert_eq!(subscriber.taken().len(), 0, "not yet");
    sandbox.pass(10_000);
    sandbox.sandbox.deliver_due().await;
    assert_eq!(subscriber.taken().len(), 2);
    sandbox.pass(29_999);
    sandbox.sandbox.deliver_due().await;
    assert_eq!(subscriber.taken().len(), 0);
    let empty = sandbox.old("/call_back/get_call_back_failed_result", json!({})).await;
    assert_eq!((&empty["errcode"], &empty["failed_list"]), (&json!(0), &json!([])));

    sandbox.pass(1);
    sandbox.sandbox.deliver_due().await;
    assert_eq!(subscriber.taken().len(), 2);
    let failed = sandbox.old("/call_back/get_call_back_failed_result", json!({})).await;
    assert_eq!(failed["has_more"], false);
    let list = failed["failed_list"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list[0]["call_back_tag"], "bpms_instance_change");
    let data = &list[0]["bpms_instance_change"];
    assert_eq!(
        (&data["corpid"], &data["bpmsCallBackData"]["processInstanceId"]),
        (&json!(sandbox.setting("corp_id")), &json!(id))
    );
    assert_eq!(list[1]["bpms_task_change"]["bpmsCallBackData"]["type"], "start");
    let again = sandbox.old("/call_back/get_call_back_failed_result", json!({})).await;
    assert_eq!(again["failed_list"], json!([]), "the call deletes what it returns");
}

#[tokio::test]
async fn a_push_that_succeeds_at_the_second_attempt_is_done() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.template().await;
    subscriber.behave(Manner::ServerError);
    let id = sandbox.started(&code, one()).await;
    sandbox.settle(&id).await;
    subscriber.behave(Manner::Good);
    sandbox.pass(10_000);
    sandbox.sandbox.deliver_due().await;
    assert!(sandbox.callbacks(&id).await.iter().all(|(_, state)| state == "delivered"));
    sandbox.pass(60_000);
    subscriber.taken();
    sandbox.sandbox.deliver_due().await;
    assert_eq!(subscriber.taken().len(), 0);
}

#[tokio::test]
async fn pushes_can_be_lost_repeated_and_reordered() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.template().await;
    let fault = |body: Value| sandbox.send(Method::POST, "/_/faults", None, Some(body));

    fault(json!({"drop_callbacks": 1})).await;
    let id = sandbox.started(&code, one()).await;
    sandbox.settle(&id).await;
    assert_eq!(subscriber.told(), ["bpms_task_change start - 0123456789"]);
    assert_eq!(sandbox.callbacks(&id).await[0].1, "dropped");

    fault(json!({"repeat_callbacks": 2, "reorder_callbacks": true})).await;
    sandbox.act(&id, json!({"user": "0123456789", "action": "approve"})).await;
    let told = subscriber.told();
    assert_eq!(told[..3], vec!["bpms_task_change finish agree 0123456789"; 3]);
    assert_eq!(told[3..], vec!["bpms_instance_change finish agree 024219523526217765"; 3]);
    assert_eq!(sandbox.old("/call_back/get_call_back_failed_result", json!({})).await["failed_list"], json!([]));
}

#[tokio::test]
async fn a_killed_process_loses_neither_state_nor_callbacks() {
    let mut sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.template().await;
    subscriber.behave(Manner::ServerError);
    let id = sandbox.started(&code, one()).await;
    sandbox.settle(&id).await;
    let token = sandbox.token().await;
    let before = sandbox.read(&id).await;
    sandbox.pass(10_000);

    let again = sandbox.restarted().await;
    drop(sandbox);
    assert_eq!(again.token().await, token);
    assert_eq!(again.read(&id).await, before);
    assert_eq!(
        again
            .post(
                "/v1.0/workflow/forms",
                json!({"name": "Release approval", "formComponents": [
        {"componentType": "TextField", "props": {"componentId": "a", "label": "a"}}]})
            )
            .await
            .1["code"],
        "formName.error"
    );
    subscriber.behave(Manner::Good);
    subscriber.taken();
    again.sandbox.deliver_due().await;
    assert_eq!(
        subscriber.told(),
        ["bpms_instance_change start - 024219523526217765", "bpms_task_change start - 0123456789"]
    );
    again.act(&id, json!({"user": "0123456789", "action": "approve"})).await;
    let other = again.started(&code, one()).await;
    let tasks = [again.read(&id).await, again.read(&other).await]
        .map(|instance| instance["tasks"][0]["taskId"].as_i64().unwrap());
    assert!(tasks[0] < tasks[1]);
}
