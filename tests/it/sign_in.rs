//! Signing in through the platforms that the sandbox plays, and binding accounts: as a browser does it, and as nobody should.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign::clock::World;
use countersign::engine::App;
use countersign_tests::MovedClock;
use countersign_tests::http::{Answer, Client};
use countersign_tests::local::Local;
use serde_json::{Value, json};

mod binding;
mod refusals;

const PLATFORMS: [&str; 3] = ["dingtalk", "feishu", "wecom"];
/// Somebody of the sandbox, by the number that every platform knows.
const LI_NA: &str = "13800000002";
const CHEN: &str = "13800000004";

struct Scene {
    local: Local,
    clock: Arc<MovedClock>,
    routes: Client,
}

/// A browser: what it holds, and the language that it asks for.
#[derive(Clone)]
struct Browser {
    routes: Client,
    cookies: BTreeMap<String, String>,
    headers: Vec<(&'static str, &'static str)>,
}

async fn scene() -> Scene {
    let (local, clock) = (Local::start().await, Arc::new(MovedClock::default()));
    let app = App { world: clock.world(), ..local.app.clone() };
    let router = countersign_console::routes(app.clone())
        .merge(countersign_config::routes(app.clone()))
        .merge(countersign_approvals::routes(app));
    Scene { local, clock, routes: Client { router, key: String::new() } }
}

impl Scene {
    fn browser(&self) -> Browser {
        Browser { routes: self.routes.clone(), cookies: BTreeMap::new(), headers: Vec::new() }
    }

    async fn connection(&self, kind: &'static str) -> String {
        self.local.on(kind).connection().await
    }

    /// Chooses who one is, on the platform's page; answers with the address that the browser is sent to.
    async fn choose(&self, kind: &str, user: &str, page: &str) -> String {
        let path = format!("/sandbox/{kind}/_/sign-in");
        let chosen = self.local.call("POST", &path, &json!({"user": user, "url": page})).await;
        assert_eq!(chosen.status, 200, "{}", chosen.text);
        let location = chosen.json["location"].as_str().unwrap();
        location.strip_prefix(&self.local.url).unwrap_or_else(|| panic!("{location}")).to_owned()
    }

    /// All the way, to the answer of the way back.
    async fn sign_in(&self, browser: &mut Browser, kind: &'static str, user: &str) -> Answer {
        let page = self.begin(browser, kind, "").await;
        let back = self.choose(kind, user, &page).await;
        browser.get(&back).await
    }

    /// To the platform's page.
    async fn begin(&self, browser: &mut Browser, kind: &'static str, query: &str) -> String {
        let answer = browser.get(&format!("/sign-in/{}{query}", self.connection(kind).await)).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        answer.header("location").unwrap().to_owned()
    }

    /// The member whom somebody is, by their number.
    async fn member(&self, mobile: &str) -> Value {
        let members = self.local.get("/v1/members?limit=200").await;
        let number = format!("+86{mobile}");
        members.json["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|member| member["mobile"] == number.as_str())
            .unwrap()
            .clone()
    }
}

impl Browser {
    async fn get(&mut self, path: &str) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let headers = [vec![("cookie", cookies.as_str())], self.headers.clone()].concat();
        let answer = self.routes.send("GET", path, &headers, "").await;
        for cookie in answer.headers.get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            match rest.split(';').next().unwrap() {
                "" => _ = self.cookies.remove(name),
                value => _ = self.cookies.insert(name.to_owned(), value.to_owned()),
            }
        }
        answer
    }

    /// What `/v1/session` answers.
    async fn who(&mut self) -> Value {
        self.get("/v1/session").await.json
    }
}

