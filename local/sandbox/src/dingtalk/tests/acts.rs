//! What people and the API do with a running instance, and what subscribers are told of it.

use serde_json::{Value, json};

use super::harness::{Harness, Subscriber};

fn states(instance: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = |task: &Value| format!("{} {} {}", text(&task["userId"]), text(&task["status"]), text(&task["result"]));
    instance["tasks"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn an_approval_goes_all_the_way_and_its_end_is_told_before_the_last_task() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.template().await;
    let nodes = json!([{"actionType": "OR", "userIds": ["0123456789", "ouyang.xue"]}, {"actionType": "AND", "userIds": ["manager4220", "266752374326324"]}]);
    let id = sandbox.started(&code, nodes).await;
    sandbox.settle(&id).await;
    assert_eq!(
        subscriber.told(),
        [
            "bpms_instance_change start - 024219523526217765",
            "bpms_task_change start - 0123456789",
            "bpms_task_change start - ouyang.xue",
        ]
    );

    sandbox.pass(1_500);
    let (status, answer) =
        sandbox.act(&id, json!({"user": "0123456789", "action": "approve", "remark": "同意🚧"})).await;
    assert_eq!(status, 200, "{answer}");
    let events = subscriber.taken();
    assert_eq!(events.len(), 4);
    let first = &events[0];
    assert_eq!(
        (&first["type"], &first["result"], &first["remark"]),
        (&json!("finish"), &json!("agree"), &json!("同意🚧"))
    );
    assert_eq!(
        (&first["createTime"], &first["finishTime"]),
        (&json!(1_789_992_000_000_i64), &json!(1_789_992_001_000_i64))
    );
    assert_eq!(first["corpId"], sandbox.setting("corp_id"));
    assert_eq!((first.get("CorpId"), first.get("eventId"), first.get("EventTime")), (None, None, None));
    assert_eq!(
        (&events[1]["type"], &events[1]["staffId"], events[1].get("result")),
        (&json!("cancel"), &json!("ouyang.xue"), None)
    );
    assert_eq!((&events[2]["type"], &events[3]["type"]), (&json!("start"), &json!("start")));

    sandbox.act(&id, json!({"user": "manager4220", "action": "approve"})).await;
    assert_eq!(subscriber.told(), ["bpms_task_change finish agree manager4220"]);
    let (_, answer) = sandbox.act(&id, json!({"user": "266752374326324", "action": "approve"})).await;
    assert_eq!(answer["status"], "COMPLETED");
    assert_eq!(
        subscriber.told(),
        ["bpms_instance_change finish agree 024219523526217765", "bpms_task_change finish agree 266752374326324",]
    );
    let instance = sandbox.read(&id).await;
    assert_eq!((&instance["status"], &instance["result"]), (&json!("COMPLETED"), &json!("agree")));
    assert_eq!(
        states(&instance),
        [
            "0123456789 COMPLETED AGREE",
            "ouyang.xue CANCELED NONE",
            "manager4220 COMPLETED AGREE",
            "266752374326324 COMPLETED AGREE"
        ]
    );
    assert!(sandbox.callbacks(&id).await.iter().all(|(_, state)| state == "delivered"));
}

#[tokio::test]
async fn a_refusal_ends_everything() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.template().await;
    let id = sandbox.started(&code, json!([{"actionType": "AND", "userIds": ["0123456789", "manager4220"]}, {"actionType": "NONE", "userIds": ["ouyang.xue"]}])).await;
    sandbox.settle(&id).await;
    subscriber.taken();
    sandbox.act(&id, json!({"user": "manager4220", "action": "reject", "remark": "no"})).await;
    assert_eq!(
        subscriber.told(),
        [
            "bpms_instance_change finish refuse 024219523526217765",
            "bpms_task_change finish refuse manager4220",
            "bpms_task_change cancel - 0123456789",
        ]
    );
    let (status, answer) = sandbox.act(&id, json!({"user": "0123456789", "action": "approve"})).await;
    assert_eq!((status, &answer["error"]), (409, &json!("the instance has been rejected")));
}

#[tokio::test]
async fn a_transfer_is_a_finish_with_redirect_and_a_start() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.template().await;
    let id = sandbox.started(&code, json!([{"actionType": "NONE", "userIds": ["0123456789"]}])).await;
    sandbox.settle(&id).await;
    subscriber.taken();
    sandbox.act(&id, json!({"user": "0123456789", "action": "transfer", "to": "ouyang.xue", "remark": "away"})).await;
    assert_eq!(
        subscriber.told(),
        ["bpms_task_change finish redirect 0123456789", "bpms_task_change start - ouyang.xue"]
    );
    let instance = sandbox.read(&id).await;
    assert_eq!(states(&instance), ["0123456789 COMPLETED REDIRECTED", "ouyang.xue RUNNING NONE"]);
    assert_eq!(instance["tasks"][0]["activityId"], instance["tasks"][1]["activityId"]);
    assert_eq!(instance["operationRecords"][1]["type"], "REDIRECT_TASK");
    sandbox.act(&id, json!({"user": "ouyang.xue", "action": "approve"})).await;
    assert_eq!(sandbox.read(&id).await["result"], "agree");
}

