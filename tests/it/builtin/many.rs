//! Many who decide at the same moment, each through a process of their own.

use countersign_tests::desk::Desk;
use serde_json::{Value, json};

use super::Office;

/// What each of these was answered, who all decide at once.
async fn at_once(office: &Office, approval: &Value, decisions: &[(&str, &'static str)]) -> Vec<(u16, String)> {
    let path = format!("/v1/approvals/{}/decisions", approval["id"].as_str().unwrap());
    let calls = decisions.iter().map(|(who, decision)| {
        let (desk, path): (Desk, _) = (office.desk.elsewhere(), path.clone());
        let body = json!({"member": office.id(who), "decision": decision});
        tokio::spawn(async move {
            let answer = desk.client.call("POST", &path, &body).await;
            (answer.status, answer.code().to_owned())
        })
    });
    let mut answers = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        answers.push(call.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn fifty_of_whom_half_have_to_agree_come_to_one_outcome() {
    let names: Vec<String> = (0..50).map(|n| format!("p{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let office = Office::new(&[&names[..], &["asker"]].concat()).await;
    let flow = office.flow(&[office.node("Half", &json!({"at_least": 25}), &names)]).await;
    let approval = office.submit(&flow, "asker").await;
    let decisions: Vec<(&str, &'static str)> = names.iter().map(|name| (*name, "approve")).collect();
    let answers = at_once(&office, &approval, &decisions).await;
    let taken = answers.iter().filter(|(status, _)| *status == 200).count();
    let refused: Vec<_> = answers.iter().filter(|(status, _)| *status != 200).collect();
    assert!(refused.iter().all(|answer| **answer == (409, "already_ended".to_owned())), "{refused:?}");
    assert_eq!(taken, 25);
    let done = office.shown(&approval).await;
    assert_eq!(done["status"], "approved");
    let ended = done["history"].as_array().unwrap().iter().filter(|line| line["action"] == "approved").count();
    assert_eq!(ended, 25, "each decision that was taken is told, and no other");
}

#[tokio::test]
async fn one_approves_and_one_rejects_at_once_and_one_of_them_counts() {
    let office = Office::new(&["ann", "bob", "asker"]).await;
    let flow = office.flow(&[office.node("Any", &json!("any"), &["ann", "bob"])]).await;
    for _ in 0..64 {
        let approval = office.submit(&flow, "asker").await;
        let answers = at_once(&office, &approval, &[("ann", "approve"), ("bob", "reject")]).await;
        let done = office.shown(&approval).await;
        let (won, lost) = if done["status"] == "approved" { (0, 1) } else { (1, 0) };
        assert_eq!(done["status"], ["approved", "rejected"][won]);
        assert_eq!((answers[won].0, &answers[lost]), (200, &(409, "already_ended".to_owned())), "{done}");
    }
}

#[tokio::test]
async fn the_same_person_twice_at_once_decides_once() {
    let office = Office::new(&["ann", "bob", "asker"]).await;
    let flow = office.flow(&[office.node("All", &json!("all"), &["ann", "bob"])]).await;
    let approval = office.submit(&flow, "asker").await;
    let answers = at_once(&office, &approval, &[("ann", "approve"); 8]).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    let now = office.shown(&approval).await;
    assert_eq!(now["history"].as_array().unwrap().iter().filter(|line| line["action"] == "approved").count(), 1);
}
