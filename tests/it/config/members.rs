//! Members: what sources call them, their roles, and that what leads to them goes when they go.

use std::collections::BTreeSet;

use countersign::engine::App;
use countersign::ids::{MemberId, OrgId, SourceId, WorkspaceId};
use countersign::resources::Member;
use countersign::store::members::{Claim, WithRole};
use countersign::store::resources::create_write;
use countersign_tests::http::Answer;
use serde_json::{Value, json};

use super::{make, other_organization, setup};

async fn source(client: &countersign_tests::http::Client) -> String {
    make(client, "/v1/sources", &json!({"name": "Dataphin", "format": "native"})).await
}

async fn called(app: &App, source: &str, id: &str) -> Option<String> {
    let source: SourceId = source.parse().unwrap();
    let found = app.store.member_by_source_id(&source, id).await.unwrap();
    found.map(|member| member.to_string())
}

/// Those who have a role; members made in one millisecond are in no order.
async fn with_role(app: &App, role: &str, workspace: Option<&str>) -> BTreeSet<String> {
    let org: OrgId = "org_default".parse().unwrap();
    let workspace: Option<WorkspaceId> = workspace.map(|id| id.parse().unwrap());
    match app.store.members_with_role(&org, role, workspace.as_ref()).await.unwrap() {
        WithRole::Members(members) => members.iter().map(MemberId::to_string).collect(),
        WithRole::TooMany => panic!("too many"),
    }
}

#[tokio::test]
async fn a_source_calls_one_member_by_an_id() {
    let (owner, app) = setup().await;
    let (one, two) = (source(&owner).await, source(&owner).await);
    let ids = json!({one.clone(): "00112233", two.clone(): "7"});
    let li = make(&owner, "/v1/members", &json!({"name": "Li", "source_ids": ids})).await;
    let path = format!("/v1/members/{li}");
    assert_eq!(owner.call("GET", &path, &Value::Null).await.json["source_ids"], ids);
    assert_eq!(called(&app, &one, "00112233").await.as_deref(), Some(li.as_str()));
    assert_eq!(called(&app, &two, "7").await.as_deref(), Some(li.as_str()));
    for (source, id) in [(&one, "7"), (&two, "00112233"), (&one, ""), (&one, &"0".repeat(3000))] {
        assert_eq!(called(&app, source, id).await, None, "{id}");
    }

    let taken = json!({"name": "Han", "source_ids": {one.clone(): "00112233"}});
    let answer = owner.call("POST", "/v1/members", &taken).await;
    assert_eq!((answer.status, answer.code()), (409, "source_id_taken"), "{}", answer.text);
    assert_eq!(answer.pointers(), [format!("/source_ids/{one}")]);
    assert_eq!(answer.json["used_by"], li.as_str());
    let listed = owner.call("GET", "/v1/members", &Value::Null).await;
    assert_eq!(listed.json["items"].as_array().unwrap().len(), 1, "nothing was made");

    // The same id of two sources are two people, or one.
    let han = make(&owner, "/v1/members", &json!({"name": "Han", "source_ids": {two.clone(): "00112233"}})).await;
    let wanted: SourceId = two.parse().unwrap();
    let found = app.store.members_by_source_ids(&wanted, &["x", "00112233", "7", "00112233"]).await.unwrap();
    let found: Vec<_> = found.iter().map(|member| member.as_ref().map(ToString::to_string)).collect();
    assert_eq!(found, [None, Some(han.clone()), Some(li), Some(han)]);
}

