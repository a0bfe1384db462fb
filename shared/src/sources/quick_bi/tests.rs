//! Tests of the format: what is told, how answers are read, and which pushes are believed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::approvals::{Page, QueryRefusal, Which};
use super::push::Signed;
use super::*;
use crate::approval::{Closed, Closure, Event, Outcome, Person, TaskEnd, TaskFact, TaskOutcome};
use crate::delivery::Told;
use crate::delivery::events::testing::record;
use crate::store::approvals::{Failure, Record};
use crate::store::requests;

/// The reference's example of a push.
const PUSH: Signed<'static> = Signed {
    timestamp: "1705398011696",
    nonce: "abc123",
    sign: "786ea351f76bf04b0984ba507d33585c77fa1c3012e426acd18eebfd6a20e6a4",
};
const SENT_AT: i64 = 1_705_398_011_696;

fn receiver(settings: Value) -> Receiver {
    let mut all = json!({"access_key_id": "ak-1"});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    Receiver {
        authorities: None,
        url: None,
        settings: all.as_object().unwrap().clone(),
        secrets: BTreeMap::from([
            ("push_token".to_owned(), "secret-token".into()),
            ("access_key_secret".to_owned(), "sk-1".into()),
        ]),
        signing: Vec::new(),
    }
}

#[test]
fn a_push_is_believed_in_hex_and_in_base64() {
    let receiver = receiver(json!({}));
    assert!(PUSH.is_valid(&receiver, SENT_AT));
    let bytes: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&PUSH.sign[at..at + 2], 16).unwrap()).collect();
    let base64 = STANDARD.encode(&bytes);
    for sign in [base64.as_str(), base64.trim_end_matches('='), &base64.replace('+', " ")] {
        assert!(Signed { sign, ..PUSH }.is_valid(&receiver, SENT_AT), "{sign}");
    }
}

#[test]
fn a_push_with_anything_else_in_it_is_not() {
    let good = receiver(json!({}));
    let wrong = [
        Signed { sign: "", ..PUSH },
        Signed { sign: "786ea351", ..PUSH },
        Signed { sign: &PUSH.sign.replace('7', "8"), ..PUSH },
        Signed { sign: &"é".repeat(32), ..PUSH },
        Signed { nonce: "abc124", ..PUSH },
        Signed { nonce: "", ..PUSH },
        Signed { timestamp: "1705398011697", ..PUSH },
        Signed { timestamp: "", ..PUSH },
    ];
    for push in wrong {
        assert!(!push.is_valid(&good, SENT_AT), "{push:?}");
    }
    let mut without = good.clone();
    without.secrets.remove("push_token");
    assert!(!PUSH.is_valid(&without, SENT_AT), "there is no token");
}

#[test]
fn a_push_is_believed_for_a_while_only() {
    let (usual, short) = (receiver(json!({})), receiver(json!({"push_window_seconds": "10"})));
    for (late, is_usual, is_short) in
        [(10_000, true, true), (10_001, true, false), (300_000, true, false), (300_001, false, false)]
    {
        for at in [SENT_AT + late, SENT_AT - late] {
            assert_eq!((PUSH.is_valid(&usual, at), PUSH.is_valid(&short, at)), (is_usual, is_short), "{late}");
        }
    }
    assert!(!PUSH.is_valid(&usual, i64::MIN), "no overflow");
}

#[test]
fn of_a_push_only_ids_are_taken() {
    let usual = receiver(json!({}));
    let body = json!({"schema": "1.0", "header": {"organizationId": "o", "eventId": "e", "eventType": "APPROVAL\n"},
        "event": {"approverId": "u-1", "approvers": [{"userId": "u-2", "name": "n"}, "u-1", 7, null, {"id": ["x"]}],
            "applicationId": "a-1", "status": 1}});
    let told = push::read(&usual, body.to_string().as_bytes());
    assert_eq!((told.event.as_str(), told.approvers), ("APPROVAL", vec!["u-1".to_owned(), "u-2".into(), "7".into()]));
    let own = receiver(json!({"push_approvers": "/event/todo/0/who, /event/none"}));
    let body = json!({"event": {"approverId": "u-1", "todo": [{"who": " u-9 "}]}});
    assert_eq!(push::read(&own, body.to_string().as_bytes()).approvers, ["u-9"]);
    for nothing in ["", "no json", "[]", "{\"event\":{\"approverId\":{}}}", "{\"event\":{\"approverId\":\"a\\nb\"}}"] {
        assert_eq!(push::read(&usual, nothing.as_bytes()), push::Told::default(), "{nothing}");
    }
}

