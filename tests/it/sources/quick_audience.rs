//! Quick Audience: its apply notice and its Boolean answer, and a call back for each level.

use std::collections::BTreeMap;

use countersign_tests::http::Answer;
use countersign_tests::local::{Local, OWNER, SECOND, eventually, instance};
use countersign_tests::receiver::{Received, Receiver};
use md5::{Digest, Md5};
use serde_json::{Value, json};

const ACCESS_ID: &str = "0f5dfbb6-1f1d-4b0a-9f0e-aaaaaaaaaaaa";
const YES: &str = r#"{"data": "true", "errorCode": null, "errorDesc": null, "exStack": null, "opers": [],
    "solution": null, "success": true, "traceId": "0ada"}"#;

/// Quick Audience, docked to a local program.
struct Qa {
    local: Local,
    receiver: Receiver,
    source: Value,
}

impl Qa {
    /// A source whose approvals take two levels on the sandbox's DingTalk: a member, then an account.
    async fn new(more: &Value) -> Self {
        let local = Local::start().await;
        let receiver = Receiver::start().await;
        let members = local.get("/v1/members").await.json;
        let connection = local.connection().await;
        let is_owner = |member: &&Value| member["accounts"][connection.as_str()] == OWNER;
        let owner = members["items"].as_array().unwrap().iter().find(is_owner).unwrap().clone();
        let node = |name: &str, approver: Value| json!({"name": name, "mode": "any", "approvers": [approver]});
        let nodes = [node("负责人", json!({"member": owner["id"]})), node("法务", json!({"account": SECOND}))];
        let flow = json!({"name": "QA", "stages": [{"connection": connection, "nodes": nodes}]});
        let flow = local.make("/v1/flows", &flow).await;
        let mut source = json!({"name": "QA", "format": "quick_audience", "callback_url": receiver.url,
            "default_flow": flow["id"], "secrets": {"access_id": ACCESS_ID}});
        for (name, value) in more.as_object().unwrap() {
            source[name.as_str()] = value.clone();
        }
        let source = local.make("/v1/sources", &source).await;
        Self { local, receiver, source }
    }

    /// The path that is entered in Quick Audience.
    fn path(&self) -> String {
        let token = self.source["generated_secrets"]["path_token"].as_str().unwrap();
        format!("{}/{token}", self.open_path())
    }

    fn open_path(&self) -> String {
        format!("/inbound/{}/quick-audience/apply", self.source["id"].as_str().unwrap())
    }

    async fn notify(&self, path: &str, notice: &Value) -> Answer {
        let json = [("content-type", "application/json;charset=UTF-8")];
        self.local.with_key("").send("POST", path, &json, notice.to_string()).await
    }

    /// The approval that a notice became.
    async fn asked(&self, notice: &Value) -> Value {
        let answer = self.notify(&self.path(), notice).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "true"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        self.only_approval().await
    }

    async fn only_approval(&self) -> Value {
        let items = self.local.get("/v1/approvals").await.json["items"].clone();
        assert_eq!(items.as_array().unwrap().len(), 1, "{items}");
        self.local.approval(&items[0]).await
    }

    async fn decide(&self, approval: &Value, who: &str, action: &str, remark: &str) {
        eventually("the task", async || {
            let acted = self.local.try_act(instance(approval), who, action, &json!({"remark": remark})).await;
            if acted.status == 200 { Ok(()) } else { Err(acted.text) }
        })
        .await;
    }

    async fn call_backs(&self, count: usize) -> Vec<Received> {
        eventually("the call backs", async || {
            let received = self.receiver.received();
            if received.len() >= count { Ok(received) } else { Err(format!("{} of {count}", received.len())) }
        })
        .await
    }

    /// The deliveries of an approval, once all have this status or another that is named.
    async fn deliveries(&self, approval: &Value, statuses: &[&str]) -> Vec<Value> {
        let path = format!("/v1/approvals/{}/deliveries", approval["id"].as_str().unwrap());
        eventually("the deliveries", async || {
            let rows = self.local.get(&path).await.json["items"].as_array().cloned().unwrap();
            let mut seen: Vec<&str> = rows.iter().map(|row| row["status"].as_str().unwrap()).collect();
            seen.sort_unstable();
            let tried = rows.iter().all(|row| row["attempts"] != 0);
            if seen == statuses && tried { Ok(rows) } else { Err(format!("{rows:?}")) }
        })
        .await
    }
}

