//! Tokens, templates, contacts, and what the gateways refuse.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Harness, NOON, start};

/// Status and code of a refusal.
fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_token_stays_the_same_until_it_expires() {
    let sandbox = Harness::new().await;
    let first = sandbox.token().await;
    sandbox.pass(7_199_000);
    assert_eq!(sandbox.token().await, first, "asking again renews it");
    sandbox.pass(7_199_000);
    let user = json!({"userid": "manager4220"});
    let path = format!("/topapi/v2/user/get?access_token={first}");
    let (_, answer) = sandbox.send(Method::POST, &path, None, Some(user.clone())).await;
    assert_eq!(answer["errcode"], 0);

    sandbox.pass(1_000);
    let (status, answer) = sandbox.send(Method::POST, &path, None, Some(user)).await;
    assert_eq!((status, &answer["errcode"], &answer["sub_code"]), (200, &json!(88), &json!("40014")));
    assert_eq!(answer["errmsg"], "ding talk error[subcode=40014,submsg=不合法的access_token]");
    let answer =
        sandbox.send(Method::GET, "/v1.0/workflow/processInstances?processInstanceId=x", Some(&first), None).await;
    assert_eq!(code(&answer), (400, "InvalidAuthentication"));
    assert_eq!(answer.1["message"], "不合法的access_token");
    assert_ne!(sandbox.token().await, first);
}

#[tokio::test]
async fn wrong_credentials_are_refused_by_each_token_call_in_its_own_words() {
    let sandbox = Harness::new().await;
    let (key, secret, corp) = (sandbox.setting("app_key"), sandbox.setting("app_secret"), sandbox.setting("corp_id"));
    let body = json!({"appKey": key, "appSecret": "wrong"});
    let answer = sandbox.send(Method::POST, "/v1.0/oauth2/accessToken", None, Some(body)).await;
    assert_eq!(code(&answer), (400, "invalidClientIdOrSecret"));

    let good = json!({"client_id": key, "client_secret": secret, "grant_type": "client_credentials"});
    let (status, answer) =
        sandbox.send(Method::POST, &format!("/v1.0/oauth2/{corp}/token"), None, Some(good.clone())).await;
    assert_eq!((status, &answer["expires_in"]), (200, &json!(7200)));
    assert_eq!(answer["access_token"], sandbox.token().await.as_str());
    let answer = sandbox.send(Method::POST, "/v1.0/oauth2/ding00/token", None, Some(good)).await;
    assert_eq!(code(&answer), (500, "unknownError"));
    let bad = json!({"client_id": key, "client_secret": secret, "grant_type": "password"});
    let answer = sandbox.send(Method::POST, &format!("/v1.0/oauth2/{corp}/token"), None, Some(bad)).await;
    assert_eq!(code(&answer), (400, "unsupported.grant.type"));

    let (_, answer) = sandbox.send(Method::GET, &format!("/gettoken?appkey={key}&appsecret=no"), None, None).await;
    assert_eq!(answer["errcode"], 40096);
    assert_eq!(answer["errmsg"], "不合法的appKey或appSecret");
    let (_, answer) = sandbox.send(Method::GET, "/gettoken", None, None).await;
    assert_eq!(answer["errcode"], 40035);
    let (_, answer) =
        sandbox.send(Method::GET, &format!("/gettoken?appkey={key}&appsecret={secret}"), None, None).await;
    assert_eq!(answer["access_token"], sandbox.token().await.as_str());
}

#[tokio::test]
async fn a_token_in_the_wrong_place_is_a_missing_one() {
    let sandbox = Harness::new().await;
    let token = sandbox.token().await;
    let path = format!("/v1.0/workflow/processes/todoTasks/numbers?userId=manager4220&access_token={token}");
    let answer = sandbox.send(Method::GET, &path, None, None).await;
    assert_eq!(code(&answer), (400, "AuthenticationFailed.MissingParameter"));
    assert_eq!(answer.1["message"], "缺少参数：x-acs-dingtalk-access-token");
    let bearer = sandbox.http.get(format!("{}{path}", sandbox.base)).bearer_auth(&token).send().await.unwrap();
    assert_eq!(bearer.status(), 400);

    let (status, answer) =
        sandbox.send(Method::POST, "/topapi/v2/user/get", Some(&token), Some(json!({"userid": "x"}))).await;
    assert_eq!((status, &answer["errcode"], &answer["sub_code"]), (200, &json!(88), &json!("40000")));
    assert_eq!(answer["sub_msg"], "access_token is blank");
}

