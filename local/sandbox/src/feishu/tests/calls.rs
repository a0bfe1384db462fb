//! Tokens, permissions, throttling, definitions, people.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{CHEN, Harness, LI, ZHANG, definition};

const TOKEN: &str = "/open-apis/auth/v3/tenant_access_token/internal";

#[tokio::test]
async fn the_same_token_is_answered_until_half_an_hour_is_left_and_then_both_are_good() {
    let sandbox = Harness::new().await;
    let body = json!({"app_id": sandbox.setting("app_id"), "app_secret": sandbox.setting("app_secret")});
    let ask = || sandbox.call(Method::POST, TOKEN, &[], Some(body.clone()));
    let (_, first) = ask().await;
    assert_eq!((&first["code"], &first["msg"], &first["expire"]), (&json!(0), &json!("ok"), &json!(7200)));
    assert!(first["tenant_access_token"].as_str().unwrap().starts_with("t-"));
    sandbox.pass(90 * 60_000);
    let (_, again) = ask().await;
    assert_eq!((&again["tenant_access_token"], &again["expire"]), (&first["tenant_access_token"], &json!(1800)));
    sandbox.pass(1);
    let (_, fresh) = ask().await;
    assert_ne!(fresh["tenant_access_token"], first["tenant_access_token"]);
    let use_it = |answer: &Value| format!("Bearer {}", answer["tenant_access_token"].as_str().unwrap());
    let (old, new) = (use_it(&first), use_it(&fresh));
    for bearer in [&old, &new] {
        let answer = sandbox.call(Method::GET, "/open-apis/bot/v3/info", &[("authorization", bearer)], None).await;
        assert_eq!((answer.0, &answer.1["bot"]["activate_status"]), (200, &json!(2)));
    }
    sandbox.pass(30 * 60_000);
    let answer = sandbox.call(Method::GET, "/open-apis/bot/v3/info", &[("authorization", &old)], None).await;
    assert_eq!((answer.0, &answer.1["code"]), (400, &json!(99_991_663)));

    for (body, code) in [
        (json!({"app_id": "cli_other", "app_secret": "x"}), 99_991_543),
        (json!({"app_id": sandbox.setting("app_id"), "app_secret": "x"}), 10_015),
        (json!({"app_id": sandbox.setting("app_id")}), 10_003),
    ] {
        let (status, answer) = sandbox.call(Method::POST, TOKEN, &[], Some(body)).await;
        assert_eq!((status, &answer["code"]), (400, &json!(code)));
        assert!(answer["error"]["log_id"].is_string());
    }
}

#[tokio::test]
async fn tokens_paths_and_verbs_that_do_not_fit_are_refused() {
    let sandbox = Harness::new().await;
    let path = "/open-apis/approval/v4/instances/1";
    for (header, code) in [
        ("", 99_991_661),
        ("Bearer ", 99_991_661),
        ("Bearer x", 99_991_671),
        ("Bearer u-x", 99_991_668),
        ("Bearer t-x", 99_991_663),
    ] {
        let headers = [("authorization", header)];
        let headers = if header.is_empty() { &headers[..0] } else { &headers[..] };
        let (status, answer) = sandbox.call(Method::GET, path, headers, None).await;
        assert_eq!((status, &answer["code"]), (400, &json!(code)), "{header}");
    }
    let (status, answer) = sandbox.get("/approval/v4/nothing").await;
    assert_eq!((status, &answer["code"]), (404, &json!(99_991_201)));
    let (status, answer) = sandbox.get("/approval/v4/approvals").await;
    assert_eq!((status, &answer["code"]), (400, &json!(99_991_663)), "a verb that the path does not have");
    let bearer = format!("Bearer {}", sandbox.token().await);
    let request = sandbox.http.post(format!("{}/open-apis/approval/v4/approvals", sandbox.base));
    let answer = request.header("authorization", bearer).body("{\"approval_name\":").send().await.unwrap();
    assert!(answer.headers().contains_key("x-tt-logid"));
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], 9499);
}

