//! An external OA: the notice that it gets, and its call backs with their envelope.

use std::collections::{BTreeMap, BTreeSet};

use countersign_tests::desk::{Desk, make};
use countersign_tests::http::{Answer, Client};
use countersign_tests::receiver::Receiver;
use serde_json::{Value, json};

use crate::tls::{Authority, Manner, Server};

const PATH: &str = "/openapi/apply/externalApplyCallBack";
const KEY: &str = "access-key-of-the-oa-0123";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// An organisation with an external OA and a flow on it.
struct Oa {
    desk: Desk,
    receiver: Receiver,
    connection: String,
    flow: String,
}

/// A connection to an external OA at this address.
fn connection(url: &str, access_id: &str) -> Value {
    json!({"kind": "external", "name": "Own OA",
        "settings": {"url": url, "access_id": access_id, "organization_id": "org-9", "workspace_id": "ws-9"},
        "secrets": {"access_key": KEY}})
}

async fn oa() -> Oa {
    let desk = Desk::new().await;
    let receiver = Receiver::start().await;
    let (connection, flow) = on(&desk.client, &receiver, "access-1").await;
    Oa { desk, receiver, connection, flow }
}

async fn on(client: &Client, receiver: &Receiver, access_id: &str) -> (String, String) {
    let connection = make(client, "/v1/connections", &connection(&receiver.url, access_id)).await;
    let flow = json!({"name": "OA", "stages": [{"connection": connection, "nodes": []}]});
    let flow = make(client, "/v1/flows", &flow).await;
    (connection, flow)
}

#[tokio::test]
async fn a_key_that_is_replaced_opens_nothing_more() {
    let oa = oa().await;
    let approval = oa.pending().await;
    let (with_key, path) = (fields(&approval, &[("accessKey", KEY)]), format!("/v1/connections/{}", oa.connection));
    let unknown_level = fields(&approval, &[("accessKey", KEY), ("approverStatus", "9")]);
    assert_ne!(oa.call_back(&unknown_level).await.status, 401, "it is read, with the key that is right");
    let new = json!({"secrets": {"access_key": "another-key-of-the-oa-0123"}});
    assert_eq!(oa.desk.client.call("PATCH", &path, &new).await.status, 200);
    assert_eq!(oa.call_back(&with_key).await.status, 401);
    assert_eq!(oa.shown(&approval).await["status"], "pending");
}

#[tokio::test]
async fn two_organisations_with_the_same_access_id_do_not_meet() {
    let ours = oa().await;
    let desk = ours.desk.another().await;
    let receiver = Receiver::start().await;
    let mut body = connection(&receiver.url, "access-1");
    body["secrets"]["access_key"] = json!("another-key-of-another-oa");
    let connection = make(&desk.client, "/v1/connections", &body).await;
    let flow = json!({"name": "OA", "stages": [{"connection": connection, "nodes": []}]});
    let flow = make(&desk.client, "/v1/flows", &flow).await;
    let theirs = Oa { desk, receiver, connection, flow };
    let (our, their) = (ours.pending().await, theirs.pending().await);
    let with_other_key = fields(&our, &[("accessKey", "another-key-of-another-oa")]);
    assert_eq!(ours.call_back(&with_other_key).await.status, 404, "it opens nothing of ours");
    succeeded(&theirs.call_back(&fields(&their, &[("accessKey", "another-key-of-another-oa")])).await);
    assert_eq!(ours.shown(&our).await["status"], "pending");
    succeeded(&ours.call_back(&fields(&our, &[])).await);
    assert_eq!(
        (&ours.shown(&our).await["status"], &theirs.shown(&their).await["status"]),
        (&json!("approved"), &json!("approved"))
    );
}

fn asked(flow: &str) -> Value {
    json!({"title": "Audience 4711", "reason": "campaign", "flow": flow,
        "applicant": {"name": "Li Na", "mobile": "13800000002", "email": "li.na@yunshan.example"},
        "fields": {"rows": 10}, "resource": {"name": "audience", "url": "https://qa.example/4711"},
        "starts_at": "2026-09-21T14:13:20Z", "ends_at": "2026-10-21T14:13:20Z"})
}

