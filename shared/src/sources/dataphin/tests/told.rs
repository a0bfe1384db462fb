//! What is told of an approval, in which words, and what an answer to it means.

use serde_json::{Map, Value, json};

use super::{example, receiver};
use crate::approval::{Closed, Closure, Event, Outcome as Ended, Person, TaskEnd, TaskFact, TaskOutcome, Withdrawal};
use crate::clock::World;
use crate::delivery::events::testing::record;
use crate::delivery::{EventType, Told, told};
use crate::providers::outbound::Answer;
use crate::sources::dataphin::{Callback, Dataphin, Decision, Known, Outcome, inbound, is_taken, open, origin};
use crate::sources::{Format, News, Outgoing, Verdict};
use crate::store::approvals::Record;
use crate::store::requests::Request;

const NOW: i64 = 1_790_000_000_000;

fn request() -> Request {
    let form = inbound::form(&receiver(&[]), example().to_string().as_bytes()).unwrap();
    let people = vec![
        Known {
            source_id: Some("0011".into()),
            member: Some("mem_1".into()),
            name: Some("Li".into()),
            ..Known::default()
        },
        Known { source_id: Some("acc".into()), account: Some("acc".into()), ..Known::default() },
    ];
    Request { origin: origin(&form, people), ..Request::default() }
}

/// A pending approval of one node with one approver.
fn pending() -> Record {
    let mut record = record();
    record.state.stages[0].nodes.truncate(1);
    let person = Person { member: Some("mem_1".into()), account: Some("u1".into()), name: Some("李".into()) };
    record.state.stages[0].nodes[0].approvers = vec![person];
    record.state.started(0, "i".into(), None, NOW + 500);
    record
}

fn decided(outcome: TaskOutcome, ended: Ended, account: &str) -> (Record, Vec<Told>) {
    let open = pending();
    let mut new = open.clone();
    new.version = 2;
    let end = TaskEnd { outcome, at: NOW + 1_000, remark: Some("fine".into()), to: None };
    let fact = TaskFact { assignee: account.into(), end: Some(end), ..TaskFact::default() };
    new.state.apply(0, Event::Task { task: "1".into(), fact });
    new.state.apply(0, Event::Finished { outcome: ended, at: NOW + 2_000 });
    let events = told(Some(&open), &new, None);
    (new, events)
}

/// What is told of each event with these settings.
fn tell(record: &Record, events: &[Told], settings: &[(&str, &str)]) -> Vec<Decision> {
    let (request, settings) = (request(), receiver(settings).settings);
    let body = |told| {
        let news = News { told, record, request: Some(&request), settings: &settings };
        Dataphin.tell(&news)
    };
    events.iter().filter_map(body).map(|body| serde_json::from_str(&body).unwrap()).collect()
}

fn plain(decision: &Decision, settings: &[(&str, &str)]) -> Value {
    let written = Callback::write(&receiver(settings), decision, &World::system()).unwrap();
    serde_json::from_str(&written.plain).unwrap()
}

#[test]
fn an_approval_is_told_with_who_what_and_when() {
    let (record, events) = decided(TaskOutcome::Approved, Ended::Approved, "u1");
    let all = tell(&record, &events, &[]);
    assert_eq!(all.len(), 1, "{all:?}");
    let wanted = json!({"applyId": "001", "processInstanceId": "apr_1", "tenantId": "100000001", "type": "finish", "result": "agree",
        "approveUser": "0011", "remark": "fine", "finishTime": NOW + 2_000});
    assert_eq!(plain(&all[0], &[]), wanted);
}

