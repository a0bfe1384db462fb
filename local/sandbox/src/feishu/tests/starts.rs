//! What a start is checked for, and how instances read and are listed.

use serde_json::{Value, json};

use super::harness::{CHEN, Harness, LI, OUYANG, WANG, ZHANG, definition, start};
use crate::platform::testing::NOON;

const START: &str = "/approval/v4/instances";

#[tokio::test]
async fn a_start_answers_the_code_and_the_instance_reads_by_code_and_by_uuid() {
    let sandbox = Harness::new().await;
    let code = sandbox.definition(&["OR", "AND"]).await;
    let mut body = start(&code, &[&[LI, ZHANG], &[OUYANG]]);
    body["uuid"] = "GW-01JFQ4ZP5T8Y".into();
    body["node_cc_open_id_list"] = json!([{"key": "START", "value": [WANG]}]);
    let (_, answer) = sandbox.post(START, body.clone()).await;
    let id = answer["data"]["instance_code"].as_str().unwrap();
    let instance = sandbox.read(id).await;
    assert_eq!(sandbox.read("gw-01jfq4zp5t8y").await, instance, "the uuid reads as well, in any case");
    assert_eq!((&instance["status"], &instance["end_time"]), (&json!("PENDING"), &json!("0")));
    assert_eq!((&instance["open_id"], &instance["user_id"]), (&json!(CHEN), &json!("chensiyuan")));
    assert_eq!((&instance["start_time"], &instance["department_id"]), (&json!(NOON.to_string()), &json!("D402")));
    let form: Value = serde_json::from_str(instance["form"].as_str().unwrap()).unwrap();
    assert_eq!((&form[0]["name"], &form[0]["value"]), (&json!("详情"), &json!("Deploy api v1.2.3")));
    let task = &instance["task_list"][0];
    assert_eq!((&task["type"], &task["custom_node_id"]), (&json!("OR"), &json!("GATE_NODE_0")));
    assert_eq!(instance["task_list"].as_array().unwrap().len(), 2, "the second node has not begun");
    let kinds: Vec<&Value> = instance["timeline"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(kinds, ["START", "CC"]);

    body["uuid"] = "gw-01jfq4zp5t8y".into();
    assert_eq!(sandbox.post(START, body.clone()).await.1["code"], 60_012);
    body["uuid"] = Value::Null;
    let (_, first) = sandbox.post(START, body.clone()).await;
    assert_eq!(sandbox.post(START, body.clone()).await.1, first, "two equal requests within a second make one");
    sandbox.pass(1000);
    assert_ne!(sandbox.post(START, body).await.1["data"], first["data"]);
    assert_eq!(sandbox.get("/approval/v4/instances/00000000-0000-0000-0000-000000000000").await.1["code"], 1_390_003);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_the_platforms_code() {
    let sandbox = Harness::new().await;
    let code = sandbox.definition(&["AND"]).await;
    let with = |more: Value| {
        let mut body = start(&code, &[&[LI]]);
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (more, refusal) in [
        (json!({"form": [{"id": "detail"}]}), 9499),
        (json!({"node_approver_open_id_list": {"key": "x"}}), 9499),
        (json!({"form": null}), 99_992_402),
        (json!({"approval_code": null}), 99_992_402),
        (json!({"approval_code": "7C468A54"}), 1_390_002),
        (json!({"open_id": null}), 1_390_001),
        (json!({"open_id": "ou_nobody"}), 1_390_004),
        (json!({"user_id": "nobody"}), 1_390_004),
        (json!({"department_id": "0"}), 1_390_001),
        (json!({"department_id": "D403"}), 1_390_001),
        (json!({"uuid": "x".repeat(65)}), 99_992_402),
        (json!({"form": "{}"}), 1_390_001),
        (json!({"form": "[{\"id\":\"other\",\"type\":\"textarea\",\"value\":\"x\"}]"}), 1_390_001),
        (json!({"form": "[{\"id\":\"detail\",\"type\":\"input\",\"value\":\"x\"}]"}), 1_390_001),
        (json!({"form": "[{\"id\":\"detail\",\"type\":\"textarea\"}]"}), 1_390_001),
        (json!({"form": "[{\"id\":\"detail\",\"type\":\"textarea\",\"value\":3}]"}), 1_390_001),
        (json!({"form": "[{\"id\":\"detail\",\"type\":\"textarea\",\"value\":\"@i18n@missing\"}]"}), 1_390_001),
        (json!({"node_approver_open_id_list": []}), 1_390_001),
        (json!({"node_approver_open_id_list": [{"key": "GATE_NODE_0", "value": ["ou_nobody"]}]}), 1_390_004),
        (json!({"node_approver_open_id_list": [{"key": "GATE_NODE_9", "value": [LI]}]}), 1_390_001),
        (json!({"node_cc_open_id_list": [{"key": "GATE_NODE_0", "value": [LI]}]}), 1_390_001),
        (json!({"node_cc_open_id_list": vec![json!({"key": "START", "value": [LI]}); 21]}), 1_390_001),
        (json!({"title": "plain"}), 1_390_001),
        (json!({"cancel_bot_notification": 7}), 9499),
    ] {
        let (status, answer) = sandbox.post(START, with(more.clone())).await;
        assert_eq!((status, &answer["code"]), (400, &json!(refusal)), "{more}: {answer}");
    }
    let form = "[{\"id\":\"other\",\"type\":\"textarea\",\"value\":\"x\"}]";
    let (_, answer) = sandbox.post(START, with(json!({"form": form}))).await;
    assert_eq!(answer["msg"], "param is invalid: 控件=other");
    for more in [
        json!({"form": "[]", "uuid": "a"}),
        json!({"user_id": "chensiyuan", "open_id": "ou_nobody", "uuid": "b"}),
        json!({"node_approver_open_id_list": [], "node_approver_user_id_list": [{"key": "GATE_NODE_0", "value": ["b85s39b1"]}], "uuid": "c"}),
        json!({"title": "@i18n@title", "i18n_resources": [{"locale": "zh-CN", "is_default": true, "texts": [{"key": "@i18n@title", "value": "t"}]}], "uuid": "d"}),
    ] {
        let (status, answer) = sandbox.post(START, with(more.clone())).await;
        assert_eq!(status, 200, "{more}: {answer}");
    }
}

#[tokio::test]
async fn every_widget_takes_its_own_kind_of_value() {
    let sandbox = Harness::new().await;
    let key = "@i18n@detail_name";
    let mut body = definition(&["AND"]);
    let widgets = json!([
        {"id": "n", "type": "number", "name": key}, {"id": "a", "type": "amount", "name": key},
        {"id": "r", "type": "radioV2", "name": key, "value": [{"key": "k1", "text": key}]},
        {"id": "c", "type": "checkboxV2", "name": key, "value": [{"key": "k1", "text": key}]},
        {"id": "d", "type": "date", "name": key}, {"id": "i", "type": "dateInterval", "name": key},
        {"id": "p", "type": "contact", "name": key}, {"id": "x", "type": "text", "name": key, "value": "@i18n@detail_name"},
        {"id": "f", "type": "fieldList", "name": key, "children": [{"id": "f1", "type": "input", "name": key}]}]);
    body["form"]["form_content"] = widgets.to_string().into();
    let code =
        sandbox.post("/approval/v4/approvals", body).await.1["data"]["approval_code"].as_str().unwrap().to_owned();
    let send = |item: Value, uuid: String| {
        let mut body = start(&code, &[&[LI]]);
        body["form"] = json!([item]).to_string().into();
        body["uuid"] = uuid.into();
        body
    };
    let good = [
        json!({"id": "n", "type": "number", "value": 3.5}),
        json!({"id": "a", "type": "amount", "value": 3, "currency": "CNY"}),
        json!({"id": "r", "type": "radioV2", "value": "k1"}),
        json!({"id": "c", "type": "checkboxV2", "value": ["k1"]}),
        json!({"id": "d", "type": "date", "value": "2026-09-21T20:00:00+08:00"}),
        json!({"id": "i", "type": "dateInterval", "value": {"start": "2026-09-21T20:00:00+08:00", "end": "2026-09-22T20:00:00+08:00", "interval": 1.0}}),
        json!({"id": "p", "type": "contact", "open_ids": [LI]}),
        json!({"id": "f", "type": "fieldList", "value": [[{"id": "f1", "type": "input", "value": "x"}]]}),
    ];
    for (number, item) in good.into_iter().enumerate() {
        let (status, answer) = sandbox.post(START, send(item.clone(), format!("good{number}"))).await;
        assert_eq!(status, 200, "{item}: {answer}");
    }
    let bad = [
        json!({"id": "n", "type": "number", "value": "3.5"}),
        json!({"id": "r", "type": "radioV2", "value": "k2"}),
        json!({"id": "c", "type": "checkboxV2", "value": "k1"}),
        json!({"id": "d", "type": "date", "value": "2026-09-21"}),
        json!({"id": "i", "type": "dateInterval", "value": {"start": "2026-09-21T20:00:00+08:00"}}),
        json!({"id": "p", "type": "contact", "value": ["nobody"]}),
        json!({"id": "x", "type": "text", "value": "x"}),
        json!({"id": "f", "type": "fieldList", "value": [[{"id": "f2", "type": "input", "value": "x"}]]}),
    ];
    for item in bad {
        let (_, answer) = sandbox.post(START, send(item.clone(), "bad".to_owned())).await;
        let widget = item["id"].as_str().unwrap();
        assert_eq!(answer["msg"], format!("param is invalid: 控件={widget}"), "{item}");
    }
    let radio = sandbox.read("good2").await;
    assert!(radio["form"].as_str().unwrap().contains("详情"), "a radio shows the option's text");
}

#[tokio::test]
async fn instances_are_listed_within_ten_hours_and_queried() {
    let sandbox = Harness::new().await;
    let code = sandbox.definition(&["AND"]).await;
    let mut ids = vec![];
    for number in 0..3 {
        let mut body = start(&code, &[&[LI]]);
        body["uuid"] = format!("list-{number}").into();
        let (_, answer) = sandbox.post(START, body).await;
        ids.push(answer["data"]["instance_code"].clone());
        sandbox.pass(1000);
    }
    let list =
        |from: i64, to: i64, more: &str| format!("{START}?approval_code={code}&start_time={from}&end_time={to}{more}");
    let (_, answer) = sandbox.get(&list(NOON, NOON + 36_000_000, "&page_size=2")).await;
    assert_eq!((&answer["data"]["instance_code_list"], &answer["data"]["has_more"]), (&json!(ids[..2]), &json!(true)));
    let token = answer["data"]["page_token"].as_str().unwrap();
    let (_, answer) = sandbox.get(&list(NOON, NOON + 36_000_000, &format!("&page_size=2&page_token={token}"))).await;
    assert_eq!((&answer["data"]["instance_code_list"], &answer["data"]["has_more"]), (&json!(ids[2..]), &json!(false)));
    assert_eq!(sandbox.get(&list(NOON, NOON + 36_000_001, "")).await.1["code"], 1_390_001);
    assert_eq!(sandbox.get(&list(NOON, NOON, "&page_size=101")).await.1["code"], 1_390_001);
    assert_eq!(sandbox.get(&format!("{START}?approval_code={code}")).await.1["code"], 99_992_402);

    let query = |body: Value| sandbox.post("/approval/v4/instances/query", body);
    let (_, answer) = query(json!({"approval_code": code, "instance_status": "PENDING"})).await;
    assert_eq!(
        (&answer["data"]["count"], &answer["data"]["instance_list"][0]["instance"]["status"]),
        (&json!(3), &json!("pending"))
    );
    for (body, refusal) in [
        (json!({}), 1_390_001),
        (json!({"approval_code": code, "instance_status": "pending"}), 1_390_001),
        (
            json!({"approval_code": code, "instance_start_time_from": "0", "instance_start_time_to": "2592000001"}),
            1_390_001,
        ),
    ] {
        assert_eq!(query(body).await.1["code"], refusal);
    }
}