#[tokio::test]
async fn a_missing_permission_lists_every_alternative() {
    let sandbox = Harness::new().await;
    sandbox.fault(json!({"missing_scopes": ["approval:approval"]})).await;
    let (status, answer) = sandbox.post("/approval/v4/approvals", definition(&["AND"])).await;
    assert_eq!((status, &answer["code"]), (400, &json!(99_991_672)));
    assert_eq!(
        answer["msg"],
        "Access denied. One of the following scopes is required: [approval:approval, approval:definition]"
    );
    let violations = json!([
        {"type": "action_scope_required", "subject": "approval:approval"},
        {"type": "action_scope_required", "subject": "approval:definition"}]);
    assert_eq!(answer["error"]["permission_violations"], violations);
    assert!(answer["error"]["helps"][0]["url"].as_str().unwrap().contains("q=approval:approval,approval:definition"));
    let (_, answer) = sandbox.get("/approval/v4/instances/1").await;
    assert_eq!(answer["code"], 1_390_003, "reading needs any one of its permissions");
    sandbox.fault(json!({"missing_scopes": ["contact:user.employee_id:readonly"]})).await;
    let (_, user) = sandbox.get(&format!("/contact/v3/users/{LI}")).await;
    assert_eq!((user["data"]["user"].get("user_id"), &user["data"]["user"]["name"]), (None, &json!("李娜")));
    assert_eq!(sandbox.get("/contact/v3/users/b85s39b1?user_id_type=user_id").await.1["code"], 99_991_672);
}

#[tokio::test]
async fn calls_are_throttled_by_api_and_the_quota_spares_contacts() {
    let sandbox = Harness::new().await;
    let bearer = format!("Bearer {}", sandbox.token().await);
    let url = format!("{}/open-apis/approval/v4/instances?approval_code=x&start_time=0&end_time=1", sandbox.base);
    let call = || async { sandbox.http.get(&url).header("authorization", &bearer).send().await.unwrap() };
    for _ in 0..100 {
        assert_eq!(call().await.status().as_u16(), 400);
    }
    let answer = call().await;
    assert_eq!(answer.status().as_u16(), 429);
    assert_eq!(answer.headers()["x-ogw-ratelimit-limit"], "100");
    assert_eq!(answer.headers()["x-ogw-ratelimit-reset"], "60");
    let answer: Value = answer.json().await.unwrap();
    assert_eq!((&answer["code"], &answer["msg"]), (&json!(99_991_400), &json!("request trigger frequency limit")));
    assert_eq!(sandbox.get("/approval/v4/approvals/x").await.1["code"], 1_390_002, "another API has its own count");
    sandbox.pass(60_000);
    assert_eq!(call().await.status().as_u16(), 400);

    sandbox.fault(json!({"quota": true})).await;
    assert_eq!(sandbox.get("/approval/v4/approvals/x").await.1["code"], 99_991_403);
    assert_eq!(sandbox.get(&format!("/contact/v3/users/{LI}")).await.1["code"], 0);
    sandbox.fault(json!({"quota": null, "throttle": 1})).await;
    assert_eq!(sandbox.get("/approval/v4/approvals/x").await.0, 429);
}

