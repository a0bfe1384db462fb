//! What is believed, and what comes of it.

use serde_json::json;

use super::played::sign;
use super::{TOKEN, pushed, scene};

#[tokio::test]
async fn a_push_that_came_before_asks_nothing_again() {
    let scene = scene(json!({})).await;
    assert_eq!(scene.push("task-1", &pushed("u-2")).await.status, 200);
    let first = scene.until("its turn", |poll| poll.pushed_at.is_some() && poll.due_at.is_none()).await;
    assert_eq!(first.learned, ["u-2"]);
    let (asked, answer) = (scene.bi.asked(), scene.push("task-1", &pushed("u-3")).await);
    assert_eq!((answer.status, &answer.json["success"]), (200, &json!(true)), "it is answered as the first was");
    assert_eq!(scene.poll().await, first, "and changes nothing");
    assert_eq!(scene.bi.asked(), asked);
    // Nor does one that is sent again by somebody who saw it, whatever they write into the header.
    let at = scene.local.app.world.now().to_string();
    let signature = sign(&at, "nonce", TOKEN);
    for (task, is_new) in [("task-2", true), ("task-3", false)] {
        let before = scene.poll().await.version;
        assert_eq!(scene.push_as(&scene.source, &at, "nonce", &signature, task, "{}").await.status, 200);
        assert_eq!(scene.poll().await.version > before, is_new, "{task}");
        scene.until("its turn", |poll| poll.due_at.is_none()).await;
    }
}

#[tokio::test]
async fn what_is_not_signed_is_refused_in_one_way_and_changes_nothing() {
    let scene = scene(json!({"push_window_seconds": "60"})).await;
    let before = scene.poll().await;
    let now = scene.local.app.world.now();
    let (at, old, early) = (now.to_string(), (now - 61_000).to_string(), (now + 90_000).to_string());
    let native = scene.local.get("/v1/sources").await.json["items"][0]["id"].as_str().unwrap().to_owned();
    assert_ne!(native, scene.source);
    let good = sign(&at, "n", TOKEN);
    let wrong = [
        (scene.source.as_str(), at.as_str(), "n", sign(&at, "n", "another-token")),
        (&scene.source, &at, "n", String::new()),
        (&scene.source, &at, "other", good.clone()),
        (&scene.source, &at, "", sign(&at, "", TOKEN)),
        (&scene.source, &old, "n", sign(&old, "n", TOKEN)),
        (&scene.source, &early, "n", sign(&early, "n", TOKEN)),
        (&scene.source, "soon", "n", sign("soon", "n", TOKEN)),
        (&native, &at, "n", good.clone()),
        ("src_none", &at, "n", good.clone()),
        ("what", &at, "n", good.clone()),
    ];
    let mut texts = Vec::new();
    for (source, at, nonce, sign) in wrong {
        let answer = scene.push_as(source, at, nonce, &sign, "t", "{\"event\":{\"approverId\":\"u-1\"}}").await;
        assert_eq!(answer.status, 401, "{source} {at} {nonce}: {}", answer.text);
        texts.push(answer.text);
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    assert_eq!(scene.poll().await, before);
    // Saving and testing the channel sends something that says nothing; base64 is taken too.
    assert_eq!(scene.push_as(&scene.source, &at, "n", &good, "", "this is a test").await.status, 200);
}

#[tokio::test]
async fn a_person_whom_a_push_named_and_nobody_knows_is_forgotten() {
    let scene = scene(json!({})).await;
    scene.bi.forget("stranger");
    scene.push("task-1", &pushed("stranger")).await;
    let poll = scene.until("its turn", |poll| poll.pushed_at.is_some() && poll.due_at.is_none()).await;
    assert!(scene.bi.asked().contains(&"stranger".to_owned()));
    assert_eq!((poll.learned.len(), poll.failures), (0, 0));
}