#[tokio::test]
async fn an_approver_added_before_decides_first_and_one_added_after_decides_last() {
    let sandbox = Harness::new().await;
    let code = sandbox.template().await;
    let id = sandbox.started(&code, json!([{"actionType": "OR", "userIds": ["0123456789", "manager4220"]}])).await;
    sandbox.act(&id, json!({"user": "0123456789", "action": "add_approver", "to": "ouyang.xue"})).await;
    assert_eq!(states(&sandbox.read(&id).await)[0], "0123456789 PAUSED NONE");
    let (status, answer) = sandbox.act(&id, json!({"user": "0123456789", "action": "approve"})).await;
    assert_eq!(status, 409, "{answer}");
    sandbox.act(&id, json!({"user": "ouyang.xue", "action": "approve"})).await;
    let instance = sandbox.read(&id).await;
    assert_eq!(instance["status"], "RUNNING", "the one who added still has to decide");
    assert_eq!(instance["operationRecords"][1]["type"], "APPEND_TASK_BEFORE");
    assert_eq!(
        states(&instance),
        ["0123456789 RUNNING NONE", "manager4220 RUNNING NONE", "ouyang.xue COMPLETED AGREE"]
    );

    sandbox
        .act(&id, json!({"user": "0123456789", "action": "add_approver", "to": "266752374326324", "position": "after"}))
        .await;
    sandbox.act(&id, json!({"user": "0123456789", "action": "approve"})).await;
    let instance = sandbox.read(&id).await;
    assert_eq!(instance["status"], "RUNNING");
    assert_eq!(
        states(&instance)[1..],
        ["manager4220 CANCELED NONE", "ouyang.xue COMPLETED AGREE", "266752374326324 RUNNING NONE"]
    );
    sandbox.act(&id, json!({"user": "266752374326324", "action": "approve"})).await;
    assert_eq!(sandbox.read(&id).await["result"], "agree");
}

#[tokio::test]
async fn the_originator_withdraws_and_anybody_comments() {
    let sandbox = Harness::new().await;
    let subscriber = Subscriber::subscribed(&sandbox).await;
    let code = sandbox.template().await;
    let id = sandbox.started(&code, json!([{"actionType": "NONE", "userIds": ["0123456789"]}])).await;
    sandbox.settle(&id).await;
    subscriber.taken();
    sandbox.act(&id, json!({"user": "ouyang.xue", "action": "comment", "remark": "why?"})).await;
    let told = subscriber.taken();
    assert_eq!(
        (&told[0]["type"], &told[0]["content"], told[0].get("taskId")),
        (&json!("comment"), &json!("why?"), None)
    );
    let (status, _) = sandbox.act(&id, json!({"user": "0123456789", "action": "withdraw"})).await;
    assert_eq!(status, 409);
    sandbox.act(&id, json!({"user": "024219523526217765", "action": "withdraw"})).await;
    assert_eq!(subscriber.told(), ["bpms_instance_change terminate - 024219523526217765"]);
    let instance = sandbox.read(&id).await;
    assert_eq!((&instance["status"], &instance["result"]), (&json!("TERMINATED"), &json!("")));
    assert_eq!(states(&instance), ["0123456789 TERMINATED NONE"]);
}

#[tokio::test]
async fn acts_that_nobody_could_do_say_why_and_change_nothing() {
    let sandbox = Harness::new().await;
    let code = sandbox.template().await;
    let id = sandbox.started(&code, json!([{"actionType": "NONE", "userIds": ["0123456789"]}])).await;
    let before = sandbox.read(&id).await;
    for (act, status, text) in [
        (json!({"user": "nobody", "action": "approve"}), 400, "there is no user nobody"),
        (json!({"user": "manager4220", "action": "approve"}), 409, "manager4220 has no open task in this instance"),
        (json!({"user": "0123456789", "action": "transfer"}), 400, "`to` names the other person"),
        (json!({"user": "0123456789", "action": "transfer", "to": "nobody"}), 400, "there is no user nobody"),
        (
            json!({"user": "0123456789", "action": "transfer", "to": "0123456789"}),
            400,
            "`to` is somebody else than `user`",
        ),
        (json!({"user": "0123456789", "action": "comment", "remark": " "}), 400, "a comment needs a `remark`"),
        (
            json!({"user": "0123456789", "action": "approve", "remark": "x".repeat(1025)}),
            400,
            "a remark has at most 1024 characters",
        ),
    ] {
        let (got, answer) = sandbox.act(&id, act.clone()).await;
        assert_eq!((got, &answer["error"]), (status, &json!(text)), "{act}");
    }
    for act in [
        json!({"user": "0123456789", "action": "aprove"}),
        json!({"user": 1, "action": "approve"}),
        json!({"usr": "x"}),
    ] {
        assert_eq!(sandbox.act(&id, act.clone()).await.0, 400, "{act}");
    }
    assert_eq!(sandbox.act("nothing", json!({"user": "0123456789", "action": "approve"})).await.0, 404);
    assert_eq!(sandbox.read(&id).await, before);
}

