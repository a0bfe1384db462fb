//! Tokens, the gateway, contacts and templates, with what they refuse.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Harness, TEMPLATE};

fn code(answer: &Value) -> i64 {
    answer["errcode"].as_i64().unwrap()
}

fn says(answer: &Value, text: &str) -> bool {
    answer["errmsg"].as_str().unwrap().starts_with(text)
}

#[tokio::test]
async fn wrong_credentials_are_refused_each_by_its_code() {
    let sandbox = Harness::new().await;
    let corp = sandbox.setting("corp_id");
    for (query, expected) in [
        ("corpsecret=x".to_owned(), 41_002),
        (format!("corpid={corp}"), 41_004),
        ("corpid=wwnobody&corpsecret=x".to_owned(), 40_013),
        (format!("corpid={corp}&corpsecret=short"), 40_091),
        (format!("corpid={corp}&corpsecret={}", "x".repeat(43)), 40_001),
    ] {
        let answer = sandbox.raw(Method::GET, &format!("gettoken?{query}"), "").await;
        assert_eq!(code(&answer), expected, "{answer}");
        let text = answer["errmsg"].as_str().unwrap();
        assert!(text.contains(", hint: [") && text.contains("], from ip: 127.0.0.1, more info at https://"), "{text}");
        assert!(answer.get("access_token").is_none());
    }
}

