//! From a form to its decision.

use countersign_tests::local::{APPLICANT, OWNER, SECOND, eventually, id, instance};
use serde_json::{Value, json};

use super::{HOUR, pushed, scene};

#[tokio::test]
async fn a_push_leads_to_an_approval_and_its_decision_back_to_quick_bi() {
    let scene = scene(json!({})).await;
    scene.bi.ask("app-1", APPLICANT, OWNER);
    let answer = scene.push("task-1", &pushed(OWNER)).await;
    assert_eq!((answer.status, &answer.json["success"]), (200, &json!(true)), "{}", answer.text);
    let approval = scene.pending().await;
    assert_eq!(approval["title"], "Quick BI: Sales dashboard");
    assert_eq!(
        (&approval["applicant"]["account"], &approval["applicant"]["name"]),
        (&json!(APPLICANT), &json!("李娜"))
    );
    let node = &approval["stages"][0]["nodes"][0];
    assert_eq!((&node["name"], &node["tasks"][0]["assignee"]["account"]), (&json!("Approval"), &json!(OWNER)));
    scene.local.act(instance(&approval), OWNER, "approve", &json!({"remark": "同意 & ok/+"})).await;
    scene.told(&[("app-1", "1", "Approved. 张伟: 同意 & ok/+")]).await;
    assert_eq!((scene.bi.flag("app-1"), scene.bi.wrong()), (1, vec![]));
    let delivery = scene.delivery(&approval, "delivered").await;
    assert_eq!((&delivery["attempts"], &delivery["type"]), (&json!(1), &json!("approval.approved")), "{delivery}");
}