#[tokio::test]
async fn the_api_withdraws_only_after_fifteen_seconds() {
    let sandbox = Harness::new().await;
    let code = sandbox.template().await;
    let id = sandbox.started(&code, json!([{"actionType": "NONE", "userIds": ["0123456789"]}])).await;
    let terminate = "/v1.0/workflow/processInstances/terminate";
    let own =
        json!({"processInstanceId": id, "isSystem": false, "operatingUserId": "024219523526217765", "remark": "r"});
    sandbox.pass(14_999);
    let (status, answer) = sandbox.post(terminate, own.clone()).await;
    assert_eq!((status, &answer["code"]), (400, &json!("aflowProcessInstStatusException")));
    let (_, answer) = sandbox.post(terminate, json!({"processInstanceId": id, "isSystem": true})).await;
    assert_eq!(answer["code"], "aflowProcessInstStatusException", "the platform itself has to wait, too");
    sandbox.pass(1);
    for (body, refusal) in [
        (json!({"isSystem": true}), "invalidInstanceId"),
        (json!({"processInstanceId": "nothing", "isSystem": true}), "aflowProcessInstNotExist"),
        (json!({"processInstanceId": id}), "invalidInstanceTerminateIsSystem"),
        (json!({"processInstanceId": id, "isSystem": false}), "invalidInstanceTerminateOperatingUserId"),
        (
            json!({"processInstanceId": id, "isSystem": false, "operatingUserId": "0123456789"}),
            "invalidInstanceTerminateOperatingUserId",
        ),
        (json!({"processInstanceId": id, "isSystem": false, "operatingUserId": "nobody"}), "userNotExist"),
        (json!({"processInstanceId": id, "isSystem": true, "remark": "r".repeat(1025)}), "invalidParameter"),
    ] {
        let (status, answer) = sandbox.post(terminate, body.clone()).await;
        assert_eq!((status, &answer["code"]), (400, &json!(refusal)), "{body}");
    }
    assert_eq!(sandbox.post(terminate, own.clone()).await, (200, json!({"result": true, "success": true})));
    assert_eq!(sandbox.read(&id).await["status"], "TERMINATED");
    assert_eq!(sandbox.post(terminate, own).await.1["code"], "aflowProcessInstStatusException");

    let code = sandbox
        .template_of(json!({"name": "Firm", "templateConfig": {"disableStopProcessButton": true}, "formComponents": [
        {"componentType": "TextareaField", "props": {"componentId": "d", "label": "详情"}}]}))
        .await;
    let id = sandbox.started(&code, json!([{"actionType": "NONE", "userIds": ["0123456789"]}])).await;
    sandbox.pass(20_000);
    let (_, answer) = sandbox.post(terminate, json!({"processInstanceId": id, "isSystem": true})).await;
    assert_eq!((&answer["code"], &answer["message"]), (&json!("internalError"), &json!("您没有任务处理的权限")));
}

