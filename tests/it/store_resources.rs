//! Configuration resources in the table.

use countersign::ids::{OrgId, WorkspaceId};
use countersign::resources::Workspace;
use countersign::store::{Error, Store};
use countersign_tests::test_store;

fn workspace(org: &str, id: &str, name: &str) -> Workspace {
    Workspace {
        id: id.parse().unwrap(),
        org: org.parse().unwrap(),
        name: name.to_owned(),
        administrators: Vec::new(),
        created_at: 1,
    }
}

async fn names(store: &Store, org: &str) -> Vec<String> {
    let org: OrgId = org.parse().unwrap();
    let page = store.list::<Workspace>(&org, 50, None).await.unwrap();
    page.items.into_iter().map(|found| found.value.name).collect()
}

#[tokio::test]
async fn a_resource_lives_in_its_organisation() {
    let store = test_store().await;
    let (mine, theirs): (OrgId, OrgId) = ("org_a".parse().unwrap(), "org_b".parse().unwrap());
    let resource = workspace("org_a", "ws_1", "one");
    assert_eq!(store.create(&resource).await.unwrap(), 1);
    let found = store.get::<Workspace>(&mine, "ws_1").await.unwrap();
    assert_eq!((found.version, &found.value), (1, &resource));
    assert!(matches!(store.get::<Workspace>(&theirs, "ws_1").await, Err(Error::NotFound)));
    assert!(store.get_many::<Workspace>(&theirs, &["ws_1"]).await.unwrap().is_empty());
    assert_eq!(names(&store, "org_b").await, Vec::<String>::new());
    let stolen = workspace("org_b", "ws_1", "stolen");
    assert!(matches!(store.create(&stolen).await, Err(Error::AlreadyExists { .. })));
    assert!(matches!(store.get_unscoped::<Workspace>("ws_2").await, Err(Error::NotFound)));
}

#[tokio::test]
async fn versions_grow_and_stale_ones_lose() {
    let store = test_store().await;
    let mut resource = workspace("org_a", "ws_1", "one");
    store.create(&resource).await.unwrap();
    resource.name = "two".to_owned();
    assert_eq!(store.update(&resource, 1).await.unwrap(), 2);
    assert!(matches!(store.update(&resource, 1).await, Err(Error::Conflict { .. })));
    assert!(matches!(store.delete(&resource, 1).await, Err(Error::Conflict { .. })));
    assert_eq!(names(&store, "org_a").await, ["two"]);
    store.delete(&resource, 2).await.unwrap();
    assert!(matches!(store.update(&resource, 2).await, Err(Error::Conflict { .. })), "it does not come back");
    assert_eq!(names(&store, "org_a").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_list_costs_what_is_on_the_page() {
    let store = test_store().await;
    for n in 0..30 {
        store.create(&workspace("org_a", &format!("ws_{n:02}"), &n.to_string())).await.unwrap();
    }
    let org: OrgId = "org_a".parse().unwrap();
    let metered = store.metered();
    let page = metered.list::<Workspace>(&org, 3, None).await.unwrap();
    let ids: Vec<&WorkspaceId> = page.items.iter().map(|found| &found.value.id).collect();
    assert_eq!(ids.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["ws_00", "ws_01", "ws_02"]);
    let spent = metered.meter().spent();
    assert_eq!(spent.reads, 2, "one page of keys and one batch");
    assert!(spent.read_units <= 3.0, "{spent:?}");
    let next = metered.list::<Workspace>(&org, 3, page.next_cursor.as_deref()).await.unwrap();
    assert_eq!(next.items[0].value.id.as_str(), "ws_03");
}

#[tokio::test]
async fn a_damaged_item_is_named_and_not_shown() {
    use aws_sdk_dynamodb::types::AttributeValue;
    use countersign::store::keys;

    let store = test_store().await;
    let mut item = keys::resource("WS", "ws_1").item();
    item.insert("v".to_owned(), AttributeValue::N("1".to_owned()));
    item.insert("body".to_owned(), AttributeValue::S("hunter2".to_owned()));
    store.put_item(item).await.unwrap();
    let Err(error) = store.get_unscoped::<Workspace>("ws_1").await else { panic!() };
    assert_eq!(error.to_string(), "the item `WS#ws_1|WS` cannot be read");
    assert!(!format!("{error:?}").contains("hunter2"));
}
