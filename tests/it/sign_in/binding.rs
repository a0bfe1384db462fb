//! Binding an account: of the person who is signed in, and never silently somebody else's.

use serde_json::{Value, json};

use super::{Browser, CHEN, LI_NA, Scene, assert_page, scene};

/// Takes an account away from whoever has it.
async fn unbind(scene: &Scene, mobile: &str, kind: &'static str) -> String {
    let id = scene.member(mobile).await["id"].as_str().unwrap().to_owned();
    let accounts = json!({"accounts": {scene.connection(kind).await: null}});
    assert_eq!(scene.local.call("PATCH", &format!("/v1/members/{id}"), &accounts).await.status, 200);
    id
}

async fn begin(scene: &Scene, browser: &mut Browser, kind: &'static str) -> String {
    let answer = browser.get(&format!("/bind/{}?return=/console/me", scene.connection(kind).await)).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.header("location").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_signed_in_binds_their_account_of_another_platform() {
    let scene = scene().await;
    let id = unbind(&scene, LI_NA, "wecom").await;
    let mut browser = scene.browser();
    scene.sign_in(&mut browser, "dingtalk", LI_NA).await;
    let page = begin(&scene, &mut browser, "wecom").await;
    let back = scene.choose("wecom", LI_NA, &page).await;
    let answer = browser.get(&back).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/console/me")), "{}", answer.text);
    let member = scene.local.get(&format!("/v1/members/{id}")).await;
    assert!(member.json["accounts"][scene.connection("wecom").await].is_string(), "{}", member.text);
    // They sign in with it from now on, and binding it again changes nothing.
    let mut other = scene.browser();
    assert_eq!(scene.sign_in(&mut other, "wecom", LI_NA).await.status, 303);
    assert_eq!(other.who().await["member"]["id"], id.as_str());
    let page = begin(&scene, &mut browser, "wecom").await;
    let back = scene.choose("wecom", LI_NA, &page).await;
    assert_eq!(browser.get(&back).await.status, 303);
    assert_eq!(scene.local.get(&format!("/v1/members/{id}")).await.json["accounts"], member.json["accounts"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_members_account_is_refused() {
    let scene = scene().await;
    let before = scene.member(LI_NA).await;
    let mut browser = scene.browser();
    scene.sign_in(&mut browser, "dingtalk", LI_NA).await;
    let page = begin(&scene, &mut browser, "feishu").await;
    let back = scene.choose("feishu", CHEN, &page).await;
    assert_page(&browser.get(&back).await, 409, &["Another member has this account", "administrator"]);
    assert_eq!(scene.member(LI_NA).await, before);
    // It is spent.
    assert_page(&browser.get(&back).await, 400, &["used already"]);
}

/// Begun as one, finished as another in the same browser.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binding_is_the_persons_who_began_it() {
    let scene = scene().await;
    let id = unbind(&scene, LI_NA, "wecom").await;
    let mut browser = scene.browser();
    scene.sign_in(&mut browser, "dingtalk", LI_NA).await;
    let page = begin(&scene, &mut browser, "wecom").await;
    let back = scene.choose("wecom", LI_NA, &page).await;
    let state = browser.cookies["countersign-sign-in"].clone();
    for signed_in_as in [Some(CHEN), None] {
        let mut later = scene.browser();
        if let Some(other) = signed_in_as {
            scene.sign_in(&mut later, "dingtalk", other).await;
        }
        later.cookies.insert("countersign-sign-in".to_owned(), state.clone());
        assert_page(&later.get(&back).await, 400, &["is not signed in any more", "Nothing was bound"]);
    }
    let accounts = scene.local.get(&format!("/v1/members/{id}")).await.json["accounts"].clone();
    assert_eq!(accounts[scene.connection("wecom").await], Value::Null);
    assert_eq!(browser.get(&back).await.status, 303, "nothing was spent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_signed_in_signs_in_first_and_comes_back() {
    let scene = scene().await;
    unbind(&scene, LI_NA, "wecom").await;
    let (wecom, dingtalk) = (scene.connection("wecom").await, scene.connection("dingtalk").await);
    let mut browser = scene.browser();
    let answer = browser.get(&format!("/bind/{wecom}")).await;
    let link = format!("/sign-in/{dingtalk}?return=%2Fbind%2F{wecom}%3Freturn%3D%252Fconsole");
    assert_page(&answer, 401, &[&link]);
    assert!(!answer.text.contains(&format!("/sign-in/{wecom}?")), "not through the account that is to be bound");
    let begun = browser.get(&link).await;
    let back = scene.choose("dingtalk", LI_NA, begun.header("location").unwrap()).await;
    let answer = browser.get(&back).await;
    let expected = format!("/bind/{wecom}?return=%2Fconsole");
    assert_eq!((answer.status, answer.header("location")), (303, Some(expected.as_str())));
    assert_eq!(browser.get(&expected).await.status, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_other_sites_bind_nothing() {
    let scene = scene().await;
    let path = format!("/bind/{}", scene.connection("wecom").await);
    let signed_in = scene.routes.call("POST", "/v1/session", &json!({"key": scene.local.key})).await;
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let answer = scene.routes.send("GET", &path, &[("cookie", cookie.as_str())], "").await;
    assert_page(&answer, 403, &["a key has no accounts"]);
    let mut browser = scene.browser();
    scene.sign_in(&mut browser, "dingtalk", LI_NA).await;
    browser.headers = vec![("sec-fetch-site", "cross-site")];
    assert_page(&browser.get(&path).await, 200, &["Bind my account", &path]);
    browser.headers = vec![("sec-fetch-site", "same-origin")];
    assert_eq!(browser.get(&path).await.status, 303);
    let made =
        scene.routes.with_key(scene.local.key.clone()).call("POST", "/v1/organizations", &json!({"name": "O"})).await;
    let other = scene.routes.with_key(made.json["owner_key"].as_str().unwrap());
    let connection = other
        .call(
            "POST",
            "/v1/connections",
            &json!({"kind": "wecom", "name": "W",
        "settings": {"corp_id": "ww1", "agent_id": "1"},
        "secrets": {"app_secret": "app-secret-0123456789", "token": "token-0123456789",
            "aes_key": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"}}),
        )
        .await;
    let foreign = format!("/bind/{}", connection.json["id"].as_str().unwrap());
    assert_page(&browser.get(&foreign).await, 404, &["There is no such page"]);
}
