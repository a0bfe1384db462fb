//! What does not sign anybody in: a page each time, which says what to do, and nothing that is changed or goes round.

use serde_json::json;

use super::{CHEN, LI_NA, PLATFORMS, assert_page, scene};

/// The vendor's scanner opens the address first, from another network: nothing is spent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_not_begun_it_spends_nothing() {
    let scene = scene().await;
    for kind in PLATFORMS {
        let (mut browser, mut other) = (scene.browser(), scene.browser());
        let page = scene.begin(&mut browser, kind, "").await;
        let back = scene.choose(kind, LI_NA, &page).await;
        assert_page(&scene.browser().get(&back).await, 400, &["has not begun", "/sign-in/con_"]);
        // A browser that has begun another.
        scene.begin(&mut other, kind, "").await;
        assert_page(&other.get(&back).await, 400, &["has not begun"]);
        assert!(!other.cookies.contains_key("countersign-session"));
        let wrong = back.replace("state=", "state=x");
        assert_page(&browser.get(&wrong).await, 400, &["has not begun"]);
        let without = format!("{}?code=a", back.split('?').next().unwrap());
        assert_page(&browser.get(&without).await, 400, &["has not begun"]);
        assert_eq!(browser.get(&back).await.status, 303, "{kind}: the person's own request works");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_that_took_too_long_begins_anew_for_the_same_page() {
    let scene = scene().await;
    let mut browser = scene.browser();
    let page = scene.begin(&mut browser, "dingtalk", "?return=/console/inbox").await;
    let back = scene.choose("dingtalk", LI_NA, &page).await;
    scene.clock.advance(11 * 60_000);
    let answer = browser.get(&back).await;
    assert_page(&answer, 400, &["ten minutes", "?return=%2Fconsole%2Finbox"]);
    browser.headers = vec![("accept-language", "zh-CN,zh;q=0.9,en;q=0.8")];
    assert_page(&browser.get(&back).await, 400, &["lang=\"zh-CN\"", "重新登录"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_that_is_cut_or_of_another_connection_is_none() {
    let scene = scene().await;
    let mut browser = scene.browser();
    let page = scene.begin(&mut browser, "feishu", "").await;
    let back = scene.choose("feishu", LI_NA, &page).await;
    let good = browser.cookies["countersign-sign-in"].clone();
    for bad in [good[1..].to_owned(), good[..good.len() - 2].to_owned(), format!("{good}A"), "v1.a.b".to_owned()] {
        let mut other = browser.clone();
        other.cookies.insert("countersign-sign-in".to_owned(), bad);
        assert_page(&other.get(&back).await, 400, &["has not begun"]);
    }
    let elsewhere = back.replace(&scene.connection("feishu").await, &scene.connection("wecom").await);
    assert_page(&browser.get(&elsewhere).await, 400, &["has not begun"]);
    assert_eq!(browser.get(&back).await.status, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_is_no_member_is_told_whom_to_turn_to() {
    let scene = scene().await;
    let id = scene.member(LI_NA).await["id"].as_str().unwrap().to_owned();
    for kind in PLATFORMS {
        let connection = scene.connection(kind).await;
        let accounts = json!({"accounts": {connection: null}});
        assert_eq!(scene.local.call("PATCH", &format!("/v1/members/{id}"), &accounts).await.status, 200);
        let mut browser = scene.browser();
        let answer = scene.sign_in(&mut browser, kind, LI_NA).await;
        assert_page(&answer, 403, &["You are no member", "administrator"]);
        assert_eq!(browser.get("/v1/session").await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_was_switched_off_stays_out() {
    let scene = scene().await;
    let path = format!("/v1/members/{}", scene.member(LI_NA).await["id"].as_str().unwrap());
    let mut browser = scene.browser();
    assert_eq!(scene.sign_in(&mut browser, "wecom", LI_NA).await.status, 303);
    scene.local.call("PATCH", &path, &json!({"active": false})).await;
    assert_eq!(browser.get("/v1/session").await.status, 401);
    assert_page(&scene.sign_in(&mut scene.browser(), "wecom", LI_NA).await, 403, &["switched off"]);
    scene.local.call("PATCH", &path, &json!({"active": true})).await;
    assert_eq!(browser.get("/v1/session").await.status, 401);
    assert_eq!(scene.sign_in(&mut scene.browser(), "wecom", LI_NA).await.status, 303);
}

/// Whoever can change where a connection leads can say who somebody is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administrators_sign_in_through_what_an_owner_has_saved() {
    let scene = scene().await;
    let path = format!("/v1/members/{}", scene.member(LI_NA).await["id"].as_str().unwrap());
    scene.local.call("PATCH", &path, &json!({"access": "owner"})).await;
    let made = scene.local.call("POST", "/v1/keys", &json!({"name": "a", "role": "admin"})).await;
    let admin = scene.routes.with_key(made.json["key"].as_str().unwrap());
    let connection = format!("/v1/connections/{}", scene.connection("dingtalk").await);
    let app = scene.local.get("/sandbox/dingtalk/_/app").await.json;
    let saved = admin.call("PATCH", &connection, &json!({"secrets": app["secrets"]})).await;
    assert_eq!((saved.status, &saved.json["of_owner"]), (200, &json!(false)), "{}", saved.text);
    assert_page(&scene.sign_in(&mut scene.browser(), "dingtalk", LI_NA).await, 403, &["an owner has saved"]);
    assert_eq!(scene.sign_in(&mut scene.browser(), "dingtalk", CHEN).await.status, 303, "anybody else may");
    let kept = admin.call("PATCH", &connection, &json!({"name": "Other"})).await;
    assert_eq!(kept.json["of_owner"], false, "{}", kept.text);
    let owner = scene.routes.with_key(scene.local.key.clone());
    assert_eq!(owner.call("PATCH", &connection, &json!({"name": "Ours"})).await.json["of_owner"], true);
    assert_eq!(scene.sign_in(&mut scene.browser(), "dingtalk", LI_NA).await.status, 303);
}

/// Whoever is made an administrator signs in as one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_appointment_ends_sessions_of_before() {
    let scene = scene().await;
    let path = format!("/v1/members/{}", scene.member(LI_NA).await["id"].as_str().unwrap());
    let mut browser = scene.browser();
    scene.sign_in(&mut browser, "feishu", LI_NA).await;
    scene.local.call("PATCH", &path, &json!({"access": "viewer"})).await;
    assert_eq!(browser.who().await["role"], "viewer");
    scene.local.call("PATCH", &path, &json!({"access": "admin"})).await;
    assert_eq!(browser.get("/v1/session").await.status, 401);
}

/// Each step that fails is a page with the step and the remedy: no way back to where it starts over by itself, and no 500.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_fails_is_named_with_its_remedy() {
    let scene = scene().await;
    for (kind, missing, words) in [
        ("dingtalk", "Contact.User.Read", ["Profile", "Contact.User.Read"]),
        ("dingtalk", "qyapi_get_member", ["Directory", "qyapi_get_member"]),
        ("feishu", "tenant:tenant:readonly", ["Organization", "tenant:tenant:readonly"]),
        ("wecom", "trusted_ip", ["Code", "IP"]),
    ] {
        let platform = scene.local.on(kind);
        platform.faults(&json!({"missing_scopes": [missing]})).await;
        let mut browser = scene.browser();
        let answer = scene.sign_in(&mut browser, kind, LI_NA).await;
        assert_page(&answer, 502, &words);
        assert!(!browser.cookies.contains_key("countersign-session"), "{missing}");
        platform.mend().await;
        assert_eq!(scene.sign_in(&mut browser, kind, LI_NA).await.status, 303, "{missing}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_instead_of_a_code_and_a_wrong_code_are_pages() {
    let scene = scene().await;
    for kind in PLATFORMS {
        let mut browser = scene.browser();
        let page = scene.begin(&mut browser, kind, "").await;
        let back = scene.choose(kind, LI_NA, &page).await;
        let (path, query) = back.split_once('?').unwrap();
        let state = query.split('&').find(|field| field.starts_with("state=")).unwrap();
        let declined = browser.get(&format!("{path}?error=access_denied&{state}")).await;
        assert_page(&declined, 400, &["declined"]);
        let wrong = browser.get(&format!("{path}?code=wrong&{state}")).await;
        assert_page(&wrong, 502, &["Sign in again"]);
        assert!(!wrong.text.contains("wrong&"), "{}", wrong.text);
        // That has spent it: the good code is of no use any more, in this browser either.
        assert_page(&browser.get(&back).await, 400, &["used already"]);
        assert_eq!(browser.get("/v1/session").await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_can_sign_in_is_a_page() {
    let scene = scene().await;
    let body = json!({"kind": "external", "name": "OA", "secrets": {"access_key": "access-key-0123456789"},
        "settings": {"url": "https://oa.example/apply", "access_id": "access-1", "organization_id": "o-1"}});
    let external = scene.local.make("/v1/connections", &body).await["id"].as_str().unwrap().to_owned();
    for connection in ["con_nobody", "x", "<script>", external.as_str()] {
        for path in [format!("/sign-in/{connection}"), format!("/sign-in/{connection}/return?code=a&state=b")] {
            let answer = scene.browser().get(&path.replace('<', "%3C").replace('>', "%3E")).await;
            assert_page(&answer, 404, &["There is no such page"]);
        }
    }
    let head = scene.routes.send("HEAD", &format!("/sign-in/{}", scene.connection("wecom").await), &[], "").await;
    assert_eq!((head.status, head.header("location")), (405, None));
}