#[tokio::test]
async fn the_api_decides_transfers_and_comments_for_the_holder_of_a_task() {
    let sandbox = Harness::new().await;
    let code = sandbox.template().await;
    let id = sandbox.started(&code, json!([{"actionType": "NONE", "userIds": ["0123456789"]}])).await;
    let task = sandbox.read(&id).await["tasks"][0]["taskId"].clone();
    let redirect = "/v1.0/workflow/tasks/redirect";
    for (body, refusal) in [
        (json!({"toUserId": "manager4220", "operateUserId": "0123456789"}), "param.blank"),
        (json!({"taskId": task, "toUserId": "nobody", "operateUserId": "0123456789"}), "param.illegal"),
        (json!({"taskId": 1, "toUserId": "manager4220", "operateUserId": "0123456789"}), "param.illegal"),
        (json!({"taskId": task, "toUserId": "manager4220", "operateUserId": "ouyang.xue"}), "param.illegal.operator"),
        (
            json!({"taskId": task, "toUserId": "manager4220", "operateUserId": "0123456789", "remark": "r".repeat(257)}),
            "param.illegal",
        ),
    ] {
        assert_eq!(sandbox.post(redirect, body.clone()).await.1["code"], refusal, "{body}");
    }
    let good = json!({"taskId": task, "toUserId": "manager4220", "operateUserId": "0123456789"});
    assert_eq!(sandbox.post(redirect, good.clone()).await, (200, json!({"result": true})));
    assert_eq!(sandbox.post(redirect, good).await.1["code"], "task.status.error");

    let comments = "/v1.0/workflow/processInstances/comments";
    for (body, refusal) in [
        (json!({"processInstanceId": id, "text": "", "commentUserId": "ouyang.xue"}), "invalidInstanceCommentText"),
        (json!({"processInstanceId": id, "text": "t", "commentUserId": "nobody"}), "invalidInstanceCommentUserId"),
        (json!({"processInstanceId": "x", "text": "t", "commentUserId": "ouyang.xue"}), "aflowProcessInstNotExist"),
    ] {
        assert_eq!(sandbox.post(comments, body.clone()).await.1["code"], refusal, "{body}");
    }
    assert_eq!(
        sandbox.post(comments, json!({"processInstanceId": id, "text": "t", "commentUserId": "ouyang.xue"})).await.0,
        200
    );

    let task = sandbox.read(&id).await["tasks"][1]["taskId"].clone();
    let execute = "/v1.0/workflow/processInstances/execute";
    for (body, refusal) in [
        (
            json!({"processInstanceId": "x", "taskId": task, "actionerUserId": "manager4220", "result": "agree"}),
            "aflowProcessNotExist",
        ),
        (
            json!({"processInstanceId": id, "taskId": 1, "actionerUserId": "manager4220", "result": "agree"}),
            "invalidInstanceExecuteTaskId",
        ),
        (
            json!({"processInstanceId": id, "taskId": task, "actionerUserId": "ouyang.xue", "result": "agree"}),
            "invalidInstanceExecuteActionerUserId",
        ),
        (
            json!({"processInstanceId": id, "taskId": task, "actionerUserId": "nobody", "result": "agree"}),
            "userNotExist",
        ),
        (
            json!({"processInstanceId": id, "taskId": task, "actionerUserId": "manager4220", "result": "AGREE"}),
            "invalidInstanceExecuteResult",
        ),
    ] {
        assert_eq!(sandbox.post(execute, body.clone()).await.1["code"], refusal, "{body}");
    }
    let good = json!({"processInstanceId": id, "taskId": task, "actionerUserId": "manager4220", "result": "refuse", "remark": "no"});
    assert_eq!(sandbox.post(execute, good.clone()).await, (200, json!({"result": true, "success": true})));
    assert_eq!(sandbox.read(&id).await["result"], "refuse");
    assert_eq!(sandbox.post(execute, good).await.1["code"], "aflowProcessInstStatusException");
}

#[tokio::test]
async fn the_page_shows_what_people_wrote_and_runs_none_of_it() {
    let sandbox = Harness::new().await;
    let code = sandbox.template().await;
    let mut body = super::harness::start(&code, json!([{"actionType": "NONE", "userIds": ["0123456789"]}]));
    body["formComponentValues"][0]["value"] = json!("<script>alert(1)</script>");
    let (_, answer) = sandbox.post("/v1.0/workflow/processInstances", body).await;
    let id = answer["instanceId"].as_str().unwrap();
    sandbox
        .act(id, json!({"user": "0123456789", "action": "comment", "remark": "\"><img src=x onerror=alert(2)>"}))
        .await;
    let page = sandbox
        .http
        .get(format!("{}?as=0123456789&tab=%22%3E%3Cb%3E&instance={id}", sandbox.base))
        .send()
        .await
        .unwrap();
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("script-src 'self'"));
    let page = page.text().await.unwrap();
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("&quot;&gt;&lt;img src=x"));
    assert!(!page.contains("<script>alert") && !page.contains("<img src=x"));
    assert!(page.contains(">Approve</button>"));
    let chinese = sandbox.http.get(format!("{}?as=0123456789&lang=zh-CN", sandbox.base)).send().await.unwrap();
    assert!(chinese.headers()["set-cookie"].to_str().unwrap().starts_with("sandbox_lang=zh-CN"));
    let chinese = chinese.text().await.unwrap();
    assert!(chinese.contains("<html lang=\"zh-CN\">") && chinese.contains(">同意</button>"), "{chinese}");
}
