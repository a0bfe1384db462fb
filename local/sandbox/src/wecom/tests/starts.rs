//! Submitting forms and finding them again.

use serde_json::{Value, json};

use super::harness::{Harness, apply};

const ONE: &str = r#"[{"type":1,"apv_rel":2,"userid":["LiNa"]}]"#;

fn code(answer: &Value) -> i64 {
    answer["errcode"].as_i64().unwrap()
}

#[tokio::test]
async fn a_repeated_call_makes_a_second_form() {
    let sandbox = Harness::new().await;
    let template = sandbox.template().await;
    assert_eq!(sandbox.started(&template, ONE).await, "202609210001");
    assert_eq!(sandbox.started(&template, ONE).await, "202609210002");

    sandbox.fault(json!({"fail": "after_effect"})).await;
    let path = format!("/cgi-bin/oa/applyevent?access_token={}", sandbox.token().await);
    let body = serde_json::from_str(&apply(&template, ONE)).unwrap();
    assert_eq!(sandbox.call(reqwest::Method::POST, &path, &[], Some(body)).await.0, 504);
    assert_eq!(sandbox.read("202609210003").await["sp_status"], 1, "the answer was lost, the form was not");
}

#[tokio::test]
async fn a_form_that_makes_no_sense_is_refused_in_the_platforms_words() {
    let sandbox = Harness::new().await;
    let template = sandbox.template().await;
    let good = apply(&template, ONE);
    let creator = "creator_userid not in app visiable range";
    for (from, to, expected, detail) in [
        ("chen.siyuan@yunshan", "nobody", 301_025, creator),
        ("chen.siyuan@yunshan", "", 40_063, ""),
        (template.as_str(), "unknown", 301_025, "invalid template_id"),
        ("\"Textarea-1\"", "\"Textarea-9\"", 301_025, "invalid control id Textarea-9"),
        (r#"{"text":"line 1\nline 2"}"#, "\"plain\"", 301_025, "Textarea-1"),
        (r"line 1\nline 2", "", 301_025, "Textarea-1"),
        (r#""control":"Textarea""#, r#""control":"Text""#, 301_025, "Textarea-1"),
        (r#""process""#, r#""other""#, 301_025, ""),
        (r#""type":1"#, r#""type":2"#, 301_025, ""),
        (r#""type":1"#, r#""type":4"#, 301_025, "node_list"),
        (r#""apv_rel":2"#, r#""apv_rel":4"#, 301_025, "node_list"),
        (r#"["LiNa"]"#, "[]", 301_025, "node_list"),
        ("LiNa", "nobody", 60_111, ""),
        ("prod db read", "more than twenty characters", 301_025, "summary_list"),
        (r#""summary_list""#, r#""summary""#, 40_063, ""),
        (r#""contents""#, r#""content""#, 301_025, "no applydata content"),
        (r#""use_template_approver":0"#, r#""use_template_approver":2"#, 301_025, "use_template_approver"),
    ] {
        assert!(good.contains(from), "{from}");
        let answer = sandbox.post("oa/applyevent", &good.replacen(from, to, 1)).await;
        assert_eq!(code(&answer), expected, "{from} → {to}: {answer}");
        let text = if detail.is_empty() { String::new() } else { format!("get approval param error:{detail}, hint") };
        assert!(answer["errmsg"].as_str().unwrap().starts_with(&text), "{from} → {to}: {answer}");
    }
    sandbox.fault(json!({"missing_scopes": ["visible_range:chen.siyuan@yunshan"]})).await;
    assert_eq!(code(&sandbox.post("oa/applyevent", &good).await), 301_025);
    assert_eq!(sandbox.post("oa/applyevent", &apply(&template, "[]")).await["sp_no"], Value::Null);
    let (_, list) = sandbox.call(reqwest::Method::GET, "/_/instances", &[], None).await;
    assert_eq!(list["items"], json!([]), "nothing was made");
}

#[tokio::test]
async fn values_have_the_shape_of_their_control() {
    let sandbox = Harness::new().await;
    let title = |text: &str| json!([{"text": text, "lang": "zh_CN"}]);
    let control = |kind: &str, number: i64, config: Value| json!({"property": {"control": kind, "id": format!("{kind}-{number}"), "title": title(kind)}, "config": config});
    let template = json!({"template_name": title("全"), "template_content": {"controls": [
        control("Text", 1, json!({})),
        control("Number", 2, json!({})),
        control("Date", 3, json!({"date": {"type": "day"}})),
        control("Selector", 4, json!({"selector": {"type": "single", "options": [{"key": "option-1", "value": {"text": "A", "lang": "en"}}]}})),
        control("Contact", 5, json!({"contact": {"type": "single", "mode": "user"}})),
    ]}});
    let made = sandbox.post("oa/approval/create_template", &template.to_string()).await;
    let id = made["template_id"].as_str().unwrap();
    let fill = |kind: &str, number: i64, value: Value| {
        json!({"creator_userid": "LINA", "template_id": id, "use_template_approver": 1, "summary_list": [],
            "apply_data": {"contents": [{"control": kind, "id": format!("{kind}-{number}"), "value": value}]}})
        .to_string()
    };
    for (kind, number, value, expected) in [
        ("Text", 1, json!({"text": "one line"}), 0),
        ("Text", 1, json!({"text": "two\nlines"}), 301_025),
        ("Text", 1, json!({"text": ""}), 301_057),
        ("Number", 2, json!({"new_number": "700"}), 0),
        ("Number", 2, json!({"new_number": 700}), 301_025),
        ("Date", 3, json!({"date": {"type": "day", "s_timestamp": "1569859200"}}), 0),
        ("Date", 3, json!({"date": {"type": "hour", "s_timestamp": "1569859200"}}), 301_025),
        ("Date", 3, json!({"date": {"type": "day", "s_timestamp": "1569859200000"}}), 301_057),
        ("Selector", 4, json!({"selector": {"type": "single", "options": [{"key": "option-1"}]}}), 0),
        ("Selector", 4, json!({"selector": {"type": "single", "options": [{"key": "option-2"}]}}), 301_025),
        ("Contact", 5, json!({"members": [{"userid": "LiNa", "name": "李娜"}]}), 0),
        ("Contact", 5, json!({"members": []}), 301_025),
    ] {
        let answer = sandbox.post("oa/applyevent", &fill(kind, number, value.clone())).await;
        assert_eq!(code(&answer), expected, "{kind} {value}: {answer}");
    }
    let detail = sandbox.read("202609210001").await;
    assert_eq!(detail["applyer"], json!({"userid": "LiNa", "partyid": "3"}));
    assert_eq!(detail["process_list"]["node_list"][0]["sub_node_list"][0]["userid"], "ZhangWei", "the superior");
}

#[tokio::test]
async fn forms_are_listed_by_window_filter_and_page() {
    let sandbox = Harness::new().await;
    let template = sandbox.template().await;
    for _ in 0..3 {
        sandbox.started(&template, ONE).await;
    }
    let now = super::harness::NOON_SECONDS;
    let list = |cursor: &str, filters: Value| {
        json!({"starttime": (now - 60).to_string(), "endtime": (now + 60).to_string(), "new_cursor": cursor, "size": 2, "filters": filters})
            .to_string()
    };
    let first = sandbox.post("oa/getapprovalinfo", &list("", json!([]))).await;
    assert_eq!(first["sp_no_list"], json!(["202609210001", "202609210002"]));
    let next = first["new_next_cursor"].as_str().unwrap();
    let second = sandbox.post("oa/getapprovalinfo", &list(next, json!([]))).await;
    assert_eq!((&second["sp_no_list"], second.get("new_next_cursor")), (&json!(["202609210003"]), None));

    sandbox.does("202609210002", json!({"user": "LiNa", "action": "approve"})).await;
    let filters = json!([{"key": "template_id", "value": template}, {"key": "creator", "value": "chen.siyuan@yunshan"}, {"key": "sp_status", "value": "1"}]);
    let open = sandbox.post("oa/getapprovalinfo", &list("", filters)).await;
    assert_eq!(open["sp_no_list"], json!(["202609210001", "202609210003"]));

    for wrong in [
        json!({"starttime": now, "endtime": (now + 60).to_string(), "new_cursor": "", "size": 2}),
        json!({"starttime": now.to_string(), "endtime": now.to_string(), "new_cursor": "", "size": 2}),
        json!({"starttime": now.to_string(), "endtime": (now + 31 * 86_400 + 1).to_string(), "new_cursor": "", "size": 2}),
        json!({"starttime": now.to_string(), "endtime": (now + 60).to_string(), "new_cursor": "", "size": 101}),
        json!({"starttime": now.to_string(), "endtime": (now + 60).to_string(), "size": 2}),
        json!({"starttime": now.to_string(), "endtime": (now + 60).to_string(), "new_cursor": "", "size": 2, "filters": [{"key": "title", "value": "x"}]}),
    ] {
        let answer = sandbox.post("oa/getapprovalinfo", &wrong.to_string()).await;
        assert!([40_058, 40_063, 301_025].contains(&code(&answer)), "{wrong}: {answer}");
    }
    // A page may be short, even empty, and yet not the last.
    sandbox.fault(json!({"missing_scopes": ["visible_range:chen.siyuan@yunshan"]})).await;
    let short = sandbox.post("oa/getapprovalinfo", &list("", json!([]))).await;
    assert_eq!(short["sp_no_list"], json!([]));
    assert!(short["new_next_cursor"].is_string());
}