#[test]
fn a_push_is_the_same_by_its_task_or_its_nonce() {
    let first = push::marks(Some("task"), "nonce");
    let again = push::marks(Some("task"), "other");
    let replayed = push::marks(None, "nonce");
    assert_eq!((first.len(), replayed.len()), (2, 1));
    assert_eq!(first[0], again[0]);
    assert_eq!(first[1], replayed[0]);
    assert_ne!(push::marks(Some("nonce"), "x")[0], replayed[0], "a task is no nonce");
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer::of(status, body.to_string().into_bytes())
}

#[test]
fn forms_are_read_as_the_samples_write_them() {
    let body = json!({"RequestId": "r", "Success": true, "Result": {"Page": 1, "PageSize": 100, "Start": 0, "Total": 3,
        "TotalPages": 2, "Data": [
            {"ApplicationId": "app-1", "ApplicantId": "u-1", "ApplicantName": "李娜", "ApplyReason": "report",
                "ApproverId": "u-2", "ApproverName": "王芳", "ResourceId": "res-1", "ResourceName": "Sales",
                "ResourceType": "dashboard", "WorkspaceName": "Finance", "ExpireDate": 1_798_761_600_000_i64,
                "GmtCreate": 1_790_000_000, "GmtModified": 1_790_000_000_000_i64, "FlagStatus": 0, "DeleteFlag": false},
            {"ApplicationId": "app-2", "FlagStatus": "2", "DeleteFlag": "true", "ExpireDate": 1_798_761_600},
            {"ApplicantName": "no id"}]}});
    let page = approvals::read(&answer(200, &body)).unwrap();
    assert!(page.has_more);
    assert_eq!(page.forms.len(), 2);
    let [first, second] = [&page.forms[0], &page.forms[1]];
    assert_eq!((first.approver_id.as_deref(), first.expires_at), (Some("u-2"), Some(1_798_761_600_000)));
    assert_eq!((first.is_handled, first.is_deleted), (false, false));
    assert_eq!((second.expires_at, second.is_handled, second.is_deleted), (first.expires_at, true, true));
    let private = json!({"success": true, "data": {"data": [{"applicationId": "app-3"}], "page": 2, "totalPages": 2}});
    let page = approvals::read(&answer(200, &private)).unwrap();
    assert_eq!((page.forms[0].application.as_str(), page.has_more), ("app-3", false));
    let bare = json!({"success": true, "data": []});
    assert_eq!(approvals::read(&answer(200, &bare)), Ok(Page::default()));
}

#[test]
fn a_list_that_is_none_is_a_refusal_of_the_approver_or_of_the_call() {
    let user = answer(400, &json!({"Code": "User.Not.In.Organization", "Message": "not there", "RequestId": "r"}));
    let error = approvals::read(&user).unwrap_err();
    assert_eq!(error, QueryRefusal::Approver("Quick BI answered 400 User.Not.In.Organization: not there".into()));
    for (status, body) in [
        (400, json!({"Code": "Internal.System.Error"})),
        (403, json!({"Code": "NoPermission"})),
        (404, json!({"Code": "InvalidAccessKeyId.NotFound"})),
        (502, json!("bad gateway")),
        (200, json!({"Success": false})),
        (200, json!({"Success": true, "Result": {"Page": 1}})),
        (200, json!([])),
    ] {
        let read = approvals::read(&answer(status, &body));
        assert!(matches!(read, Err(QueryRefusal::Call(_))), "{body}: {read:?}");
    }
}

#[test]
fn what_the_answer_to_a_decision_means() {
    let verdict = |status, body: Value| approvals::verdict(&answer(status, &body));
    assert_eq!(verdict(200, json!({"RequestId": "r", "Result": true, "Success": true})), Verdict::Accepted);
    assert_eq!(verdict(200, json!({"success": "true", "data": "true"})), Verdict::Accepted);
    assert_eq!(verdict(400, json!({"Code": "Application.RecordClosed"})), Verdict::Accepted);
    let is_final = |status, body: Value| match verdict(status, body.clone()) {
        Verdict::Refused { is_final, .. } => is_final,
        Verdict::Accepted => panic!("{body}"),
    };
    for code in ["Application.NotExist", "Application.Object.NotExist", "Instance.Expired", "Invalid.Param.Error"] {
        assert!(is_final(400, json!({"Code": code})), "{code}");
    }
    for code in ["Internal.System.Error", "Throttling.User", "SignatureDoesNotMatch", "NoPermission"] {
        assert!(!is_final(400, json!({"Code": code})), "{code}");
    }
    assert!(!is_final(200, json!({"Result": false, "Success": true})));
    assert!(!is_final(200, json!({"Success": false})));
    assert!(!is_final(200, json!("<html>")));
    assert!(!is_final(503, Value::Null));
}

