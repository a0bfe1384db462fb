//! What people do with a form, and how it is told.

use serde_json::json;

use super::harness::{Harness, Receiver, marks};

async fn form(sandbox: &Harness, nodes: &str) -> String {
    let template = sandbox.template().await;
    sandbox.started(&template, nodes).await
}

#[tokio::test]
async fn nodes_pass_by_any_all_and_in_turn_and_copied_people_hold_nothing_up() {
    let sandbox = Harness::new().await;
    let number = form(
        &sandbox,
        r#"[{"type":1,"apv_rel":2,"userid":["LiNa","OuYangXue"]},{"type":2,"userid":["00042"]},
            {"type":1,"apv_rel":1,"userid":["ZhangWei","00042"]},{"type":1,"apv_rel":3,"userid":["LiNa","ouyangxue"]},
            {"type":3,"apv_rel":2,"userid":["00042"]}]"#,
    )
    .await;
    let act = |user: &'static str| sandbox.act(&number, json!({"user": user, "action": "approve", "remark": "ok"}));
    assert_eq!(act("ZhangWei").await.0, 409, "not asked yet");
    assert_eq!(act("13800000005").await.0, 200, "by mobile number");
    let detail = sandbox.read(&number).await;
    assert_eq!(marks(&detail)[0], "2: LiNa=1 OuYangXue=2", "the other one stays as they were");
    assert_eq!(detail["process_list"]["node_list"][1], json!({"node_type": 2, "sub_node_list": [{"userid": "00042"}]}));
    assert_eq!(act("LiNa").await.0, 409);
    act("ZhangWei").await;
    assert_eq!(sandbox.read(&number).await["sp_status"], 1);
    act("00042").await;
    assert_eq!(act("OuYangXue").await.0, 409, "not their turn");
    act("LiNa").await;
    act("OuYangXue").await;
    assert_eq!(sandbox.act(&number, json!({"user": "00042", "action": "reject"})).await.0, 409, "a handler handles");
    act("00042").await;
    let detail = sandbox.read(&number).await;
    assert_eq!((&detail["sp_status"], marks(&detail)[4].as_str()), (&json!(2), "14: 00042=14"));
    let old = &detail["sp_record"];
    let numbers: Vec<i64> = old.as_array().unwrap().iter().map(|one| one["approverattr"].as_i64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 2], "the old view counts the other way round and has no handlers");
    assert_eq!(detail["notifyer"], json!([{"userid": "00042"}]));
    let approver = &detail["process_list"]["node_list"][0];
    assert_eq!((&approver["apv_rel"], &approver["sub_node_list"][1]["speech"]), (&json!(2), &json!("ok")));
}

