//! The cookie, and the pages that may use it.

use countersign::engine::App;
use countersign::settings::Settings;
use countersign_tests::http::Client;
use serde_json::{Value, json};

use super::{Browser, NAME, OURS, given, scene};

/// The same deployment at another public address.
fn at(scene: &super::Scene, url: &str) -> Client {
    let settings = Settings { public_url: url.to_owned(), ..(*scene.app.settings).clone() };
    let app = App { settings: settings.into(), ..scene.app.clone() };
    Client { router: super::router(&app), key: String::new() }
}

/// A prefix that is not first, or without `Secure`, makes a browser drop the cookie silently.
#[tokio::test]
async fn the_cookie_is_one_that_browsers_keep_and_nobody_else_sets() {
    let scene = scene().await;
    let body = json!({ "key": scene.owner.key });
    for (url, start, secure) in [
        ("https://countersign.example", "__Host-countersign=", true),
        ("https://countersign.example:8443/below", "__Host-countersign=", true),
        // Browsers take it over TLS only: there is no signing in at such an address.
        ("http://countersign.example", "__Host-countersign=", true),
        ("http://127.0.0.1:3000", "countersign-session=", false),
        ("http://localhost:3000", "countersign-session=", false),
        ("http://[::1]:3000", "countersign-session=", false),
        ("https://localhost", "countersign-session=", true),
    ] {
        let answer = at(&scene, url).call("POST", "/v1/session", &body).await;
        assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 1, "{url}");
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.starts_with(start), "{url}: {cookie}");
        let rest: Vec<&str> = cookie.split("; ").skip(1).collect();
        let mut expected = vec!["Path=/", "HttpOnly", "SameSite=Lax"];
        expected.extend(secure.then_some("Secure"));
        assert_eq!(rest, expected, "{url}");
    }
    let out = scene.with_key(&scene.owner.key).await.call("DELETE", "/v1/session", &Value::Null).await;
    assert_eq!(out.status, 204);
    let cleared = "__Host-countersign=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure";
    assert_eq!(out.header("set-cookie"), Some(cleared));
}

/// What is cut, foreign or almost the name is no session.
#[tokio::test]
async fn names_are_compared_byte_for_byte() {
    let scene = scene().await;
    let good = scene.with_key(&scene.owner.key).await;
    let value = good.cookie.split_once('=').unwrap().1;
    let with = |cookie: String| Browser { cookie, ..good.clone() };
    for cookie in [format!("a=b; {NAME}={value}; c=d"), format!("a=b;\t{NAME}={value}"), format!("\"; {NAME}={value}")]
    {
        assert_eq!(with(cookie.clone()).status().await, 200, "{cookie}");
    }
    for cookie in [
        format!("{NAME}={}", &value[1..]),
        format!("{NAME}={value}x"),
        format!("{NAME}=\"{value}\""),
        format!("{NAME}="),
        NAME.to_owned(),
        format!("{NAME} ={value}"),
        format!("__host-countersign={value}"),
        format!("__Secure-{NAME}={value}"),
        format!("countersign-session={value}"),
        format!("{NAME}={value}; {NAME}={value}"),
        format!("{NAME}={value}; {NAME}=other"),
        format!("{NAME}={}", "a".repeat(44)),
        // What Unicode calls white space is part of a name.
        format!("\u{2000}{NAME}={value}"),
        format!("\u{85}{NAME}={value}"),
        format!("\u{a0}{NAME}={value}"),
        format!("a=b; \u{a0}{NAME}={value}"),
    ] {
        let headers = [("cookie", cookie.as_str())];
        assert_eq!(good.client.send("GET", "/v1/session", &headers, "").await.status, 401, "{cookie:?}");
    }
    // Browsers may send several headers.
    let two = [("cookie", "a=b"), ("cookie", good.cookie.as_str())];
    assert_eq!(good.client.send("GET", "/v1/session", &two, "").await.status, 200);
}

