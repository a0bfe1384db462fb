//! What holds on every platform of the sandbox, and across them. People are named by mobile number, which is the same everywhere.

use countersign_tests::local::{Api, Local, eventually, instance};
use serde_json::{Value, json};

const ZHANG: &str = "13800000001";
const LI: &str = "13800000002";
const WANG: &str = "13800000003";
const CHEN: &str = "13800000004";
const OUYANG: &str = "13800000005";
/// No platform refuses a withdrawal any more after this (milliseconds), and whatever was to be repeated soon was repeated.
const SOON: i64 = 16_000;
/// An instance that is not heard from is read by then (milliseconds).
const READ_BY: i64 = 11 * 60 * 1000;

fn node(name: &str, mode: &str, people: &[&str]) -> Value {
    let people: Vec<Value> = people.iter().map(|mobile| json!({"mobile": mobile})).collect();
    json!({"name": name, "mode": mode, "approvers": people})
}

/// A submit by 李娜 on a platform's own flow.
async fn request(api: &Api, nodes: &[Value]) -> Value {
    let mut body = json!({"title": "Read access to orders", "reason": "monthly report", "applicant": {"mobile": LI},
        "fields": {"table": "orders"}, "resource": {"name": "orders", "url": "https://data.example/orders"},
        "flow": api.flow().await});
    if !nodes.is_empty() {
        body["nodes"] = json!(nodes);
    }
    body
}

