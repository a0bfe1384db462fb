//! Who appoints whom, and that an organisation keeps an owner.

use serde_json::{Value, json};

use super::{Scene, scene};

async fn key(scene: &Scene, role: &str) -> String {
    let made = scene.owner.call("POST", "/v1/keys", &json!({"name": role, "role": role})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn only_owners_appoint_administrators_and_change_what_leads_to_them() {
    let scene = scene().await;
    let connection = json!({"kind": "external", "name": "OA", "secrets": {"access_key": "access-key-0123456789"},
        "settings": {"url": "https://oa.example/apply", "access_id": "access-1", "organization_id": "o-1"}});
    let connection = scene.owner.call("POST", "/v1/connections", &connection).await;
    let connection = connection.json["id"].as_str().unwrap_or_else(|| panic!("{}", connection.text));
    let (person, boss) = (scene.member("none").await, scene.member("owner").await);
    for admin in [scene.with_access("admin").await, scene.with_key(&key(&scene, "admin").await).await] {
        for access in ["admin", "owner"] {
            let body = json!({ "name": "X", "access": access });
            assert_eq!(admin.call("POST", "/v1/members", &body).await.status, 403, "{access}");
            let path = format!("/v1/members/{person}");
            assert_eq!(admin.call("PATCH", &path, &json!({ "access": access })).await.status, 403, "{access}");
        }
        let path = format!("/v1/members/{boss}");
        for body in [
            json!({"access": "none"}),
            json!({"active": false}),
            json!({"accounts": {connection: "mine"}}),
            json!({"mobile": "13800000009"}),
            json!({"email": "me@evil.example"}),
        ] {
            let answer = admin.call("PATCH", &path, &body).await;
            assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{body}");
        }
        assert_eq!(admin.call("DELETE", &path, &Value::Null).await.status, 403);
        assert_eq!(admin.call("PATCH", &path, &json!({"roles": ["dba"]})).await.status, 200);
        let path = format!("/v1/members/{person}");
        for access in ["viewer", "none"] {
            let answer = admin.call("PATCH", &path, &json!({ "access": access })).await;
            assert_eq!((answer.status, &answer.json["access"]), (200, &json!(access)), "{}", answer.text);
        }
    }
    let owner = scene.as_member(&boss).await;
    let appointed = owner.call("PATCH", &format!("/v1/members/{person}"), &json!({"access": "admin"})).await;
    assert_eq!(appointed.status, 200, "{}", appointed.text);
    let unknown = owner.call("PATCH", &format!("/v1/members/{person}"), &json!({"access": "king"})).await;
    assert_eq!((unknown.status, unknown.pointers()), (400, vec!["/access"]));
    let none = scene.owner.call("POST", "/v1/keys", &json!({"name": "k", "role": "member"})).await;
    assert_eq!((none.status, none.pointers()), (400, vec!["/role"]), "no key has the role of a mere member");
}

#[tokio::test]
async fn the_last_owner_stays() {
    let scene = scene().await;
    let (first, second) = (scene.member("owner").await, scene.member("owner").await);
    let (a, b) = (scene.as_member(&first).await, scene.as_member(&second).await);
    let own_key = format!("/v1/keys/key_{}", scene.owner.key.split('_').nth(1).unwrap());
    // While there is a key of that role, both may go; they stay here.
    assert_eq!(a.call("DELETE", &own_key, &Value::Null).await.status, 204);
    assert_eq!(a.call("PATCH", &format!("/v1/members/{second}"), &json!({"access": "viewer"})).await.status, 200);
    assert_eq!(b.get("/v1/keys").await.status, 403);
    let path = format!("/v1/members/{first}");
    for body in [json!({"access": "admin"}), json!({"active": false})] {
        let answer = a.call("PATCH", &path, &body).await;
        assert_eq!((answer.status, answer.code()), (409, "last_owner"), "{body}: {}", answer.text);
    }
    assert_eq!(a.call("DELETE", &path, &Value::Null).await.code(), "last_owner");
    assert_eq!(a.get("/v1/keys").await.status, 200);
    // With a key of that role the last member may go, and the key then stays.
    let made = a.call("POST", "/v1/keys", &json!({"name": "k", "role": "owner"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(a.call("PATCH", &path, &json!({"access": "none"})).await.status, 200);
}

/// Two who take each other's right away at the same time.
#[tokio::test]
async fn of_two_last_owners_one_stays() {
    for _ in 0..8 {
        let scene = scene().await;
        let (first, second) = (scene.member("owner").await, scene.member("owner").await);
        let (a, b) = (scene.as_member(&first).await, scene.as_member(&second).await);
        let own_key = format!("/v1/keys/key_{}", scene.owner.key.split('_').nth(1).unwrap());
        assert_eq!(a.call("DELETE", &own_key, &Value::Null).await.status, 204);
        let none = json!({"access": "none"});
        let (path_a, path_b) = (format!("/v1/members/{first}"), format!("/v1/members/{second}"));
        let (one, two) = tokio::join!(a.call("PATCH", &path_b, &none), b.call("PATCH", &path_a, &none));
        assert!([one.status, two.status].iter().all(|status| [200, 403, 409].contains(status)), "{one:?} {two:?}");
        let left = [a.get("/v1/keys").await.status, b.get("/v1/keys").await.status];
        assert!(left.contains(&200), "{left:?}");
    }
}