impl Oa {
    async fn pending(&self) -> Value {
        let answer = self.desk.client.call("POST", "/v1/approvals", &asked(&self.flow)).await;
        assert_eq!((answer.status, &answer.json["status"]), (201, &json!("pending")), "{}", answer.text);
        answer.json
    }

    async fn shown(&self, approval: &Value) -> Value {
        self.desk.shown(&approval["id"].as_str().unwrap().parse().unwrap()).await
    }

    async fn call_back(&self, fields: &[(&str, &str)]) -> Answer {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        self.desk.client.with_key("").send("POST", PATH, &[FORM], form.finish()).await
    }
}

/// A good call back of an approval, with some fields changed; an empty value removes one.
fn fields<'a>(approval: &'a Value, changed: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = BTreeMap::from([
        ("applyId", approval["id"].as_str().unwrap()),
        ("approverStatus", "1"),
        ("applyStatus", "1"),
        ("approverName", "王芳"),
        ("approverReason", "同意"),
        ("accessId", "access-1"),
        ("accessKey", KEY),
        ("organizationId", "org-9"),
        ("workspaceId", "ws-9"),
    ]);
    fields.extend(changed.iter().copied());
    fields.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// The envelope has all its names and nothing else, and no secret.
#[track_caller]
fn envelope(answer: &Answer) {
    let names: BTreeSet<&str> = answer.json.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = ["data", "errorCode", "errorDesc", "exStack", "opers", "solution", "success", "traceId"];
    assert_eq!(names, BTreeSet::from(wanted), "{}", answer.text);
    assert_eq!(answer.json["traceId"].as_str(), answer.header("x-trace-id"), "{}", answer.text);
    assert!(!answer.text.contains(KEY));
    assert_eq!((&answer.json["exStack"], &answer.json["opers"]), (&Value::Null, &json!([])));
}

#[track_caller]
fn succeeded(answer: &Answer) {
    assert_eq!((answer.status, &answer.json["success"]), (200, &json!(true)), "{}", answer.text);
    assert_eq!((&answer.json["data"], &answer.json["errorCode"]), (&json!("true"), &Value::Null));
    envelope(answer);
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.json["errorCode"]), (status, &json!(code)), "{}", answer.text);
    assert_eq!((&answer.json["success"], &answer.json["data"]), (&json!(false), &Value::Null));
    assert!(answer.json["errorDesc"].is_string() && answer.json["solution"].is_string(), "{}", answer.text);
    envelope(answer);
}

#[tokio::test]
async fn the_notice_has_the_documented_fields() {
    let oa = oa().await;
    let workspace = make(&oa.desk.client, "/v1/workspaces", &json!({"name": "Marketing"})).await;
    let mut body = asked(&oa.flow);
    body["workspace"] = json!(workspace);
    let approval = oa.desk.client.call("POST", "/v1/approvals", &body).await.json;
    let organizations = oa.desk.client.call("GET", "/v1/organizations", &Value::Null).await.json;
    let names = [organizations["items"][0]["name"].clone(), json!("Marketing")];
    assert!(names[0].is_string(), "{organizations}");
    assert_eq!(approval["stages"][0]["kind"], "external");
    let received = oa.receiver.received();
    assert_eq!(received.len(), 1);
    let notice: Value = serde_json::from_slice(&received[0].body).unwrap();
    let wanted = json!({"applyId": approval["id"], "applyContent": "{\"rows\":10}", "applyReason": "campaign",
        "applicantName": "Li Na", "applicantPhone": "13800000002", "applicantMail": "li.na@yunshan.example",
        "moduleName": "Audience 4711", "resourceName": "audience", "resourceDetailUrl": "https://qa.example/4711",
        "startTime": "2026-09-21 22:13:20", "endTime": "2026-10-21 22:13:20", "organizationId": "org-9",
        "organizationName": names[0], "workspaceId": "ws-9", "workspaceName": names[1], "accessId": "access-1"});
    assert_eq!(notice, wanted);
    assert!(!String::from_utf8_lossy(&received[0].body).contains(KEY));
}

