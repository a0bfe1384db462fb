//! External OAs name themselves in their call backs; those names lead to its connection.

use serde_json::{Value, json};

use super::{external, make, other_organization, setup};

#[tokio::test]
async fn an_access_id_is_one_connections_of_its_organisation_and_tells_nothing_of_others() {
    let (owner, app) = setup().await;
    let other = other_organization(&owner).await;
    let id = make(&owner, "/v1/connections", &external("access-1")).await;
    let shown = owner.call("GET", &format!("/v1/connections/{id}"), &Value::Null).await;
    assert_eq!(shown.json["callback_url"], "https://countersign.example/openapi/apply/externalApplyCallBack");
    let taken = owner.call("POST", "/v1/connections", &external("access-1")).await;
    assert_eq!((taken.status, taken.code()), (409, "access_id_taken"), "{}", taken.text);
    assert_eq!(taken.pointers(), ["/settings/access_id"]);
    let same = make(&other, "/v1/connections", &external("access-1")).await;
    assert_eq!(by_access_id(&app, "access-1").await.len(), 2, "another organisation may have the same");
    assert_eq!(other.call("DELETE", &format!("/v1/connections/{same}"), &Value::Null).await.status, 204);
    assert_eq!(by_access_id(&app, "access-1").await, [id]);
    assert!(by_access_id(&app, &"x".repeat(5000)).await.is_empty());
    assert!(by_access_id(&app, "").await.is_empty());
}

/// The connections with this access id.
async fn by_access_id(app: &countersign::engine::App, access_id: &str) -> Vec<String> {
    let found = app.store.connections_by_access_id(access_id).await.unwrap();
    found.into_iter().map(String::from).collect()
}

#[tokio::test]
async fn names_follow_the_connection() {
    let (owner, app) = setup().await;
    let one = make(&owner, "/v1/connections", &external("access-1")).await;
    let two = make(&owner, "/v1/connections", &external("access-2")).await;
    let by_organization = |name: &'static str| {
        let store = app.store.clone();
        async move {
            let found = store.connections_by_organization_id(name).await.unwrap();
            found.into_iter().map(String::from).collect::<Vec<_>>()
        }
    };
    assert_eq!(by_organization("o-1").await.len(), 2, "an organisation id may be shared");
    let path = format!("/v1/connections/{one}");
    let taken = owner.call("PATCH", &path, &json!({"name": "X", "settings": {"access_id": "access-2"}})).await;
    assert_eq!((taken.status, taken.code()), (409, "access_id_taken"));
    let shown = owner.call("GET", &path, &Value::Null).await;
    assert_eq!(shown.json["name"], "Own OA", "nothing was changed");

    let body = json!({"settings": {"access_id": "access-3", "organization_id": "o-2"}});
    assert_eq!(owner.call("PATCH", &path, &body).await.status, 200);
    assert!(by_access_id(&app, "access-1").await.is_empty());
    assert_eq!(by_access_id(&app, "access-3").await, [one.as_str()]);
    assert_eq!(by_organization("o-1").await, [two.as_str()]);
    assert_eq!(by_organization("o-2").await, [one.as_str()]);
    assert_eq!(owner.call("PATCH", &path, &json!({"settings": {"organization_id": null}})).await.status, 200);
    assert!(by_organization("o-2").await.is_empty());

    assert_eq!(owner.call("DELETE", &path, &Value::Null).await.status, 204);
    assert!(by_access_id(&app, "access-3").await.is_empty());
    make(&owner, "/v1/connections", &external("access-3")).await;
}

#[tokio::test]
async fn of_two_that_claim_an_access_id_at_once_one_gets_it() {
    let (owner, app) = setup().await;
    let claims: Vec<_> = (0..6)
        .map(|_| {
            let owner = owner.clone();
            tokio::spawn(async move { owner.call("POST", "/v1/connections", &external("access-0")).await })
        })
        .collect();
    let mut made = Vec::new();
    for claim in claims {
        let answer = claim.await.unwrap();
        match answer.status {
            201 => made.push(answer.json["id"].as_str().unwrap().to_owned()),
            status => assert!([409, 503].contains(&status), "{}", answer.text),
        }
    }
    assert_eq!(made.len(), 1);
    assert_eq!(by_access_id(&app, "access-0").await, made);
}
