//! Forms, contents and revokes as they come in.

use serde_json::{Value, json};

use super::{TOKEN, example, example_content, receiver};
use crate::approval::Mode;
use crate::sources::dataphin::inbound::{self, Age, Bad, Form};
use crate::sources::dataphin::revoke::{self, Revoke};
use crate::sources::dataphin::{content, reply};

fn read(settings: &[(&str, &str)], body: &Value) -> Result<Form, Bad> {
    inbound::form(&receiver(settings), body.to_string().as_bytes())
}

fn changed(pointer: &str, value: Value) -> Value {
    let mut body = example();
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

/// The field that is complained of.
#[track_caller]
fn bad(body: &Value) -> String {
    read(&[], body).unwrap_err().field
}

#[test]
fn the_documented_form_is_read_whole() {
    let form = read(&[], &example()).unwrap();
    assert_eq!((form.apply_id.as_str(), form.tenant_id.as_deref()), ("001", Some("100000001")));
    assert_eq!((form.title.as_str(), form.kind.as_str()), ("test_title", "AUTH"));
    assert_eq!((form.template_code.as_deref(), &form.content), (Some("123"), &json!("test_content")));
    assert_eq!(form.applicant.source_id.as_deref(), Some("1234567890"));
    assert_eq!(form.applicant.name.as_deref(), Some("test_userName"));
    let node = &form.nodes[0];
    assert_eq!((form.nodes.len(), node.mode, node.order), (1, Mode::Any, 1));
    assert_eq!(node.users[0].shown(), "test_UserName (userSourceId 00112233445566778899)");
    assert_eq!(node.users[0].user_id.as_deref(), Some("300000005"));
}

#[test]
fn only_the_forms_id_must_be_there() {
    let old = json!({"applyId": "7", "title": "t", "content": "c", "type": "PUBLISH", "templateCode": ""});
    let form = read(&[], &old).unwrap();
    assert_eq!((form.nodes.len(), form.template_code, form.tenant_id), (0, None, None));
    let least = read(&[], &json!({"applyId": 7})).unwrap();
    assert_eq!((least.apply_id.as_str(), least.title.as_str(), least.kind.as_str()), ("7", "Dataphin 7", "DEFAULT"));
    assert_eq!(
        read(&[], &json!({"applyId": "7", "applyUser": "u"})).unwrap().applicant.source_id.as_deref(),
        Some("u")
    );
    let strange = read(&[], &json!({"applyId": "7", "type": "SOMETHING_NEW", "more": {"a": [1]}})).unwrap();
    assert_eq!(strange.kind, "SOMETHING_NEW");
    for none in [json!({}), json!({"applyId": ""}), json!({"applyId": null})] {
        assert_eq!(bad(&none), "applyId");
    }
}

#[test]
fn a_list_of_one_applicant_is_taken_for_one() {
    let listed = changed("/applyUserInfo", json!([example()["applyUserInfo"]]));
    assert_eq!(read(&[], &listed).unwrap().applicant, read(&[], &example()).unwrap().applicant);
    assert_eq!(
        read(&[], &changed("/applyUserInfo", json!([]))).unwrap().applicant.source_id.as_deref(),
        Some("1234567890")
    );
    for wrong in [json!([{}, {}]), json!("x"), json!([1])] {
        assert_eq!(bad(&changed("/applyUserInfo", wrong)), "applyUserInfo");
    }
}

#[test]
fn nodes_are_sorted_as_numbers() {
    let node =
        |order: Value| json!({"approveOrder": order, "approveUsers": [{"userSourceId": "u"}], "approveOperator": "OR"});
    let nodes = json!([node(json!("10")), node(json!("9")), node(json!(2)), node(json!("2"))]);
    let form = read(&[], &changed("/approveNodes", nodes)).unwrap();
    assert_eq!(form.nodes.iter().map(|node| node.order).collect::<Vec<_>>(), [2, 2, 9, 10]);
    assert_eq!(bad(&changed("/approveNodes/0/approveOrder", json!("first"))), "approveNodes[0].approveOrder");
}

#[test]
fn operators_are_known_or_set_or_refused_by_name() {
    let two = json!([{"userSourceId": "a"}, {"userSourceId": "b"}]);
    let of = |operator: Value, settings: &[(&str, &str)]| {
        let mut body = changed("/approveNodes/0/approveUsers", two.clone());
        body["approveNodes"][0]["approveOperator"] = operator;
        read(settings, &body).map(|form| form.nodes[0].mode)
    };
    assert_eq!(of(json!("OR"), &[]), Ok(Mode::Any));
    assert_eq!(of(json!("and"), &[("other_operator", "any")]), Ok(Mode::All));
    assert_eq!(of(json!("SEQ"), &[("other_operator", "sequential")]), Ok(Mode::Sequential));
    assert_eq!(of(Value::Null, &[("other_operator", "all")]), Ok(Mode::All));
    let unknown = of(json!("XOR"), &[]).unwrap_err();
    assert_eq!(unknown.field, "approveNodes[0].approveOperator");
    assert!(unknown.problem.starts_with("XOR is not known"), "{unknown}");
    assert!(of(Value::Null, &[]).unwrap_err().problem.starts_with("is missing"));
    let one = changed("/approveNodes/0/approveOperator", json!("XOR"));
    assert_eq!(read(&[], &one).unwrap().nodes[0].mode, Mode::Any, "of one person each says the same");
    assert_eq!(read(&[("approve_nodes", "ignore")], &one).unwrap().nodes, []);
}

#[test]
fn garbage_is_named() {
    for (body, field) in [("", "body"), ("[]", "body"), ("null", "body"), ("{\"applyId\": ", "body")] {
        assert_eq!(inbound::form(&receiver(&[]), body.as_bytes()).unwrap_err().field, field, "{body}");
    }
    assert_eq!(bad(&changed("/title", json!({}))), "title");
    assert_eq!(bad(&changed("/applyId", json!("x".repeat(257)))), "applyId");
    assert_eq!(bad(&changed("/applyId", json!("a\nb"))), "applyId");
    assert_eq!(bad(&changed("/approveNodes", json!({}))), "approveNodes");
    assert_eq!(bad(&changed("/approveNodes", json!([1]))), "approveNodes[0]");
    assert_eq!(bad(&changed("/approveNodes/0/approveUsers", json!("u"))), "approveNodes[0].approveUsers");
    assert_eq!(bad(&changed("/approveNodes/0/approveUsers/0", json!("u"))), "approveNodes[0].approveUsers[0]");
    let many = vec![json!({"userSourceId": "u"}); 1_001];
    assert_eq!(bad(&changed("/approveNodes/0/approveUsers", json!(many))), "approveNodes");
    let long = read(&[], &changed("/title", json!("题".repeat(500)))).unwrap();
    assert_eq!(long.title.chars().count(), 128);
    assert_eq!(read(&[], &changed("/title", json!("a\nb"))).unwrap().title, "a b");
}

#[test]
fn the_same_form_is_known_and_another_under_its_id_too() {
    let first = read(&[], &example()).unwrap();
    for (pointer, value) in [
        ("/title", json!("renamed")),
        ("/templateCode", json!("")),
        ("/applyUserInfo/userName", json!("renamed")),
        ("/approveNodes/0/approveUsers/0/userName", json!("renamed")),
    ] {
        let again = read(&[], &changed(pointer, value)).unwrap();
        assert_eq!((again.key(), again.asked), (first.key(), first.asked.clone()), "{pointer}");
    }
    for (pointer, value) in [
        ("/content", json!("drop table")),
        ("/type", json!("PUBLISH")),
        ("/approveNodes/0/approveUsers/0/userSourceId", json!("somebody else")),
        ("/approveNodes/0/approveOperator", json!("AND")),
    ] {
        let other = read(&[], &changed(pointer, value)).unwrap();
        assert_eq!(other.key(), first.key());
        assert_ne!(other.asked, first.asked, "{pointer}");
    }
    assert_ne!(read(&[], &changed("/tenantId", json!("2"))).unwrap().key(), first.key());
    assert_ne!(inbound::key(Some("a:b"), "c"), inbound::key(Some("a"), "b:c"));
    // A setting that is changed between two tries makes no other request of it.
    assert_eq!(read(&[("approve_nodes", "ignore")], &example()).unwrap().asked, first.asked);
}

#[test]
fn tokens_times_and_events_are_judged() {
    let plain = receiver(&[]);
    assert!(inbound::is_allowed(&plain, Some(TOKEN)));
    for wrong in [None, Some(""), Some("6d1b2c1"), Some("6D1B2C1C")] {
        assert!(!inbound::is_allowed(&plain, wrong), "{wrong:?}");
    }
    let mut without = plain.clone();
    without.secrets.clear();
    assert!(!inbound::is_allowed(&without, Some("")) && !inbound::is_allowed(&without, None));
    let (now, strict) =
        (1_654_156_836_531, receiver(&[("far_timestamp", "refuse"), ("timestamp_window_minutes", "1")]));
    assert_eq!(inbound::age(&plain, Some("1654156836531"), now + 599_000), Age::Near);
    assert_eq!(inbound::age(&plain, Some("1654156836531"), now + 601_000), Age::Far);
    assert_eq!(inbound::age(&strict, Some("1654156836531"), now - 61_000), Age::Refused);
    assert_eq!(inbound::age(&strict, Some("-9223372036854775808"), now), Age::Refused);
    assert_eq!((inbound::age(&plain, None, now), inbound::age(&strict, Some("x"), now)), (Age::Far, Age::Refused));
    assert!(inbound::check(br#"{ "checkEvent": "connectivity" }"#).is_ok() && inbound::check(b" ").is_ok());
    assert!(inbound::check(br#"{"checkEvent": "other"}"#).is_err() && inbound::check(b"[]").is_err());
}

#[test]
fn replies_have_the_names_of_the_settings() {
    let plain = reply::accepted(&receiver(&[]), Some("apr_1"), None);
    assert_eq!(plain, json!({"processInstanceId": "apr_1", "success": true}));
    let set = receiver(&[
        ("reply_id_field", "data.instanceId"),
        ("reply_success_field", "data.ok"),
        ("reply_message_field", "-"),
    ]);
    assert_eq!(reply::accepted(&set, Some("apr_1"), Some("m")), json!({"data": {"instanceId": "apr_1", "ok": true}}));
    assert_eq!(reply::refused(&receiver(&[]), "no"), json!({"success": false, "message": "no"}));
}

#[test]
fn a_revoke_is_found_in_whatever_it_comes() {
    let read = |settings: &[(&str, &str)], query: &[(&str, &str)], body: &str| {
        let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        revoke::read(&receiver(settings), &query, body.as_bytes())
    };
    let wanted = Revoke { instance_id: Some("apr_1".into()), apply_id: Some("001".into()), ..Revoke::default() };
    assert_eq!(read(&[], &[], r#"{"data": [{"processInstanceId": "apr_1"}], "applyId": "001"}"#), wanted);
    assert_eq!(read(&[], &[("applyId", "001")], "processInstanceId=apr_1"), wanted);
    assert_eq!(read(&[("reply_id_field", "data.ticket")], &[], r#"{"ticket": "apr_1", "applyId": "001"}"#), wanted);
    let forced = r#"{"applyId": 1, "force": true, "reason": "late", "userName": "li", "tenantId": "t"}"#;
    let forced = read(&[], &[], forced);
    assert_eq!((forced.apply_id.as_deref(), forced.force, forced.reason.as_deref()), (Some("1"), true, Some("late")));
    assert_eq!((forced.user.as_deref(), forced.tenant_id.as_deref()), (Some("li"), Some("t")));
    let settings = [("revoke_force", "always"), ("tenant_id", "t2")];
    let set = read(&settings, &[], r#"{"applyId": "1", "force": "false"}"#);
    assert!(set.force && set.tenant_id.as_deref() == Some("t2"));
    for garbage in ["", "[[[", "null", "\u{0}"] {
        assert_eq!(read(&[], &[], garbage), Revoke::default(), "{garbage}");
    }
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(read(&[], &[], &deep), Revoke::default());
}

#[test]
fn revokes_have_the_paths_of_the_setting() {
    let plain = receiver(&[]);
    assert!(revoke::is_at(&plain, "processinstance/terminate") && revoke::is_at(&plain, "processinstance/revoke"));
    assert!(!revoke::is_at(&plain, "processinstance/query") && !revoke::is_at(&plain, ""));
    let set = receiver(&[("revoke_paths", "/dataphin/bpms/form/cancel, a/b,")]);
    assert!(revoke::is_at(&set, "form/cancel") && revoke::is_at(&set, "a/b/"));
    assert!(!revoke::is_at(&set, "processinstance/revoke") && !revoke::is_at(&set, ""));
}

#[test]
fn a_shape_has_names_and_types_and_no_values() {
    let body = r#"{"a": "secret", "b": [{"c": 7}, 1], "d": {"e": null, "f": true}}"#;
    assert_eq!(revoke::shape(body.as_bytes()), "{a: string, b: [{c: number}], d: {e: null, f: boolean}}");
    assert_eq!((revoke::shape(b"").as_str(), revoke::shape(b"x=1").as_str()), ("nothing", "3 bytes that are not JSON"));
    let many: serde_json::Map<String, Value> = (0..10_000).map(|n| (format!("name{n}"), json!("secret"))).collect();
    let shape = revoke::shape(Value::Object(many).to_string().as_bytes());
    assert!(shape.len() < 1_200 && !shape.contains("secret"), "{}", shape.len());
}

#[test]
fn content_is_shown_in_each_of_its_forms() {
    let wanted = "资源类型 Resource type: 物理表 physical table (PHYSICAL_TABLE)\n\
        项目 Project: test_projectName\n\
        业务板块 Business unit: test_bizUnitDisplayName (test_bizUnitName)\n\
        环境 Environment: 生产环境 production (PROD)\n\
        授权对象 Grant to: test_userName (1000000001), 个人账号 personal account (PERSONAL), 30 天 30 days (DAYS_30), 至 until 2022-07-01";
    let object = example_content();
    let text = Value::String(object.to_string());
    let twice = Value::String(text.to_string());
    for form in [object, text, twice] {
        let read = content::read(&form);
        assert_eq!(read.text, wanted);
        assert_eq!(
            (read.resource_type.as_deref(), read.environment.as_deref()),
            (Some("PHYSICAL_TABLE"), Some("PROD"))
        );
    }
    assert_eq!(content::read(&json!("test_content")).text, "test_content");
    assert_eq!(content::read(&json!("12")).text, "12");
    assert_eq!(content::read(&Value::Null).text, "");
}

#[test]
fn both_spellings_of_a_resource_type_are_the_same() {
    for (one, other) in
        [("PhysicalTable", "PHYSICAL_TABLE"), ("MetaTable", "REALTIME_LOGICAL_TABLE"), ("Fun", "FUNCTION")]
    {
        let [one, other] = [one, other].map(|spelling| content::read(&json!({"resourceType": spelling})));
        assert_eq!(one.resource_type, other.resource_type);
        let label = |text: &str| text.rsplit_once(" (").unwrap().0.to_owned();
        assert_eq!(label(&one.text), label(&other.text));
    }
    let new = content::read(&json!({"resourceType": "HOLOGRAM"}));
    assert_eq!(
        (new.text.as_str(), new.resource_type.as_deref()),
        ("资源类型 Resource type: HOLOGRAM", Some("HOLOGRAM"))
    );
}

#[test]
fn what_is_unknown_in_a_content_is_shown_by_its_path() {
    let mut object = example_content();
    object["operateList"] = json!(["SELECT", "UPDATE"]);
    object["resources"] = json!([{"table": "orders", "fields": ["a", "b"], "level": 3, "note": null}]);
    object["grantToUsers"][0]["account"]["dept"] = json!("sales");
    object["bpmsEnvironment"]["cluster"] = json!({"id": "c1"});
    let text = content::read(&object).text;
    for line in [
        "操作 Operations: SELECT, UPDATE",
        "resources[0].table: orders",
        "resources[0].fields: a, b",
        "resources[0].level: 3",
        "grantToUsers.account.dept: sales",
        "bpmsEnvironment.cluster.id: c1",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} in {text}");
    }
    assert!(!text.contains("note"));
}

#[test]
fn contents_are_bounded_and_never_fail() {
    let rows: Vec<Value> = (0..1_000).map(|n| json!({"id": n, "text": "长".repeat(1_000)})).collect();
    let read =
        content::read(&json!({"rows": rows, "grantToUsers": "everybody", "bpmsEnvironment": [1], "resourceType": 5}));
    assert_eq!(read.text.lines().count(), 61);
    assert!(read.text.lines().all(|line| line.chars().count() <= 300));
    assert!(read.text.contains("grantToUsers: everybody") && read.text.contains("resourceType: 5"), "{}", read.text);
    assert!(read.text.lines().last().unwrap().contains("1943 more"), "{}", read.text.lines().last().unwrap());
    assert!(content::read(&json!("x".repeat(1_000_000))).text.chars().count() <= 4_001);
    assert_eq!(content::read(&json!([["a", "b"], 1])).text, "[0]: a, b\n[1]: 1");
}