#[tokio::test]
async fn a_rejection_and_a_withdrawal_are_told_as_rejections() {
    let scene = scene(json!({})).await;
    scene.bi.ask("app-1", APPLICANT, OWNER);
    scene.push("task-1", &json!({})).await;
    let approval = scene.pending().await;
    scene.local.act(instance(&approval), OWNER, "reject", &json!({"remark": "no"})).await;
    scene.told(&[("app-1", "2", "Rejected. 张伟: no")]).await;
    assert_eq!(scene.bi.flag("app-1"), 2);

    scene.bi.ask("app-2", APPLICANT, OWNER);
    scene.push("task-2", &json!({})).await;
    let second = scene.pending().await;
    // DingTalk withdraws nothing in the first 15 seconds.
    scene.local.clock.advance(16_000);
    let path = format!("/v1/approvals/{}/withdraw", id(&second));
    let answer = scene.local.call("POST", &path, &json!({"reason": "not needed"})).await;
    assert!(answer.status < 300, "{}", answer.text);
    eventually("the call back", async || {
        let told = scene.bi.told();
        match told.get(1) {
            Some((form, status, reason)) if form == "app-2" && status == "2" && reason.contains("not needed") => Ok(()),
            _ => Err(format!("{told:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_form_that_was_closed_meanwhile_has_its_decision() {
    let scene = scene(json!({})).await;
    scene.bi.ask("app-1", APPLICANT, OWNER);
    scene.push("task-1", &json!({})).await;
    let approval = scene.pending().await;
    scene.bi.set("app-1", "FlagStatus", json!(2));
    scene.local.approve(&approval).await;
    let delivery = scene.delivery(&approval, "delivered").await;
    assert_eq!((&delivery["attempts"], &delivery["last_status"]), (&json!(1), &json!(400)), "{delivery}");
    assert_eq!(scene.bi.flag("app-1"), 2);
}

#[tokio::test]
async fn an_internal_error_is_tried_again_and_a_final_one_is_not() {
    let scene = scene(json!({})).await;
    scene.bi.ask("app-1", APPLICANT, OWNER);
    let error =
        json!({"RequestId": "r", "Code": "Internal.System.Error", "Message": "An internal system error occurred."});
    scene.bi.answer_next(400, error);
    scene.push("task-1", &json!({})).await;
    let approval = scene.pending().await;
    scene.local.approve(&approval).await;
    let waiting = eventually("the failed attempt", async || match scene.deliveries(&approval).await.as_slice() {
        [one] if one["attempts"] == 1 => Ok(one.clone()),
        others => Err(format!("{others:?}")),
    })
    .await;
    assert_eq!(waiting["status"], "pending", "{waiting}");
    assert!(waiting["last_error"].as_str().unwrap().contains("Internal.System.Error"), "{waiting}");
    scene.local.clock.advance(HOUR);
    scene.delivery(&approval, "delivered").await;
    assert_eq!((scene.bi.told().len(), scene.bi.flag("app-1")), (2, 1));

    scene.bi.ask("app-2", APPLICANT, OWNER);
    scene.bi.answer_next(400, json!({"RequestId": "r", "Code": "Application.NotExist", "Message": "not there"}));
    scene.push("task-2", &json!({})).await;
    let second = scene.pending().await;
    scene.local.approve(&second).await;
    let dead = scene.delivery(&second, "dead").await;
    assert_eq!(dead["attempts"], 1, "{dead}");
}

#[tokio::test]
async fn people_are_members_by_what_the_source_calls_them() {
    let scene = scene(json!({"people_by": "none", "approver_user_ids": "qbi-2,qbi-9"})).await;
    for (account, called) in [(APPLICANT, "qbi-1"), (SECOND, "qbi-2")] {
        scene.local.change_member(account, &json!({"source_ids": {&scene.source: called}})).await;
    }
    scene.bi.ask("app-1", "qbi-1", "qbi-2");
    scene.push("task-1", &json!({})).await;
    let approval = scene.pending().await;
    assert!(approval["applicant"]["member"].as_str().unwrap().starts_with("mem_"), "{approval}");
    assert_eq!(approval["stages"][0]["nodes"][0]["tasks"][0]["assignee"]["account"], SECOND);
    scene.local.act(instance(&approval), SECOND, "approve", &Value::Null).await;
    scene.told(&[("app-1", "1", "Approved. 王芳")]).await;

    // Whom nobody knows: the flow's own node, in the name of the connection's default applicant.
    scene.bi.ask("app-2", "qbi-8", "qbi-9");
    scene.push("task-2", &json!({})).await;
    let second = scene.pending().await;
    let node = &second["stages"][0]["nodes"][0];
    assert_eq!((&node["name"], &node["tasks"][0]["assignee"]["account"]), (&json!("Owner"), &json!(OWNER)), "{second}");
    assert_eq!(second["applicant"]["name"], "李娜");
}

#[tokio::test]
async fn a_flow_with_nodes_of_its_own_keeps_them() {
    let scene = scene(json!({})).await;
    let connection = scene.local.connection().await;
    let node = json!({"name": "Data owner", "mode": "any", "approvers": [{"account": SECOND}]});
    let flow = json!({"name": "Fixed", "stages": [{"connection": connection, "nodes": [node]}]});
    let flow = scene.local.make("/v1/flows", &flow).await;
    let path = format!("/v1/sources/{}", scene.source);
    let changed = scene.local.call("PATCH", &path, &json!({"default_flow": id(&flow)})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    scene.bi.ask("app-1", APPLICANT, OWNER);
    scene.push("task-1", &json!({})).await;
    let approval = scene.pending().await;
    assert_eq!(approval["stages"][0]["nodes"][0]["name"], "Data owner");
}

#[tokio::test]
async fn a_private_deployment_is_called_in_its_own_way() {
    for parameters in ["query", "json"] {
        let more = json!({"deployment": "private", "result_path": "/own/result", "parameters": parameters});
        let scene = scene(more).await;
        scene.bi.ask("app-1", APPLICANT, OWNER);
        scene.push("task-1", &json!({})).await;
        let approval = scene.pending().await;
        scene.local.act(instance(&approval), OWNER, "approve", &json!({"remark": "同意/1+1"})).await;
        scene.told(&[("app-1", "1", "Approved. 张伟: 同意/1+1")]).await;
        assert_eq!((scene.bi.flag("app-1"), scene.bi.wrong()), (1, vec![]), "{parameters}");
        scene.delivery(&approval, "delivered").await;
    }
}