#[tokio::test]
async fn the_notice_may_be_a_form() {
    let oa = oa().await;
    let path = format!("/v1/connections/{}", oa.connection);
    let body = json!({"settings": {"content_type": "form"}});
    assert_eq!(oa.desk.client.call("PATCH", &path, &body).await.status, 200);
    let approval = oa.pending().await;
    let received = oa.receiver.received();
    assert_eq!(received[0].headers["content-type"], "application/x-www-form-urlencoded");
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&received[0].body).into_owned().collect();
    assert_eq!(form["applyId"], approval["id"].as_str().unwrap());
    assert_eq!(form["endTime"], "2026-10-21 22:13:20");
}

#[tokio::test]
async fn yes_is_understood_in_each_form_and_no_is_a_refusal() {
    let oa = oa().await;
    for yes in ["true", "\"true\"", " True ", r#"{"success":true,"data":"true"}"#, r#"{"success":true}"#] {
        oa.receiver.answer_next(200, yes);
        oa.pending().await;
    }
    for (status, no) in [
        (200, "false"),
        (200, "\"false\""),
        (200, ""),
        (200, "<html>login</html>"),
        (200, r#"{"success":false,"errorCode":"E1","errorDesc":"no"}"#),
        (200, r#"{"success":true,"data":"false"}"#),
        (404, "true"),
        (302, "true"),
    ] {
        oa.receiver.answer_next(status, no);
        let answer = oa.desk.client.call("POST", "/v1/approvals", &asked(&oa.flow)).await;
        assert_eq!((answer.status, answer.code()), (422, "provider_refused"), "{no}: {}", answer.text);
        let id = answer.json["approval"].as_str().unwrap().parse().unwrap();
        assert_eq!(oa.desk.shown(&id).await["status"], "failed");
    }
    oa.receiver.answer_next(503, "busy");
    let answer = oa.desk.client.call("POST", "/v1/approvals", &asked(&oa.flow)).await;
    assert_eq!((answer.status, &answer.json["status"]), (202, &json!("starting")), "{}", answer.text);
}

#[tokio::test]
async fn one_node_passes_or_rejects_it() {
    let oa = oa().await;
    let approval = oa.pending().await;
    succeeded(&oa.call_back(&fields(&approval, &[])).await);
    let done = oa.shown(&approval).await;
    assert_eq!(done["status"], "approved");
    let task = &done["stages"][0]["nodes"][0]["tasks"][0];
    assert_eq!((&task["assignee"]["name"], &task["remark"]), (&json!("王芳"), &json!("同意")), "{done}");

    let other = oa.pending().await;
    let no = [("approverStatus", "2"), ("applyStatus", "2"), ("approverReason", "不同意")];
    succeeded(&oa.call_back(&fields(&other, &no)).await);
    let done = oa.shown(&other).await;
    assert_eq!((&done["status"], &done["stages"][0]["nodes"][0]["status"]), (&json!("rejected"), &json!("rejected")));
}

#[tokio::test]
async fn several_nodes_are_told_one_by_one() {
    let oa = oa().await;
    let approval = oa.pending().await;
    let first = [("applyStatus", "0"), ("approvalNode", "1"), ("nextApproverName", "张伟，李娜")];
    succeeded(&oa.call_back(&fields(&approval, &first)).await);
    let now = oa.shown(&approval).await;
    assert_eq!(now["status"], "pending");
    let nodes = now["stages"][0]["nodes"].as_array().unwrap();
    let statuses: Vec<_> = nodes.iter().map(|node| node["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["approved", "pending"], "{now}");
    let asked: BTreeSet<_> =
        nodes[1]["tasks"].as_array().unwrap().iter().map(|task| task["assignee"]["name"].as_str().unwrap()).collect();
    assert_eq!(asked, BTreeSet::from(["张伟", "李娜"]));
    let second = [("applyStatus", "1"), ("approvalNode", "2"), ("approverName", "张伟")];
    succeeded(&oa.call_back(&fields(&approval, &second)).await);
    let done = oa.shown(&approval).await;
    assert_eq!(done["status"], "approved");
    let statuses: Vec<_> =
        done["stages"][0]["nodes"].as_array().unwrap().iter().map(|node| node["status"].clone()).collect();
    assert_eq!(statuses, ["approved", "approved"], "{done}");
}

#[tokio::test]
async fn a_repeated_call_back_changes_nothing() {
    let oa = oa().await;
    let approval = oa.pending().await;
    let node = [("applyStatus", "0"), ("approvalNode", "1"), ("nextApproverName", "张伟")];
    let end = [("approvalNode", "2"), ("approverName", "张伟")];
    for step in [&node[..], &end[..]] {
        succeeded(&oa.call_back(&fields(&approval, step)).await);
        let before = oa.shown(&approval).await;
        oa.desk.clock.advance(5_000);
        for _ in 0..3 {
            succeeded(&oa.call_back(&fields(&approval, step)).await);
        }
        assert_eq!(oa.shown(&approval).await, before, "the version too");
    }
    let late = [("approverStatus", "2"), ("applyStatus", "2"), ("approverName", "李娜"), ("approvalNode", "2")];
    oa.call_back(&fields(&approval, &late)).await;
    assert_eq!(oa.shown(&approval).await["status"], "approved", "what has ended stays so");
}

#[tokio::test]
async fn who_it_is_must_be_shown() {
    let oa = oa().await;
    let approval = oa.pending().await;
    let wrong: [&[(&str, &str)]; 7] = [
        &[("accessKey", "")],
        &[("accessId", "access-2")],
        &[("accessId", ""), ("accessKey", "")],
        &[("accessId", ""), ("organizationId", "")],
        &[("accessKey", "wrong")],
        &[("accessId", ""), ("accessKey", "wrong")],
        &[("accessId", ""), ("organizationId", "org-8"), ("accessKey", KEY)],
    ];
    for changed in wrong {
        refused(&oa.call_back(&fields(&approval, changed)).await, 401, "UNAUTHORIZED");
    }
    assert_eq!(oa.shown(&approval).await["version"], approval["version"]);
    let by_organization = [("accessId", ""), ("accessKey", KEY)];
    succeeded(&oa.call_back(&fields(&approval, &by_organization)).await);
    assert_eq!(oa.shown(&approval).await["status"], "approved");
}

#[tokio::test]
async fn forms_of_others_do_not_exist() {
    let oa = oa().await;
    let approval = oa.pending().await;
    let other = oa.desk.another().await;
    let (_, flow) = on(&other.client, &oa.receiver, "access-2").await;
    let theirs = other.client.call("POST", "/v1/approvals", &asked(&flow)).await;
    assert_eq!(theirs.status, 201, "{}", theirs.text);
    let on_dingtalk = oa.desk.running("inst-1", &[]).await;
    let id = on_dingtalk.id.to_string();
    for apply in [theirs.json["id"].as_str().unwrap(), "apr_unknown", "4711", id.as_str()] {
        refused(&oa.call_back(&fields(&approval, &[("applyId", apply)])).await, 404, "APPLY_NOT_FOUND");
    }
    assert_eq!(other.shown(&theirs.json["id"].as_str().unwrap().parse().unwrap()).await["status"], "pending");
    assert_eq!(oa.shown(&approval).await["status"], "pending");
}

#[tokio::test]
async fn bad_fields_are_named_and_change_nothing() {
    let oa = oa().await;
    let approval = oa.pending().await;
    let long = "x".repeat(2_000);
    let wrong: [(&str, &[(&str, &str)]); 11] = [
        ("applyId", &[("applyId", "")]),
        ("approverStatus", &[("approverStatus", "")]),
        ("approverStatus", &[("approverStatus", "3")]),
        ("applyStatus", &[("applyStatus", "")]),
        ("applyStatus", &[("applyStatus", "9")]),
        ("applyStatus", &[("applyStatus", "2")]),
        ("approverName", &[("approverName", "")]),
        ("approvalNode", &[("approvalNode", "0")]),
        ("approvalNode", &[("approvalNode", "-1")]),
        ("approverReason", &[("approverReason", &long)]),
        ("workspaceId", &[("workspaceId", "ws-8")]),
    ];
    for (field, changed) in wrong {
        let answer = oa.call_back(&fields(&approval, changed)).await;
        refused(&answer, 400, "INVALID_PARAMETER");
        assert!(answer.json["errorDesc"].as_str().unwrap().starts_with(field), "{field}: {}", answer.text);
    }
    let mut twice = fields(&approval, &[]);
    twice.push(("approverStatus", "2"));
    let answer = oa.call_back(&twice).await;
    refused(&answer, 400, "INVALID_PARAMETER");
    assert!(answer.json["errorDesc"].as_str().unwrap().starts_with("approverStatus: stands twice"), "{}", answer.text);
    let path = format!("/v1/connections/{}", oa.connection);
    let shown = oa.desk.client.call("GET", &path, &Value::Null).await.json;
    assert!(shown["unreadable_callbacks"]["count"].as_u64() >= Some(1), "{shown}");
    assert_eq!(oa.shown(&approval).await["version"], approval["version"]);
}

#[tokio::test]
async fn bodies_that_are_no_form_are_answered_in_the_envelope_too() {
    let oa = oa().await;
    let approval = oa.pending().await;
    let send = async |kind: &str, body: String| {
        oa.desk.client.with_key("").send("POST", PATH, &[("content-type", kind)], body).await
    };
    let json = send("application/json", json!({"applyId": approval["id"]}).to_string()).await;
    refused(&json, 415, "NOT_A_FORM");
    let large = send(FORM.1, format!("accessId=acc-1&approverReason={}", "x".repeat(1 << 20))).await;
    refused(&large, 413, "TOO_LARGE");
    refused(&send(FORM.1, String::new()).await, 401, "UNAUTHORIZED");
    refused(&send(FORM.1, "%%%&&&===".to_owned()).await, 401, "UNAUTHORIZED");
    assert_eq!(oa.shown(&approval).await["version"], approval["version"]);
}

#[tokio::test]
async fn the_stated_character_set_is_read() {
    let oa = oa().await;
    let send = async |kind: &str, body: String| {
        oa.desk.client.with_key("").send("POST", PATH, &[("content-type", kind)], body).await
    };
    let body = |approval: &Value, name: &str, end: &str, node: &str| {
        let id = approval["id"].as_str().unwrap();
        format!(
            "applyId={id}&approverStatus=1&applyStatus={end}&approvalNode={node}&accessId=access-1&accessKey={KEY}&approverName={name}"
        )
    };
    let gbk = format!("{}; charset=GBK", FORM.1);
    let approval = oa.pending().await;
    succeeded(&send(&gbk, body(&approval, "%D5%C5%C8%FD", "0", "1")).await);
    succeeded(&send(&gbk, body(&approval, "%C0%EE%CB%C4", "0", "1")).await);
    let now = oa.shown(&approval).await;
    let tasks = now["stages"][0]["nodes"][0]["tasks"].as_array().unwrap();
    let named: BTreeSet<_> = tasks.iter().map(|task| task["assignee"]["name"].as_str().unwrap()).collect();
    assert_eq!(named, BTreeSet::from(["张三", "李四"]));
    let unstated = send(FORM.1, body(&approval, "%D5%C5%C8%FD", "1", "2")).await;
    refused(&unstated, 400, "INVALID_CHARACTERS");
    refused(&send(FORM.1, body(&approval, "a%00b", "1", "2")).await, 400, "INVALID_CHARACTERS");
    let other = format!("{}; charset=utf-16", FORM.1);
    refused(&send(&other, body(&approval, "x", "1", "2")).await, 415, "UNKNOWN_CHARSET");
    assert_eq!(oa.shown(&approval).await, now);
}

#[tokio::test]
async fn a_connection_without_a_key_must_say_so() {
    let oa = oa().await;
    let mut body = connection(&oa.receiver.url, "access-2");
    body["secrets"] = json!({});
    for auth in [Value::Null, json!("access_id"), json!("open_platform")] {
        if !auth.is_null() {
            body["settings"]["auth"] = auth;
        }
        let answer = oa.desk.client.call("POST", "/v1/connections", &body).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec!["/secrets/access_key"]), "{}", answer.text);
    }
    body["settings"]["auth"] = json!("none");
    make(&oa.desk.client, "/v1/connections", &body).await;
    let path = format!("/v1/connections/{}", oa.connection);
    let answer = oa.desk.client.call("PATCH", &path, &json!({"secrets": {"access_key": null}})).await;
    assert_eq!((answer.status, answer.pointers()), (400, vec!["/secrets/access_key"]), "{}", answer.text);
    let short = oa.desk.client.call("POST", "/v1/connections", &connection(&oa.receiver.url, "short")).await;
    assert_eq!((short.status, short.pointers()), (400, vec!["/settings/access_id"]), "{}", short.text);
}

#[tokio::test]
async fn it_cannot_be_told_of_a_withdrawal_but_force_closes_it_here() {
    let oa = oa().await;
    let approval = oa.pending().await;
    let path = format!("/v1/approvals/{}/withdraw", approval["id"].as_str().unwrap());
    let answer = oa.desk.client.call("POST", &path, &json!({"reason": "no more"})).await;
    assert_eq!((answer.status, answer.code()), (409, "provider_cannot"), "{}", answer.text);
    let now = oa.shown(&approval).await;
    assert_eq!((&now["status"], now.get("withdrawing")), (&json!("pending"), None), "{now}");
    let answer = oa.desk.client.call("POST", &path, &json!({"force": true})).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &json!("withdrawn")), "{}", answer.text);
    assert!(answer.json["note"].is_string(), "{}", answer.text);
    oa.call_back(&fields(&approval, &[])).await;
    assert_eq!(oa.shown(&approval).await["status"], "withdrawn");
}