/// As the vendor's page writes it.
fn notice() -> Value {
    json!({"applyId": "4711", "applyReason": "双十一", "applicantName": "李娜", "applicantPhone": "13800000002",
        "applicantMail": "li.na@yunshan.example", "moduleName": "自动化营销任务", "resourceName": "双十一召回",
        "resourceDetailUrl": "https://qa.example/#/task?id=9", "startTime": "2026-09-21 22:13:20", "endTime": "2026-09-22 22:13:20",
        "organizationId": "org-9", "organizationName": "云杉", "workspaceId": "ws-9", "workspaceName": "市场部",
        "applyContent": {"processId": "p-1", "taskLink": "https://qa.example/#/task?id=9", "maWebhookIds": "id1,id2",
            "channelTypes": "短信", "taskName": "召回", "crowdNames": "a,b"}})
}

type Form = BTreeMap<String, String>;

fn form(received: &Received) -> Form {
    assert_eq!(received.headers["content-type"], "application/x-www-form-urlencoded");
    url::form_urlencoded::parse(&received.body).into_owned().collect()
}

fn owned(pairs: &[(&str, &str)]) -> Form {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn each_level_is_called_back_in_order() {
    let qa = Qa::new(&json!({})).await;
    qa.receiver.answer_next(200, YES);
    qa.receiver.answer_next(200, YES);
    let approval = qa.asked(&notice()).await;
    assert_eq!((&approval["title"], &approval["status"]), (&json!("自动化营销任务: 双十一召回"), &json!("pending")));
    let request = &approval["request"];
    assert_eq!((&request["fields"]["channels"], &request["fields"]["workspace"]), (&json!("短信"), &json!("市场部")));
    assert_eq!(request["resource"], json!({"name": "双十一召回", "url": "https://qa.example/#/task?id=9"}));
    assert_eq!(request["starts_at"], "2026-09-21T14:13:20Z");
    qa.decide(&approval, OWNER, "approve", "可以").await;
    let first = qa.call_backs(1).await;
    assert_eq!(first[0].uri, "/openapi/apply/externalApplyCallBack", "the documented path");
    let owner = approval["stages"][0]["nodes"][0]["tasks"][0]["assignee"]["name"].as_str().unwrap();
    let wanted = [
        ("applyId", "4711"),
        ("approverStatus", "1"),
        ("approverReason", "可以"),
        ("approvalNode", "1"),
        ("approverName", owner),
        ("nextApproverName", "王芳"),
        ("applyStatus", "0"),
        ("organizationId", "org-9"),
        ("workspaceId", "ws-9"),
        ("accessId", ACCESS_ID),
    ];
    assert_eq!(form(&first[0]), owned(&wanted));
    qa.decide(&approval, SECOND, "approve", "").await;
    let second = form(&qa.call_backs(2).await[1]);
    let told = ["approverStatus", "applyStatus", "approvalNode", "nextApproverName"].map(|name| second[name].as_str());
    assert_eq!(told, ["1", "1", "2", ""]);
    qa.local.wait_for(&approval, "approved").await;
    qa.deliveries(&approval, &["delivered", "delivered"]).await;
    assert_eq!(qa.receiver.received().len(), 2, "one for each level");
}

#[tokio::test]
async fn a_form_says_the_same_and_a_rejection_ends_it() {
    let qa = Qa::new(&json!({})).await;
    let mut notice = notice();
    notice["applyContent"] = notice["applyContent"].to_string().into();
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(notice.as_object().unwrap().iter().map(|(name, value)| (name, value.as_str().unwrap())));
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let answer = qa.local.with_key("").send("POST", &qa.path(), &kind, body.finish()).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "true"));
    let approval = qa.only_approval().await;
    assert_eq!(approval["request"]["fields"]["task"], "召回");
    qa.decide(&approval, OWNER, "reject", "人群太大").await;
    let told = form(&qa.call_backs(1).await[0]);
    let names = ["approverStatus", "applyStatus", "approvalNode", "approverReason"];
    assert_eq!(names.map(|name| told[name].as_str()), ["2", "2", "1", "人群太大"]);
    qa.local.wait_for(&approval, "rejected").await;
    qa.deliveries(&approval, &["delivered"]).await;
    assert_eq!(qa.receiver.received().len(), 1);
}

