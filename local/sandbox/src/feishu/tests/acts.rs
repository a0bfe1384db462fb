//! What people and the API do with a running instance, and what subscribers are told of it.

use serde_json::{Value, json};

use super::harness::{CHEN, Harness, LI, OUYANG, Subscriber, WANG, ZHANG};

fn act(user: &str, action: &str) -> Value {
    json!({"user": user, "action": action})
}

#[tokio::test]
async fn an_approval_goes_all_the_way_over_all_modes() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.definition(&["OR", "AND", "SEQUENTIAL"]).await;
    let id = sandbox.started(&code, &[&[LI, OUYANG], &[ZHANG, WANG], &[LI, ZHANG]]).await;
    assert_eq!(subscriber.told(), ["instance PENDING", "task PENDING li", "task PENDING ouyang"]);

    let (status, answer) =
        sandbox.act(&id, json!({"user": "13800000002", "action": "approve", "remark": "同意🚧"})).await;
    assert_eq!((status, &answer["status"]), (200, &json!("PENDING")), "named by mobile number: {answer}");
    assert_eq!(subscriber.told(), ["task APPROVED li", "task DONE ouyang", "task PENDING zhang", "task PENDING wang"]);
    sandbox.act(&id, json!({"user": "Zhang.Wei@yunshan.example", "action": "approve"})).await;
    assert_eq!(subscriber.told(), ["task APPROVED zhang", "task PENDING wang"], "the others are told again");
    sandbox.act(&id, json!({"user": "f7cb567e", "action": "approve"})).await;
    assert_eq!(subscriber.told(), ["task APPROVED wang", "task PENDING li"]);
    sandbox.act(&id, act(LI, "approve")).await;
    assert_eq!(subscriber.told(), ["task APPROVED li", "task PENDING zhang"]);
    sandbox.pass(5);
    let (_, answer) = sandbox.act(&id, act(ZHANG, "approve")).await;
    assert_eq!((&answer["status"], &answer["sending"]), (&json!("APPROVED"), &json!(false)));
    let events = subscriber.taken();
    let (task, end) = (&events[0], &events[1]);
    assert_eq!(
        (&task["type"], &task["token"]),
        (&json!("event_callback"), &json!(sandbox.setting("verification_token")))
    );
    assert_eq!(task["event"]["custom_key"], "GATE_NODE_2");
    assert_eq!(end["event"]["uuid"], sandbox.read(&id).await["uuid"], "the instance's own uuid");
    assert_ne!(end["uuid"], end["event"]["uuid"]);
    assert_eq!(end["event"]["operate_time"], "1789992000005");
    assert_eq!((&end["event"]["status"], &end["event"]["type"]), (&json!("APPROVED"), &json!("approval_instance")));
    let instance = sandbox.read(&id).await;
    assert_eq!((&instance["status"], &instance["end_time"]), (&json!("APPROVED"), &json!("1789992000005")));
    let pass = instance["timeline"].as_array().unwrap().iter().find(|one| one["type"] == "PASS").unwrap();
    assert_eq!((&pass["comment"], &pass["user_id"]), (&json!("同意🚧"), &json!("b85s39b1")));
    assert!(sandbox.callbacks(&id).await.iter().all(|(_, state)| state == "delivered"));
    let (status, answer) = sandbox.act(&id, act(ZHANG, "approve")).await;
    assert_eq!((status, &answer["error"]), (409, &json!("the instance has been approved")));
}

#[tokio::test]
async fn a_rejection_ends_everything_unless_the_definition_returns_it() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.definition(&["AND"]).await;
    let id = sandbox.started(&code, &[&[LI, ZHANG]]).await;
    subscriber.taken();
    sandbox.act(&id, act(ZHANG, "reject")).await;
    assert_eq!(subscriber.told(), ["task REJECTED zhang", "task DONE li", "instance REJECTED"]);

    let mut body = super::harness::definition(&["AND"]);
    body["settings"]["reject_option"] = 1.into();
    let code =
        sandbox.post("/approval/v4/approvals", body).await.1["data"]["approval_code"].as_str().unwrap().to_owned();
    let mut body = super::harness::start(&code, &[&[LI]]);
    body["uuid"] = "returned".into();
    let id = sandbox.post("/approval/v4/instances", body).await.1["data"]["instance_code"].as_str().unwrap().to_owned();
    sandbox.act(&id, act(LI, "reject")).await;
    assert_eq!(sandbox.tasks(&id).await, ["li REJECTED", "chen PENDING"]);
    let body = json!({"approval_code": code, "instance_code": id, "user_id": CHEN, "task_id": sandbox.task(&id, CHEN).await, "form": "[]"});
    assert_eq!(sandbox.post("/approval/v4/tasks/resubmit", body).await.1["code"], 0);
    assert_eq!(sandbox.tasks(&id).await, ["li REJECTED", "chen APPROVED", "li PENDING"]);
}