/// A page for people, and no JSON.
fn assert_page(answer: &Answer, status: u16, words: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{:?}", answer.headers);
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
    assert!(answer.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    assert!(answer.text.contains("width=device-width"));
    assert_eq!(answer.header("location"), None);
    for word in words {
        assert!(answer.text.contains(word), "{word}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_sign_in_on_every_platform_and_come_back_where_they_wanted() {
    let scene = scene().await;
    let member = scene.member(LI_NA).await;
    for kind in PLATFORMS {
        let mut browser = scene.browser();
        let wanted = "/console/approvals/apr_x?tab=history";
        let page = scene.begin(&mut browser, kind, "?return=%2Fconsole%2Fapprovals%2Fapr_x%3Ftab%3Dhistory").await;
        let begun = format!("{}/sandbox/{kind}/sign-in/", scene.local.url);
        assert!(page.starts_with(&begun), "{page}");
        let back = scene.choose(kind, LI_NA, &page).await;
        let answer = browser.get(&back).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some(wanted)), "{kind}: {}", answer.text);
        assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2, "the session, and the state is taken away");
        let who = browser.who().await;
        assert_eq!((&who["member"]["id"], &who["role"]), (&member["id"], &json!("member")), "{kind}: {who}");
        assert_eq!(browser.cookies.len(), 1);
        let session = browser.get("/v1/sessions").await;
        assert_eq!(session.json["items"][0]["connection"], scene.connection(kind).await.as_str());
    }
    // As the list of ways says, without a key.
    let ways = scene.browser().get("/v1/sign-ins").await;
    let kinds: Vec<&str> =
        ways.json["items"].as_array().unwrap().iter().map(|way| way["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, PLATFORMS, "{}", ways.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_members_access_is_the_role_of_the_session() {
    let scene = scene().await;
    let path = format!("/v1/members/{}", scene.member(LI_NA).await["id"].as_str().unwrap());
    for access in ["viewer", "admin", "owner"] {
        let changed = scene.local.call("PATCH", &path, &json!({ "access": access })).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        let mut browser = scene.browser();
        let answer = scene.sign_in(&mut browser, "feishu", LI_NA).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        assert_eq!(browser.who().await["role"], access);
        assert_eq!(browser.get("/v1/members").await.status, if access == "viewer" { 403 } else { 200 });
    }
}

/// A client's engine and the Back key open the way back twice: one exchange, one session, no error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_back_may_be_opened_twice() {
    let mut scene = scene().await;
    // The second of two waits for the first, in the time that passes.
    let app = App { world: World::system(), ..scene.local.app.clone() };
    scene.routes.router = countersign_console::routes(app);
    for kind in PLATFORMS {
        let mut browser = scene.browser();
        let page = scene.begin(&mut browser, kind, "?return=/console/inbox").await;
        let (first, second) = (scene.choose(kind, LI_NA, &page).await, scene.choose(kind, LI_NA, &page).await);
        let (mut one, mut two) = (browser.clone(), browser.clone());
        let answers = tokio::join!(one.get(&first), two.get(&second));
        for answer in [&answers.0, &answers.1] {
            assert_eq!((answer.status, answer.header("location")), (303, Some("/console/inbox")), "{}", answer.text);
        }
        assert_eq!(one.cookies["countersign-session"], two.cookies["countersign-session"], "{kind}");
        // With the Back key: the state is gone, the session there.
        for again in [&first, &second] {
            let answer = one.get(again).await;
            assert_eq!((answer.status, answer.header("location")), (303, Some("/console/inbox")), "{}", answer.text);
        }
        assert_eq!(one.who().await["member"]["name"], "李娜");
        let sessions = one.get("/v1/sessions").await;
        let live = sessions.json["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|s| s["connection"] == json!(page_connection(&first)));
        assert_eq!(live.count(), 1, "{kind}: {}", sessions.text);
        // Signed out, it brings nothing back.
        one.cookies.remove("countersign-session");
        assert_page(&one.get(&first).await, 400, &["Sign in again"]);
    }
}

fn page_connection(back: &str) -> &str {
    back.strip_prefix("/sign-in/").unwrap().split('/').next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_paths_of_ours_are_gone_back_to() {
    let scene = scene().await;
    for (given, expected) in [
        ("", "/console"),
        ("/console/inbox?a=b", "/console/inbox?a=b"),
        ("/a/../console", "/console"),
        ("/%E4%B8%AD", "/%E4%B8%AD"),
        ("//evil.example", "/console"),
        ("///evil.example", "/console"),
        ("/\\evil.example", "/console"),
        ("\\\\evil.example", "/console"),
        ("/\t/evil.example", "/console"),
        ("/\n/evil.example", "/console"),
        ("/.//evil.example", "/console"),
        ("/a/..//evil.example", "/console"),
        ("/%2e//evil.example", "/console"),
        ("https:evil.example", "/console"),
        ("http:evil.example", "/console"),
        ("https://evil.example/", "/console"),
        ("javascript:alert(1)", "/console"),
        ("evil.example", "/console"),
        ("/sign-in/con_1", "/console"),
        (&format!("/{}", "a".repeat(2_000)), "/console"),
    ] {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("return", given).finish();
        let mut browser = scene.browser();
        let page = scene.begin(&mut browser, "wecom", &format!("?{query}")).await;
        let back = scene.choose("wecom", LI_NA, &page).await;
        let answer = browser.get(&back).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some(expected)), "{given:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_is_in_a_cookie_that_comes_back_from_elsewhere() {
    let scene = scene().await;
    let mut browser = scene.browser();
    let answer = browser.get(&format!("/sign-in/{}", scene.connection("dingtalk").await)).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("countersign-sign-in=v1."), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"), "{cookie}");
    let state = answer.header("location").unwrap().split("state=").nth(1).unwrap().split('&').next().unwrap();
    assert!(!cookie.contains(state), "sealed");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// The page of the sandbox, for a person without scripts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_played_page_asks_who_one_is_and_refuses_what_the_platform_would() {
    let scene = scene().await;
    for kind in PLATFORMS {
        let page = scene.begin(&mut scene.browser(), kind, "").await;
        let path = page.strip_prefix(&scene.local.url).unwrap();
        let shown = scene.local.get(path).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        assert!(shown.text.contains("李娜") && shown.text.contains("/_/sign-in/choose"), "{}", shown.text);
        let elsewhere = page.replace("redirect_uri=http%3A%2F%2F127.0.0.1", "redirect_uri=http%3A%2F%2Fevil.example");
        for wrong in [elsewhere, page.replace("state=", "stat="), page.replace("redirect_uri", "uri")] {
            let body = json!({"user": LI_NA, "url": wrong});
            let refused = scene.local.call("POST", &format!("/sandbox/{kind}/_/sign-in"), &body).await;
            assert_eq!(refused.status, 400, "{kind}: {wrong}: {}", refused.text);
        }
        let nobody = json!({"user": "nobody", "url": page});
        assert_eq!(scene.local.call("POST", &format!("/sandbox/{kind}/_/sign-in"), &nobody).await.status, 400);
    }
}
