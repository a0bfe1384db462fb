//! The built-in platform: approvals that run here and are decided through our own API.

mod budgets;
mod many;
mod stages;
mod supervisors;

use countersign_tests::desk::{Desk, make};
use countersign_tests::http::Answer;
use serde_json::{Value, json};

/// One organisation whose people are members and on no platform at all.
pub(crate) struct Office {
    pub(crate) desk: Desk,
    /// The members, by their names.
    people: Vec<(String, String)>,
}

impl Office {
    pub(crate) async fn new(names: &[&str]) -> Self {
        let desk = Desk::new().await;
        let mut people = Vec::new();
        for name in names {
            let member = json!({"name": name, "email": format!("{name}@example.com")});
            people.push(((*name).to_owned(), make(&desk.client, "/v1/members", &member).await));
        }
        Self { desk, people }
    }

    pub(crate) fn id(&self, name: &str) -> &str {
        &self.people.iter().find(|(known, _)| known == name).unwrap().1
    }

    /// A node of these people.
    pub(crate) fn node(&self, name: &str, mode: &Value, people: &[&str]) -> Value {
        let approvers: Vec<Value> = people.iter().map(|name| json!({"member": self.id(name)})).collect();
        json!({"name": name, "mode": mode, "approvers": approvers})
    }

    /// A flow of one stage without a connection.
    pub(crate) async fn flow(&self, nodes: &[Value]) -> String {
        let flow = json!({"name": "Here", "stages": [{"nodes": nodes}], "deadline_hours": 1, "on_deadline": "reject"});
        make(&self.desk.client, "/v1/flows", &flow).await
    }

