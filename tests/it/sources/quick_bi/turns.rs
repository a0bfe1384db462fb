//! Asking: now and then, again after failures, all of what waits, and what no longer does.

use aws_sdk_dynamodb::types::AttributeValue;
use countersign::store::polls::Poll;
use countersign::store::{Consistency, keys};
use countersign_tests::local::{APPLICANT, OWNER, SECOND, eventually, id};
use serde_json::json;

use super::{HOUR, SECRET, scene};
use crate::tls::{Authority, Manner, Server};

#[tokio::test]
async fn what_a_dead_channel_lost_is_found_by_asking_now_and_then() {
    let scene = scene(json!({"poll_minutes": "60"})).await;
    let turn = scene.poll().await;
    scene.bi.ask("app-1", APPLICANT, OWNER);
    scene.local.clock.advance(HOUR / 2);
    assert!(turn.due_at.unwrap() > scene.local.app.world.now(), "not yet");
    scene.local.clock.advance(HOUR / 2);
    let approval = scene.pending().await;
    scene.local.approve(&approval).await;
    scene.told(&[("app-1", "1", "Approved. 张伟")]).await;
    assert_eq!(scene.bi.asked(), [OWNER, OWNER], "twice in an hour");
}

#[tokio::test]
async fn one_form_that_cannot_be_submitted_holds_up_no_other_and_is_tried_again() {
    let scene = scene(json!({"people_by": "mobile"})).await;
    // The mobile number of the platform's owner, and one that nobody has.
    let owner = scene.local.get("/v1/members").await.json["items"][0].clone();
    let mobile = owner["mobile"].as_str().unwrap();
    let path = format!("/v1/sources/{}", scene.source);
    let settings = json!({"settings": {"approver_user_ids": format!("{mobile},+86-19900000000")}});
    assert_eq!(scene.local.call("PATCH", &path, &settings).await.status, 200);
    // Who asks is the one who decides.
    let flow = format!("/v1/flows/{}", scene.local.flow().await);
    assert_eq!(scene.local.call("PATCH", &flow, &json!({"own_approver": "allow"})).await.status, 200);
    scene.bi.ask("app-0", mobile, "+86-19900000000");
    scene.bi.ask("app-1", mobile, mobile);
    scene.push("task-1", &json!({})).await;
    scene.pending().await;
    let poll = scene.until("the turn", |poll| poll.refused.contains_key("app-0")).await;
    let refused = &poll.refused["app-0"];
    assert_eq!((refused.failures, poll.refused.len()), (1, 1));
    assert!(refused.error.starts_with("person_not_found"), "{refused:?}");
    assert_eq!(poll.due_at, Some(refused.again_at), "it is not asked before");
    let shown = scene.local.get(&path).await.json["polling"].clone();
    assert_eq!(
        (&shown["refused"][0]["form"], &shown["refused"][0]["attempts"]),
        (&json!("app-0"), &json!(1)),
        "{shown}"
    );
    assert!(shown["asked_at"].is_string() && shown["next_at"].is_string() && shown["error"].is_null(), "{shown}");
    // Meanwhile somebody has said who that is.
    scene.local.change_member(SECOND, &json!({"source_ids": {&scene.source: "+86-19900000000"}})).await;
    scene.local.clock.advance(61_000);
    eventually("both", async || {
        let found = scene.approvals().await;
        if found.len() == 2 { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    let poll = scene.until("its end", |poll| poll.refused.is_empty()).await;
    assert_eq!(poll.due_at, None);
}

#[tokio::test]
async fn what_was_decided_or_deleted_at_quick_bi_is_taken_back_here() {
    let scene = scene(json!({"poll_minutes": "60"})).await;
    for form in ["app-1", "app-2", "app-3", "app-4"] {
        scene.bi.ask(form, APPLICANT, OWNER);
    }
    scene.push("task-1", &json!({})).await;
    scene.until("all four", |poll| poll.open.len() == 4).await;
    scene.bi.set("app-1", "FlagStatus", json!(1));
    scene.bi.set("app-2", "DeleteFlag", json!(true));
    // Nobody knows where this one is: that is not certain.
    scene.bi.set("app-3", "ApproverId", json!("somebody else"));
    scene.local.clock.advance(HOUR);
    eventually("the two", async || {
        let found = scene.approvals().await;
        let count = |status: &str| found.iter().filter(|one| one["status"] == status).count();
        if (count("withdrawn"), count("pending")) == (2, 2) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    eventually("what is told", async || {
        let mut told: Vec<_> = scene.bi.told().into_iter().map(|(form, status, _)| (form, status)).collect();
        told.sort();
        let expected = [("app-1".to_owned(), "2".to_owned()), ("app-2".to_owned(), "2".to_owned())];
        if told == expected { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    assert_eq!((scene.bi.flag("app-1"), scene.bi.flag("app-2")), (1, 2), "who decided there stays");
    let withdrawn = scene.approvals().await.into_iter().find(|one| one["status"] == "withdrawn").unwrap();
    let whole = scene.local.approval(&withdrawn).await;
    let by = whole["history"].as_array().unwrap().iter().find(|entry| entry["action"] == "withdrawn").unwrap();
    assert_eq!(by["actor"]["name"], "Quick BI", "{whole}");
}

/// During an upgrade a later version may have written one of them.
#[tokio::test]
async fn an_approval_that_this_version_cannot_read_holds_up_no_other_and_is_left_for_the_version_that_can() {
    let scene = scene(json!({"poll_minutes": "60"})).await;
    scene.bi.ask("app-1", APPLICANT, OWNER);
    scene.push("task-1", &json!({})).await;
    let first = scene.pending().await;
    scene.until("the first", |poll| poll.open.len() == 1).await;
    let store = &scene.local.app.store;
    let key = keys::approval(&id(&first).parse().unwrap());
    let readable = store.get_item(&key, Consistency::Strong).await.unwrap().unwrap();
    let mut later = readable.clone();
    later.insert("st".to_owned(), AttributeValue::S("a state of a later version".to_owned()));
    store.put_item(later.clone()).await.unwrap();
    // It waits still, is decided over there, is gone from the list: whatever is said of it, the other one is taken in.
    let is_known = |poll: &Poll, forms: &[&str]| poll.open.keys().eq(forms) && poll.failures == 0;
    scene.bi.ask("app-2", APPLICANT, OWNER);
    scene.local.clock.advance(HOUR);
    scene.until("the second", |poll| is_known(poll, &["app-1", "app-2"]) && poll.refused.is_empty()).await;
    scene.bi.set("app-1", "FlagStatus", json!(1));
    scene.bi.ask("app-3", APPLICANT, OWNER);
    scene.local.clock.advance(HOUR);
    scene.until("the third", |poll| is_known(poll, &["app-1", "app-2", "app-3"])).await;
    let left = store.get_item(&key, Consistency::Strong).await.unwrap().unwrap();
    assert_eq!((&left["st"], &left["v"]), (&later["st"], &later["v"]), "but for when the sweep looks at it again");
    store.put_item(readable).await.unwrap();
    scene.local.clock.advance(HOUR);
    scene.local.wait_for(&first, "withdrawn").await;
}

#[tokio::test]
async fn all_pages_are_read_of_all_who_are_known() {
    let scene = scene(json!({"approver_user_ids": format!("{OWNER},stranger,{SECOND}")})).await;
    scene.bi.forget("stranger");
    for number in 0..5 {
        scene.bi.ask(&format!("app-{number}"), APPLICANT, OWNER);
    }
    scene.bi.ask("app-9", APPLICANT, SECOND);
    scene.push("task-1", &json!({})).await;
    let poll = scene.until("all", |poll| poll.open.len() == 6 && poll.due_at.is_none()).await;
    assert_eq!((scene.approvals().await.len(), poll.failures, poll.error), (6, 0, None));
}

#[tokio::test]
async fn more_than_one_turn_submits_are_all_tried() {
    let scene = scene(json!({})).await;
    let path = format!("/v1/sources/{}", scene.source);
    let changed = scene.local.call("PATCH", &path, &json!({"default_flow": null})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    for number in 0..23 {
        scene.bi.ask(&format!("app-{number:02}"), APPLICANT, OWNER);
    }
    scene.push("task-1", &json!({})).await;
    let poll = scene.until("all", |poll| poll.refused.len() == 23).await;
    assert!(poll.refused.values().all(|form| form.failures == 1 && form.error.starts_with("no_flow")), "{poll:?}");
}

#[tokio::test]
async fn a_quick_bi_that_fails_is_asked_again_later() {
    let scene = scene(json!({})).await;
    scene.bi.set_down(true);
    scene.bi.ask("app-1", APPLICANT, OWNER);
    let answer = scene.push("task-1", &json!({})).await;
    assert_eq!(answer.status, 200, "the push is taken all the same: {}", answer.text);
    let poll = scene.until("the failure", |poll| poll.failures == 1).await;
    assert!(poll.error.as_deref().unwrap().contains("Internal.System.Error"), "{poll:?}");
    assert!((59_000..62_000).contains(&(poll.due_at.unwrap() - scene.local.app.world.now())), "{poll:?}");
    scene.local.clock.advance(62_000);
    let poll = scene.until("the second", |poll| poll.failures == 2).await;
    assert!(poll.due_at.unwrap() - scene.local.app.world.now() > 115_000, "twice as long: {poll:?}");
    scene.bi.set_down(false);
    scene.local.clock.advance(125_000);
    scene.pending().await;
    let poll = scene.until("the end", |poll| poll.failures == 0).await;
    assert_eq!((poll.error, poll.due_at), (None, None));
}

#[tokio::test]
async fn a_push_between_two_turns_has_those_asked_again_who_were_asked_before() {
    // More people than one turn asks.
    let people: Vec<String> = (0..45).map(|number| format!("u-{number:02}")).collect();
    let scene = scene(json!({"approver_user_ids": people.join(",")})).await;
    scene.until("the first pass", |poll| poll.due_at.is_none() && poll.after.is_none()).await;
    let before = scene.bi.asked();
    assert_eq!(before, people, "each once, in two turns");
    let source = scene.source.parse().unwrap();
    let mut poll = scene.poll().await;
    let now = scene.local.app.world.now();
    (poll.after, poll.pass_at) = (Some("u-39".to_owned()), Some(now - 5_000));
    (poll.pushed_at, poll.due_at) = (Some(now - 1_000), Some(now));
    scene.local.app.store.write_poll(&mut poll).await.unwrap();
    scene.until("both passes", |poll| poll.due_at.is_none()).await;
    let asked = scene.bi.asked().split_off(before.len());
    assert_eq!(asked, [&people[40..], &people].concat(), "the rest, then all");
    assert_eq!(scene.local.app.store.poll(&source).await.unwrap().unwrap().after, None);
}

#[tokio::test]
async fn a_certificate_of_a_private_authority_is_asked_for_and_then_trusted() {
    let scene = scene(json!({})).await;
    let authority = Authority::new();
    let server =
        Server::start(Manner::Right, &authority, r#"{"Success": true, "Result": {"Data": [], "TotalNum": 0}}"#);
    let path = format!("/v1/sources/{}", scene.source);
    let change =
        json!({"settings": {"endpoint": server.url, "poll_minutes": "60"}, "secrets": {"access_key_secret": SECRET}});
    assert_eq!(scene.local.call("PATCH", &path, &change).await.status, 200);
    scene.local.clock.advance(61_000);
    scene.until("a failure", |poll| poll.failures == 1).await;
    let shown = scene.local.get(&path).await.json["polling"]["error"].clone();
    let error = shown.as_str().unwrap();
    assert!(error.contains("is not trusted") && error.contains("`ca_certificate`"), "{error}");
    assert_eq!(scene.local.call("PATCH", &path, &json!({"ca_certificate": authority.pem()})).await.status, 200);
    scene.local.clock.advance(2 * HOUR);
    scene.until("a turn", |poll| poll.failures == 0 && poll.error.is_none()).await;
}