#[tokio::test]
async fn source_ids_are_changed_entry_by_entry_and_given_back() {
    let (owner, app) = setup().await;
    let (one, two) = (source(&owner).await, source(&owner).await);
    let body = json!({"name": "Li", "source_ids": {one.clone(): "a", two.clone(): "b"}});
    let li = make(&owner, "/v1/members", &body).await;
    let path = format!("/v1/members/{li}");
    let changed = owner.call("PATCH", &path, &json!({"source_ids": {one.clone(): "c"}})).await;
    assert_eq!(changed.json["source_ids"], json!({one.clone(): "c", two.clone(): "b"}), "{}", changed.text);
    assert_eq!((called(&app, &one, "a").await, called(&app, &one, "c").await), (None, Some(li.clone())));
    let changed = owner.call("PATCH", &path, &json!({"source_ids": {two.clone(): null}, "name": "Lily"})).await;
    assert_eq!(changed.json["source_ids"], json!({one.clone(): "c"}));
    assert_eq!(called(&app, &two, "b").await, None);

    // What was given back may be another's; a refused change changes nothing.
    let han = make(&owner, "/v1/members", &json!({"name": "Han", "source_ids": {one.clone(): "a"}})).await;
    let answer = owner.call("PATCH", &path, &json!({"name": "X", "source_ids": {one.clone(): "a"}})).await;
    assert_eq!((answer.status, answer.code()), (409, "source_id_taken"), "{}", answer.text);
    assert_eq!(owner.call("GET", &path, &Value::Null).await.json["name"], "Lily");
    assert_eq!((called(&app, &one, "a").await, called(&app, &one, "c").await), (Some(han.clone()), Some(li)));
    assert_eq!(owner.call("DELETE", &format!("/v1/members/{han}"), &Value::Null).await.status, 204);
    assert_eq!(called(&app, &one, "a").await, None);
    assert_eq!(owner.call("PATCH", &path, &json!({"source_ids": {one.clone(): "a"}})).await.status, 200);
    let headers = [("content-type", "application/json"), ("if-match", "\"1\"")];
    let stale = owner.send("PATCH", &path, &headers, json!({"source_ids": {one: "d"}}).to_string()).await;
    assert_eq!(stale.status, 412, "{}", stale.text);
}

#[tokio::test]
async fn what_is_wrong_with_a_source_id_is_pointed_at() {
    let (owner, _) = setup().await;
    let other = other_organization(&owner).await;
    let (own, theirs) = (source(&owner).await, source(&other).await);
    for (ids, pointer) in [
        (json!({theirs.clone(): "a"}), format!("/source_ids/{theirs}")),
        (json!({"src_none": "a"}), "/source_ids/src_none".to_owned()),
        (json!({own.clone(): ""}), format!("/source_ids/{own}")),
        (json!({own.clone(): "a\nb"}), format!("/source_ids/{own}")),
        (json!({own.clone(): "x".repeat(257)}), format!("/source_ids/{own}")),
    ] {
        let answer = owner.call("POST", "/v1/members", &json!({"name": "Li", "source_ids": ids})).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec![pointer.as_str()]), "{}", answer.text);
    }
    let many: Vec<String> = (0..21).map(|n| format!("role-{n}")).collect();
    let answer = owner.call("POST", "/v1/members", &json!({"name": "Li", "roles": many})).await;
    assert_eq!((answer.status, answer.pointers()), (400, vec!["/roles"]), "{}", answer.text);
    let many: Value = (0..21).map(|n| (format!("src_{n}"), json!("a"))).collect::<serde_json::Map<_, _>>().into();
    let answer = owner.call("POST", "/v1/members", &json!({"name": "Li", "source_ids": many})).await;
    assert_eq!((answer.status, answer.pointers()[0]), (400, "/source_ids"), "{}", answer.text);
}

#[tokio::test]
async fn a_deleted_sources_entries_stay_until_they_are_removed() {
    let (owner, _) = setup().await;
    let (gone, kept) = (source(&owner).await, source(&owner).await);
    let li = make(&owner, "/v1/members", &json!({"name": "Li", "source_ids": {gone.clone(): "a"}})).await;
    assert_eq!(owner.call("DELETE", &format!("/v1/sources/{gone}"), &Value::Null).await.status, 204);
    let path = format!("/v1/members/{li}");
    let changed = owner.call("PATCH", &path, &json!({"name": "Lily", "source_ids": {kept.clone(): "b"}})).await;
    assert_eq!((changed.status, &changed.json["source_ids"][&gone]), (200, &json!("a")), "{}", changed.text);
    let again = owner.call("PATCH", &path, &json!({"source_ids": {gone.clone(): "c"}})).await;
    assert_eq!((again.status, again.pointers()), (400, vec![format!("/source_ids/{gone}").as_str()]));
    let removed = owner.call("PATCH", &path, &json!({"source_ids": {gone: null}})).await;
    assert_eq!(removed.json["source_ids"], json!({kept: "b"}));
}

/// These ids.
fn ids(ids: &[&String]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).clone()).collect()
}