#[tokio::test]
async fn forms_strange_paths_and_wrong_methods_are_refused() {
    let sandbox = Harness::new().await;
    let token = sandbox.token().await;
    let form = sandbox
        .http
        .post(format!("{}/v1.0/workflow/processInstances/terminate", sandbox.base))
        .header("x-acs-dingtalk-access-token", &token)
        .form(&[("processInstanceId", "x")])
        .send()
        .await
        .unwrap();
    assert_eq!(form.status(), 400);
    assert!(form.headers().contains_key("x-acs-request-id"));
    let answer: Value = form.json().await.unwrap();
    assert_eq!(
        (&answer["code"], &answer["message"]),
        (&json!("Missingbody"), &json!("body is mandatory for this action"))
    );
    assert!(answer["requestid"].is_string());

    let answer = sandbox.send(Method::POST, "/v1.0/workflow/processInstance", Some(&token), Some(json!({}))).await;
    assert_eq!(code(&answer), (404, "InvalidAction.NotFound"));
    let answer = sandbox.send(Method::DELETE, "/v1.0/workflow/processInstances", Some(&token), None).await;
    assert_eq!(code(&answer), (404, "InvalidAction.NotFound"));
    let answer = sandbox.send(Method::POST, "/v1.0/workflow/premium/tasks/append", Some(&token), Some(json!({}))).await;
    assert_eq!(code(&answer), (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied"));
    let (status, answer) =
        sandbox.send(Method::POST, "/topapi/v2/user/gett?access_token=x", None, Some(json!({}))).await;
    assert_eq!((status, &answer["errcode"]), (200, &json!(22)));

    let broken = sandbox
        .http
        .post(format!("{}/v1.0/workflow/processInstances", sandbox.base))
        .header("x-acs-dingtalk-access-token", &token)
        .header("content-type", "application/json")
        .body("{\"a\":")
        .send()
        .await
        .unwrap();
    assert_eq!(broken.status(), 400);
}

#[tokio::test]
async fn templates_are_made_found_changed_and_read() {
    let sandbox = Harness::new().await;
    let made = sandbox.template().await;
    assert!(made.starts_with("PROC-") && made.len() == 41, "{made}");

    let answer = sandbox
        .post(
            "/v1.0/workflow/forms",
            json!({"name": "Release approval", "formComponents": [
        {"componentType": "TextField", "props": {"componentId": "a", "label": "a"}}]}),
        )
        .await;
    assert_eq!(code(&answer), (400, "formName.error"));
    assert_eq!(answer.1["message"], "已有相同名称表单");
    let named = "/v1.0/workflow/processCentres/schemaNames/processCodes?name=";
    let (_, answer) = sandbox.get(&format!("{named}Release%20approval")).await;
    assert_eq!(answer["result"]["processCode"], made.as_str());
    assert_eq!(code(&sandbox.get(&format!("{named}Nothing")).await), (400, "process.error"));

    let (_, answer) = sandbox.get("/v1.0/workflow/processes/userVisibilities/templates?maxResults=1&nextToken=0").await;
    assert_eq!(answer["result"]["processList"][0]["processCode"], made.as_str());
    assert_eq!(answer["result"].get("nextToken"), None);
    let own = "/v1.0/workflow/processes/userVisibilities/templates?maxResults=1&nextToken=0&userId=manager4220";
    assert_eq!(sandbox.get(own).await.1["result"]["processList"], json!([]), "it is hidden");
    let large = "/v1.0/workflow/processes/userVisibilities/templates?maxResults=101&nextToken=0";
    assert_eq!(sandbox.get(large).await.0, 400);

    let (_, answer) = sandbox.get(&format!("/v1.0/workflow/forms/schemas/processCodes?processCode={made}")).await;
    let item = &answer["result"]["schemaContent"]["items"][0];
    assert_eq!(
        (&item["componentName"], &item["props"]["id"]),
        (&json!("TextareaField"), &json!("TextareaField-detail"))
    );
    let changed = json!({"processCode": made, "name": "Release approval", "formComponents": [
        {"componentType": "TextField", "props": {"bizAlias": "ref", "label": "单号"}}]});
    assert_eq!(sandbox.template_of(changed).await, made);
    let (_, answer) = sandbox.get("/v1.0/workflow/processes/managements/templates?userId=manager4220").await;
    assert_eq!(answer["result"][0]["flowTitle"], "Release approval");
}

#[tokio::test]
async fn templates_that_break_a_limit_are_refused() {
    let sandbox = Harness::new().await;
    let text = |props: Value| json!([{"componentType": "TextField", "props": props}]);
    let select = |options: Value| json!([{"componentType": "DDSelectField", "props": {"componentId": "a", "label": "a", "options": options}}]);
    let twice = json!([{"componentType": "TextField", "props": {"componentId": "a", "label": "a"}},
        {"componentType": "TextField", "props": {"componentId": "a", "label": "b"}}]);
    let many: Vec<Value> = (0..201)
        .map(|n| json!({"componentType": "TextField", "props": {"componentId": format!("c{n}"), "label": "a"}}))
        .collect();
    for components in [
        text(json!({"componentId": "a", "label": "一二三四五六七八九十一二三四五六七八九十一"})),
        text(json!({"componentId": "a".repeat(65), "label": "a"})),
        text(json!({"bizAlias": "a".repeat(65), "label": "a"})),
        text(json!({"label": "a"})),
        text(json!({"componentId": "a"})),
        text(json!({"componentId": "a", "label": "a", "placeholder": "p".repeat(129)})),
        text(json!({"componentId": "a", "label": "a", "required": "perhaps"})),
        select(json!([])),
        select(Value::Null),
        twice,
        json!(many),
        json!([]),
        json!("TextField"),
        json!([{"componentType": "TextFeld", "props": {"componentId": "a", "label": "a"}}]),
        json!([{"componentType": "TableField", "props": {"componentId": "a", "label": "a"}}]),
        json!([{"componentType": "TextNote", "props": {"componentId": "a", "content": "c".repeat(501)}}]),
        json!([{"componentType": "DDDateRangeField", "props": {"componentId": "a", "label": "a"}}]),
        json!([{"componentType": "StarRatingField", "props": {"componentId": "a", "label": "a", "limit": 7}}]),
    ] {
        let answer = sandbox.post("/v1.0/workflow/forms", json!({"name": "n", "formComponents": components})).await;
        assert_eq!(code(&answer), (400, "formschema.error"), "{components}");
    }
    let good = text(json!({"componentId": "a", "label": "一二三四五六七八九十一二三四五六七八九十"}));
    for (body, refusal) in [
        (json!({"formComponents": good}), "Missingname"),
        (json!({"name": "n"}), "MissingformComponents"),
        (json!({"name": "n".repeat(201), "formComponents": good}), "formName.error"),
        (json!({"name": "n", "description": "d".repeat(301), "formComponents": good}), "formschema.error"),
        (json!({"name": "n", "templateConfig": {"hidden": 1}, "formComponents": good}), "formschema.error"),
        (json!({"name": "n", "processCode": "PROC-0", "formComponents": good}), "processcode.error"),
    ] {
        assert_eq!(code(&sandbox.post("/v1.0/workflow/forms", body.clone()).await), (400, refusal), "{body}");
    }
    let (_, answer) =
        sandbox.get("/v1.0/workflow/processes/userVisibilities/templates?maxResults=100&nextToken=0").await;
    assert_eq!(answer["result"]["processList"], json!([]), "nothing was made");
    sandbox.template_of(json!({"name": "n".repeat(200), "formComponents": good})).await;
}

#[tokio::test]
async fn instances_are_listed_by_window_and_page() {
    let sandbox = Harness::new().await;
    let made = sandbox.template().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(sandbox.started(&made, json!([{"actionType": "NONE", "userIds": ["manager4220"]}])).await);
        sandbox.pass(60_000);
    }
    let query = "/v1.0/workflow/processes/instanceIds/query";
    let body = |more: Value| {
        let mut body = json!({"processCode": made, "startTime": NOON, "nextToken": 0, "maxResults": 2});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let (_, answer) = sandbox.post(query, body(json!({}))).await;
    assert_eq!(answer["result"], json!({"list": [ids[2], ids[1]], "nextToken": "2"}));
    let (_, answer) = sandbox.post(query, body(json!({"nextToken": "2"}))).await;
    assert_eq!(answer["result"], json!({"list": [ids[0]]}));
    let narrow = body(
        json!({"startTime": NOON + 1, "endTime": NOON + 60_000, "statuses": ["RUNNING"], "userIds": ["024219523526217765"]}),
    );
    assert_eq!(sandbox.post(query, narrow).await.1["result"], json!({"list": [ids[1]]}));
    assert_eq!(sandbox.post(query, body(json!({"statuses": ["COMPLETED"]}))).await.1["result"]["list"], json!([]));

    let day = 86_400_000_i64;
    for (more, refusal) in [
        (json!({"processCode": "PROC-0"}), "invalidProcessCode"),
        (json!({"maxResults": 21}), "invalidMaxResults"),
        (json!({"maxResults": 0}), "invalidMaxResults"),
        (json!({"nextToken": null}), "invalidNextToken"),
        (json!({"startTime": null}), "invalidInstanceListIdsStartTime"),
        (json!({"startTime": NOON - 121 * day}), "invalidInstanceListIdsStartTime"),
        (json!({"startTime": NOON - 130 * day, "endTime": NOON}), "invalidInstanceListIdsStartTime"),
        (json!({"startTime": NOON - 366 * day, "endTime": NOON - 365 * day}), "invalidInstanceListIdsStartTime"),
        (json!({"endTime": NOON - 1}), "invalidEndTime"),
        (json!({"userIds": vec!["manager4220"; 11]}), "invalidUserIds"),
        (json!({"statuses": ["FINISHED"]}), "invalidParameter"),
    ] {
        assert_eq!(code(&sandbox.post(query, body(more.clone())).await), (400, refusal), "{more}");
    }
}

#[tokio::test]
async fn people_and_departments_are_found() {
    let sandbox = Harness::new().await;
    let answer = sandbox.old("/topapi/v2/user/getbymobile", json!({"mobile": "13800000002"})).await;
    assert_eq!((&answer["errcode"], &answer["result"]["userid"]), (&json!(0), &json!("0123456789")));
    assert_eq!(sandbox.old("/topapi/v2/user/getbymobile", json!({"mobile": "13899999999"})).await["errcode"], 60121);
    assert_eq!(sandbox.old("/topapi/v2/user/getbymobile", json!({})).await["errcode"], 400_002);
    let answer = sandbox.old("/topapi/v2/user/get", json!({"userid": "0123456789"})).await;
    assert_eq!(
        (&answer["result"]["name"], &answer["result"]["manager_userid"]),
        (&json!("李娜"), &json!("manager4220"))
    );
    let unionid = answer["result"]["unionid"].clone();
    let answer = sandbox.old("/topapi/user/getbyunionid", json!({"unionid": unionid})).await;
    assert_eq!(answer["result"], json!({"contact_type": 0, "userid": "0123456789"}));
    assert_eq!(sandbox.old("/topapi/user/getbyunionid", json!({"unionid": "x"})).await["errcode"], 60121);

    let mut found = Vec::new();
    let mut departments = vec![1];
    while let Some(department) = departments.pop() {
        let answer = sandbox.old("/topapi/v2/department/listsub", json!({"dept_id": department})).await;
        departments.extend(answer["result"].as_array().unwrap().iter().map(|one| one["dept_id"].as_i64().unwrap()));
        let answer = sandbox.old("/topapi/v2/user/list", json!({"dept_id": department, "cursor": 0, "size": 1})).await;
        let ids = sandbox.old("/topapi/user/listid", json!({"dept_id": department})).await;
        let ids = ids["result"]["userid_list"].as_array().unwrap().clone();
        assert_eq!(answer["result"]["has_more"], ids.len() > 1);
        found.extend(ids);
    }
    assert_eq!(found.len(), 5);
    assert_eq!(sandbox.old("/topapi/user/listid", json!({"dept_id": 7})).await["errcode"], 60003);
    assert_eq!(
        sandbox.old("/topapi/v2/user/list", json!({"dept_id": 1, "cursor": 0, "size": 101})).await["errcode"],
        40035
    );
    assert_eq!(sandbox.old("/auth/scopes", json!({})).await["auth_org_scopes"]["authed_dept"], json!([1]));
}

#[tokio::test]
async fn work_notices_are_taken_and_kept() {
    let sandbox = Harness::new().await;
    let send = "/topapi/message/corpconversation/asyncsend_v2";
    let agent: i64 = sandbox.setting("agent_id").parse().unwrap();
    let text = json!({"msgtype": "text", "text": {"content": "Approval <1> waits"}});
    let answer = sandbox.old(send, json!({"agent_id": agent, "userid_list": "manager4220,nobody", "msg": text})).await;
    assert_eq!(answer["errcode"], 0);
    assert!(answer["task_id"].as_i64().unwrap() > 0);
    for bad in [
        json!({"agent_id": 1, "userid_list": "manager4220", "msg": text}),
        json!({"agent_id": agent, "msg": text}),
        json!({"agent_id": agent, "userid_list": "manager4220"}),
        json!({"agent_id": agent, "userid_list": "manager4220", "msg": {"msgtype": "oa", "text": {}}}),
        json!({"agent_id": agent, "userid_list": "manager4220", "msg": {"msgtype": "text", "text": {"content": "x".repeat(2048)}}}),
        json!({"agent_id": agent, "userid_list": vec!["u"; 101].join(","), "msg": text}),
    ] {
        assert_eq!(sandbox.old(send, bad.clone()).await["errcode"], 40035, "{bad}");
    }
    let page = sandbox.http.get(format!("{}?as=manager4220", sandbox.base)).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Approval &lt;1&gt; waits"));
}

#[tokio::test]
async fn calls_can_be_throttled_failed_and_forbidden() {
    let sandbox = Harness::new().await;
    let made = sandbox.template().await;
    let todo = "/v1.0/workflow/processes/todoTasks/numbers?userId=manager4220";
    let fault = |body: Value| sandbox.send(Method::POST, "/_/faults", None, Some(body));

    fault(json!({"throttle": 1})).await;
    assert_eq!(code(&sandbox.get(todo).await), (403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"));
    assert_eq!(sandbox.get(todo).await, (200, json!({"result": 0})));
    fault(json!({"throttle": true})).await;
    let answer = sandbox.old("/topapi/v2/user/get", json!({"userid": "manager4220"})).await;
    assert_eq!((&answer["errcode"], &answer["sub_code"]), (&json!(88), &json!("90018")));
    fault(json!({"throttle": false, "fail": 1})).await;
    assert_eq!(code(&sandbox.get(todo).await), (500, "systemError"));
    assert_eq!(sandbox.get(todo).await.0, 200);

    fault(json!({"missing_scopes": ["Workflow.Form.Write", "qyapi_get_member"]})).await;
    let answer = sandbox.post("/v1.0/workflow/forms", json!({})).await;
    assert_eq!(code(&answer), (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied"));
    assert_eq!(answer.1["accessdenieddetail"]["requiredScopes"], json!(["Workflow.Form.Write"]));
    assert!(answer.1["message"].as_str().unwrap().contains("[Workflow.Form.Write]"));
    let answer = sandbox.old("/topapi/v2/user/get", json!({"userid": "manager4220"})).await;
    assert_eq!((&answer["errcode"], &answer["sub_code"]), (&json!(88), &json!("60011")));
    assert!(answer["errmsg"].as_str().unwrap().ends_with("{requiredScopes=[qyapi_get_member]}]"), "{answer}");

    let (_, healthy) = sandbox.send(Method::DELETE, "/_/faults", None, None).await;
    assert_eq!((&healthy["throttle"], &healthy["missing_scopes"]), (&json!(false), &json!([])));
    fault(json!({"fail": "after_effect"})).await;
    let approvers = json!([{"actionType": "NONE", "userIds": ["manager4220"]}]);
    assert_eq!(sandbox.get(todo).await, (200, json!({"result": 0})), "reading has no effect to lose the answer of");
    assert_eq!(sandbox.post("/v1.0/workflow/processInstances", start(&made, approvers)).await.0, 504);
    assert_eq!(sandbox.get(todo).await, (200, json!({"result": 1})), "it was started all the same");
    let (status, answer) = fault(json!({"fial": 1})).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().contains("fial"));
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out() {
    let sandbox = Harness::new().await;
    for site in ["cross-site", "same-site"] {
        let request = sandbox.http.delete(format!("{}/_/faults", sandbox.base)).header("sec-fetch-site", site);
        assert_eq!(request.send().await.unwrap().status(), 403);
    }
    let request = sandbox.http.delete(format!("{}/_/faults", sandbox.base)).header("sec-fetch-site", "same-origin");
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(sandbox.send(Method::GET, "/_/nothing", None, None).await.0, 404);
}