/// Compared with the public address alone: its scheme, host and port.
#[tokio::test]
async fn what_changes_something_comes_from_a_page_of_ours() {
    let scene = scene().await;
    let browser = scene.with_key(&scene.owner.key).await;
    let member = json!({"name": "M"});
    for origin in [OURS, "https://countersign.example:443", "HTTPS://COUNTERSIGN.EXAMPLE"] {
        assert_eq!(browser.from(Some(origin), "POST", "/v1/members", &member).await.status, 201, "{origin}");
    }
    for origin in [
        "",
        "null",
        "http://countersign.example",
        "http://countersign.example:443",
        "https://countersign.example:8443",
        "https://countersign.example.evil.test",
        "https://countersign.example@evil.test",
        "https://evil.test#https://countersign.example",
        "https://countersign.example/",
        "https://countersign.example, https://evil.test",
        "https:\\\\countersign.example",
        "countersign.example",
        "*",
    ] {
        let answer = browser.from(Some(origin), "POST", "/v1/members", &member).await;
        assert_eq!((answer.status, answer.code()), (403, "foreign_origin"), "{origin}");
    }
    let cookie = browser.cookie.as_str();
    let json = ("content-type", "application/json");
    let foreign = [
        vec![],
        vec![("origin", OURS), ("origin", OURS)],
        vec![("origin", "https://evil.example"), ("x-forwarded-host", "evil.example"), ("host", "evil.example")],
        vec![("origin", "https://evil.example"), ("x-forwarded-proto", "https"), ("forwarded", "host=evil.example")],
        vec![("referer", "https://countersign.example/console")],
    ];
    for headers in foreign {
        let headers = [vec![("cookie", cookie), json], headers].concat();
        for (method, path) in [("POST", "/v1/members"), ("DELETE", "/v1/session"), ("PATCH", "/v1/members/mem_1")] {
            let answer = browser.client.send(method, path, &headers, member.to_string()).await;
            assert_eq!((answer.status, answer.code()), (403, "foreign_origin"), "{headers:?}");
        }
    }
    // Behind a proxy that names us otherwise.
    let behind = [("cookie", cookie), json, ("host", "10.0.0.5:3000"), ("origin", OURS)];
    assert_eq!(browser.client.send("POST", "/v1/members", &behind, member.to_string()).await.status, 201);
    // Reading asks for no origin; a key never does.
    assert_eq!(browser.from(Some("https://evil.example"), "GET", "/v1/members", &Value::Null).await.status, 200);
    let keyed = [json, ("cookie", cookie), ("origin", "https://evil.example")];
    let answer = scene.owner.send("POST", "/v1/members", &keyed, member.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

/// A page of somebody else's could sign its visitors in as it pleases.
#[tokio::test]
async fn nobody_is_signed_in_by_a_page_of_somebody_elses() {
    let scene = scene().await;
    let body = json!({"key": scene.owner.key}).to_string();
    let client = scene.owner.with_key("");
    let sent = async |origin: Option<&str>| {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(origin.map(|origin| ("origin", origin)));
        client.send("POST", "/v1/session", &headers, body.clone()).await
    };
    assert_eq!(sent(Some(OURS)).await.status, 200);
    assert_eq!(sent(None).await.status, 200, "a program");
    for origin in ["null", "https://evil.example"] {
        let answer = sent(Some(origin)).await;
        assert_eq!((answer.status, answer.code(), answer.header("set-cookie")), (403, "foreign_origin", None));
    }
}

/// The gateway hands cookies in beside the headers, and takes them so.
#[tokio::test]
async fn cookies_go_through_the_gateway() {
    use countersign::http::serve::lambda_service;
    use lambda_http::{Context, LambdaEvent, Service};

    let scene = scene().await;
    let call = async |method: &str, path: &str, cookies: Value, body: String| {
        let event = json!({
            "version": "2.0", "routeKey": format!("{method} {path}"), "rawPath": path, "rawQueryString": "",
            "cookies": cookies, "headers": {"host": "countersign.example", "content-type": "application/json"},
            "isBase64Encoded": false, "body": body,
            "requestContext": {
                "accountId": "123456789012", "apiId": "api", "domainName": "countersign.example", "domainPrefix": "api",
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"},
                "requestId": "JKJaXmPLvHcESHA=", "routeKey": format!("{method} {path}"), "stage": "$default",
                "time": "10/Mar/2026:04:41:25 +0000", "timeEpoch": 1_790_000_000_000_i64
            }
        });
        let event = LambdaEvent::new(serde_json::from_value(event).unwrap(), Context::default());
        let mut service = lambda_service(scene.owner.router.clone(), &scene.app.world);
        serde_json::to_value(service.call(event).await.unwrap()).unwrap()
    };
    let body = json!({"key": scene.owner.key}).to_string();
    let answer = call("POST", "/v1/session", json!([]), body).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let cookies = answer["cookies"].as_array().unwrap();
    assert_eq!(cookies.len(), 1, "{answer}");
    assert_eq!(answer["headers"]["set-cookie"], Value::Null);
    let cookie = cookies[0].as_str().unwrap().split(';').next().unwrap();
    let shown = call("GET", "/v1/session", json!(["a=b", cookie]), String::new()).await;
    assert_eq!(shown["statusCode"], 200, "{shown}");
    // Wrong keys are counted by the address that the gateway saw.
    for _ in 0..5 {
        let wrong = json!({"key": "csk_nobody_0123456789abcdef"}).to_string();
        assert_eq!(call("POST", "/v1/session", json!([]), wrong).await["statusCode"], 401);
    }
    let body = json!({"key": scene.owner.key}).to_string();
    assert_eq!(call("POST", "/v1/session", json!([]), body).await["statusCode"], 429);
    assert_eq!(scene.sign_in(&scene.owner.key).await.status, 200, "from elsewhere");
    assert!(given(&scene.sign_in(&scene.owner.key).await).starts_with(NAME));
}
