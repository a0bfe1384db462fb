//! Dataphin, from HTTP alone: its connection test, its forms, its revokes, and the callbacks that it gets.

mod played;
mod refusals;

use countersign_tests::http::Answer;
use countersign_tests::local::{APPLICANT, OWNER, SECOND, THIRD, eventually, instance};
use serde_json::{Value, json};

use played::{AES_KEY, CHECK, CREATE, Dataphin, PEOPLE, TOKEN, form, form_with, open};

const FIRST: &str = PEOPLE[0].0;
const OTHER: &str = PEOPLE[1].0;

/// DingTalk withdraws nothing in the first 15 seconds.
const TOO_SOON: i64 = 16_000;

/// Name, mode and accounts of each node.
fn nodes(approval: &Value) -> Vec<(String, Vec<String>)> {
    let nodes = approval["stages"][0]["nodes"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let accounts = |node: &Value| {
        let tasks = node["tasks"].as_array().unwrap();
        tasks.iter().map(|task| text(&task["assignee"]["account"])).collect()
    };
    nodes.iter().map(|node| (text(&node["mode"]), accounts(node))).collect()
}

#[tokio::test]
async fn the_connection_test_passes() {
    let dataphin = Dataphin::start(json!({})).await;
    let answer = dataphin.calls(CHECK, &json!({"checkEvent": "connectivity"})).await;
    assert_eq!((answer.status, answer.json), (200, json!({"checkResult": "success"})));
    let other = dataphin.calls(CHECK, &json!({"checkEvent": "quiz"})).await;
    assert_eq!((other.status, &other.json["checkResult"]), (400, &json!("failed")));
}

#[tokio::test]
async fn a_form_goes_through_its_nodes_and_dataphin_learns_of_it() {
    let dataphin = Dataphin::start(json!({})).await;
    // As sent: not in their order, and as numbers in texts.
    let form = form_with("form-1", &[("10", "OR", &[FIRST, OTHER]), ("9", "AND", &[FIRST, OTHER])]);
    let answer = dataphin.calls(CREATE, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let id = answer.json["processInstanceId"].as_str().unwrap();
    assert_eq!(answer.json, json!({"processInstanceId": id, "success": true}));
    let approval = dataphin.shown(&answer).await;
    let both = vec![OWNER.to_owned(), SECOND.to_owned()];
    assert_eq!(nodes(&approval), [("all".to_owned(), both.clone()), ("any".to_owned(), both)]);
    assert_eq!((&approval["title"], &approval["status"]), (&json!("test_title"), &json!("pending")));

    let running = instance(&approval).to_owned();
    for person in [SECOND, OWNER] {
        dataphin.act(&running, person, "approve", &json!({"remark": "one of two"})).await;
    }
    dataphin.wait_until(&approval, "the second node", |now| now["stages"][0]["nodes"][1]["status"] == "pending").await;
    assert_eq!(dataphin.receiver.received().len(), 0, "nodes are not told by default");
    dataphin.act(&running, SECOND, "approve", &json!({"remark": "for a month"})).await;
    let done = dataphin.wait_for(&approval, "approved").await;

    let told = dataphin.told(1).await;
    assert_eq!((&told["applyId"], &told["processInstanceId"]), (&json!("form-1"), &done["id"]));
    assert_eq!(
        (&told["result"], &told["type"], &told["tenantId"]),
        (&json!("agree"), &json!("finish"), &json!("100000001"))
    );
    assert_eq!((&told["approveUser"], &told["remark"]), (&json!(OTHER), &json!("for a month")));
    assert!(told["finishTime"].is_i64());
}

#[tokio::test]
async fn a_rejection_is_told_with_its_reason() {
    let dataphin = Dataphin::start(json!({"tell_nodes": "yes", "callback_format": {"result_rejected": "NO"}})).await;
    let approval = dataphin.submits(&form("form-1")).await;
    dataphin.act(instance(&approval), OWNER, "reject", &json!({"remark": "too wide"})).await;
    dataphin.wait_for(&approval, "rejected").await;
    let node = open(&dataphin.callback(2).await, AES_KEY);
    let first = open(&dataphin.receiver.received()[0], AES_KEY);
    assert_eq!((&first["type"], &first["result"]), (&json!("node"), &json!("NO")));
    assert_eq!((&node["type"], &node["result"], &node["remark"]), (&json!("finish"), &json!("NO"), &json!("too wide")));
    assert_eq!(node["approveUser"], FIRST);
}

#[tokio::test]
async fn the_same_form_again_is_the_same_approval() {
    let dataphin = Dataphin::start(json!({})).await;
    let first = dataphin.calls(CREATE, &form("form-1")).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let mut again = form("form-1");
    again["title"] = json!("renamed");
    for body in [form("form-1"), again] {
        let answer = dataphin.calls(CREATE, &body).await;
        assert_eq!((answer.status, &answer.json), (200, &first.json), "{}", answer.text);
    }
    assert_eq!(dataphin.instances().await.len(), 1);

    let mut other = form("form-1");
    other["content"] = json!("something else");
    let refused = dataphin.calls(CREATE, &other).await;
    assert_eq!((refused.status, &refused.json["success"]), (409, &json!(false)), "{}", refused.text);
    assert!(refused.json["message"].as_str().unwrap().starts_with("applyId: "), "{}", refused.text);
    let mut elsewhere = form("form-1");
    elsewhere["tenantId"] = json!("100000002");
    let elsewhere = dataphin.calls(CREATE, &elsewhere).await;
    assert_ne!(elsewhere.json["processInstanceId"], first.json["processInstanceId"]);

    let approval = dataphin.shown(&first).await;
    dataphin.act(instance(&approval), OWNER, "approve", &Value::Null).await;
    dataphin.wait_for(&approval, "approved").await;
    let late = dataphin.calls(CREATE, &form("form-1")).await;
    assert_eq!(late.json["processInstanceId"], first.json["processInstanceId"]);
    assert!(late.json["message"].as_str().unwrap().contains("approved"), "{}", late.text);
}

#[tokio::test]
async fn the_old_interface_goes_by_the_flows_own_nodes() {
    let dataphin = Dataphin::start(json!({})).await;
    let content =
        json!({"resourceType": "PhysicalTable", "bpmsEnvironment": {"projectName": "sales", "resourceEnv": "PROD"}});
    let old = json!({"applyId": "7", "title": "t", "content": content.to_string(), "type": "AUTH", "templateCode": ""});
    let approval = dataphin.submits(&old).await;
    assert_eq!(nodes(&approval), [("any".to_owned(), vec![OWNER.to_owned()])]);
    // Approvers read the content on the platform's form.
    let shown = dataphin.instance(instance(&approval)).await.to_string();
    for part in ["资源类型 Resource type: 物理表 physical table", "项目 Project: sales", "申请类型 Type: 权限申请"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // The applicant is the connection's default one.
    let started = dataphin.submits(&form("8")).await;
    assert_ne!(instance(&started), instance(&approval));
}

async fn revokes(dataphin: &Dataphin, path: &str, body: &Value) -> Answer {
    let answer = dataphin.calls(path, body).await;
    assert_eq!((answer.status, &answer.json["success"]), (200, &json!(true)), "{}", answer.text);
    answer
}

#[tokio::test]
async fn a_revoke_withdraws_the_approval_on_the_platform_too() {
    let dataphin = Dataphin::start(json!({})).await;
    let one = dataphin.submits(&form("form-1")).await;
    let two = dataphin.submits(&form("form-2")).await;
    dataphin.clock.advance(TOO_SOON);
    let by_ours = json!({"processInstanceId": one["id"], "reason": "not needed", "userName": "li"});
    revokes(&dataphin, "processinstance/terminate", &by_ours).await;
    revokes(&dataphin, "processinstance/revoke", &json!({"data": {"applyId": "form-2", "tenantId": "100000001"}}))
        .await;
    for approval in [&one, &two] {
        let now = dataphin.wait_for(approval, "withdrawn").await;
        assert_eq!(dataphin.instance(instance(approval)).await["status"], "TERMINATED");
        let last = now["history"].as_array().unwrap().last().unwrap().clone();
        assert!(last["actor"]["name"].as_str().unwrap().starts_with("Dataphin"), "{last}");
    }
    let told = dataphin.told(2).await;
    assert_eq!((&told["result"], &told["type"]), (&json!("terminate"), &json!("terminate")));
    // Once more, and of a form that never was: nothing is left to do.
    let again = revokes(&dataphin, "processinstance/revoke", &by_ours).await;
    assert!(again.json["message"].as_str().unwrap().contains("has ended"), "{}", again.text);
    let unknown = revokes(&dataphin, "processinstance/revoke", &json!({"applyId": "form-9"})).await;
    assert!(unknown.json["message"].as_str().unwrap().contains("no approval"), "{}", unknown.text);
    let nothing = dataphin.calls("processinstance/revoke", &json!({"id": 1})).await;
    assert_eq!((nothing.status, &nothing.json["success"]), (400, &json!(false)));
}

#[tokio::test]
async fn a_revoke_waits_for_the_platform_unless_it_is_forced() {
    let dataphin = Dataphin::start(
        json!({"tell_own_revoke": "no", "callback_format": {"revoke_paths": "form/cancel"}, "tenant_id": "100000001"}),
    )
    .await;
    let one = dataphin.submits(&form("form-1")).await;
    let two = dataphin.submits(&form("form-2")).await;
    let later = revokes(&dataphin, "form/cancel", &json!({"applyId": "form-1"})).await;
    assert!(later.json["message"].as_str().unwrap().contains("later"), "{}", later.text);
    let forced = revokes(&dataphin, "form/cancel", &json!({"applyId": "form-2", "force": "true"})).await;
    assert!(forced.json["message"].is_string(), "it says what the platform was not told: {}", forced.text);
    dataphin.wait_for(&two, "withdrawn").await;
    assert_eq!(dataphin.approval(&one).await["status"], "pending");
    dataphin.clock.advance(TOO_SOON);
    dataphin.wait_for(&one, "withdrawn").await;
    // Its own revokes are not told to it; a person's withdrawal is.
    let three = dataphin.submits(&form("form-3")).await;
    dataphin.clock.advance(TOO_SOON);
    dataphin.act(instance(&three), THIRD, "withdraw", &Value::Null).await;
    assert_eq!(dataphin.told(1).await["applyId"], "form-3");
}

#[tokio::test]
async fn settings_that_change_reach_what_is_still_to_be_told() {
    let dataphin = Dataphin::start(json!({})).await;
    let approval = dataphin.submits(&form("form-1")).await;
    dataphin.receiver.answer_next(500, "cannot decrypt");
    dataphin.act(instance(&approval), OWNER, "approve", &Value::Null).await;
    dataphin.wait_for(&approval, "approved").await;
    assert_eq!(dataphin.told(1).await["result"], "agree", "sealed by the settings of the first attempt");
    let new_key = "B".repeat(43);
    dataphin.change(&json!({"settings": {"callback_format": {"result_approved": "PASS"}}, "secrets": {"encoding_aes_key": new_key}})).await;
    dataphin.clock.advance(10_000);
    let told = open(&dataphin.callback(2).await, &new_key);
    assert_eq!((&told["result"], &told["applyId"]), (&json!("PASS"), &json!("form-1")));
    let state = async || {
        let listed = dataphin.get(&format!("/v1/approvals/{}/deliveries", approval["id"].as_str().unwrap())).await;
        listed.json["items"][0].clone()
    };
    let delivered = eventually("the delivery", async || {
        let now = state().await;
        if now["status"] == "delivered" { Ok(now) } else { Err(now.to_string()) }
    })
    .await;
    assert_eq!(delivered["attempts"], 2, "{delivered}");
}

#[tokio::test]
async fn a_form_that_dataphin_has_closed_needs_no_more_telling() {
    let dataphin = Dataphin::start(json!({})).await;
    let approval = dataphin.submits(&form("form-1")).await;
    dataphin.receiver.answer_next(400, r#"{"success": false, "message": "form already closed"}"#);
    dataphin.act(instance(&approval), OWNER, "approve", &Value::Null).await;
    dataphin.told(1).await;
    let path = format!("/v1/approvals/{}/deliveries", approval["id"].as_str().unwrap());
    eventually("the delivery", async || {
        let listed = dataphin.get(&path).await;
        if listed.json["items"][0]["status"] == "delivered" { Ok(()) } else { Err(listed.text) }
    })
    .await;
}

#[tokio::test]
async fn people_may_be_found_by_what_they_are_on_the_platform() {
    let dataphin = Dataphin::without_people(json!({"user_source_id_is": "account"})).await;
    let mut body = form_with("form-1", &[("1", "OR", &[SECOND])]);
    body["applyUserInfo"] = json!([{"userSourceId": APPLICANT, "userName": "Li"}]);
    let approval = dataphin.submits(&body).await;
    assert_eq!(nodes(&approval), [("any".to_owned(), vec![SECOND.to_owned()])]);
    dataphin.act(instance(&approval), SECOND, "approve", &Value::Null).await;
    assert_eq!(dataphin.told(1).await["approveUser"], SECOND);
    dataphin.change(&json!({"settings": {"user_source_id_is": "mobile"}})).await;
    let by_mobile = dataphin.submits(&form_with("form-2", &[("1", "OR", &["13800000002"])])).await;
    assert_eq!(nodes(&by_mobile).len(), 1);
    let nobody = dataphin.calls(CREATE, &form_with("form-3", &[("1", "OR", &["13800000002", "13999999999"])])).await;
    assert_eq!((nobody.status, &nobody.json["success"]), (422, &json!(false)));
    let message = nobody.json["message"].as_str().unwrap();
    assert!(message.contains("name of 13999999999") && !message.contains("name of 13800000002"), "{message}");
}

#[tokio::test]
async fn replies_have_the_names_that_are_set() {
    let settings = json!({"callback_format": {"reply_id_field": "data.instanceId", "reply_success_field": "ok", "reply_message_field": "error"}});
    let dataphin = Dataphin::start(settings).await;
    let answer = dataphin.calls(CREATE, &form("form-1")).await;
    let id = answer.json["data"]["instanceId"].as_str().unwrap();
    assert_eq!(answer.json, json!({"data": {"instanceId": id}, "ok": true}));
    dataphin.change(&json!({"settings": {"callback_format": {"error_status": "ok"}}})).await;
    let refused = dataphin.sends(&dataphin.source, CREATE, TOKEN, "{}").await;
    assert_eq!((refused.status, &refused.json), (200, &json!({"ok": false, "error": "applyId: is missing"})));
}