#[tokio::test]
async fn a_task_is_handed_on_added_to_and_rolled_back() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.definition(&["AND", "AND"]).await;
    let id = sandbox.started(&code, &[&[LI], &[ZHANG]]).await;
    subscriber.taken();
    sandbox.act(&id, json!({"user": LI, "action": "transfer", "to": "ouyang.xue@yunshan.example"})).await;
    assert_eq!(subscriber.told(), ["task TRANSFERRED li", "task PENDING ouyang"]);
    sandbox.act(&id, json!({"user": OUYANG, "action": "add_approver", "to": WANG, "position": "before"})).await;
    assert_eq!(subscriber.told(), ["task PENDING wang"]);
    assert_eq!(sandbox.act(&id, act(OUYANG, "approve")).await.0, 409, "the added one comes first");
    sandbox.act(&id, act(WANG, "approve")).await;
    assert_eq!(subscriber.told(), ["task APPROVED wang", "task PENDING ouyang"]);
    sandbox.act(&id, json!({"user": OUYANG, "action": "add_approver", "to": LI, "position": "after"})).await;
    assert_eq!(subscriber.told(), ["task APPROVED ouyang", "task PENDING li"]);
    sandbox.act(&id, json!({"user": LI, "action": "add_approver", "to": CHEN, "position": "parallel"})).await;
    sandbox.act(&id, act(LI, "approve")).await;
    sandbox.act(&id, act(CHEN, "approve")).await;
    assert_eq!(
        subscriber.told()[1..],
        ["task APPROVED li", "task PENDING chen", "task APPROVED chen", "task PENDING zhang"]
    );

    sandbox.act(&id, json!({"user": ZHANG, "action": "roll_back", "to": "GATE_NODE_0"})).await;
    let events = subscriber.taken();
    let extra: Value = serde_json::from_str(events[0]["event"]["extra"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&events[0]["event"]["status"], &extra["rollback_custom_node_ids"]),
        (&json!("ROLLBACK"), &json!(["GATE_NODE_0"]))
    );
    assert_eq!(extra["rollback_node_ids"][0].as_str().unwrap().split('_').next(), Some("APPROVAL"));
    assert_eq!((events.len(), &events[1]["event"]["open_id"]), (2, &json!(LI)));
    sandbox.act(&id, act(LI, "approve")).await;
    let (_, answer) = sandbox.act(&id, act(ZHANG, "approve")).await;
    assert_eq!(answer["status"], "APPROVED");
    let kinds: Vec<Value> =
        sandbox.read(&id).await["timeline"].as_array().unwrap().iter().map(|one| one["type"].clone()).collect();
    for kind in ["TRANSFER", "ADD_APPROVER_BEFORE", "ADD_APPROVER_AFTER", "ADD_APPROVER", "ROLLBACK_SELECTED"] {
        assert!(kinds.contains(&json!(kind)), "{kind}");
    }
}

#[tokio::test]
async fn only_the_initiator_withdraws_and_may_revoke_an_approval_for_a_while() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.definition(&["AND"]).await;
    let id = sandbox.started(&code, &[&[LI]]).await;
    subscriber.taken();
    let cancel = |id: &str, user: &str| json!({"approval_code": code, "instance_code": id, "user_id": user});
    let path = "/approval/v4/instances/cancel";
    assert_eq!(sandbox.post(path, cancel(&id, LI)).await.1["code"], 1_390_001);
    assert_eq!(sandbox.post(path, cancel("X", CHEN)).await.1["code"], 1_390_003);
    assert_eq!(sandbox.post(path, cancel(&id, "ou_x")).await.1["code"], 99_992_351);
    assert_eq!(sandbox.act(&id, act(LI, "withdraw")).await.0, 409);
    assert_eq!(sandbox.post(path, cancel(&id, CHEN)).await.1["code"], 0);
    sandbox.settle(&id).await;
    assert_eq!(subscriber.told(), ["task DONE li", "instance CANCELED"]);
    assert_eq!(sandbox.post(path, cancel(&id, CHEN)).await.1["code"], 1_390_001);

    let mut body = super::harness::start(&code, &[&[LI]]);
    body["uuid"] = "second".into();
    let id = sandbox.post("/approval/v4/instances", body).await.1["data"]["instance_code"].as_str().unwrap().to_owned();
    sandbox.act(&id, act(LI, "approve")).await;
    sandbox.settle(&id).await;
    subscriber.taken();
    sandbox.act(&id, act(CHEN, "withdraw")).await;
    let events = subscriber.taken();
    assert_eq!((events.len(), &events[0]["event"]["status"]), (1, &json!("REVERTED")));
    assert!(events[0]["event"]["operate_time"].is_number());
    let instance = sandbox.read(&id).await;
    assert_eq!((&instance["status"], &instance["reverted"]), (&json!("CANCELED"), &json!(true)), "never REVERTED");
}