fn node_statuses(approval: &Value, stage: usize) -> Vec<&str> {
    let nodes = approval["stages"][stage]["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["status"].as_str().unwrap()).collect()
}

async fn does(api: &Api, approval: &Value, who: &str, action: &str) {
    api.act(instance(approval), who, action, &json!({"remark": "as I see it"})).await;
}

/// Every platform of the sandbox, each with a caller that acts on it.
fn platforms(local: &Local) -> Vec<Api> {
    let all: Vec<Api> = local.platforms().into_iter().map(|kind| local.on(kind)).collect();
    assert_eq!(all.len(), 3);
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_every_mode_pass_one_after_the_other() {
    let local = Local::start().await;
    for api in platforms(&local) {
        // DingTalk asks the approvers of a node at once.
        let in_turn = if api.kind == "dingtalk" { "all" } else { "sequential" };
        let nodes = [
            node("Any", "any", &[ZHANG, WANG]),
            node("All", "all", &[CHEN, OUYANG]),
            node("In turn", in_turn, &[WANG, ZHANG]),
        ];
        let approval = api.pending(&request(&api, &nodes).await).await;
        for (who, then) in [
            (WANG, ["approved", "pending", "waiting"]),
            (OUYANG, ["approved", "pending", "waiting"]),
            (CHEN, ["approved", "approved", "pending"]),
            (WANG, ["approved", "approved", "pending"]),
        ] {
            does(&api, &approval, who, "approve").await;
            api.wait_until(&approval, &format!("{}: {who}, {then:?}", api.kind), |now| node_statuses(now, 0) == then)
                .await;
        }
        does(&api, &approval, ZHANG, "approve").await;
        let done = api.wait_for(&approval, "approved").await;
        assert_eq!(node_statuses(&done, 0), ["approved"; 3], "{}: {done}", api.kind);
        let tasks = |node: usize| done["stages"][0]["nodes"][node]["tasks"].as_array().unwrap().clone();
        let by = |tasks: &[Value], status: &str| tasks.iter().filter(|task| task["status"] == status).count();
        assert_eq!(
            (by(&tasks(0), "approved"), by(&tasks(1), "approved"), by(&tasks(2), "approved")),
            (1, 2, 2),
            "{}: {done}",
            api.kind
        );
        let types = ["submitted", "started", "node_decided", "node_decided", "node_decided", "approved"]
            .map(|name| format!("approval.{name}"));
        api.wait_for_types(&approval, &types.each_ref().map(String::as_str)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_rejection_ends_it_and_says_who_and_why() {
    let local = Local::start().await;
    for api in platforms(&local) {
        let approval = api
            .pending(&request(&api, &[node("First", "any", &[ZHANG]), node("All", "all", &[CHEN, OUYANG])]).await)
            .await;
        does(&api, &approval, ZHANG, "approve").await;
        api.wait_until(&approval, "the second node", |now| node_statuses(now, 0) == ["approved", "pending"]).await;
        does(&api, &approval, OUYANG, "reject").await;
        api.wait_for(&approval, "rejected").await;
        // Feishu tells what was said only when it is read.
        let done = api
            .wait_until(&approval, &format!("{}: the remark", api.kind), |now| {
                let tasks = now["stages"][0]["nodes"][1]["tasks"].as_array().cloned().unwrap_or_default();
                tasks.iter().any(|task| task["status"] == "rejected" && task["remark"] == "as I see it")
            })
            .await;
        assert_eq!(node_statuses(&done, 0), ["approved", "rejected"], "{}: {done}", api.kind);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_handed_on_is_the_others_to_decide() {
    let local = Local::start().await;
    for api in platforms(&local) {
        let approval = api.pending(&request(&api, &[node("All", "all", &[CHEN, OUYANG])]).await).await;
        api.act(instance(&approval), CHEN, "transfer", &json!({"to": WANG})).await;
        api.wait_until(&approval, &format!("{}: the transfer", api.kind), |now| {
            let tasks = now["stages"][0]["nodes"][0]["tasks"].as_array().cloned().unwrap_or_default();
            let is = |status: &str| tasks.iter().filter(|task| task["status"] == status).count();
            (is("transferred"), is("pending"), now["status"].as_str()) == (1, 2, Some("pending"))
        })
        .await;
        does(&api, &approval, OUYANG, "approve").await;
        does(&api, &approval, WANG, "approve").await;
        let done = api.wait_for(&approval, "approved").await;
        assert!(
            done["history"].as_array().unwrap().iter().any(|entry| entry["action"] == "transferred"),
            "{}: {done}",
            api.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_on_the_platform_is_noticed() {
    let local = Local::start().await;
    for api in platforms(&local) {
        let approval = api.pending(&request(&api, &[]).await).await;
        local.clock.advance(SOON);
        does(&api, &approval, LI, "withdraw").await;
        api.wait_for(&approval, "withdrawn").await;
        api.wait_for_types(&approval, &["approval.submitted", "approval.started", "approval.withdrawn"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_reaches_the_platform_or_its_caller_is_told_that_it_cannot() {
    let local = Local::start().await;
    for api in platforms(&local) {
        let approval = api.pending(&request(&api, &[]).await).await;
        local.clock.advance(SOON);
        let path = format!("/v1/approvals/{}/withdraw", approval["id"].as_str().unwrap());
        let answer = api.call("POST", &path, &json!({"reason": "not needed"})).await;
        if api.kind != "wecom" {
            assert_eq!(
                (answer.status, &answer.json["status"]),
                (200, &json!("withdrawn")),
                "{}: {}",
                api.kind,
                answer.text
            );
            let refused = api.try_act(instance(&approval), ZHANG, "approve", &Value::Null).await;
            assert_ne!(refused.status, 200, "{}: it has ended there too", api.kind);
            continue;
        }
        assert_eq!((answer.status, answer.code()), (409, "provider_cannot"), "{}", answer.text);
        assert_eq!(api.approval(&approval).await["status"], "pending");
        let forced = api.call("POST", &path, &json!({"reason": "not needed", "force": true})).await;
        assert_eq!((forced.status, &forced.json["status"]), (200, &json!("withdrawn")), "{}", forced.text);
        assert!(
            forced.text.contains("WeCom cannot withdraw"),
            "it says what the platform would not do: {}",
            forced.text
        );
        // The form is still open there. What people do with it changes nothing here.
        does(&api, &approval, ZHANG, "approve").await;
        local.clock.advance(SOON);
        assert_eq!(api.approval(&approval).await["status"], "withdrawn");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_callbacks_are_made_up_for_by_a_reading() {
    let local = Local::start().await;
    for api in platforms(&local) {
        let approval = api.settled(&request(&api, &[node("All", "all", &[ZHANG, WANG])]).await).await;
        api.faults(&json!({"drop_callbacks": true})).await;
        does(&api, &approval, ZHANG, "approve").await;
        does(&api, &approval, WANG, "approve").await;
        api.mend().await;
        assert_eq!(api.approval(&approval).await["status"], "pending", "{}", api.kind);
        local.clock.advance(READ_BY);
        api.wait_for(&approval, "approved").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_and_reordered_callbacks_change_nothing_more() {
    let local = Local::start().await;
    for api in platforms(&local) {
        api.faults(&json!({"repeat_callbacks": 3, "reorder_callbacks": true})).await;
        let approval =
            api.pending(&request(&api, &[node("Any", "any", &[ZHANG, WANG]), node("All", "all", &[CHEN])]).await).await;
        does(&api, &approval, WANG, "approve").await;
        api.wait_until(&approval, "the second node", |now| node_statuses(now, 0) == ["approved", "pending"]).await;
        does(&api, &approval, CHEN, "approve").await;
        api.wait_for(&approval, "approved").await;
        let types =
            ["submitted", "started", "node_decided", "node_decided", "approved"].map(|name| format!("approval.{name}"));
        api.wait_for_types(&approval, &types.each_ref().map(String::as_str)).await;
        api.mend().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_whose_answer_is_lost_makes_one_instance() {
    let local = Local::start().await;
    for api in platforms(&local) {
        api.faults(&json!({"fail": "after_effect"})).await;
        let answer = api.submit(&request(&api, &[]).await).await;
        assert_eq!((answer.status, &answer.json["status"]), (202, &json!("starting")), "{}: {}", api.kind, answer.text);
        api.mend().await;
        // Its effect is unknown: nobody repeats it while the lease runs.
        local.clock.advance(61_000);
        let approval = api.wait_for(&answer.json, "pending").await;
        let there = api.instances().await;
        assert_eq!(there.len(), 1, "{}: {there:?}", api.kind);
        does(&api, &approval, ZHANG, "approve").await;
        api.wait_for(&approval, "approved").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_the_platform_does_not_know_is_named_or_asked_for_by_the_default_applicant() {
    let local = Local::start().await;
    for api in platforms(&local) {
        let mut body = request(&api, &[]).await;
        body["applicant"] = json!({"name": "Somebody else", "mobile": "13900000000"});
        let approval = api.pending(&body).await;
        does(&api, &approval, ZHANG, "approve").await;
        api.wait_for(&approval, "approved").await;
        let connection = api.connection().await;
        let path = format!("/v1/connections/{connection}");
        assert_eq!(api.call("PATCH", &path, &json!({"default_applicant": null})).await.status, 200);
        let answer = api.submit(&body).await;
        assert_eq!(
            (answer.status, answer.code(), answer.pointers()),
            (422, "person_not_found", vec!["/applicant"]),
            "{}",
            answer.text
        );
        for said in ["13900000000", connection.as_str()] {
            assert!(answer.text.contains(said), "{}: {said} in {}", api.kind, answer.text);
        }
        let mut body = request(&api, &[node("Nobody", "any", &["13900000001"])]).await;
        body["applicant"] = json!({"mobile": LI});
        let answer = api.submit(&body).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec!["/nodes/0/approvers/0"]), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_tested_and_its_directory_taken_over() {
    let local = Local::start().await;
    for api in platforms(&local) {
        let path = format!("/v1/connections/{}", api.connection().await);
        let tested = api.call("POST", &format!("{path}/test"), &Value::Null).await;
        assert_eq!((tested.status, &tested.json["ok"]), (200, &json!(true)), "{}: {}", api.kind, tested.text);
        let checks = tested.json["checks"].as_array().unwrap();
        let name = checks.iter().find(|check| check["name"] == "organization").map(|check| &check["detail"]);
        // WeCom has no call for it.
        assert_eq!(name, (api.kind != "wecom").then_some(&json!("云杉科技")), "{}: {}", api.kind, tested.text);
        let synced = api.call("POST", &format!("{path}/members/sync"), &Value::Null).await;
        assert_eq!(
            (synced.status, &synced.json["found"], &synced.json["created"]),
            (200, &json!(5), &json!(0)),
            "{}: {}",
            api.kind,
            synced.text
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corp_id_of_nobody_fails_the_test_of_the_connection() {
    let local = Local::start().await;
    let path = format!("/v1/connections/{}", local.connection().await);
    assert_eq!(local.call("PATCH", &path, &json!({"settings": {"corp_id": "ding-nobody"}})).await.status, 200);
    let tested = local.call("POST", &format!("{path}/test"), &Value::Null).await.json;
    let failed: Vec<&Value> =
        tested["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    assert_eq!(failed.len(), 1, "{tested}");
    assert_eq!(failed[0]["name"], "organization");
    assert!(failed[0]["fix"].as_str().unwrap().contains("CorpId"), "{tested}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_with_another_signature_changes_nothing() {
    let local = Local::start().await;
    for api in platforms(&local) {
        let path = format!("/callbacks/{}", api.connection().await);
        let approval = api.settled(&request(&api, &[]).await).await;
        for body in ["", "{}", "{\"encrypt\":\"AAAA\"}", "<xml><Encrypt>AAAA</Encrypt></xml>", "\u{0}"] {
            for query in ["", "?signature=a&timestamp=1&nonce=b", "?msg_signature=a&timestamp=1&nonce=b&echostr=AAAA"] {
                for method in ["GET", "POST"] {
                    let answer = api.with_key("").send(method, &format!("{path}{query}"), &[], body).await;
                    assert!(
                        [400, 401].contains(&answer.status),
                        "{} {method} {query} {body}: {} {}",
                        api.kind,
                        answer.status,
                        answer.text
                    );
                }
            }
        }
        assert_eq!(api.approval(&approval).await["version"], approval["version"], "{}", api.kind);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_runs_through_dingtalk_feishu_and_wecom() {
    let local = Local::start().await;
    let mut stages = Vec::new();
    for api in platforms(&local) {
        stages.push(json!({"connection": api.connection().await, "nodes": [node(api.kind, "any", &[ZHANG])]}));
    }
    let flow = local.make("/v1/flows", &json!({"name": "All three", "stages": stages})).await;
    let body = json!({"title": "Publish the campaign", "applicant": {"mobile": LI}, "flow": flow["id"]});
    let approval = local.pending(&body).await;
    for (stage, api) in platforms(&local).iter().enumerate() {
        let running = eventually(&format!("stage {stage} on {}", api.kind), async || {
            let now = local.approval(&approval).await;
            if now["stages"][stage]["status"] == "pending" { Ok(now) } else { Err(now.to_string()) }
        })
        .await;
        assert_eq!(running["status"], "pending");
        for (other, later) in platforms(&local).iter().enumerate().skip(stage + 1) {
            assert_eq!(running["stages"][other]["status"], "waiting");
            assert!(later.instances().await.is_empty(), "nobody is asked on {} yet", later.kind);
        }
        api.act(running["stages"][stage]["instance"].as_str().unwrap(), ZHANG, "approve", &Value::Null).await;
    }
    let done = local.wait_for(&approval, "approved").await;
    let kinds: Vec<&str> =
        done["stages"].as_array().unwrap().iter().map(|stage| stage["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["dingtalk", "feishu", "wecom"]);
    let types = ["submitted", "started", "node_decided", "node_decided", "node_decided", "approved"]
        .map(|name| format!("approval.{name}"));
    local.wait_for_types(&approval, &types.each_ref().map(String::as_str)).await;
}
