//! What a start is checked for.

use serde_json::{Value, json};

use super::harness::{Harness, start};

const START: &str = "/v1.0/workflow/processInstances";

fn one(user: &str) -> Value {
    json!([{"actionType": "NONE", "userIds": [user]}])
}

#[tokio::test]
async fn a_start_answers_the_id_and_the_instance_reads_as_the_platform_tells_it() {
    let sandbox = Harness::new().await;
    let code = sandbox.template().await;
    let mut body = start(
        &code,
        json!([{"actionType": "NONE", "userIds": ["0123456789"]}, {"actionType": "OR", "userIds": ["manager4220", "ouyang.xue"]}]),
    );
    body["ccList"] = json!(["266752374326324"]);
    body["ccPosition"] = json!("START");
    body["microappAgentId"] = json!(sandbox.setting("agent_id").parse::<i64>().unwrap());
    let (status, answer) = sandbox.post(START, body).await;
    assert_eq!(status, 200, "{answer}");
    let id = answer["instanceId"].as_str().unwrap();
    assert_eq!((id.len(), &id[26..]), (36, "1789992000"));

    let instance = sandbox.read(id).await;
    assert_eq!(instance["title"], "陈思远提交的Release approval");
    assert_eq!((&instance["status"], &instance["result"]), (&json!("RUNNING"), &json!("")));
    assert_eq!(instance["createTime"], "2026-09-21T20:00Z", "Beijing time in spite of its Z");
    let business = instance["businessId"].as_str().unwrap();
    assert_eq!((business.len(), &business[..12]), (21, "202609212000"));
    assert_eq!(instance["originatorDeptId"], "905123402");
    let tasks = instance["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 1, "the second node has not begun");
    assert!(tasks[0]["taskId"].as_i64().unwrap() > 1 << 32);
    assert_eq!((&tasks[0]["status"], &tasks[0]["result"]), (&json!("RUNNING"), &json!("NONE")));
    assert_eq!(tasks[0].get("finishTime"), None);
    let records: Vec<&str> =
        instance["operationRecords"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(records, ["START_PROCESS_INSTANCE", "PROCESS_CC"]);
    let (status, answer) = sandbox.get("/v1.0/workflow/processInstances?processInstanceId=nothing").await;
    assert_eq!((status, &answer["code"]), (400, &json!("processInstanceNotExist")));
}

#[tokio::test]
async fn people_nodes_and_departments_that_do_not_fit_are_refused() {
    let sandbox = Harness::new().await;
    let code = sandbox.template().await;
    let agent_off = sandbox.setting("agent_id").parse::<i64>().unwrap() + 1;
    let with = |more: Value| {
        let mut body = start(&code, one("manager4220"));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let people = "processInstanceInvalidParameter";
    for (more, refusal) in [
        (json!({"originatorUserId": null}), "MissingoriginatorUserId"),
        (json!({"processCode": null}), "MissingprocessCode"),
        (json!({"formComponentValues": null}), "MissingformComponentValues"),
        (json!({"originatorUserId": "nobody"}), people),
        (json!({"originatorUserId": 123}), people),
        (json!({"processCode": "PROC-0"}), "processCodeError"),
        (json!({"microappAgentId": agent_off}), "invalidAgentId"),
        (json!({"bizDetailPageUrl": "https://x.example"}), "benefitStatusInvalid"),
        (json!({"approvers": one("nobody")}), people),
        (json!({"approvers": [{"actionType": "NONE", "userIds": ["manager4220", "ouyang.xue"]}]}), people),
        (json!({"approvers": [{"actionType": "NONE", "userIds": []}]}), people),
        (json!({"approvers": [{"actionType": "OR", "userIds": ["manager4220"]}]}), people),
        (json!({"approvers": [{"actionType": "AND", "userIds": ["manager4220"]}]}), people),
        (json!({"approvers": [{"actionType": "AND", "userIds": ["manager4220", "manager4220"]}]}), people),
        (json!({"approvers": [{"actionType": "ANY", "userIds": ["manager4220", "ouyang.xue"]}]}), people),
        (json!({"approvers": vec![one("manager4220")[0].clone(); 21]}), people),
        (json!({"approvers": "manager4220"}), people),
        (json!({"ccList": ["nobody"]}), people),
        (json!({"ccList": vec!["manager4220"; 51]}), people),
        (json!({"ccPosition": "LATER"}), people),
        (json!({"approvers": null}), people),
        (json!({"approvers": []}), people),
        (json!({"approvers": null, "deptId": 1}), people),
        (json!({"deptId": 905_123_403}), people),
        (json!({"deptId": 7}), people),
        (json!({"deptId": -1}), people),
    ] {
        let (status, answer) = sandbox.post(START, with(more.clone())).await;
        assert_eq!((status, &answer["code"]), (400, &json!(refusal)), "{more}");
    }
    for more in [
        json!({"approvers": null, "deptId": 905_123_402, "ccList": ["nobody"]}),
        json!({"originatorUserId": "manager4220", "deptId": -1, "approvers": vec![one("ouyang.xue")[0].clone(); 20]}),
        json!({"deptId": "905123402"}),
    ] {
        let (status, answer) = sandbox.post(START, with(more.clone())).await;
        assert_eq!(status, 200, "{more}: {answer}");
    }
}

#[tokio::test]
async fn values_that_the_controls_do_not_take_are_refused_with_the_controls_name() {
    let sandbox = Harness::new().await;
    let code = sandbox.template_of(json!({"name": "All", "formComponents": [
        {"componentType": "TextField", "props": {"componentId": "t", "bizAlias": "title", "label": "标题", "required": true}},
        {"componentType": "NumberField", "props": {"componentId": "n", "label": "数量"}},
        {"componentType": "DDSelectField", "props": {"componentId": "s", "label": "级别", "options": [{"key": "k1", "value": "高"}, {"value": "低"}]}},
        {"componentType": "DDMultiSelectField", "props": {"componentId": "m", "label": "环境", "options": [{"value": "a"}, {"value": "b"}]}},
        {"componentType": "DDDateField", "props": {"componentId": "d", "label": "日期", "format": "yyyy-MM-dd"}},
        {"componentType": "DDDateRangeField", "props": {"componentId": "r", "label": "[\"开始时间\",\"结束时间\"]", "format": "yyyy-MM-dd HH:mm"}},
        {"componentType": "InnerContactField", "props": {"componentId": "c", "label": "联系人", "choice": "1"}},
        {"componentType": "TableField", "props": {"componentId": "b", "label": "明细"}, "children": [
            {"componentType": "TextField", "props": {"componentId": "b1", "label": "列"}}]},
        {"componentType": "TextNote", "props": {"componentId": "x", "label": "说明", "content": "read this"}}]})).await;
    let body = |values: Value| {
        let mut body = start(&code, one("manager4220"));
        body["formComponentValues"] = values;
        body
    };
    let title = json!({"name": "标题", "value": "t"});
    for (value, control) in [
        (json!({"name": "题", "value": "x"}), "题"),
        (json!({"name": "数量", "value": 3}), "数量"),
        (json!({"name": "数量", "value": "three"}), "数量"),
        (json!({"name": "级别", "value": "k1"}), "级别"),
        (json!({"name": "环境", "value": "a"}), "环境"),
        (json!({"name": "环境", "value": "[\"c\"]"}), "环境"),
        (json!({"name": "日期", "value": "2026-09-21 10:00"}), "日期"),
        (json!({"name": "日期", "value": "2026-02-30"}), "日期"),
        (
            json!({"name": "[\"开始时间\",\"结束时间\"]", "value": "[\"2026-09-21 10:00\"]"}),
            "[\"开始时间\",\"结束时间\"]",
        ),
        (json!({"name": "联系人", "value": "[\"PiiWqzTNBe7yGsandboxZW1giEiE\"]"}), "联系人"),
        (json!({"name": "联系人", "value": "manager4220"}), "联系人"),
        (json!({"name": "明细", "value": "[[{\"name\":\"行\",\"value\":\"v\"}]]"}), "明细"),
        (json!({"name": "标题", "id": "other", "value": "x"}), "标题"),
        (json!({"name": "标题", "bizAlias": "other", "value": "x"}), "标题"),
        (json!({"name": "标题", "value": "x".repeat(65_536)}), "标题"),
        (json!({"name": "标题"}), "标题"),
    ] {
        let (status, answer) = sandbox.post(START, body(json!([title, value]))).await;
        assert_eq!((status, &answer["code"]), (400, &json!("formConverterError")), "{value}");
        assert_eq!(answer["message"], format!("表单数据校验失败，失败控件：{control}"), "{value}");
    }
    for missing in [json!([]), json!([{"name": "标题", "value": ""}]), json!([{"name": "数量", "value": "1"}])] {
        let (_, answer) = sandbox.post(START, body(missing)).await;
        assert_eq!(answer["message"], "表单数据校验失败，失败控件：标题");
    }
    for illegal in
        [json!({"name": "说明", "value": "x"}), json!({"name": "标题", "componentType": "NumberField", "value": "1"})]
    {
        assert_eq!(sandbox.post(START, body(json!([title, illegal]))).await.1["code"], "illegalComponent");
    }
    assert_eq!(sandbox.post(START, body(json!(vec![title.clone(); 151]))).await.1["code"], "invalidParameter");

    let (status, answer) = sandbox
        .post(
            START,
            body(json!([
        {"name": "标题", "id": "t", "bizAlias": "title", "value": "x".repeat(65_535)},
        {"name": "数量", "value": "3.5"}, {"name": "级别", "value": "高"}, {"name": "环境", "value": "[\"a\",\"b\"]"},
        {"name": "日期", "value": "2026-09-21"}, {"name": "联系人", "value": "[\"0123456789\"]"},
        {"name": "[\"开始时间\", \"结束时间\"]", "value": "[\"2026-09-21 10:00\",\"2026-09-22 10:00\"]"},
        {"name": "明细", "value": "[[{\"name\":\"列\",\"value\":\"v\"}]]"}])),
        )
        .await;
    assert_eq!(status, 200, "{answer}");
    let form = sandbox.read(answer["instanceId"].as_str().unwrap()).await["formComponentValues"].clone();
    let of = |name: &str| form.as_array().unwrap().iter().find(|value| value["name"] == name).unwrap().clone();
    assert_eq!(of("联系人")["value"], "李娜");
    assert!(of("联系人")["extValue"].as_str().unwrap().contains("\"emplId\":\"0123456789\""));
    let choice: Value = serde_json::from_str(of("级别")["extValue"].as_str().unwrap()).unwrap();
    assert_eq!(choice, json!({"label": "高", "key": "k1"}));
}
