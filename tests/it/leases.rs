//! Leases, and what must not be done twice.

use countersign_tests::http::Answer;
use countersign_tests::local::Local;
use countersign_tests::test_store;
use serde_json::{Value, json};

#[tokio::test]
async fn a_lease_has_one_holder_until_it_runs_out_or_is_given_back() {
    let store = test_store().await;
    let first = store.take_lease("a", 1_000, 2_000).await.unwrap().unwrap();
    assert!(store.take_lease("a", 1_999, 3_000).await.unwrap().is_none());
    let other = store.take_lease("b", 1_000, 2_000).await.unwrap();
    assert!(other.is_some(), "another name");
    let second = store.take_lease("a", 2_000, 3_000).await.unwrap().unwrap();
    store.release_lease(first).await.unwrap();
    assert!(store.take_lease("a", 2_500, 3_500).await.unwrap().is_none(), "who was too late takes nothing away");
    store.release_lease(second).await.unwrap();
    assert!(store.take_lease("a", 2_500, 3_500).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_a_lease_one_gets_it() {
    let store = test_store().await;
    store.take_lease("a", 0, 10).await.unwrap();
    let takers: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.take_lease("a", 10, 20).await.unwrap().is_some() })
        })
        .collect();
    let mut got = 0;
    for taker in takers {
        got += u32::from(taker.await.unwrap());
    }
    assert_eq!(got, 1);
}

#[tokio::test]
async fn people_of_the_directory_become_members_once() {
    let local = Local::start().await;
    let app = local.get("/sandbox/dingtalk/_/app").await.json;
    let body = json!({"kind": "dingtalk", "name": "Again", "settings": app["settings"], "secrets": app["secrets"]});
    let connection = local.make("/v1/connections", &body).await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/connections/{connection}/members/sync");
    let gone = local.get("/v1/members").await.json["items"][0].clone();
    local
        .call(
            "PATCH",
            &format!("/v1/members/{}", gone["id"].as_str().unwrap()),
            &json!({"mobile": null, "email": null}),
        )
        .await;
    let tally = |answer: &Answer| ["found", "created", "bound", "unchanged"].map(|name| answer.json[name].as_u64());
    let part = local.call("POST", &path, &json!({"department": "905123401"})).await;
    assert_eq!((part.status, tally(&part)), (200, [Some(2), Some(0), Some(2), Some(0)]), "{}", part.text);
    let all = local.call("POST", &path, &Value::Null).await;
    assert_eq!(tally(&all), [Some(5), Some(1), Some(2), Some(2)], "who cannot be recognised is new: {}", all.text);
    let again = local.call("POST", &path, &Value::Null).await;
    assert_eq!(tally(&again), [Some(5), Some(0), Some(0), Some(5)]);
    for (body, status, code) in [
        (json!({"department": "x"}), 422, "provider_refused"),
        (json!({"department": "7"}), 422, "provider_not_found"),
        (json!({"departments": 7}), 400, "unknown_field"),
    ] {
        let answer = local.call("POST", &path, &body).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{body}: {}", answer.text);
    }
    let oa = json!({"kind": "external", "name": "OA", "settings": {"url": "http://127.0.0.1:9", "access_id": "access-0"}, "secrets": {"access_key": "access-key-0123456789"}});
    let oa = local.make("/v1/connections", &oa).await["id"].as_str().unwrap().to_owned();
    let answer = local.call("POST", &format!("/v1/connections/{oa}/members/sync"), &Value::Null).await;
    assert_eq!((answer.status, answer.code()), (409, "provider_cannot"), "{}", answer.text);
}