#[tokio::test]
async fn a_refusal_with_a_code_is_final_and_one_without_is_tried_again() {
    let qa = Qa::new(&json!({})).await;
    let refused = json!({"success": false, "data": null, "errorCode": "APPLY_CLOSED", "errorDesc": "the form is closed",
        "solution": "ask again", "traceId": "0ada"});
    qa.receiver.answer_next(200, json!({"success": false, "data": null, "errorCode": null}).to_string());
    let approval = qa.asked(&notice()).await;
    qa.decide(&approval, OWNER, "approve", "").await;
    let waiting = qa.deliveries(&approval, &["pending"]).await;
    assert_eq!((&waiting[0]["attempts"], &waiting[0]["last_status"]), (&json!(1), &json!(200)), "{waiting:?}");
    qa.receiver.answer_next(200, refused.to_string());
    qa.local.clock.advance(60_000);
    let dead = qa.deliveries(&approval, &["dead"]).await;
    let error = dead[0]["last_error"].as_str().unwrap();
    for said in ["APPLY_CLOSED", "the form is closed", "ask again", "0ada"] {
        assert!(error.contains(said), "{error}");
    }
    let received = qa.receiver.received();
    assert_eq!(received[0].body, received[1].body, "the same call");
    assert_eq!(qa.local.approval(&approval).await["status"], "pending", "the approval goes on");
}

#[tokio::test]
async fn the_open_platforms_signature_holds() {
    let auth = json!({"settings": {"auth": "open_platform", "app_id": "tttt"},
        "secrets": {"access_key": "accesskey", "access_secret": "yyyy-secret"}});
    let qa = Qa::new(&auth).await;
    let approval = qa.asked(&notice()).await;
    qa.decide(&approval, OWNER, "reject", "").await;
    let received = qa.call_backs(1).await.remove(0);
    let query: Form = url::form_urlencoded::parse(received.uri.query().unwrap().as_bytes()).into_owned().collect();
    assert_eq!((query["appId"].as_str(), query["accessKey"].as_str(), query.len()), ("tttt", "accesskey", 3));
    let timestamp = &query["timestamp"];
    assert_eq!(timestamp.len(), 13, "milliseconds");
    let text = format!("accessKey=accesskey&accessSecret=yyyy-secret&appId=tttt&timestamp={timestamp}");
    let digest: String = Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(received.headers["authorization"], digest.as_str());
    let form = form(&received);
    assert_eq!((form["applyStatus"].as_str(), form.get("accessId")), ("2", None));
    assert!(!String::from_utf8_lossy(&received.body).contains("yyyy"));
}