#[test]
fn names_and_values_are_those_of_the_settings() {
    let (record, events) = decided(TaskOutcome::Rejected, Ended::Rejected, "u1");
    let decision = &tell(&record, &events, &[])[0];
    let settings = [
        ("apply_id_field", "form.id"),
        ("instance_id_field", "form.instance"),
        ("tenant_id_field", "-"),
        ("type_field", "-"),
        ("result_field", "state"),
        ("result_rejected", "REJECTED"),
        ("user_is", "account"),
        ("comment_field", "form.comment"),
        ("time_as", "datetime"),
    ];
    let wanted = json!({"form": {"id": "001", "instance": "apr_1", "comment": "fine"}, "state": "REJECTED", "approveUser": "u1",
        "finishTime": "2026-09-21 22:13:22"});
    assert_eq!(plain(decision, &settings), wanted);
}

#[test]
fn nodes_are_told_only_where_that_is_set() {
    let (record, events) = decided(TaskOutcome::Approved, Ended::Approved, "u1");
    assert!(events.iter().any(|told| told.event == EventType::NodeDecided));
    let all = tell(&record, &events, &[("tell_nodes", "yes")]);
    assert_eq!(
        all.iter().map(|decision| decision.outcome).collect::<Vec<_>>(),
        [Outcome::NodeApproved, Outcome::Approved]
    );
    assert_eq!(plain(&all[0], &[])["type"], "node");
    assert_eq!((all[0].comment.as_deref(), all[0].at), (Some("fine"), NOW + 1_000));
}

#[test]
fn people_whom_the_form_did_not_name_are_told_as_the_platform_knows_them() {
    let (record, events) = decided(TaskOutcome::Approved, Ended::Approved, "stranger");
    let by = tell(&record, &events, &[])[0].by.clone().unwrap();
    assert_eq!((by.user_source_id, by.account.as_deref()), (None, Some("stranger")));
    let (record, events) = decided(TaskOutcome::Approved, Ended::Approved, "acc");
    let by = tell(&record, &events, &[])[0].by.clone().unwrap();
    assert_eq!(by.user_source_id.as_deref(), Some("acc"), "an account that the form named");
}

#[test]
fn every_end_has_a_word() {
    for (how, outcome, word) in [
        (Closed::Withdrawn, Outcome::Withdrawn, "result_withdrawn"),
        (Closed::Expired, Outcome::Expired, "result_expired"),
        (Closed::Failed, Outcome::Failed, "result_failed"),
        (Closed::Revoked, Outcome::Revoked, "result_revoked"),
    ] {
        let open = pending();
        let mut new = open.clone();
        new.state.close(Closure { how, at: Some(NOW + 1), by: None, remark: None });
        let all = tell(&new, &told(Some(&open), &new, None), &[]);
        assert_eq!(all.iter().map(|decision| decision.outcome).collect::<Vec<_>>(), [outcome]);
        assert_eq!(plain(&all[0], &[])["result"], "terminate");
        let set = plain(&all[0], &[(word, "X")]);
        assert_eq!((&set["result"], &set["type"]), (&json!("X"), &json!("terminate")));
    }
    let new = pending();
    assert_eq!(tell(&new, &told(None, &new, None), &[]), [], "neither the submit nor the start is news to Dataphin");
}

#[test]
fn its_own_revoke_is_told_unless_that_is_set_otherwise() {
    let open = pending();
    let mut new = open.clone();
    let by = Person { name: Some("Dataphin: li".into()), ..Person::default() };
    new.state.ask_withdrawal(Withdrawal { at: NOW, by, reason: None, force: false });
    new.state.end_withdrawn(NOW + 1, None);
    let events = told(Some(&open), &new, None);
    assert_eq!(tell(&new, &events, &[]).len(), 1);
    assert_eq!(tell(&new, &events, &[("tell_own_revoke", "no")]), []);
}

#[test]
fn what_is_no_form_of_dataphins_is_not_told() {
    let (record, events) = decided(TaskOutcome::Approved, Ended::Approved, "u1");
    let (none, settings) = (Request::default(), Map::new());
    for request in [None, Some(&none)] {
        let news = News { told: &events[0], record: &record, request, settings: &settings };
        assert_eq!(Dataphin.tell(&news), None);
    }
}