#[tokio::test]
async fn a_definition_is_created_read_overwritten_and_subscribed_once() {
    let sandbox = Harness::new().await;
    let (status, answer) = sandbox.post("/approval/v4/approvals", definition(&["AND", "SEQUENTIAL"])).await;
    assert_eq!((status, &answer["msg"]), (200, &json!("success")), "{answer}");
    let code = answer["data"]["approval_code"].as_str().unwrap().to_owned();
    assert_eq!((code.len(), code.to_uppercase()), (36, code.clone()));
    let path = format!("/approval/v4/approvals/{code}");
    let (_, answer) = sandbox.get(&path).await;
    let data = &answer["data"];
    assert_eq!((&data["approval_name"], &data["status"]), (&json!("发布审批"), &json!("ACTIVE")));
    let form: Value = serde_json::from_str(data["form"].as_str().unwrap()).unwrap();
    assert_eq!((&form[0]["id"], &form[0]["name"]), (&json!("detail"), &json!("详情")));
    let node = &data["node_list"][1];
    assert_eq!((&node["need_approver"], &node["custom_node_id"]), (&json!(true), &json!("GATE_NODE_0")));
    assert_eq!(
        (node["node_id"].as_str().unwrap().len(), &data["node_list"][2]["node_type"]),
        (32, &json!("SEQUENTIAL"))
    );

    for (way, first) in [("subscribe", 0), ("unsubscribe", 0)] {
        for code in [first, 1_390_007] {
            let (_, answer) = sandbox.post(&format!("{path}/{way}"), json!({})).await;
            assert_eq!(answer["code"], code, "{way}");
        }
    }
    assert_eq!(sandbox.post("/approval/v4/approvals/X/subscribe", json!({})).await.1["code"], 1_390_002);
    let mut again = definition(&["OR"]);
    again["approval_code"] = code.clone().into();
    assert_eq!(sandbox.post("/approval/v4/approvals", again.clone()).await.1["data"]["approval_code"], code);
    assert_eq!(sandbox.get(&path).await.1["data"]["node_list"][1]["node_type"], "OR");
    again["approval_code"] = "7C468A54-8745-2245-9675-08B7C63E7A85".into();
    assert_eq!(sandbox.post("/approval/v4/approvals", again).await.1["code"], 1_390_002);
}

#[tokio::test]
async fn a_definition_that_breaks_a_rule_is_refused() {
    let sandbox = Harness::new().await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = definition(&["AND"]);
        change(&mut body);
        body
    };
    let cases: Vec<(&str, Value, i64)> = vec![
        ("texts as a map", with(&|b| b["i18n_resources"][0]["texts"] = json!({"@i18n@x": "y"})), 9499),
        ("form as a list", with(&|b| b["form"] = json!([])), 9499),
        (
            "level as a number",
            with(&|b| b["node_list"][1]["approver"] = json!([{"type": "Supervisor", "level": 1}])),
            9499,
        ),
        ("no name", with(&|b| b["approval_name"] = Value::Null), 99_992_402),
        ("no viewers", with(&|b| b["viewers"] = json!([])), 99_992_402),
        ("viewer type", with(&|b| b["viewers"][0]["viewer_type"] = "ALL".into()), 99_992_402),
        ("no resources", with(&|b| b["i18n_resources"] = json!([])), 99_992_402),
        ("node type", with(&|b| b["node_list"][1]["node_type"] = "ANY".into()), 99_992_402),
        ("half a config", with(&|b| b["config"] = json!({"can_update_form": true})), 99_992_402),
        ("a plain name", with(&|b| b["approval_name"] = "release".into()), 1_390_001),
        ("a short key", with(&|b| b["approval_name"] = "@i18n@ab".into()), 1_390_001),
        ("an unknown key", with(&|b| b["node_list"][1]["name"] = "@i18n@other".into()), 1_390_001),
        ("no default", with(&|b| b["i18n_resources"][0]["is_default"] = false.into()), 1_390_001),
        ("no START", with(&|b| b["node_list"][0]["id"] = "BEGIN".into()), 1_390_001),
        (
            "no END",
            with(&|b| {
                b["node_list"].as_array_mut().unwrap().pop();
            }),
            1_390_001,
        ),
        ("a form that is no JSON", with(&|b| b["form"]["form_content"] = "[".into()), 1_390_001),
        (
            "a widget of HR",
            with(&|b| {
                b["form"]["form_content"] =
                    "[{\"id\":\"a\",\"type\":\"leaveGroup\",\"name\":\"@i18n@detail_name\"}]".into()
            }),
            1_390_001,
        ),
        (
            "SEQUENTIAL with a named approver",
            with(&|b| {
                b["node_list"][1]["node_type"] = "SEQUENTIAL".into();
                b["node_list"][1]["approver"] = json!([{"type": "Personal", "user_id": LI}]);
            }),
            1_390_001,
        ),
        (
            "an unknown approver",
            with(&|b| b["node_list"][1]["approver"] = json!([{"type": "Personal", "user_id": "ou_x"}])),
            99_992_351,
        ),
        ("201 viewers", with(&|b| b["viewers"] = json!(vec![json!({"viewer_type": "TENANT"}); 201])), 1_390_001),
    ];
    for (what, body, code) in cases {
        let (status, answer) = sandbox.post("/approval/v4/approvals", body).await;
        assert_eq!((status, &answer["code"]), (400, &json!(code)), "{what}: {answer}");
    }
    let (_, answer) =
        sandbox.post("/approval/v4/approvals", with(&|b| b["i18n_resources"][0]["texts"] = json!({}))).await;
    assert_eq!(answer["msg"], "Invalid parameter type in json: texts");
    let (_, answer) = sandbox.post("/approval/v4/approvals", with(&|b| b["viewers"] = json!([]))).await;
    let violation = json!([{"field": "viewers", "value": "", "description": "viewers is required"}]);
    assert_eq!(answer["error"]["field_violations"], violation);
}