#[tokio::test]
async fn the_same_notice_again_is_the_same_form() {
    let qa = Qa::new(&json!({"settings": {"answer": "envelope"}})).await;
    for _ in 0..2 {
        let answer = qa.notify(&qa.path(), &notice()).await;
        assert_eq!((answer.status, &answer.json["success"]), (200, &json!(true)), "{}", answer.text);
        assert_eq!((&answer.json["data"], &answer.json["errorCode"]), (&json!("true"), &Value::Null));
        assert_eq!(answer.json["traceId"].as_str(), answer.header("x-trace-id"));
        qa.only_approval().await;
    }
    let mut other = notice();
    other["applyReason"] = "something else".into();
    let answer = qa.notify(&qa.path(), &other).await;
    assert_eq!((answer.status, &answer.json["errorCode"]), (409, &json!("IDEMPOTENCY_MISMATCH")), "{}", answer.text);
    other["organizationId"] = "org-10".into();
    assert_eq!(qa.notify(&qa.path(), &other).await.status, 200, "another organisation's form of this number");
    assert_eq!(qa.local.get("/v1/approvals").await.json["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn only_the_whole_address_is_let_in_and_tells_nothing() {
    let qa = Qa::new(&json!({})).await;
    let token = qa.source["generated_secrets"]["path_token"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 32);
    let id = qa.source["id"].as_str().unwrap();
    let wrong = [
        qa.open_path(),
        format!("{}/{}", qa.open_path(), "0".repeat(32)),
        format!("{}?token=", qa.open_path()),
        qa.path().replace(id, "src_unknown"),
        qa.path().replace(id, "nonsense"),
    ];
    let native = qa.local.make("/v1/sources", &json!({"name": "n", "format": "native"})).await;
    for path in wrong.into_iter().chain([qa.path().replace(id, native["id"].as_str().unwrap())]) {
        let answer = qa.notify(&path, &notice()).await;
        assert_eq!((answer.status, answer.text.as_str()), (404, "false"), "{path}");
    }
    assert_eq!(qa.local.get("/v1/approvals").await.json["items"], json!([]));
    let shown = qa.local.get(&format!("/v1/sources/{id}")).await.text;
    assert!(!shown.contains(&token) && !shown.contains(ACCESS_ID), "{shown}");
    let in_query = qa.notify(&format!("{}?token={token}", qa.open_path()), &notice()).await;
    assert_eq!((in_query.status, in_query.text.as_str()), (200, "true"));
    let open = json!({"secrets": {"path_token": null}});
    assert_eq!(qa.local.call("PATCH", &format!("/v1/sources/{id}"), &open).await.status, 200);
    assert_eq!(qa.notify(&qa.open_path(), &notice()).await.status, 200, "without a token whoever knows the address");
}

#[tokio::test]
async fn what_cannot_be_taken_says_why_in_the_envelope_and_changes_nothing() {
    let qa = Qa::new(&json!({"settings": {"answer": "envelope", "organization_id": "org-9"}})).await;
    let with = |name: &str, value: Value| {
        let mut notice = notice();
        notice[name] = value;
        notice.to_string()
    };
    for (body, status, said) in [
        ("<xml/>".to_owned(), 400, "neither a JSON object nor a form"),
        (with("applyId", Value::Null), 400, "applyId"),
        (with("organizationId", json!("org-8")), 400, "organizationId"),
        (with("workspaceId", json!("")), 400, "workspaceId"),
        (with("applyReason", json!("x".repeat(1 << 20))), 413, "larger"),
    ] {
        let answer = qa.local.with_key("").send("POST", &qa.path(), &[], body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        if status == 400 {
            assert_eq!((&answer.json["success"], &answer.json["data"]), (&json!(false), &Value::Null));
            assert!(answer.json["errorDesc"].as_str().unwrap().contains(said), "{}", answer.text);
        } else {
            assert_eq!(answer.text, "false");
        }
    }
    let id = qa.source["id"].as_str().unwrap();
    let changes = json!({"settings": {"answer": null}, "default_flow": null});
    assert_eq!(qa.local.call("PATCH", &format!("/v1/sources/{id}"), &changes).await.status, 200);
    let answer = qa.notify(&qa.path(), &notice()).await;
    assert_eq!((answer.status, answer.text.as_str()), (422, "false"), "no flow");
    assert_eq!(qa.local.get("/v1/approvals").await.json["items"], json!([]));
    assert!(qa.receiver.received().is_empty());
}

#[tokio::test]
async fn what_the_platform_refuses_is_told_as_a_rejection_once() {
    let qa = Qa::new(&json!({})).await;
    qa.local.faults(&json!({"missing_scopes": ["Workflow.Instance.Write"]})).await;
    for _ in 0..2 {
        let answer = qa.notify(&qa.path(), &notice()).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "true"));
        qa.local.mend().await;
    }
    let approval = qa.only_approval().await;
    assert_eq!(approval["status"], "failed", "it is not started again: its end was told");
    let told = form(&qa.call_backs(1).await[0]);
    assert_eq!((told["approverStatus"].as_str(), told["applyStatus"].as_str()), ("2", "2"));
    assert_eq!(told["approverName"], "system");
    assert!(told["approverReason"].starts_with("Could not be started: "), "{told:?}");
    qa.deliveries(&approval, &["delivered"]).await;
}