#[tokio::test]
async fn a_rejection_ends_the_form() {
    let sandbox = Harness::new().await;
    let receiver = Receiver::entered(&sandbox).await;
    let number = form(&sandbox, r#"[{"type":1,"apv_rel":1,"userid":["LiNa","ZhangWei"]}]"#).await;
    sandbox.settle(&number).await;
    sandbox.does(&number, json!({"user": "LiNa", "action": "approve"})).await;
    sandbox.does(&number, json!({"user": "ZhangWei", "action": "reject", "remark": "no"})).await;
    let told = [("1", "1"), ("2", "1"), ("3", "3")].map(|(change, status)| (change.to_owned(), status.to_owned()));
    assert_eq!(receiver.told(), told);
    assert_eq!(marks(&sandbox.read(&number).await), ["3: LiNa=2 ZhangWei=3"]);
    let (status, answer) = sandbox.act(&number, json!({"user": "LiNa", "action": "approve"})).await;
    assert_eq!((status, &answer["error"]), (409, &json!("the form is rejected")));
}

#[tokio::test]
async fn tasks_are_forwarded_handed_over_and_shared() {
    let sandbox = Harness::new().await;
    let receiver = Receiver::entered(&sandbox).await;
    let number =
        form(&sandbox, r#"[{"type":1,"apv_rel":2,"userid":["LiNa"]},{"type":3,"apv_rel":1,"userid":["00042"]}]"#).await;
    sandbox.settle(&number).await;
    sandbox.does(&number, json!({"user": "LiNa", "action": "transfer", "to": "ZhangWei"})).await;
    assert_eq!(marks(&sandbox.read(&number).await)[0], "1: LiNa=4 ZhangWei=1");
    sandbox.does(&number, json!({"user": "ZhangWei", "action": "add_approver", "to": "OuYangXue"})).await;
    assert_eq!(marks(&sandbox.read(&number).await)[0], "1: LiNa=4 ZhangWei=12 OuYangXue=1 ZhangWei=1");
    assert_eq!(sandbox.act(&number, json!({"user": "ZhangWei", "action": "approve"})).await.0, 409);
    sandbox.does(&number, json!({"user": "OuYangXue", "action": "approve"})).await;
    assert_eq!(marks(&sandbox.read(&number).await)[0], "1: LiNa=4 ZhangWei=12 OuYangXue=2 ZhangWei=1");
    let add = json!({"user": "ZhangWei", "action": "add_approver", "to": "LiNa", "position": "after"});
    sandbox.does(&number, add).await;
    sandbox.does(&number, json!({"user": "LiNa", "action": "approve"})).await;
    assert_eq!(marks(&sandbox.read(&number).await)[0], "2: LiNa=4 ZhangWei=12 OuYangXue=2 ZhangWei=13 LiNa=2");
    sandbox.does(&number, json!({"user": "00042", "action": "transfer", "to": "LiNa"})).await;
    sandbox.does(&number, json!({"user": "LiNa", "action": "approve"})).await;
    assert_eq!(marks(&sandbox.read(&number).await)[1], "14: 00042=15 LiNa=14");
    let changes: Vec<String> = receiver.told().into_iter().map(|(change, _)| change).collect();
    assert_eq!(changes, ["1", "4", "12", "2", "13", "2", "15", "14"]);
}

#[tokio::test]
async fn a_form_that_is_sent_back_goes_the_same_way_again() {
    let sandbox = Harness::new().await;
    let number =
        form(&sandbox, r#"[{"type":1,"apv_rel":2,"userid":["LiNa"]},{"type":1,"apv_rel":2,"userid":["ZhangWei"]}]"#)
            .await;
    sandbox.does(&number, json!({"user": "LiNa", "action": "approve"})).await;
    assert_eq!(sandbox.act(&number, json!({"user": "ZhangWei", "action": "roll_back", "to": "2"})).await.0, 409);
    sandbox.does(&number, json!({"user": "ZhangWei", "action": "roll_back", "to": "1"})).await;
    assert_eq!(marks(&sandbox.read(&number).await), ["1: LiNa=1", "11: ZhangWei=11 ZhangWei=1"]);
    sandbox.does(&number, json!({"user": "LiNa", "action": "approve"})).await;
    sandbox.does(&number, json!({"user": "ZhangWei", "action": "approve"})).await;
    let detail = sandbox.read(&number).await;
    assert_eq!((&detail["sp_status"], marks(&detail)[1].as_str()), (&json!(2), "2: ZhangWei=11 ZhangWei=2"));
}

#[tokio::test]
async fn a_form_is_withdrawn_before_and_after_approval_and_deleted_in_silence() {
    let sandbox = Harness::new().await;
    let receiver = Receiver::entered(&sandbox).await;
    let template = sandbox.template().await;
    let one = r#"[{"type":1,"apv_rel":2,"userid":["LiNa"]}]"#;
    let (first, second) = (sandbox.started(&template, one).await, sandbox.started(&template, one).await);
    sandbox.settle(&first).await;
    sandbox.settle(&second).await;
    receiver.taken();
    let withdraw = json!({"user": "chen.siyuan@yunshan", "action": "withdraw"});
    assert_eq!(sandbox.act(&first, json!({"user": "LiNa", "action": "withdraw"})).await.0, 409);
    sandbox.does(&first, json!({"user": "chen.siyuan@yunshan", "action": "urge"})).await;
    sandbox.does(&first, json!({"user": "LiNa", "action": "comment", "remark": "why?"})).await;
    sandbox.does(&first, withdraw.clone()).await;
    sandbox.does(&second, json!({"user": "LiNa", "action": "approve"})).await;
    sandbox.does(&second, withdraw.clone()).await;
    let told = [("5", "1"), ("10", "1"), ("6", "4"), ("2", "2"), ("8", "6")];
    assert_eq!(receiver.told(), told.map(|(change, status)| (change.to_owned(), status.to_owned())));
    assert_eq!(sandbox.read(&first).await["comments"][0]["commentcontent"], "why?");
    assert_eq!(sandbox.act(&second, withdraw).await.0, 409);

    assert_eq!(sandbox.act(&second, json!({"user": "LiNa", "action": "delete"})).await.0, 409);
    sandbox.does(&second, json!({"user": "ZhangWei", "action": "delete"})).await;
    assert_eq!(receiver.told(), [], "only reading finds it");
    assert_eq!(sandbox.read(&second).await["sp_status"], 7);
    let third = sandbox.started(&template, one).await;
    sandbox.does(&third, json!({"user": "LiNa", "action": "approve"})).await;
    sandbox.does(&third, json!({"user": "ZhangWei", "action": "pay"})).await;
    assert_eq!(sandbox.read(&third).await["sp_status"], 10);
}