#[tokio::test]
async fn a_role_leads_to_its_members_in_the_workspaces_where_it_counts() {
    let (owner, app) = setup().await;
    let one = make(&owner, "/v1/workspaces", &json!({"name": "One"})).await;
    let two = make(&owner, "/v1/workspaces", &json!({"name": "Two"})).await;
    let everywhere = make(&owner, "/v1/members", &json!({"name": "A", "roles": ["dba", "owner"]})).await;
    let in_one = make(&owner, "/v1/members", &json!({"name": "B", "roles": ["dba"], "workspaces": [one]})).await;
    let in_two = make(&owner, "/v1/members", &json!({"name": "C", "roles": ["dba"], "workspaces": [two]})).await;
    make(&owner, "/v1/members", &json!({"name": "D"})).await;
    assert_eq!(with_role(&app, "dba", None).await, ids(&[&everywhere, &in_one, &in_two]));
    assert_eq!(with_role(&app, "dba", Some(&one)).await, ids(&[&everywhere, &in_one]));
    assert_eq!(with_role(&app, "dba", Some(&two)).await, ids(&[&everywhere, &in_two]));
    assert_eq!(with_role(&app, "owner", Some(&two)).await, ids(&[&everywhere]));
    assert_eq!(with_role(&app, "db", None).await, ids(&[]));

    // A change of either is one of both.
    let path = format!("/v1/members/{in_one}");
    assert_eq!(owner.call("PATCH", &path, &json!({"workspaces": [two]})).await.status, 200);
    assert_eq!(with_role(&app, "dba", Some(&two)).await, ids(&[&everywhere, &in_one, &in_two]));
    assert_eq!(owner.call("PATCH", &path, &json!({"roles": ["owner"]})).await.status, 200);
    assert_eq!(with_role(&app, "dba", Some(&two)).await, ids(&[&everywhere, &in_two]));
    assert_eq!(with_role(&app, "owner", Some(&two)).await, ids(&[&everywhere, &in_one]));
    assert_eq!(owner.call("DELETE", &format!("/v1/members/{everywhere}"), &Value::Null).await.status, 204);
    assert_eq!(with_role(&app, "dba", None).await, ids(&[&in_two]));
    let other = other_organization(&owner).await;
    make(&other, "/v1/members", &json!({"name": "E", "roles": ["dba"]})).await;
    assert_eq!(with_role(&app, "dba", None).await, ids(&[&in_two]), "another organisation's is another role");
}

#[tokio::test]
async fn a_role_is_one_query_however_many_members_there_are() {
    let (owner, app) = setup().await;
    for n in 0..30 {
        make(&owner, "/v1/members", &json!({"name": format!("M{n}"), "roles": [if n < 3 { "dba" } else { "other" }]}))
            .await;
    }
    let org: OrgId = "org_default".parse().unwrap();
    let metered = app.store.metered();
    let WithRole::Members(found) = metered.members_with_role(&org, "dba", None).await.unwrap() else { panic!() };
    let spent = metered.meter().spent();
    assert_eq!((found.len(), spent.reads), (3, 1));
    assert!(spent.read_units <= 1.0, "{spent:?}");
}

#[track_caller]
fn taken(answer: &Answer, code: &str, pointer: &str, by: &str) {
    assert_eq!((answer.status, answer.code()), (409, code), "{}", answer.text);
    assert_eq!((answer.pointers(), &answer.json["used_by"]), (vec![pointer], &json!(by)), "{}", answer.text);
}

async fn wecom(client: &countersign_tests::http::Client) -> String {
    let settings = json!({"corp_id": "ww1", "agent_id": "1000002"});
    let secrets = json!({"app_secret": "s".repeat(43), "token": "tokenOfTheTest01", "aes_key": "a".repeat(43)});
    let body = json!({"kind": "wecom", "name": "WeCom", "settings": settings, "secrets": secrets});
    make(client, "/v1/connections", &body).await
}