#[tokio::test]
async fn the_api_acts_for_the_assignee_and_for_nobody_else() {
    let sandbox = Harness::new().await;
    let code = sandbox.definition(&["AND", "AND"]).await;
    let id = sandbox.started(&code, &[&[LI, WANG], &[ZHANG]]).await;
    let task = sandbox.task(&id, LI).await;
    let body = |user: &str, task: &str, more: Value| {
        let mut body = json!({"approval_code": code, "instance_code": id, "user_id": user, "task_id": task});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let call = |path: &str, body: Value| {
        let path = format!("/approval/v4/{path}");
        let sandbox = &sandbox;
        async move { sandbox.post(&path, body).await }
    };
    let (status, answer) = call("tasks/approve", body(WANG, &task, json!({}))).await;
    assert_eq!((status, &answer["code"]), (403, &json!(1_390_009)));
    assert_eq!(call("tasks/approve", body(LI, "1", json!({}))).await.1["code"], 1_390_010);
    assert_eq!(call("tasks/transfer", body(LI, &task, json!({}))).await.1["code"], 99_992_402);
    assert_eq!(
        call("tasks/transfer", body(LI, &task, json!({"transfer_user_id": "ou_x"}))).await.1["code"],
        99_992_351
    );
    let add = json!({"add_sign_user_ids": ["4g8dd2ea"], "add_sign_type": 1});
    let mut plain = body("b85s39b1", &task, add);
    assert_eq!(call("instances/add_sign", plain.clone()).await.1["code"], 1_390_001, "before and after need a method");
    plain["approval_method"] = 2.into();
    assert_eq!(call("instances/add_sign", plain).await.1["code"], 0);
    let added = sandbox.task(&id, OUYANG).await;
    assert_eq!(
        call("tasks/approve", body(OUYANG, &added, json!({"comment": "seen"}))).await.1,
        json!({"code": 0, "msg": "success", "data": {}})
    );
    assert_eq!(call("tasks/approve", body(OUYANG, &added, json!({}))).await.1["code"], 1_390_010, "it is decided");
    assert_eq!(call("tasks/approve", body(LI, &task, json!({}))).await.1["code"], 0);
    let task = sandbox.task(&id, WANG).await;
    assert_eq!(call("tasks/approve", body(WANG, &task, json!({}))).await.1["code"], 0);

    let task = sandbox.task(&id, ZHANG).await;
    let back = |keys: Value| json!({"user_id": ZHANG, "task_id": task, "task_def_key_list": keys});
    assert_eq!(call("instances/specified_rollback", back(json!([]))).await.1["code"], 99_992_402);
    assert_eq!(call("instances/specified_rollback", back(json!(["APPROVAL_1_1"]))).await.1["code"], 1_390_001);
    assert_eq!(call("instances/specified_rollback", back(json!(["START"]))).await.1["code"], 0);
    assert_eq!(sandbox.tasks(&id).await.last().unwrap(), "chen PENDING");

    let path = format!("/approval/v4/instances/{id}/comments");
    let (_, answer) = sandbox.post(&format!("{path}?user_id={LI}"), json!({"content": "{\"text\":\"why?\"}"})).await;
    let comment = answer["data"]["comment_id"].as_str().unwrap().to_owned();
    sandbox.act(&id, json!({"user": WANG, "action": "comment", "remark": "because"})).await;
    let (_, answer) = sandbox.get(&path).await;
    assert_eq!(answer["data"]["comments"].as_array().unwrap().len(), 2);
    sandbox.send(reqwest::Method::DELETE, &format!("{path}/{comment}"), None).await;
    assert_eq!(sandbox.read(&id).await["comment_list"][0]["comment"], "because");
}
