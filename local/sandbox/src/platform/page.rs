//! Pages: plain HTML, one style sheet and one script, nothing from elsewhere. Whatever came from outside goes through
//! [`Esc`].

use std::fmt;

use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

/// What browsers may load and run on a page of the sandbox: its own files and nothing inline.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The pages: their paths and their names, as HTML.
const PAGES: &[(&str, &str)] = &[
    ("/sandbox/dingtalk", "DingTalk <small>钉钉</small>"),
    ("/sandbox/feishu", "Feishu <small>飞书</small>"),
    ("/sandbox/wecom", "WeCom <small>企业微信</small>"),
    ("/sandbox/receiver", "Receiver"),
];

/// A text, escaped for HTML text and quoted attributes.
pub(crate) struct Esc<'a>(pub(crate) &'a str);

impl fmt::Display for Esc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => fmt::Write::write_char(f, other)?,
            }
        }
        Ok(())
    }
}

/// A whole page. `active` is the path of the navigation's entry; `body` is HTML.
pub(crate) fn shell(title: &str, active: &str, body: &str) -> Response {
    let entry = |path: &str, text: &str| {
        let current = if path == active { " aria-current=\"page\"" } else { "" };
        format!("<a href=\"{path}\"{current}>{text}</a>")
    };
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title} · Countersign sandbox</title>\
         <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/sandbox/_/page.css\">\
         <script src=\"/sandbox/_/page.js\" defer></script></head><body>\
         <header class=\"top\"><a class=\"brand\" href=\"/sandbox\">Countersign <b>sandbox</b></a>\
         <nav aria-label=\"Sandbox\">{nav}</nav>\
         <span class=\"note\">Played locally: nothing here reaches the real platforms.</span></header>{body}</body></html>",
        title = Esc(title),
        nav = PAGES.iter().map(|(path, text)| entry(path, text)).collect::<String>(),
    );
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    headers.insert("content-security-policy", HeaderValue::from_static(POLICY));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("referrer-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
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
pub(crate) fn avatar(name: &str) -> String {
    let count = name.chars().count();
    let short: String = name.chars().skip(count.saturating_sub(2)).collect();
    let colour = name.chars().fold(0_u32, |sum, character| sum.wrapping_mul(2).wrapping_add(character.into())) % 8;
    format!("<span class=\"avatar c{colour}\" aria-hidden=\"true\">{}</span>", Esc(&short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_becomes_markup() {
        let text = Esc("<b a=\"1\" b='2'>&amp;</b>").to_string();
        assert_eq!(text, "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;amp;&lt;/b&gt;");
    }
}
