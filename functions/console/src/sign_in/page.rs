//! The pages of signing in, in the reader's language: what has happened, and what to do about it. They load nothing, and run nothing.

use axum::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use countersign::crypto::hex;
use countersign::engine::App;
use countersign::http::Problem;
use countersign::providers::Error;
use countersign::providers::sign_in::{NotKnown, Step};
use countersign::resources::Connection;
use maud::{DOCTYPE, html};

use super::Answered;

/// A text in English and in Chinese.
type Text = [String; 2];

/// A page. Its texts stand in both languages until it is shown.
#[derive(Debug)]
pub(super) struct Page {
    status: StatusCode,
    title: [&'static str; 2],
    lines: Vec<Text>,
    /// What the platform said, for an administrator.
    detail: Option<String>,
    /// Links, each with its label.
    links: Vec<(String, Text)>,
}

/// Who reads.
pub(super) struct Reader {
    lang: usize,
    nonce: String,
}

impl Reader {
    pub(super) fn of(app: &App, headers: &HeaderMap) -> Self {
        let accepts = headers.get(ACCEPT_LANGUAGE).and_then(|header| header.to_str().ok()).unwrap_or_default();
        Self { lang: usize::from(prefers_chinese(accepts)), nonce: hex(&app.world.random::<16>()) }
    }

    /// The answer to a browser. Signing in is what a `GET` does: anything else asks for nothing.
    pub(super) fn answer(&self, method: Method, answered: Answered) -> Response {
        if method != Method::GET {
            return StatusCode::METHOD_NOT_ALLOWED.into_response();
        }
        answered.unwrap_or_else(|page| self.show(&page))
    }

    fn show(&self, page: &Page) -> Response {
        let (lang, nonce) = (self.lang, &self.nonce);
        let tag = ["en", "zh-CN"][lang];
        let body = html! {
            (DOCTYPE)
            html lang=(tag) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (page.title[lang]) " · Countersign" }
                    link rel="icon" href="data:,";
                    style nonce=(nonce) { (STYLE) }
                }
                body {
                    main {
                        h1 { (page.title[lang]) }
                        @for line in &page.lines { p { (line[lang]) } }
                        @if let Some(detail) = &page.detail { p.detail { (detail) } }
                        @for (href, label) in &page.links { p { a href=(href) { (label[lang]) } } }
                    }
                }
            }
        };
        let policy = format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
        let mut response = (page.status, body.into_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(VARY, HeaderValue::from_static("accept-language, cookie"));
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

const STYLE: &str = "body{margin:0;background:#f5f6f8;color:#1f2329;font:16px/1.6 system-ui,sans-serif}\
main{max-width:34rem;margin:2rem auto;padding:1.5rem;background:#fff;border-radius:8px;overflow-wrap:anywhere}\
h1{font-size:1.3rem;margin:0 0 1rem}.detail{color:#646a73;font-size:.9rem}\
a{display:inline-block;padding:.5rem 1.25rem;border-radius:6px;background:#1456f0;color:#fff;text-decoration:none}\
@media(max-width:40rem){main{margin:0;min-height:100vh;border-radius:0;box-sizing:border-box}}\
@media(prefers-color-scheme:dark){body{background:#111;color:#eee}main{background:#1c1c1e}.detail{color:#aaa}}";

/// Whether Chinese comes before English among what a browser accepts, by its weights.
fn prefers_chinese(accepts: &str) -> bool {
    let weight = |language: &str| {
        accepts
            .split(',')
            .filter_map(|part| {
                let (tag, rest) = part.trim().split_once(';').unwrap_or((part.trim(), ""));
                let weight = rest.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.parse::<f32>().ok())?;
                tag.to_ascii_lowercase().starts_with(language).then_some(weight)
            })
            .fold(0.0, f32::max)
    };
    let first_is_chinese = accepts.trim_start().to_ascii_lowercase().starts_with("zh");
    let (chinese, english) = (weight("zh"), weight("en"));
    chinese > english || (chinese > 0.0 && chinese >= english && first_is_chinese)
}

fn text(english: impl Into<String>, chinese: impl Into<String>) -> Text {
    [english.into(), chinese.into()]
}

fn retry(href: &str) -> (String, Text) {
    (href.to_owned(), text("Sign in again", "重新登录"))
}

const FAILED: [&str; 2] = ["Signing in did not work", "登录没有成功"];