#[tokio::test]
async fn a_token_stays_the_same_until_it_expires_and_goes_in_the_query_alone() {
    let sandbox = Harness::new().await;
    let first = sandbox.token().await;
    sandbox.pass(7_199_000);
    assert_eq!(sandbox.token().await, first);
    let path = |token: &str| format!("department/list?access_token={token}");
    assert_eq!(code(&sandbox.raw(Method::GET, &path(&first), "").await), 0);
    sandbox.pass(1_000);
    assert_eq!(code(&sandbox.raw(Method::GET, &path(&first), "").await), 42_001);
    assert_ne!(sandbox.token().await, first);
    assert_eq!(code(&sandbox.raw(Method::GET, &path(&first), "").await), 40_014);
    let body = format!(r#"{{"access_token":"{first}"}}"#);
    assert_eq!(code(&sandbox.raw(Method::POST, "oa/getapprovaldetail", &body).await), 41_001);
}

#[tokio::test]
async fn there_is_no_call_to_decide_or_withdraw() {
    let sandbox = Harness::new().await;
    let token = sandbox.token().await;
    for name in ["oa/approve", "oa/approval/cancel", "oa/withdraw", "oa/approval/reject"] {
        let path = format!("/cgi-bin/{name}?access_token={token}");
        let (status, _) = sandbox.call(Method::POST, &path, &[], Some(json!({"sp_no": "1"}))).await;
        assert_eq!(status, 404, "{name}");
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_says_so() {
    let sandbox = Harness::new().await;
    for body in ["", "{", "[]", "sp_no=1"] {
        let answer = sandbox.post("oa/getapprovaldetail", body).await;
        assert_eq!(code(&answer), 40_063, "{body}");
        assert!(says(&answer, "Warning: wrong json format. "), "{answer}");
    }
    let answer = sandbox.post("oa/getapprovaldetail", r#"{"sp_no":202601010001}"#).await;
    assert!(code(&answer) == 40_058 && says(&answer, "Warning: wrong json format."), "{answer}");
    assert_eq!(code(&sandbox.post("user/getuserid", r#"{"mobile":13800000002}"#).await), 40_058);
    assert_eq!(code(&sandbox.post("user/getuserid", r#"{"mobile":"\u0031380000"}"#).await), 40_033);
    // By GET the body is not read.
    let answer = sandbox.get("oa/getapprovaldetail", "").await;
    assert!(code(&answer) == 40_063 && says(&answer, "some parameters are empty"), "{answer}");
    // By POST what is read by GET answers all the same.
    assert_eq!(code(&sandbox.post("department/list", "").await), 0);
}

#[tokio::test]
async fn faults_are_refused_by_the_platforms_codes() {
    let sandbox = Harness::new().await;
    let detail = |sandbox: Value| code(&sandbox);
    sandbox.fault(json!({"throttle": 1, "fail": 1})).await;
    assert_eq!(detail(sandbox.get("department/list", "").await), 45_009);
    assert_eq!(detail(sandbox.get("department/list", "").await), -1);
    for (permission, path, expected) in [
        ("trusted_ip", "oa/getapprovaldetail", 60_020),
        ("approval", "oa/getapprovaldetail", 301_055),
        ("approval", "oa/approval/create_template", 301_088),
        ("approval_app", "oa/applyevent", 301_056),
        ("contacts", "user/getuserid", 48_002),
    ] {
        sandbox.fault(json!({"missing_scopes": [permission]})).await;
        let answer = sandbox.post(path, "{}").await;
        assert_eq!(code(&answer), expected, "{answer}");
    }
}

#[tokio::test]
async fn members_are_found_by_number_address_and_department_within_the_visible_range() {
    let sandbox = Harness::new().await;
    let answer = sandbox.post("user/getuserid", r#"{"mobile":"13800000002"}"#).await;
    assert_eq!(answer["userid"], "LiNa");
    let mail = r#"{"email":"LI.NA@yunshan.example","email_type":1}"#;
    assert_eq!(sandbox.post("user/get_userid_by_email", mail).await["userid"], "LiNa");
    let personal = r#"{"email":"li.na@yunshan.example","email_type":2}"#;
    assert_eq!(code(&sandbox.post("user/get_userid_by_email", personal).await), 46_004);
    assert_eq!(code(&sandbox.post("user/getuserid", r#"{"mobile":"13900000000"}"#).await), 46_004);
    assert_eq!(code(&sandbox.post("user/getuserid", r#"{"mobile":"123"}"#).await), 40_058);

    let member = sandbox.get("user/get", "&userid=lina").await;
    assert_eq!(
        (&member["userid"], &member["name"], &member["department"]),
        (&json!("LiNa"), &json!("李娜"), &json!([3]))
    );
    assert!(member.get("mobile").is_none() && member.get("email").is_none());
    assert_eq!(code(&sandbox.get("user/get", "&userid=nobody").await), 60_111);

    let list = sandbox.get("department/list", "&id=2").await;
    let ids: Vec<i64> = list["department"].as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [2, 3]);
    assert_eq!(code(&sandbox.get("department/list", "&id=99").await), 60_003);
    let list = sandbox.get("user/simplelist", "&department_id=3").await;
    let names: Vec<&str> =
        list["userlist"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["李娜", "陈思远"]);
    assert_eq!(code(&sandbox.post("user/list_id", "{}").await), 48_002);

    sandbox.fault(json!({"missing_scopes": ["visible_range:LiNa"]})).await;
    assert_eq!(code(&sandbox.post("user/getuserid", r#"{"mobile":"13800000002"}"#).await), 46_004);
    assert_eq!(code(&sandbox.get("user/get", "&userid=LiNa").await), 60_111);
}

#[tokio::test]
async fn too_many_numbers_of_nobody_block_for_a_day() {
    let sandbox = Harness::new().await;
    let token = sandbox.token().await;
    let path = format!("user/getuserid?access_token={token}");
    for _ in 0..=40 {
        assert_eq!(code(&sandbox.raw(Method::POST, &path, r#"{"mobile":"13900000000"}"#).await), 46_004);
    }
    assert_eq!(code(&sandbox.raw(Method::POST, &path, r#"{"mobile":"13800000002"}"#).await), 45_009);
    sandbox.pass(86_400_000);
    assert_eq!(sandbox.post("user/getuserid", r#"{"mobile":"13800000002"}"#).await["userid"], "LiNa");
}

#[tokio::test]
async fn a_template_is_told_as_it_was_made() {
    let sandbox = Harness::new().await;
    let made = sandbox
        .post(
            "oa/approval/create_template",
            r#"{"template_name":[{"text":"请示","lang":"zh_CN"}],"template_content":{"controls":[
            {"property":{"control":"Selector","id":"Selector-1","title":[{"text":"级别","lang":"zh_CN"}]},
             "config":{"selector":{"type":"single","options":[{"key":"option-1","value":{"text":"高","lang":"zh_CN"}}]}}},
            {"property":{"control":"Text","id":"Text-2","title":[{"text":"编号","lang":"zh_CN"}],"require":1,"un_print":1},"config":{}}]}}"#,
        )
        .await;
    assert_eq!(code(&made), 0, "{made}");
    let body = json!({"template_id": made["template_id"]}).to_string();
    let told = sandbox.post("oa/gettemplatedetail", &body).await;
    assert_eq!(told["template_names"], json!([{"text": "请示", "lang": "zh_CN"}]));
    let controls = &told["template_content"]["controls"];
    assert_eq!(controls[0]["config"]["selector"]["options"][0]["value"][0]["text"], "高");
    assert_eq!((&controls[1]["property"]["require"], &controls[1]["property"]["un_print"]), (&json!(1), &json!(1)));
    assert!(controls[1].get("config").is_none());
    let missing = sandbox.post("oa/gettemplatedetail", r#"{"template_id":"x"}"#).await;
    assert_eq!((code(&missing), &missing["template_names"]), (301_025, &json!([])));
}

#[tokio::test]
async fn wrong_templates_are_refused_and_change_nothing() {
    let sandbox = Harness::new().await;
    let id = sandbox.template().await;
    assert_eq!(code(&sandbox.post("oa/approval/create_template", TEMPLATE).await), 301_086, "a name is given once");
    let text = |id: &str, title: &str| {
        format!(r#"{{"property":{{"control":"Text","id":"{id}","title":[{{"text":"{title}","lang":"zh_CN"}}]}}}}"#)
    };
    let long = "长".repeat(41);
    for controls in [
        text("Text1", "a"),
        text("Textarea-1", "a"),
        text("Text-x", "a"),
        text("Text-1", &long),
        format!("{},{}", text("Text-1", "a"), text("Text-1", "b")),
        format!("{},{}", text("Text-1", "a"), text("Text-2", "a")),
        text("Text-1", "a").replace("zh_CN", "zh-CN"),
        text("Text-1", "a").replace("Text", "Formula"),
        r#"{"property":{"control":"Date","id":"Date-1","title":[{"text":"a","lang":"en"}]},"config":{"date":{"type":"week"}}}"#.to_owned(),
        String::new(),
    ] {
        let body = format!(
            r#"{{"template_name":[{{"text":"b","lang":"zh_CN"}}],"template_content":{{"controls":[{controls}]}}}}"#
        );
        let answer = sandbox.post("oa/approval/create_template", &body).await;
        assert_eq!(code(&answer), 301_086, "{controls}: {answer}");
    }
    let named = TEMPLATE.replace("访问审批", &long);
    assert_eq!(code(&sandbox.post("oa/approval/create_template", &named).await), 301_086);

    let changed = TEMPLATE.replacen('{', &format!(r#"{{"template_id":"{id}","#), 1).replace("审批内容", "内容");
    assert_eq!(code(&sandbox.post("oa/approval/update_template", &changed).await), 0);
    let told = sandbox.post("oa/gettemplatedetail", &format!(r#"{{"template_id":"{id}"}}"#)).await;
    assert_eq!(told["template_content"]["controls"][0]["property"]["title"][0]["text"], "内容");
}
