//! How what products send is read: in the character set that it states, and no name twice.

use countersign_tests::http::Answer;
use countersign_tests::local::Local;
use serde_json::{Value, json};

/// The address of a source of Quick Audience.
async fn quick_audience(local: &Local) -> String {
    let body = json!({"name": "QA", "format": "quick_audience", "default_flow": local.flow().await,
        "secrets": {"access_id": "access-id-0123456789"}, "callback_url": "http://127.0.0.1:9/"});
    let made = local.make("/v1/sources", &body).await;
    let token = made["generated_secrets"]["path_token"].as_str().unwrap();
    format!("/inbound/{}/quick-audience/apply/{token}", made["id"].as_str().unwrap())
}

async fn send(local: &Local, path: &str, kind: &str, body: &[u8]) -> Answer {
    local.with_key("").send("POST", path, &[("content-type", kind)], body.to_vec()).await
}

async fn approvals(local: &Local) -> Vec<Value> {
    local.get("/v1/approvals").await.json["items"].as_array().unwrap().clone()
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_notice_is_read_in_the_character_set_that_it_states() {
    let local = Local::start().await;
    let path = quick_audience(&local).await;
    let form = |id: &str, reason: &str| {
        format!(
            "applyId={id}&applicantName=x&applicantPhone=13800000002&applyReason={reason}&moduleName={reason}&organizationId=o&workspaceId=w"
        )
    };
    let answer = send(&local, &path, &format!("{FORM}; charset=GBK"), form("1", "%D5%C5%C8%FD").as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(approvals(&local).await[0].to_string().contains("张三"), "{:?}", approvals(&local).await);
    let notice = |id: &str| {
        json!({"applyId": id, "applicantName": "x", "applicantPhone": "13800000002", "moduleName": "NAME",
        "organizationId": "o", "workspaceId": "w"})
    };
    let name: &[u8] = b"\xD5\xC5\xC8\xFD";
    let text = notice("2").to_string();
    let at = text.find("NAME").unwrap();
    let gbk = [&text.as_bytes()[..at], name, &text.as_bytes()[at + 4..]].concat();
    let answer = send(&local, &path, "application/json; charset=GB18030", &gbk).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let titles: Vec<String> = approvals(&local).await.iter().map(|one| one["title"].to_string()).collect();
    assert!(titles.iter().all(|title| title.contains("张三")), "{titles:?}");
    for (kind, body) in [
        (FORM.to_owned(), form("3", "%D5%C5%C8%FD").into_bytes()),
        ("application/json".to_owned(), gbk.clone()),
        (format!("{FORM}; charset=utf-16"), form("3", "x").into_bytes()),
        ("application/json; charset=latin1".to_owned(), notice("3").to_string().into_bytes()),
    ] {
        let answer = send(&local, &path, &kind, &body).await;
        assert!([400, 415].contains(&answer.status), "{kind}: {} {}", answer.status, answer.text);
    }
    assert_eq!(approvals(&local).await.len(), 2);
}

#[tokio::test]
async fn a_name_that_stands_twice_is_refused() {
    let local = Local::start().await;
    let path = quick_audience(&local).await;
    let twice = r#"{"applyId": "1", "applicantPhone": "13800000002", "organizationId": "o", "workspaceId": "w", "applyId": "2"}"#;
    let inside = r#"{"applyId": "1", "applicantPhone": "13800000002", "organizationId": "o", "workspaceId": "w",
        "applyContent": {"taskName": "a", "taskName": "b"}}"#;
    let form = "applyId=1&applicantPhone=13800000002&organizationId=o&workspaceId=w&applyId=2";
    for (kind, body) in [("application/json", twice), ("application/json", inside), (FORM, form)] {
        let answer = send(&local, &path, kind, body.as_bytes()).await;
        assert_eq!((answer.status, answer.text.as_str()), (400, "false"), "{body}");
    }
    assert!(approvals(&local).await.is_empty());
}
