//! Deliveries shown, listed and sent again over HTTP.

use countersign::delivery::rfc3339;
use countersign::engine::deliver::redeliver::MAX_REDELIVERED;
use countersign::ids::{ApprovalId, DeliveryId};
use countersign::store::deliveries::Delivery;
use countersign_tests::desk::NOW;
use countersign_tests::http::Client;
use serde_json::{Value, json};

use super::scene::{Act, Scene, Scripted, source};

async fn ids(client: &Client, path: &str) -> Vec<String> {
    let answer = client.call("GET", path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    let items = answer.json["items"].as_array().unwrap().clone();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

async fn key(scene: &Scene, body: Value) -> Client {
    let made = scene.desk.client.call("POST", "/v1/keys", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    scene.desk.client.with_key(made.json["key"].as_str().unwrap())
}

#[tokio::test]
async fn deliveries_of_a_source_are_listed_newest_first_and_one_is_shown_whole() {
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    receiver.next([Act::Say(204), Act::SayWith(410, "x-a", "b")]);
    let mut all = Vec::new();
    let mut first = scene.approval(2).await;
    for _ in 0..3 {
        first.tell(&scene).await;
        scene.desk.clock.advance(60_000);
    }
    let mut second = scene.approval(1).await;
    second.tell(&scene).await;
    for story in [&first, &second] {
        all.extend(scene.rows(&story.record.id).await.into_iter().map(|row| row.id.to_string()));
    }
    all.reverse();
    let path = format!("/v1/deliveries?source={}", scene.source);
    assert_eq!(ids(&scene.desk.client, &path).await, all);
    let since = format!("{path}&since={}", rfc3339(NOW + 60_000));
    assert_eq!(ids(&scene.desk.client, &since).await, all[..3]);
    assert_eq!(ids(&scene.desk.client, &format!("{path}&status=dead")).await, [all[2].clone()]);
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = scene.desk.client.call("GET", &format!("{path}&limit=1&cursor={cursor}"), &Value::Null).await.json;
        paged.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(paged, all);
    let shown = scene.desk.client.call("GET", &format!("/v1/deliveries/{}", all[2]), &Value::Null).await.json;
    assert_eq!(shown["status"], "dead");
    assert_eq!((&shown["last_status"], &shown["last_answer"]), (&json!(410), &json!("as I said")));
    let body: Value = serde_json::from_str(shown["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["type"], shown["type"], "{shown}");
    // Two sources: one has to be named. A source's own key sees its own.
    let unnamed = scene.desk.client.call("GET", "/v1/deliveries", &Value::Null).await;
    assert_eq!((unnamed.status, unnamed.code()), (422, "source_missing"));
    let own = key(&scene, json!({"name": "k", "role": "submitter", "source": scene.source})).await;
    assert_eq!(ids(&own, "/v1/deliveries").await, all);
    for bad in ["status=lost", "since=yesterday", "limit=0", "cursor=x", "colour=red"] {
        let answer = scene.desk.client.call("GET", &format!("{path}&{bad}"), &Value::Null).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text);
    }
}

#[tokio::test]
async fn one_is_sent_again_under_its_id_and_what_follows_waits_for_it() {
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    let mut story = scene.approval(2).await;
    receiver.next([Act::Say(410)]);
    story.tell(&scene).await;
    story.tell(&scene).await;
    let rows = scene.rows(&story.record.id).await;
    let path = format!("/v1/deliveries/{}/redeliver", rows[0].id);
    let answer = scene.desk.client.call("POST", &path, &Value::Null).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!((&answer.json["status"], &answer.json["attempts"]), (&json!("pending"), &json!(0)));
    assert_eq!(answer.json["redelivered_at"], rfc3339(NOW));
    receiver.next([Act::Say(500)]);
    scene.sweep().await;
    // A new event waits behind it.
    story.tell(&scene).await;
    assert_eq!(receiver.arrived().len(), 3);
    scene.turns(1, 5_600).await;
    let arrived: Vec<String> = receiver.arrived().into_iter().map(|one| one.id).collect();
    let rows = scene.rows(&story.record.id).await;
    let wanted = [0, 1, 0, 0, 2].map(|n: usize| rows[n].id.to_string());
    assert_eq!(arrived, wanted);
    // What was delivered is sent again too.
    scene.desk.client.call("POST", &format!("/v1/deliveries/{}/redeliver", rows[1].id), &json!({})).await;
    scene.turns(1, 2_000).await;
    assert_eq!(receiver.arrived().last().unwrap().id, rows[1].id.as_str());
}

#[tokio::test]
async fn what_was_given_up_since_a_time_is_sent_again_in_order_and_in_parts() {
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    let (mut early, mut source) = (scene.approval(1).await, scene.approval(1).await);
    early.tell(&scene).await;
    scene.desk.clock.advance(60_000);
    receiver.next([Act::Say(410)]);
    source.tell(&scene).await;
    // As many more as one call sends again, of eight events each.
    let like = scene.rows(&source.record.id).await.remove(0);
    let mut approvals = vec![source.record.id.clone()];
    for _ in 0..MAX_REDELIVERED / 8 {
        let approval = ApprovalId::new(&scene.desk.app.world);
        for sequence in 100..108 {
            let id = DeliveryId::of(&approval, sequence);
            let mut row = Delivery { id, approval: approval.clone(), sequence, version: 0, ..like.clone() };
            scene.desk.app.store.create_delivery(&mut row).await.unwrap();
        }
        approvals.push(approval);
    }
    let before = receiver.arrived().len();
    let path = format!("/v1/sources/{}/redeliver", scene.source);
    let since = rfc3339(NOW + 60_000);
    let mut body = json!({"since": since});
    let first = scene.desk.client.call("POST", &path, &body).await;
    assert_eq!((first.status, &first.json["redelivered"]), (200, &json!(MAX_REDELIVERED)), "{}", first.text);
    body["cursor"] = first.json["next_cursor"].clone();
    let second = scene.desk.client.call("POST", &path, &body).await.json;
    assert_eq!((&second["redelivered"], &second["next_cursor"]), (&json!(1), &Value::Null));
    scene.turns(2, 2_000).await;
    let again = receiver.arrived().split_off(before);
    assert_eq!(again.len(), MAX_REDELIVERED + 1);
    for approval in &approvals {
        let wanted: Vec<String> = scene.rows(approval).await.iter().map(|row| row.id.to_string()).collect();
        let came: Vec<String> = again.iter().map(|one| one.id.clone()).filter(|id| wanted.contains(id)).collect();
        assert_eq!(came, wanted, "in order");
    }
    let none = scene.desk.client.call("POST", &path, &json!({"since": since})).await.json;
    assert_eq!(none["redelivered"], 0, "none is dead any more");
    let all = scene.desk.client.call("POST", &path, &json!({"since": rfc3339(NOW), "status": "delivered"})).await.json;
    assert_eq!(all["redelivered"], MAX_REDELIVERED);
    for bad in [
        json!({}),
        json!({"since": "x"}),
        json!({"since": since, "status": "pending"}),
        json!({"since": since, "a": 1}),
    ] {
        assert_eq!(scene.desk.client.call("POST", &path, &bad).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_rest_ends_when_somebody_asks_for_a_delivery() {
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    receiver.next([Act::SayWith(503, "retry-after", "3000")]);
    let mut story = scene.approval(1).await;
    story.tell(&scene).await;
    scene.turns(1, 60_000).await;
    assert_eq!(receiver.arrived().len(), 1);
    let row = scene.rows(&story.record.id).await.remove(0);
    let answer = scene.desk.client.call("POST", &format!("/v1/deliveries/{}/redeliver", row.id), &json!({})).await;
    assert_eq!(answer.status, 202);
    scene.sweep().await;
    assert_eq!(receiver.arrived().len(), 2);
}

#[tokio::test]
async fn who_may_see_and_repeat_what() {
    let receiver = Scripted::start().await;
    let scene = Scene::new(&receiver.url).await;
    let other = source(&scene.desk, &receiver.url).await;
    let mut story = scene.approval(1).await;
    story.tell(&scene).await;
    let id = scene.rows(&story.record.id).await[0].id.to_string();
    let (one, again) = (format!("/v1/deliveries/{id}"), format!("/v1/deliveries/{id}/redeliver"));
    let (list, many) =
        (format!("/v1/deliveries?source={}", scene.source), format!("/v1/sources/{}/redeliver", scene.source));
    let since = json!({"since": rfc3339(NOW)});
    let viewer = key(&scene, json!({"name": "v", "role": "viewer"})).await;
    let own = key(&scene, json!({"name": "o", "role": "submitter", "source": scene.source})).await;
    let foreign = key(&scene, json!({"name": "f", "role": "submitter", "source": other})).await;
    let stranger = scene.desk.another().await.client;
    for (who, client, expected) in [
        ("viewer", &viewer, [200, 200, 403, 403]),
        ("own", &own, [200, 200, 202, 200]),
        ("another source's", &foreign, [404, 403, 404, 403]),
        ("another organisation's", &stranger, [404, 404, 404, 404]),
        ("nobody", &scene.desk.client.with_key(""), [401, 401, 401, 401]),
    ] {
        let answers = [
            client.call("GET", &one, &Value::Null).await.status,
            client.call("GET", &list, &Value::Null).await.status,
            client.call("POST", &again, &json!({})).await.status,
            client.call("POST", &many, &since).await.status,
        ];
        assert_eq!(answers, expected, "{who}");
    }
    for bad in ["dlv_x", "dlv_x_1", "nothing"] {
        assert_eq!(scene.desk.client.call("GET", &format!("/v1/deliveries/{bad}"), &Value::Null).await.status, 404);
    }
}