impl Page {
    fn new(status: StatusCode, title: [&'static str; 2], line: Text) -> Self {
        Self { status, title, lines: vec![line], detail: None, links: Vec::new() }
    }

    fn line(mut self, line: Text) -> Self {
        self.lines.push(line);
        self
    }

    fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    fn link(mut self, link: (String, Text)) -> Self {
        self.links.push(link);
        self
    }

    /// No such connection, or one of a platform without signing in.
    pub(super) fn unknown_connection() -> Self {
        let line = text(
            "Nobody can sign in here: there is no such connection, or its platform has no sign-in. Check the address.",
            "无法在此登录：没有这个连接，或该平台不支持登录。请检查网址。",
        );
        Self::new(StatusCode::NOT_FOUND, ["There is no such page", "没有这个页面"], line)
    }

    /// Our own fault.
    pub(super) fn ours(problem: &Problem) -> Self {
        problem.log();
        let line =
            text("A part of Countersign does not answer. Try again in a moment.", "系统暂时没有响应，请稍后再试。");
        let status =
            if problem.status().is_server_error() { problem.status() } else { StatusCode::SERVICE_UNAVAILABLE };
        Self::new(status, FAILED, line)
    }

    /// The connection's settings do not do.
    pub(super) fn settings(error: &Error) -> Self {
        let line = text(
            "The connection's settings are not complete. An administrator has to mend them.",
            "该连接的设置不完整，请联系管理员修改。",
        );
        Self::new(StatusCode::BAD_GATEWAY, FAILED, line).detail(error.to_string())
    }

    /// The browser has begun no such sign-in.
    pub(super) fn not_begun(connection: &str, back: Option<&str>) -> Self {
        let line = text(
            "This browser has not begun this sign-in, or keeps no cookies. Begin anew, and stay in this browser.",
            "此浏览器没有发起这次登录，或没有保存 Cookie。请重新开始，并使用同一个浏览器。",
        );
        let href = super::pending::again("sign-in", connection, back.unwrap_or(super::HOME));
        Self::new(StatusCode::BAD_REQUEST, FAILED, line).link(retry(&href))
    }

    /// It took too long.
    pub(super) fn too_late(again: &str) -> Self {
        let line = text("Signing in took more than ten minutes. Begin anew.", "登录超过了十分钟，请重新登录。");
        Self::new(StatusCode::BAD_REQUEST, FAILED, line).link(retry(again))
    }

    /// It was used.
    pub(super) fn spent(again: &str) -> Self {
        let line = text("This sign-in was used already. Begin anew.", "这次登录已经使用过，请重新登录。");
        Self::new(StatusCode::BAD_REQUEST, FAILED, line).link(retry(again))
    }

    /// The person, or the platform, did not want to.
    pub(super) fn declined(again: &str) -> Self {
        let line = text(
            "The platform has sent no code: signing in was declined there, or this person may not use the app.",
            "平台没有返回登录码：登录被取消，或您没有使用该应用的权限。",
        );
        Self::new(StatusCode::BAD_REQUEST, FAILED, line).link(retry(again))
    }

    /// A binding, but somebody else is signed in now.
    pub(super) fn another_person(again: &str) -> Self {
        let line = text(
            "Whoever began this binding is not signed in any more. Nothing was bound.",
            "发起绑定的人已不是当前登录的人，没有绑定任何账号。",
        );
        let link = (again.to_owned(), text("Bind an account", "绑定账号"));
        Self::new(StatusCode::BAD_REQUEST, ["No account was bound", "没有绑定账号"], line).link(link)
    }

    /// Why a code is nobody's.
    pub(super) fn not_known(why: &NotKnown, connection: &Connection, again: &str) -> Self {
        let name = &connection.name;
        match why {
            NotKnown::Foreign => {
                let line = text(
                    format!(
                        "This account is not of the organisation that {name} belongs to. Sign in with an account of that organisation."
                    ),
                    format!("该账号不属于“{name}”所在的组织。请使用该组织的账号登录。"),
                );
                Self::new(StatusCode::FORBIDDEN, ["Another organisation's account", "其他组织的账号"], line)
                    .link(retry(again))
            }
            NotKnown::NoId(missing) => {
                let line = text(
                    format!("{name} has not said who you are. An administrator has to grant the app {missing}."),
                    format!("“{name}”没有返回您的身份。请管理员为应用开通权限 {missing}。"),
                );
                Self::new(StatusCode::BAD_GATEWAY, FAILED, line).detail(*missing)
            }
            NotKnown::Failed(step, error) => Self::failed(*step, error, connection, again),
        }
    }

    fn failed(step: Step, error: &Error, connection: &Connection, again: &str) -> Self {
        tracing::warn!(connection.id = %connection.id, ?step, error = error.name(), "a sign-in failed");
        let what = match step {
            Step::Code => ["to take the code of the sign-in", "换取登录码"],
            Step::Profile => ["to say who has signed in", "读取登录人的身份"],
            Step::Organization => ["to say which organisation it is of", "读取所属组织"],
            Step::Directory => ["to find the person in the organisation", "在组织中查找该人员"],
        };
        let name = &connection.name;
        let line =
            text(format!("{name} was asked {} and did not do it.", what[0]), format!("向“{name}”{}时失败。", what[1]));
        let remedy = match error {
            Error::Permission { fix, .. } => {
                text(format!("An administrator has to mend it: {fix}"), format!("请管理员处理：{fix}"))
            }
            Error::Credentials { .. } => {
                text("An administrator has to enter the app's secret again.", "请管理员重新填写应用的密钥。")
            }
            _ => {
                text("Sign in again. If it stays so, turn to an administrator.", "请重新登录；若仍失败，请联系管理员。")
            }
        };
        let page = Self::new(StatusCode::BAD_GATEWAY, FAILED, line).line(remedy);
        page.detail(format!("{step:?}: {error}")).link(retry(again))
    }

    /// Nobody has the account.
    pub(super) fn no_member(connection: &Connection, account: &str) -> Self {
        let name = &connection.name;
        let line = text(
            format!("{name} knows you, but you are no member here."),
            format!("“{name}”认识您，但您还不是这里的成员。"),
        );
        let ask = text(
            "Turn to an administrator of Countersign in your organisation: they add you, or give your member this account.",
            "请联系贵组织的 Countersign 管理员：由管理员添加您，或为您的成员绑定此账号。",
        );
        let title = ["You are no member", "您还不是成员"];
        Self::new(StatusCode::FORBIDDEN, title, line).line(ask).detail(format!("{} · {account}", connection.kind))
    }

    /// The member may not sign in.
    pub(super) fn switched_off(_: &Connection) -> Self {
        let line = text(
            "Your access was switched off, or the platform no longer has this account. Turn to an administrator.",
            "您的登录已被停用，或平台已没有此账号。请联系管理员。",
        );
        Self::new(StatusCode::FORBIDDEN, ["You may not sign in", "您不能登录"], line)
    }

    /// Somebody else than an owner has said where the connection leads.
    pub(super) fn not_of_owner(connection: &Connection) -> Self {
        let name = &connection.name;
        let line = text(
            format!(
                "Administrators sign in only through connections that an owner has saved. An owner has to save {name} once more."
            ),
            format!("管理员只能通过超级管理员保存过的连接登录。请超级管理员重新保存连接“{name}”。"),
        );
        Self::new(StatusCode::FORBIDDEN, ["You may not sign in", "您不能登录"], line)
    }

    /// Another member has the account.
    pub(super) fn account_taken(_: &Connection) -> Self {
        let line = text(
            "Another member has this account. Turn to an administrator: they can say whose it is, and change it.",
            "该账号已属于其他成员。请联系管理员确认并更改。",
        );
        Self::new(StatusCode::CONFLICT, ["No account was bound", "没有绑定账号"], line)
    }

    /// A key has no accounts.
    pub(super) fn key_binds_nothing() -> Self {
        let line = text(
            "You are signed in with a key, and a key has no accounts. Sign in as yourself, or let an administrator bind the account.",
            "您是用密钥登录的，密钥没有账号。请以本人身份登录，或由管理员绑定账号。",
        );
        Self::new(StatusCode::FORBIDDEN, ["No account was bound", "没有绑定账号"], line)
    }

    /// Somebody came from another site to bind an account.
    pub(super) fn bind_here(connection: &Connection, again: &str) -> Self {
        let name = &connection.name;
        let line = text(
            format!("The account with which you sign in to {name} will be yours here. Go on only if you wanted that."),
            format!("您在“{name}”登录的账号将绑定到您名下。仅在您确实需要时继续。"),
        );
        let link = (again.to_owned(), text("Bind my account", "绑定我的账号"));
        Self::new(StatusCode::OK, ["Bind an account", "绑定账号"], line).link(link)
    }

    /// Nobody is signed in.
    pub(super) fn sign_in_first(ways: Vec<(String, String)>) -> Self {
        let line = text("Sign in first; then you come back here.", "请先登录，登录后会回到这里。");
        let page = Self::new(StatusCode::UNAUTHORIZED, ["Sign in", "登录"], line);
        ways.into_iter().fold(page, |page, (href, name)| page.link((href, text(name.clone(), name))))
    }
}

#[cfg(test)]
mod tests {
    use super::prefers_chinese;

    #[test]
    fn the_language_that_counts_more_is_shown() {
        for chinese in ["zh-CN", "zh", "zh-CN,zh;q=0.9,en;q=0.8", "fr, zh-TW;q=0.5", "zh,en"] {
            assert!(prefers_chinese(chinese), "{chinese}");
        }
        for english in ["", "en", "en-GB,zh;q=0.5", "fr", "zh;q=0.1, en;q=0.2", "en, zh"] {
            assert!(!prefers_chinese(english), "{english}");
        }
    }
}