#[test]
fn settings_that_change_reach_what_is_on_its_way() {
    let (record, events) = decided(TaskOutcome::Approved, Ended::Approved, "u1");
    let body = serde_json::to_string(&tell(&record, &events, &[])[0]).unwrap();
    let outgoing = Outgoing { id: "dlv_1", body: &body };
    assert!(Dataphin.request(&receiver(&[]), &outgoing, &World::system()).is_ok());
    let decision: Decision = serde_json::from_str(&body).unwrap();
    let mut changed = receiver(&[("result_approved", "PASS"), ("sign", "none"), ("frame", "bare")]);
    changed.secrets.insert("encoding_aes_key".into(), "B".repeat(43).into());
    let sent = Callback::write(&changed, &decision, &World::system()).unwrap();
    let captured = open(&changed, &[], &sent.body).unwrap();
    let message: Value = serde_json::from_slice(&captured.opened.message).unwrap();
    assert_eq!((&message["result"], captured.signed), (&json!("PASS"), None));
    let mut missing = receiver(&[]);
    missing.url = None;
    assert!(Dataphin.request(&missing, &outgoing, &World::system()).is_err());
    let native = Outgoing { id: "dlv_1", body: r#"{"type": "approval.approved"}"# };
    assert!(Dataphin.request(&receiver(&[]), &native, &World::system()).is_err());
}

#[test]
fn answers_are_judged_by_the_settings() {
    let taken = |settings: &[(&str, &str)], status: u16, body: &str| {
        is_taken(&receiver(settings), &Answer::of(status, body.as_bytes().to_vec()))
    };
    assert!(
        taken(&[], 200, "")
            && taken(&[], 204, "")
            && taken(&[], 200, "success")
            && taken(&[], 200, r#"{"success": true}"#)
    );
    assert!(!taken(&[], 200, r#"{"success": false}"#) && !taken(&[], 200, r#"{"success": "false"}"#));
    assert!(!taken(&[], 500, "success") && !taken(&[], 302, ""));
    let code = [("success_match", "/code=0|/data/state=ok")];
    assert!(taken(&code, 200, r#"{"code": 0}"#) && taken(&code, 200, r#"{"code": "0"}"#));
    assert!(
        taken(&code, 200, r#"{"data": {"state": "ok"}}"#)
            && !taken(&code, 200, r#"{"code": 1}"#)
            && !taken(&code, 200, "0")
    );
    assert!(!taken(&code, 500, r#"{"code": 0}"#), "never against the status");
    assert!(taken(&[], 400, r#"{"message": "The form is Already Closed"}"#), "nothing is left to tell");
    assert!(taken(&[], 200, r#"{"success": false, "msg": "单据已关闭"}"#));
    let closed = [("closed_match", "/code=FORM_CLOSED")];
    assert!(taken(&closed, 409, r#"{"code": "FORM_CLOSED"}"#) && !taken(&closed, 409, "already closed"));
}

#[test]
fn a_sealed_answer_is_opened() {
    let receiver = receiver(&[("success_match", "success")]);
    let codec = crate::sources::dataphin::Codec::of(&receiver).unwrap();
    for (said, taken) in [(&b"success"[..], true), (b"failure", false)] {
        let body = json!({"encrypt": codec.seal(said, &World::system())}).to_string();
        assert_eq!(is_taken(&receiver, &Answer::of(200, body.into_bytes())), taken);
    }
}

#[test]
fn a_refusal_is_final_only_where_the_receiver_is_gone() {
    let verdict = |status: u16| Dataphin.verdict(&receiver(&[]), &Answer::of(status, b"secret words".to_vec()));
    assert_eq!(verdict(200), Verdict::Accepted);
    for (status, final_) in [(400, false), (401, false), (500, false), (410, true)] {
        let Verdict::Refused { error, is_final } = verdict(status) else { panic!("{status}") };
        assert!(is_final == final_ && error.contains(&status.to_string()) && !error.contains("secret"), "{error}");
    }
}