    /// An approval of a flow, asked for by a member.
    pub(crate) async fn submit(&self, flow: &str, applicant: &str) -> Value {
        let body = json!({"title": "Read access to orders", "flow": flow, "applicant": {"member": self.id(applicant)}});
        let made = self.desk.client.call("POST", "/v1/approvals", &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json
    }

    /// What somebody does, by an administrator's key.
    pub(crate) async fn act(&self, approval: &Value, who: &str, path: &str, mut body: Value) -> Answer {
        body["member"] = json!(self.id(who));
        let path = format!("/v1/approvals/{}/{path}", approval["id"].as_str().unwrap());
        self.desk.client.call("POST", &path, &body).await
    }

    pub(crate) async fn decide(&self, approval: &Value, who: &str, decision: &str) -> Answer {
        self.act(approval, who, "decisions", json!({"decision": decision})).await
    }

    pub(crate) async fn shown(&self, approval: &Value) -> Value {
        self.desk.shown(&approval["id"].as_str().unwrap().parse().unwrap()).await
    }
}

fn actions(approval: &Value) -> Vec<&str> {
    approval["history"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn it_is_pending_at_once_and_the_decisions_end_it() {
    let office = Office::new(&["ann", "bob", "cai", "asker"]).await;
    let nodes = [
        office.node("Two of three", &json!({"at_least": 2}), &["ann", "bob", "cai"]),
        office.node("One after the other", &json!("sequential"), &["cai", "ann"]),
    ];
    let approval = office.submit(&office.flow(&nodes).await, "asker").await;
    let stage = &approval["stages"][0];
    assert_eq!((&approval["status"], &stage["status"]), (&json!("pending"), &json!("pending")), "{approval}");
    let none = Value::Null;
    assert_eq!((&stage["kind"], &stage["connection"], &stage["instance"]), (&json!("builtin"), &none, &none));
    let remark = json!({"decision": "approve", "remark": "好的"});
    let first = office.act(&approval, "bob", "decisions", remark.clone()).await;
    assert_eq!((first.status, &first.json["status"]), (200, &json!("pending")), "{}", first.text);
    let again = office.act(&approval, "bob", "decisions", remark).await;
    assert_eq!((again.status, &again.json["version"]), (200, &first.json["version"]), "nothing was written");
    let other = office.decide(&approval, "bob", "reject").await;
    assert_eq!((other.status, other.code()), (409, "already_decided"), "{}", other.text);
    let early = office.decide(&approval, "asker", "approve").await;
    assert_eq!((early.status, early.code()), (409, "not_assigned"), "{}", early.text);
    for who in ["cai", "cai", "ann"] {
        let answer = office.decide(&approval, who, "approve").await;
        assert_eq!(answer.status, 200, "{who}: {}", answer.text);
    }
    let done = office.shown(&approval).await;
    assert_eq!(done["status"], "approved", "{done}");
    assert_eq!(actions(&done), ["submitted", "started", "approved", "approved", "approved", "approved"]);
    let line = &done["history"][2];
    assert_eq!(
        (&line["actor"]["name"], &line["remark"], &line["node"]),
        (&json!("bob"), &json!("好的"), &json!("Two of three"))
    );
    assert!(line["by"]["name"].as_str().unwrap().starts_with("key key_"), "both are named: {line}");
    let late = office.decide(&approval, "asker", "reject").await;
    assert_eq!(
        (late.status, late.code(), &late.json["approval"]["status"]),
        (409, "already_ended", &json!("approved"))
    );
    assert_eq!(office.decide(&approval, "cai", "approve").await.status, 200, "what was decided is no error");
}

#[tokio::test]
async fn a_task_is_handed_on_and_others_are_added() {
    let office = Office::new(&["ann", "bob", "cai", "dan", "asker"]).await;
    let flow = office.flow(&[office.node("Owner", &json!("any"), &["ann"])]).await;
    let approval = office.submit(&flow, "asker").await;
    let to = |name: &str| json!({"to": {"member": office.id(name)}, "remark": "yours"});
    let handed = office.act(&approval, "ann", "transfer", to("bob")).await;
    assert_eq!(handed.status, 200, "{}", handed.text);
    let mut added = json!({"to": {"email": "cai@example.com"}, "position": "before"});
    let asked = office.act(&approval, "bob", "approvers", added.clone()).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    let waits = office.decide(&approval, "bob", "approve").await;
    assert_eq!((waits.status, waits.code()), (409, "not_assigned"));
    office.decide(&approval, "cai", "approve").await;
    added["to"] = json!({"member": office.id("dan")});
    added["position"] = json!("after");
    office.act(&approval, "bob", "approvers", added).await;
    assert_eq!(office.decide(&approval, "bob", "approve").await.json["status"], "pending");
    let done = office.decide(&approval, "dan", "approve").await.json;
    assert_eq!(done["status"], "approved", "{done}");
    let named = |line: &Value| {
        let name = |of: &str| line[of]["name"].as_str().unwrap_or_default().to_owned();
        (line["action"].as_str().unwrap().to_owned(), name("actor"))
    };
    let history: Vec<_> = done["history"].as_array().unwrap().iter().skip(2).map(named).collect();
    let expected = [
        ("transferred", "ann"),
        ("countersigned", "cai"),
        ("approved", "cai"),
        ("countersigned", "dan"),
        ("approved", "bob"),
        ("approved", "dan"),
    ];
    assert_eq!(history, expected.map(|(action, name)| (action.to_owned(), name.to_owned())));
    assert_eq!(done["history"][3]["by"]["name"], "bob");
}

#[tokio::test]
async fn it_is_sent_back_remarked_on_withdrawn_and_revoked() {
    let office = Office::new(&["ann", "bob", "asker"]).await;
    let nodes = [office.node("First", &json!("any"), &["ann"]), office.node("Second", &json!("any"), &["bob"])];
    let flow = office.flow(&nodes).await;
    let approval = office.submit(&flow, "asker").await;
    let said = office.act(&approval, "asker", "comments", json!({"text": "it is urgent"})).await;
    assert_eq!(said.status, 200, "{}", said.text);
    office.decide(&approval, "ann", "approve").await;
    let back = json!({"to_node": 0, "remark": "which table?"});
    assert_eq!(office.act(&approval, "bob", "return", back).await.status, 200);
    let forward = office.act(&approval, "ann", "return", json!({"to_node": 0})).await;
    assert_eq!((forward.status, forward.pointers()), (400, vec!["/to_node"]), "{}", forward.text);
    let other = office.submit(&flow, "asker").await;
    let path = format!("/v1/approvals/{}", other["id"].as_str().unwrap());
    let unfinished = office.desk.client.call("POST", &format!("{path}/revoke"), &json!({})).await;
    assert_eq!((unfinished.status, unfinished.code()), (409, "not_approved"));
    let withdrawn = office.desk.client.call("POST", &format!("{path}/withdraw"), &json!({"reason": "no need"})).await;
    assert_eq!((withdrawn.status, &withdrawn.json["status"]), (200, &json!("withdrawn")), "{}", withdrawn.text);
    for who in ["ann", "bob"] {
        office.decide(&approval, who, "approve").await;
    }
    let path = format!("/v1/approvals/{}/revoke", approval["id"].as_str().unwrap());
    for _ in 0..2 {
        let revoked = office.desk.client.call("POST", &path, &json!({"reason": "left the team"})).await;
        assert_eq!((revoked.status, &revoked.json["status"]), (200, &json!("revoked")), "{}", revoked.text);
        let mut told = actions(&revoked.json);
        told.retain(|action| *action != "approved");
        assert_eq!(told, ["submitted", "started", "commented", "rolled_back", "revoked"]);
    }
}

#[tokio::test]
async fn a_deadline_that_has_passed_counts_before_a_decision() {
    let office = Office::new(&["ann", "asker"]).await;
    let flow = office.flow(&[office.node("Owner", &json!("any"), &["ann"])]).await;
    let approval = office.submit(&flow, "asker").await;
    office.desk.clock.advance(3_600_000);
    let late = office.decide(&approval, "ann", "approve").await;
    assert_eq!((late.status, late.code()), (409, "already_ended"), "{}", late.text);
    let done = office.shown(&approval).await;
    let last = done["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&done["status"], &last["action"], &last["actor"]),
        (&json!("rejected"), &json!("rejected"), &Value::Null)
    );
}

#[tokio::test]
async fn what_cannot_be_done_is_said_and_changes_nothing() {
    let office = Office::new(&["ann", "bob", "asker"]).await;
    let flow = office.flow(&[office.node("Owner", &json!("all"), &["ann", "bob"])]).await;
    let approval = office.submit(&flow, "asker").await;
    let member = |name: &str| json!({"member": office.id(name)});
    let long = "长".repeat(1_001);
    for (path, body, status, code, pointer) in [
        ("decisions", json!({"decision": "maybe"}), 400, "invalid_request", "/decision"),
        ("decisions", json!({}), 400, "invalid_request", ""),
        ("decisions", json!({"decision": "approve", "remark": long}), 400, "invalid_request", "/remark"),
        ("decisions", json!({"decision": "approve", "vote": 1}), 400, "unknown_field", "/vote"),
        ("decisions", json!({"decision": "approve", "stage": 0}), 400, "invalid_request", "/node"),
        ("comments", json!({"text": ""}), 400, "invalid_request", "/text"),
        ("transfer", json!({"to": member("ann")}), 422, "unsuitable_person", "/to"),
        ("transfer", json!({"to": member("bob")}), 422, "unsuitable_person", "/to"),
        ("transfer", json!({"to": member("asker")}), 422, "unsuitable_person", "/to"),
        ("transfer", json!({"to": {"member": "mem_01m8hek812p77qa0peazdecjnx"}}), 422, "person_not_found", "/to"),
        ("transfer", json!({"to": {"email": "nobody@example.com"}}), 422, "person_not_found", "/to"),
        ("transfer", json!({"to": {"role": "dba"}}), 400, "invalid_request", "/to"),
        ("approvers", json!({"to": member("bob"), "position": "after"}), 422, "unsuitable_person", "/to"),
        ("approvers", json!({"to": member("bob"), "position": "above"}), 400, "invalid_request", "/position"),
    ] {
        let answer = office.act(&approval, "ann", path, body.clone()).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{path} {body}: {}", answer.text);
        assert!(answer.pointers().contains(&pointer) || pointer.is_empty(), "{path} {body}: {}", answer.text);
    }
    let (id, decision) = (approval["id"].as_str().unwrap(), json!({"decision": "approve"}));
    let path = format!("/v1/approvals/{id}/decisions");
    let nobody = office.desk.client.call("POST", &path, &decision).await;
    assert_eq!((nobody.status, nobody.pointers()), (400, vec!["/member"]), "{}", nobody.text);
    let other = office.desk.another().await;
    let foreign = json!({"decision": "approve", "member": office.id("ann")});
    assert_eq!(other.client.call("POST", &path, &foreign).await.status, 404);
    let stranger = make(&other.client, "/v1/members", &json!({"name": "ann"})).await;
    let with = json!({"decision": "approve", "member": stranger});
    let unknown = office.desk.client.call("POST", &path, &with).await;
    assert_eq!((unknown.status, unknown.code()), (422, "person_not_found"), "{}", unknown.text);
    assert_eq!(office.shown(&approval).await["version"], approval["version"]);
}

#[tokio::test]
async fn who_may_act_in_others_names_is_an_administrator() {
    let office = Office::new(&["ann", "asker"]).await;
    let flow = office.flow(&[office.node("Owner", &json!("any"), &["ann"])]).await;
    let approval = office.submit(&flow, "asker").await;
    let id = approval["id"].as_str().unwrap();
    let bodies = [
        ("decisions", json!({"decision": "approve"})),
        ("transfer", json!({"to": {"email": "asker@example.com"}})),
        ("approvers", json!({"to": {"email": "asker@example.com"}, "position": "after"})),
        ("return", json!({"to_node": 0})),
        ("comments", json!({"text": "hm"})),
    ];
    for role in ["viewer", "submitter"] {
        let key = json!({"name": role, "role": role, "source": (role == "submitter").then_some(&office.desk.source)});
        let made = office.desk.client.call("POST", "/v1/keys", &key).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let client = office.desk.client.with_key(made.json["key"].as_str().unwrap());
        for (path, body) in &bodies {
            let mut body = body.clone();
            body["member"] = json!(office.id("ann"));
            let answer = client.call("POST", &format!("/v1/approvals/{id}/{path}"), &body).await;
            assert_eq!(answer.status, 403, "{role} {path}: {}", answer.text);
        }
    }
    assert_eq!(office.shown(&approval).await["version"], approval["version"]);
}
