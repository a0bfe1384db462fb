//! Taking over a platform's directory: what the app sees of it, page by page.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use countersign::clock::{Clock, SystemClock, Waiting, World};
use countersign::engine::App;
use countersign::resources::Member;
use countersign::store::members::Claim;
use countersign::store::resources::create_write;
use countersign_tests::http::{Answer, Client};
use countersign_tests::local::Local;
use serde_json::{Value, json};

const PLATFORMS: [&str; 3] = ["dingtalk", "feishu", "wecom"];

/// A clock that goes on by so many milliseconds whenever somebody looks at it, and at once where somebody waits.
#[derive(Default)]
struct Ticking {
    now: AtomicI64,
    each: AtomicI64,
    waited: AtomicI64,
}

impl Clock for Ticking {
    fn now(&self) -> i64 {
        SystemClock.now() + self.now.fetch_add(self.each.load(Ordering::SeqCst), Ordering::SeqCst)
    }

    fn wait(&self, ms: u64) -> Waiting<'_> {
        let ms = i64::try_from(ms).unwrap();
        self.waited.fetch_add(ms, Ordering::SeqCst);
        self.now.fetch_add(ms, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }
}

/// A platform of the sandbox with a connection that nobody is bound to.
struct Scene {
    local: Arc<Local>,
    client: Client,
    clock: Arc<Ticking>,
    kind: &'static str,
    connection: String,
}

impl Scene {
    async fn new(kind: &'static str) -> Self {
        Self::on(&Arc::new(Local::start().await), kind).await
    }