#[tokio::test]
async fn an_account_and_a_number_are_one_members() {
    let (owner, app) = setup().await;
    let (connection, elsewhere) = (wecom(&owner).await, wecom(&owner).await);
    let li = json!({"name": "Li", "mobile": "138 0000 0001", "accounts": {connection.clone(): "UserId01"}});
    let li = make(&owner, "/v1/members", &li).await;
    let path = format!("/v1/members/{li}");
    assert_eq!(owner.call("GET", &path, &Value::Null).await.json["mobile"], "+8613800000001");

    let at = format!("/accounts/{connection}");
    // The platform's ids know no case.
    let same = json!({"name": "Han", "accounts": {connection.clone(): "userid01"}});
    taken(&owner.call("POST", "/v1/members", &same).await, "account_taken", &at, &li);
    for mobile in ["13800000001", "+86-13800000001", "0086 13800000001"] {
        let same = json!({"name": "Han", "mobile": mobile});
        taken(&owner.call("POST", "/v1/members", &same).await, "mobile_taken", "/mobile", &li);
    }
    let han = json!({"name": "Han", "mobile": "13800000002", "accounts": {elsewhere.clone(): "userid01"}});
    let han = make(&owner, "/v1/members", &han).await;
    let other = format!("/v1/members/{han}");
    let change = json!({"name": "X", "mobile": "13800000001"});
    taken(&owner.call("PATCH", &other, &change).await, "mobile_taken", "/mobile", &li);
    let change = json!({"name": "X", "accounts": {connection.clone(): "USERID01"}});
    taken(&owner.call("PATCH", &other, &change).await, "account_taken", &at, &li);
    assert_eq!(owner.call("GET", &other, &Value::Null).await.json["name"], "Han", "a refused change changes nothing");

    // One's own may be written again, in another way; what is given back may be another's.
    let again = json!({"mobile": "+8613800000001", "accounts": {connection.clone(): "userID01"}});
    assert_eq!(owner.call("PATCH", &path, &again).await.status, 200);
    let changed = owner.call("PATCH", &path, &json!({"mobile": null, "accounts": {connection.clone(): null}})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(owner.call("PATCH", &other, &change).await.status, 200);
    assert_eq!(owner.call("DELETE", &other, &Value::Null).await.status, 204);
    let again =
        json!({"mobile": "13800000002", "accounts": {connection.clone(): "userid01", elsewhere.clone(): "userid01"}});
    assert_eq!(owner.call("PATCH", &path, &again).await.status, 200, "nothing blocks what a deleted member had");

    // Another organisation's people are others.
    let theirs = other_organization(&owner).await;
    let mut body = json!({"name": "Li", "mobile": "13800000002"});
    make(&theirs, "/v1/members", &body).await;
    body["mobile"] = json!("13800000009");

    // Of two at once one has it.
    let (one, two) = tokio::join!(owner.call("POST", "/v1/members", &body), owner.call("POST", "/v1/members", &body));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{} {}", one.text, two.text);

    // A member who was stored before numbers were checked and claimed is read, and guarded once saved.
    let mut old = app.store.get::<Member>(&"org_default".parse().unwrap(), &li).await.unwrap().value;
    (old.id, old.mobile) = ("mem_old".parse().unwrap(), Some("abc".to_owned()));
    old.accounts = [(connection.parse().unwrap(), "Old".to_owned())].into();
    app.store.transact(vec![create_write(&old).unwrap()]).await.unwrap().unwrap();
    let path = "/v1/members/mem_old";
    assert_eq!(owner.call("GET", path, &Value::Null).await.json["mobile"], "abc");
    let saved = owner.call("PATCH", path, &json!({"name": "Old"})).await;
    assert_eq!((saved.status, &saved.json["mobile"]), (200, &json!("abc")), "{}", saved.text);
    let same = json!({"name": "New", "accounts": {connection.clone(): "old"}});
    taken(&owner.call("POST", "/v1/members", &same).await, "account_taken", &at, "mem_old");
    let claims = [Claim::Account(connection, "old".to_owned())];
    let found = app.store.members_by_claims(&old.org, &claims).await.unwrap();
    assert_eq!(found, [Some(old.id)]);
}

#[tokio::test]
async fn what_is_no_mobile_number_is_pointed_at() {
    let (owner, _) = setup().await;
    for mobile in ["abc", "", "1", "0571-88888888", "+86 1", "138000000011"] {
        let answer = owner.call("POST", "/v1/members", &json!({"name": "Li", "mobile": mobile})).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec!["/mobile"]), "{mobile}: {}", answer.text);
    }
    let li = make(&owner, "/v1/members", &json!({"name": "Li", "mobile": "+852-9123-4567"})).await;
    let path = format!("/v1/members/{li}");
    assert_eq!(owner.call("PATCH", &path, &json!({"mobile": "x"})).await.pointers(), ["/mobile"]);
    assert_eq!(owner.call("GET", &path, &Value::Null).await.json["mobile"], "+85291234567");
}