fn decided(outcome: TaskOutcome, remark: Option<&str>) -> Record {
    let mut record = record();
    let name = |name: &str| Person { account: Some("a".into()), name: Some(name.into()), member: None };
    record.state.stages[0].nodes.truncate(1);
    record.state.stages[0].nodes[0].approvers = vec![name("王芳")];
    record.state.started(0, "i".into(), None, 1_790_000_000_500);
    let end = TaskEnd { outcome, at: 1_790_000_001_000, remark: remark.map(str::to_owned), to: None };
    record.state.apply(
        0,
        Event::Task {
            task: "1".into(),
            fact: TaskFact { assignee: "a".into(), end: Some(end), ..TaskFact::default() },
        },
    );
    record
}

fn told(event: EventType, record: &Record, origin: Value) -> Option<Value> {
    let request = requests::Request { origin: origin.as_object().unwrap().clone(), ..requests::Request::default() };
    let told = Told { event, sequence: 399, node: None, was_open: false, at: 0 };
    let news = News { told: &told, record, request: Some(&request), settings: &Map::new() };
    QuickBi.tell(&news).map(|body| serde_json::from_str(&body).unwrap())
}

#[test]
fn only_the_end_of_a_form_is_told_and_never_without_a_reason() {
    let form = || json!({"application_id": "app-1"});
    let mut passed = decided(TaskOutcome::Approved, Some("同意\n"));
    passed.state.apply(0, Event::Finished { outcome: Outcome::Approved, at: 1_790_000_002_000 });
    let expected = json!({"application": "app-1", "status": 1, "reason": "Approved. 王芳: 同意"});
    assert_eq!(told(EventType::Approved, &passed, form()), Some(expected));
    let rejected = decided(TaskOutcome::Rejected, None);
    let body = told(EventType::Rejected, &rejected, form()).unwrap();
    assert_eq!((&body["status"], &body["reason"]), (&json!(2), &json!("Rejected. 王芳")));
    let body = told(EventType::Expired, &record(), form()).unwrap();
    assert_eq!((&body["status"], &body["reason"]), (&json!(2), &json!("Nobody decided in time")));
    let mut withdrawn = record();
    let by = Some(Person { name: Some("李娜".into()), ..Person::default() });
    withdrawn.state.close(Closure { how: Closed::Withdrawn, at: Some(1), by, remark: Some("x".repeat(300)) });
    let body = told(EventType::Withdrawn, &withdrawn, form()).unwrap();
    assert_eq!((&body["status"], body["reason"].as_str().unwrap().chars().count()), (&json!(2), 201));
    let mut failed = record();
    failed.failure =
        Some(Failure { code: "c".into(), provider_code: None, message: "no such person".into(), fix: None });
    let body = told(EventType::Failed, &failed, form()).unwrap();
    assert_eq!(body["reason"], "The approval could not be started. no such person");
    for event in
        [EventType::Submitted, EventType::Started, EventType::NodeDecided, EventType::Escalated, EventType::Revoked]
    {
        assert_eq!(told(event, &passed, form()), None, "{event:?}");
    }
    assert_eq!(told(EventType::Approved, &passed, json!({})), None, "it came from no form");
    let request = requests::Request { origin: form().as_object().unwrap().clone(), ..requests::Request::default() };
    let undone = Told { event: EventType::Revoked, sequence: 399, node: None, was_open: true, at: 0 };
    let news = News { told: &undone, record: &record(), request: Some(&request), settings: &Map::new() };
    let body = QuickBi.tell(&news).unwrap();
    assert_eq!(body, r#"{"application":"app-1","status":2,"reason":"Revoked"}"#);
}

#[test]
fn settings_are_read_with_their_defaults() {
    let none = receiver(json!({}));
    assert_eq!((approvers(&none), poll_every(&none), people_by(&none)), (vec![], Some(3_600_000), PeopleBy::None));
    let some = receiver(json!({"approver_user_ids": " u-1,,u-2 ", "poll_minutes": "0", "people_by": "mobile"}));
    let expected = (vec!["u-1".to_owned(), "u-2".into()], None, PeopleBy::Mobile);
    assert_eq!((approvers(&some), poll_every(&some), people_by(&some)), expected);
}

#[test]
fn what_is_missing_is_said_and_no_secret_is_shown() {
    let world = World::system();
    let mut without = receiver(json!({}));
    without.secrets.clear();
    assert!(approvals::query_approval_info(&without, "u", Which::Pending, 1, &world).is_err());
    let private = receiver(json!({"deployment": "private"}));
    assert!(approvals::query_approval_info(&private, "u", Which::Pending, 1, &world).is_err(), "it has no endpoint");
    let request = approvals::query_approval_info(&receiver(json!({})), "u", Which::Pending, 1, &world).unwrap();
    assert!(!format!("{request:?}").contains("sk-1"));
}
