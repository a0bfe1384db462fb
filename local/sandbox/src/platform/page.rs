//! Pages: plain HTML, one style sheet and one script, nothing from elsewhere. They are templates of `maud`, which escapes
//! whatever is put into them.

use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};

use super::lang::{Lang, Reader};

/// What browsers may load and run on a page of the sandbox: its own files and nothing inline.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The pages: their paths, their names and their Chinese names.
const PAGES: &[(&str, &str, &str)] = &[
    ("/sandbox/dingtalk", "DingTalk", "钉钉"),
    ("/sandbox/feishu", "Feishu", "飞书"),
    ("/sandbox/wecom", "WeCom", "企业微信"),
    ("/sandbox/receiver", "Receiver", "接收端"),
];

/// What the page at a path is called.
pub(crate) fn name_of(lang: Lang, path: &str) -> &'static str {
    PAGES.iter().find(|(known, ..)| *known == path).map_or("", |(_, name, chinese)| lang.of(name, chinese))
}

/// A whole page. `active` is the path of the navigation's entry.
pub(crate) fn shell(reader: &Reader, title: &str, active: &str, body: &Markup) -> Response {
    let lang = reader.lang;
    let page = html! {
        (DOCTYPE)
        html lang=(lang.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Countersign " (lang.say("sandbox")) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/sandbox/_/page.css";
                script src="/sandbox/_/page.js" defer {}
            }
            body data-working=(lang.say("Working…")) {
                header.top {
                    a.brand href="/sandbox" { "Countersign " b { (lang.say("sandbox")) } }
                    nav aria-label=(lang.say("Sandbox")) {
                        @for (path, name, chinese) in PAGES {
                            a href=(path) aria-current=[(*path == active).then_some("page")] {
                                (lang.of(name, chinese))
                            }
                        }
                    }
                    span.note { (lang.say("Played locally: nothing here reaches the real platforms.")) }
                    a.lang href=(reader.other) lang=(lang.of("zh-CN", "en")) { (lang.of("中文", "English")) }
                }
                (body)
            }
        }
    };
    let mut response = Html(page.into_string()).into_response();
    let headers = response.headers_mut();
    headers.insert("content-security-policy", HeaderValue::from_static(POLICY));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("referrer-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    headers.insert("vary", HeaderValue::from_static("accept-language, cookie"));
    if let Some(cookie) = reader.cookie.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert("set-cookie", cookie);
    }
    response
}

/// The style sheet and the script.
pub(crate) fn assets() -> Router {
    let file = |kind: &'static str, text: &'static str| {
        move || async move {
            let headers =
                [("content-type", kind), ("cache-control", "no-cache"), ("x-content-type-options", "nosniff")];
            (headers.map(|(name, value)| (HeaderName::from_static(name), value)), text)
        }
    };
    Router::new()
        .route("/sandbox/_/page.css", get(file("text/css; charset=utf-8", STYLE)))
        .route("/sandbox/_/page.js", get(file("text/javascript; charset=utf-8", SCRIPT)))
}

/// A round picture of a name: its last two characters on a colour that stays the person's.
pub(crate) fn avatar(name: &str) -> Markup {
    let count = name.chars().count();
    let short: String = name.chars().skip(count.saturating_sub(2)).collect();
    let colour = name.chars().fold(0_u32, |sum, character| sum.wrapping_mul(2).wrapping_add(character.into())) % 8;
    html! { span class={ "avatar c" (colour) } aria-hidden="true" { (short) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_becomes_markup() {
        let text = "<b a=\"1\" b='2'>&amp;</b>";
        let escaped = "&lt;b a=&quot;1&quot; b='2'&gt;&amp;amp;&lt;/b&gt;";
        assert_eq!(html! { (text) }.into_string(), escaped);
        assert_eq!(html! { i title=(text) {} }.into_string(), format!("<i title=\"{escaped}\"></i>"));
    }
}