#[tokio::test]
async fn people_are_found_by_mobile_email_and_department() {
    let sandbox = Harness::new().await;
    let body =
        json!({"emails": ["LI.NA@yunshan.example", "x@y.example"], "mobiles": ["13800000001", "+8613800000004"]});
    let (_, answer) = sandbox.post("/contact/v3/users/batch_get_id?user_id_type=open_id", body).await;
    let list = answer["data"]["user_list"].as_array().unwrap();
    let ids: Vec<&Value> = list.iter().map(|one| &one["user_id"]).collect();
    assert_eq!(ids, [&json!(LI), &Value::Null, &json!(ZHANG), &json!(CHEN)]);
    assert_eq!((&list[0]["email"], list[1].get("user_id")), (&json!("LI.NA@yunshan.example"), None));
    let (_, answer) = sandbox.post("/contact/v3/users/batch_get_id", json!({"mobiles": vec!["1"; 51]})).await;
    assert_eq!(answer["code"], 40_001);

    let (_, answer) = sandbox.get(&format!("/contact/v3/users/{LI}?user_id_type=open_id")).await;
    let user = &answer["data"]["user"];
    assert_eq!((&user["user_id"], &user["leader_user_id"]), (&json!("b85s39b1"), &json!(ZHANG)));
    assert_eq!(sandbox.get("/contact/v3/users/ou_nobody").await.1["code"], 99_992_351);
    let (_, answer) = sandbox.get("/contact/v3/departments/0/children?fetch_child=true&page_size=3").await;
    assert_eq!((answer["data"]["items"].as_array().unwrap().len(), &answer["data"]["has_more"]), (3, &json!(true)));
    let (_, answer) = sandbox.get("/contact/v3/departments/0/children?fetch_child=true&page_size=3&page_token=3").await;
    assert_eq!((answer["data"]["items"].as_array().unwrap().len(), &answer["data"]["has_more"]), (1, &json!(false)));
    let path = "/contact/v3/users/find_by_department?department_id_type=department_id&department_id=D402";
    let (_, answer) = sandbox.get(path).await;
    let ids: Vec<&Value> = answer["data"]["items"].as_array().unwrap().iter().map(|one| &one["open_id"]).collect();
    assert_eq!(ids, [&json!(LI), &json!(CHEN)]);
    assert_eq!(sandbox.get("/contact/v3/users/find_by_department?department_id=od-x").await.0, 403);
    assert_eq!(sandbox.get("/tenant/v2/tenant/query").await.1["data"]["tenant"]["name"], "云杉科技");
}
