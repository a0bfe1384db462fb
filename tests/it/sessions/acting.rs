//! What members who have signed in do with approvals: they decide for themselves, and see what is theirs.

use serde_json::{Value, json};

use super::{Browser, Scene, scene};

struct Story {
    scene: Scene,
    people: Vec<(String, Browser)>,
    approval: Value,
}

impl Story {
    /// An approval that one asks for and another decides; a third has no part in it, and a fourth is an administrator.
    async fn new() -> Self {
        let scene = scene().await;
        let mut people = Vec::new();
        for access in ["none", "none", "none", "admin"] {
            let id = scene.member(access).await;
            let browser = scene.as_member(&id).await;
            people.push((id, browser));
        }
        let node = json!({"name": "N", "mode": "any", "approvers": [{"member": people[1].0}]});
        let flow = json!({"name": "F", "stages": [{"nodes": [node]}]});
        let flow = scene.owner.call("POST", "/v1/flows", &flow).await.json["id"].clone();
        let source = json!({"name": "S", "format": "native", "callback_url": "https://example.com/"});
        assert_eq!(scene.owner.call("POST", "/v1/sources", &source).await.status, 201);
        let body = json!({"title": "T", "flow": flow, "applicant": {"member": people[0].0}});
        let made = scene.owner.call("POST", "/v1/approvals", &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        Self { scene, people, approval: made.json }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/approvals/{}{rest}", self.approval["id"].as_str().unwrap())
    }

    fn browser(&self, index: usize) -> &Browser {
        &self.people[index].1
    }
}

#[tokio::test]
async fn who_has_a_part_in_an_approval_sees_it_and_nobody_else_without_access() {
    let story = Story::new().await;
    for (who, status) in [(0, 200), (1, 200), (2, 404), (3, 200)] {
        assert_eq!(story.browser(who).get(&story.path("")).await.status, status, "{who}");
    }
    for (who, expected) in [(0, 1), (1, 0), (2, 0), (3, 1)] {
        let listed = story.browser(who).get("/v1/approvals").await;
        assert_eq!(listed.json["items"].as_array().map(Vec::len), Some(expected), "{who}: {}", listed.text);
    }
    let other = format!("/v1/approvals?applicant={}", story.people[0].0);
    assert_eq!(story.browser(2).get(&other).await.status, 403);
    assert_eq!(story.browser(0).get(&other).await.status, 200);
    assert_eq!(story.browser(1).get(&story.path("/deliveries")).await.status, 403);
}

#[tokio::test]
async fn members_act_for_themselves_and_administrators_for_others() {
    let story = Story::new().await;
    let decide = json!({"decision": "approve"});
    for (who, status) in [(0, 409), (2, 404)] {
        let answer = story.browser(who).call("POST", &story.path("/decisions"), &decide).await;
        assert_eq!(answer.status, status, "{who}: {}", answer.text);
    }
    let for_another = json!({"decision": "approve", "member": story.people[1].0});
    let answer = story.browser(0).call("POST", &story.path("/decisions"), &for_another).await;
    assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{}", answer.text);
    let handed = json!({"to": {"member": story.people[2].0}, "member": story.people[1].0});
    let answer = story.browser(3).call("POST", &story.path("/transfer"), &handed).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let line = answer.json["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&line["actor"]["member"], &line["by"]["member"]),
        (&json!(story.people[1].0), &json!(story.people[3].0))
    );
    let answer = story.browser(2).call("POST", &story.path("/decisions"), &decide).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &json!("approved")), "{}", answer.text);
    let line = answer.json["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&line["actor"]["member"], &line["by"]), (&json!(story.people[2].0), &Value::Null));
}

#[tokio::test]
async fn the_applicant_takes_back_what_they_asked_for_and_nobody_else_without_access() {
    let story = Story::new().await;
    for (who, status) in [(1, 403), (2, 404), (0, 200)] {
        let answer = story.browser(who).call("POST", &story.path("/withdraw"), &json!({"reason": "no need"})).await;
        assert_eq!(answer.status, status, "{who}: {}", answer.text);
    }
    let shown = story.scene.owner.call("GET", &story.path(""), &Value::Null).await.json;
    let line = shown["history"].as_array().unwrap().last().unwrap();
    assert_eq!((&line["action"], &line["actor"]["member"]), (&json!("withdrawn"), &json!(story.people[0].0)));
}

#[tokio::test]
async fn everybody_has_an_inbox_of_their_own_and_administrators_see_those_of_others() {
    let story = Story::new().await;
    let other = format!("/v1/inbox?member={}", story.people[1].0);
    for (who, path, status) in
        [(0, "/v1/inbox", 200), (3, "/v1/inbox", 200), (0, &*other, 403), (1, &other, 200), (3, &other, 200)]
    {
        let answer = story.browser(who).get(path).await;
        assert_eq!(answer.status, status, "{who} {path}: {}", answer.text);
    }
}