#[tokio::test]
async fn an_oa_whose_certificate_is_not_trusted_is_waited_for_and_the_approval_says_what_mends_it() {
    let desk = Desk::new().await;
    let authority = Authority::new();
    let server = Server::start(Manner::Right, &authority, "true");
    let connection = make(&desk.client, "/v1/connections", &connection(&server.url, "access-1")).await;
    let flow = json!({"name": "OA", "stages": [{"connection": connection, "nodes": []}]});
    let flow = make(&desk.client, "/v1/flows", &flow).await;
    let answer = desk.client.call("POST", "/v1/approvals", &asked(&flow)).await;
    assert_eq!((answer.status, &answer.json["status"]), (202, &json!("starting")), "{}", answer.text);
    let told = &answer.json["last_error"];
    assert_eq!(told["code"], "provider_unavailable", "{told}");
    assert!(told["detail"].as_str().unwrap().contains("is not trusted"), "{told}");
    assert!(told["fix"].as_str().unwrap().contains("`ca_certificate`"), "{told}");
    let change = json!({"settings": {"ca_certificate": authority.pem()}});
    let changed = desk.client.call("PATCH", &format!("/v1/connections/{connection}"), &change).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let id = answer.json["id"].as_str().unwrap().parse().unwrap();
    for _ in 0..5 {
        desk.clock.advance(60_000);
        countersign::engine::sweep::sweep(&desk.app).await.unwrap();
    }
    assert_eq!(desk.shown(&id).await["status"], "pending");
}