    /// Each of these platforms in one program.
    async fn each(kinds: &[&'static str]) -> Vec<Self> {
        let (local, mut scenes) = (Arc::new(Local::start().await), Vec::new());
        for kind in kinds {
            scenes.push(Self::on(&local, kind).await);
        }
        scenes
    }

    async fn on(local: &Arc<Local>, kind: &'static str) -> Self {
        let local = Arc::clone(local);
        let app = local.get(&format!("/sandbox/{kind}/_/app")).await.json;
        let body = json!({"kind": kind, "name": "Again", "settings": app["settings"], "secrets": app["secrets"]});
        let connection = local.make("/v1/connections", &body).await["id"].as_str().unwrap().to_owned();
        let clock = Arc::new(Ticking::default());
        let app = App { world: World { clock: clock.clone(), ..World::system() }, ..local.app.clone() };
        let client = Client { router: countersign_config::routes(app), key: local.key.clone() };
        Self { local, client, clock, kind, connection }
    }

    /// The connection of the first start, to which everybody is bound.
    async fn seeded(mut self) -> Self {
        self.connection = self.local.on(self.kind).connection().await;
        self
    }

    /// One page.
    async fn page(&self, body: &Value) -> Answer {
        let path = format!("/v1/connections/{}/members/sync", self.connection);
        self.client.call("POST", &path, body).await
    }

    /// All pages; the last one tells of all.
    async fn all(&self) -> (Vec<Answer>, Value) {
        let (mut pages, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let page = self.page(&json!({"cursor": cursor})).await;
            assert_eq!(page.status, 200, "{}: {}", self.kind, page.text);
            cursor = page.json["next_cursor"].clone();
            pages.push(page);
            if cursor.is_null() {
                let last = pages.last().unwrap().json.clone();
                return (pages, last);
            }
            assert!(pages.len() < 100, "{}: no end", self.kind);
        }
    }

    async fn faults(&self, faults: &Value) {
        self.local.on(self.kind).faults(faults).await;
    }

    async fn members(&self) -> Vec<Value> {
        self.local.get("/v1/members?limit=200").await.json["items"].as_array().unwrap().clone()
    }

    /// The accounts that members have on the connection, by name of the person on the platform.
    async fn bound(&self) -> Vec<String> {
        let people = self.people().await;
        let members = self.members().await;
        let accounts = members.iter().filter_map(|member| member["accounts"][&self.connection].as_str());
        let name = |account: &str| people.iter().find(|person| person["user"] == account).unwrap()["name"].clone();
        let mut names: Vec<String> = accounts.map(|account| name(account).as_str().unwrap().to_owned()).collect();
        names.sort_unstable();
        names
    }

    async fn people(&self) -> Vec<Value> {
        let path = format!("/sandbox/{}/_/people", self.kind);
        self.local.get(&path).await.json["items"].as_array().unwrap().clone()
    }

    /// Somebody's account.
    async fn account(&self, name: &str) -> String {
        let people = self.people().await;
        people.iter().find(|person| person["name"] == name).unwrap()["user"].as_str().unwrap().to_owned()
    }

    /// Who is marked as one whom the platform no longer has.
    async fn left(&self) -> Vec<String> {
        let members = self.members().await;
        let marked = members.iter().filter(|member| member["left"][&self.connection].is_string());
        marked.map(|member| member["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The platform's id of a department of the sandbox.
    fn department(&self, number: usize) -> &'static str {
        let ids = match self.kind {
            "dingtalk" => ["1", "905123401", "905123402", "905123403"],
            "feishu" => [
                "0",
                "od-4e6ac4d14bcd5071a37a39de902c7141",
                "od-2fba0c3d8e9f41a6b7c8d9e0f1a2b3c4",
                "od-8a1b2c3d4e5f60718293a4b5c6d7e8f9",
            ],
            _ => ["1", "2", "3", "4"],
        };
        ids[number]
    }
}

fn tally(answer: &Value) -> [u64; 5] {
    ["found", "created", "bound", "unchanged", "left"].map(|name| answer[name].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_takes_over_what_it_sees() {
    for scene in Scene::each(&PLATFORMS).await {
        let kind = scene.kind;
        let wang = scene.account("王芳").await;
        scene.faults(&json!({"range": {"scope": ["905123402", wang]}})).await;
        let (_, last) = scene.all().await;
        assert_eq!((&last["found"], &last["unreadable"]), (&json!(3), &json!([])), "{kind}: {last}");
        assert_eq!(scene.bound().await, ["李娜", "王芳", "陈思远"], "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_stands_for_its_people_and_departments() {
    for scene in Scene::each(&["feishu", "wecom"]).await {
        let kind = scene.kind;
        scene.faults(&json!({"range": {"scope": ["group"]}})).await;
        let (_, last) = scene.all().await;
        assert_eq!((&last["found"], &last["unreadable"]), (&json!(2), &json!([])), "{kind}: {last}");
        assert_eq!(scene.bound().await, ["欧阳雪", "王芳"], "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_too_much_is_waited_for() {
    for scene in Scene::each(&PLATFORMS).await {
        let kind = scene.kind;
        let times = if kind == "wecom" { 1 } else { 2 };
        scene.faults(&json!({"throttle": times, "throttle_after": 3})).await;
        let (pages, last) = scene.all().await;
        assert_eq!(last["found"], 5, "{kind}: {last}");
        assert_eq!(scene.bound().await.len(), 5, "{kind}");
        let waited = scene.clock.waited.load(Ordering::SeqCst);
        if kind == "wecom" {
            // WeCom blocks for a minute: that is for who calls to wait.
            assert_eq!((waited, pages[0].header("retry-after"), pages.len()), (0, Some("60"), 2), "{kind}");
        } else {
            assert_eq!((waited >= 3_000, pages.len()), (true, 1), "{kind}: waited for {waited}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_from_the_beginning_is_said() {
    let scene = Scene::new("dingtalk").await;
    scene.faults(&json!({"throttle": true})).await;
    let refused = scene.page(&Value::Null).await;
    assert_eq!((refused.status, refused.code()), (503, "provider_throttled"), "{}", refused.text);
    assert!(refused.header("retry-after").is_some());
    let cursor = refused.json["next_cursor"].clone();
    scene.faults(&json!({"throttle": false})).await;
    let done = scene.page(&json!({"cursor": cursor})).await;
    assert_eq!((done.status, &done.json["found"]), (200, &json!(5)), "{}", done.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_directory_is_taken_over_in_pages_that_may_be_repeated() {
    for scene in Scene::each(&PLATFORMS).await {
        let kind = scene.kind;
        scene.clock.each.store(1_500, Ordering::SeqCst);
        let first = scene.page(&Value::Null).await;
        assert_eq!(first.status, 200, "{kind}: {}", first.text);
        let (mut page, mut pages, mut found) = (first.json.clone(), 1, 0);
        while !page["next_cursor"].is_null() {
            assert!(page["found"].as_u64().unwrap() >= found, "{kind}: {page}");
            found = page["found"].as_u64().unwrap();
            let body = json!({"cursor": page["next_cursor"]});
            let next = scene.page(&body).await;
            assert_eq!(next.status, 200, "{kind}: {}", next.text);
            let again = scene.page(&body).await;
            assert_eq!(again.json, next.json, "{kind}: the answer was lost, and is given again");
            (page, pages) = (next.json, pages + 1);
            assert!(pages < 60, "{kind}: no end");
        }
        assert!(pages > 2, "{kind}: {pages}");
        assert_eq!(page["found"], 5, "{kind}: {page}");
        assert_eq!(scene.bound().await.len(), 5, "{kind}");
        let other = scene.page(&Value::Null).await;
        assert_eq!(other.status, 200, "{kind}: {}", other.text);
        for cursor in [first.json["next_cursor"].clone(), json!("x"), json!("x.1")] {
            let late = scene.page(&json!({"cursor": cursor})).await;
            assert_eq!((late.status, late.code()), (400, "invalid_cursor"), "{kind}: {}", late.text);
            assert_eq!(late.pointers(), ["/cursor"]);
        }
        let other = json!({"cursor": other.json["next_cursor"], "department": scene.department(2)});
        let refused = scene.page(&other).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec!["/department"]), "{kind}: {}", refused.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_is_marked_until_seen_again() {
    for scene in Scene::each(&PLATFORMS).await {
        let kind = scene.kind;
        let scene = scene.seeded().await;
        let wang = scene.account("王芳").await;
        scene.faults(&json!({"range": {"left": [wang]}})).await;
        let part = scene.page(&json!({"department": scene.department(3)})).await;
        assert_eq!((part.status, tally(&part.json)), (200, [0; 5]), "{kind}: a part tells nothing: {}", part.text);
        let (_, last) = scene.all().await;
        assert_eq!(tally(&last), [4, 0, 0, 4, 1], "{kind}: {last}");
        assert_eq!(scene.left().await, ["王芳"], "{kind}");
        let (_, last) = scene.all().await;
        assert_eq!(tally(&last), [4, 0, 0, 4, 0], "{kind}: said once: {last}");
        scene.faults(&json!({"range": null})).await;
        let (_, last) = scene.all().await;
        assert_eq!(tally(&last), [5, 0, 0, 5, 0], "{kind}: {last}");
        assert!(scene.left().await.is_empty(), "{kind}");

        // Whoever the app may not see any more has not left; WeCom says the same of both.
        scene.faults(&json!({"range": {"scope": ["905123402"]}})).await;
        let (_, last) = scene.all().await;
        let gone = if kind == "wecom" { 3 } else { 0 };
        assert_eq!(tally(&last), [2, 0, 0, 2, gone], "{kind}: {last}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_department_that_cannot_be_read_is_said() {
    for scene in Scene::each(&PLATFORMS).await {
        let kind = scene.kind;
        let scene = scene.seeded().await;
        let (wang, chen) = (scene.account("王芳").await, scene.account("陈思远").await);
        scene.faults(&json!({"range": {"hidden": ["905123403"], "left": [chen]}})).await;
        let (_, last) = scene.all().await;
        assert_eq!(last["unreadable"].as_array().unwrap().len(), 1, "{kind}: {last}");
        assert_eq!(last["unreadable"][0]["id"], scene.department(3), "{kind}: {last}");
        assert!(!last["unreadable"][0]["detail"].as_str().unwrap().is_empty());
        // Wang is in there. WeCom could not tell them from somebody who has left, and so nobody is marked.
        let left = scene.left().await;
        assert_eq!(left, if kind == "wecom" { vec![] } else { vec!["陈思远"] }, "{kind}: {last}");
        assert!(!left.contains(&wang), "{kind}");
        assert_eq!(&last["found"], 3, "{kind}: {last}");
        let named = scene.page(&json!({"department": scene.department(3)})).await;
        assert_eq!((named.status, named.code()), (422, "provider_permission"), "{kind}: {}", named.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_another_member_has_is_said() {
    for scene in Scene::each(&["dingtalk", "feishu"]).await {
        let kind = scene.kind;
        let members = scene.members().await;
        let li = members.iter().find(|member| member["name"] == "李娜").unwrap()["id"].as_str().unwrap().to_owned();
        let change = json!({"accounts": {&scene.connection: "another-account"}});
        let changed = scene.local.call("PATCH", &format!("/v1/members/{li}"), &change).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        let (_, last) = scene.all().await;
        assert_eq!(tally(&last), [5, 1, 4, 0, 1], "{kind}: {last}");
        let account = scene.account("李娜").await;
        let said = &last["without_mobile"];
        assert_eq!((said[0]["account"].as_str(), said[0]["used_by"].as_str()), (Some(&*account), Some(&*li)), "{last}");
        assert_eq!(said.as_array().unwrap().len(), 1, "{kind}");
        let made = scene.local.get(&format!("/v1/members/{}", said[0]["member"].as_str().unwrap())).await.json;
        assert_eq!((&made["mobile"], &made["accounts"][&scene.connection]), (&Value::Null, &json!(account)), "{made}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_before_are_recognised_too() {
    let scene = Scene::new("dingtalk").await;
    let (store, key) = (&scene.local.app.store, scene.connection.parse().unwrap());
    // As they were stored before accounts, numbers and addresses led to a member.
    let mut member: Member = {
        let members = scene.members().await;
        let id = members.iter().find(|member| member["name"] == "陈思远").unwrap()["id"].as_str().unwrap().to_owned();
        let removed = scene.local.call("DELETE", &format!("/v1/members/{id}"), &Value::Null).await;
        assert_eq!(removed.status, 204, "{}", removed.text);
        let org = "org_default".parse().unwrap();
        let any = members.iter().find(|member| member["name"] == "张伟").unwrap()["id"].as_str().unwrap().to_owned();
        store.get::<Member>(&org, &any).await.unwrap().value
    };
    let account = scene.account("陈思远").await;
    let wang = scene.members().await.iter().find(|member| member["name"] == "王芳").unwrap()["id"].clone();
    let removed = scene.local.call("DELETE", &format!("/v1/members/{}", wang.as_str().unwrap()), &Value::Null).await;
    assert_eq!(removed.status, 204, "{}", removed.text);
    for (id, accounts, mobile, email) in [
        ("mem_by_account", [(key, account)].into(), None, None),
        ("mem_by_mobile", [].into(), Some("138 0000 0003"), None),
    ] {
        (member.id, member.name) = (id.parse().unwrap(), id.to_owned());
        (member.accounts, member.mobile, member.email) = (accounts, mobile.map(str::to_owned), email);
        store.transact(vec![create_write(&member).unwrap()]).await.unwrap().unwrap();
    }
    let (_, last) = scene.all().await;
    assert_eq!(tally(&last), [5, 0, 4, 1, 0], "{last}");
    let found = store.members_by_claims(&member.org, &[Claim::Mobile("+8613800000003".into())]).await.unwrap();
    assert_eq!(found[0].as_ref().map(ToString::to_string).as_deref(), Some("mem_by_mobile"));
}

/// Whom the platform no longer has is signed out, and stays so when they are seen again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_is_signed_out() {
    use countersign::http::session::{begin, mark_of_member};
    use countersign::store::sessions::Holder;

    let scene = Scene::new("dingtalk").await.seeded().await;
    let wang = scene.account("王芳").await;
    let members = scene.members().await;
    let member = members.iter().find(|member| member["accounts"][&scene.connection] == wang.as_str()).unwrap();
    let app = &scene.local.app;
    let member = app.store.get_unscoped::<Member>(member["id"].as_str().unwrap()).await.unwrap().value;
    let (holder, mark) = (Holder::Member(member.id.clone()), mark_of_member(&member));
    let (_, token) = begin(app, &axum::http::HeaderMap::new(), member.org, holder, mark, None).await.unwrap();
    let routes = Client { router: countersign_console::routes(app.clone()), key: String::new() };
    let cookie = format!("countersign-session={}", token.reveal());
    let status = async || routes.send("GET", "/v1/session", &[("cookie", cookie.as_str())], "").await.status;
    assert_eq!(status().await, 200);
    for (faults, expected) in
        [(json!({"range": {}}), 200), (json!({"range": {"left": [wang]}}), 401), (json!({"range": {}}), 401)]
    {
        scene.faults(&faults).await;
        scene.all().await;
        assert_eq!(status().await, expected, "{faults}");
    }
    assert!(scene.left().await.is_empty());
}

/// An account lets its owner sign in, and a number in a directory is no proof of who somebody is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administrators_get_no_account_by_their_number() {
    let scene = Scene::new("dingtalk").await;
    let members = scene.members().await;
    let number = |member: &&Value| member["name"] == "王芳";
    let id = members.iter().find(number).unwrap()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/members/{id}");
    let appointed = scene.client.call("PATCH", &path, &json!({"access": "admin"})).await;
    assert_eq!(appointed.status, 200, "{}", appointed.text);
    let (_, last) = scene.all().await;
    assert_eq!(tally(&last), [5, 0, 4, 1, 0], "{last}");
    assert_eq!(scene.local.get(&path).await.json["accounts"][&scene.connection], Value::Null);
}
