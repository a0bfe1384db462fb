//! The sign-in pages: who one is, is chosen there; the browser goes back with a code that is good once and for five minutes.
//!
//! Where the browser may go back to is registered in the platforms' consoles. Here it is this program's own address.

use std::collections::BTreeMap;

use axum::extract::{Form, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use countersign::clock::World;
use maud::html;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::Platform;
use super::call::first;
use super::control::account;
use super::host::{Host, base};
use super::http::{Body, Refused, SameSite};
use super::lang::Reader;
use super::page::{avatar, name_of, shell};
use super::text::random_name;

/// How long a code is good, in milliseconds. Documented for each platform.
const LIFE: i64 = 5 * 60_000;
/// Letters and digits of a code.
const CODE: usize = 64;
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// What a sign-in page was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Where the browser goes back to.
    pub(crate) redirect: String,
    /// What goes back with it.
    pub(crate) state: String,
    /// The hash of what the exchange has to know, where the platform takes one.
    pub(crate) challenge: Option<String>,
    /// The names under which the code goes back.
    pub(crate) code_names: &'static [&'static str],
}

/// A code that was given out.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    /// Whose it is.
    pub(crate) account: String,
    /// Where it went.
    pub(crate) redirect: String,
    /// See [`Asked::challenge`].
    pub(crate) challenge: Option<String>,
    until: i64,
    used: bool,
}

/// Why a code is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spent {
    Unknown,
    Expired,
    Used,
}

/// The codes of a platform, and the tokens that they were exchanged for.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    codes: BTreeMap<String, Code>,
    tokens: BTreeMap<String, (String, i64)>,
}

impl Codes {
    fn give(&mut self, world: &World, account: String, asked: &Asked) -> String {
        let now = world.now();
        // Used ones are kept as long as expired ones would be told apart.
        self.codes.retain(|_, code| now < code.until + LIFE);
        let name = random_name(world, LETTERS, CODE);
        let (redirect, challenge) = (asked.redirect.clone(), asked.challenge.clone());
        self.codes.insert(name.clone(), Code { account, redirect, challenge, until: now + LIFE, used: false });
        name
    }

    /// Takes a code, once.
    pub(crate) fn take(&mut self, name: &str, now: i64) -> Result<Code, Spent> {
        let code = self.codes.get_mut(name).ok_or(Spent::Unknown)?;
        if code.used {
            return Err(Spent::Used);
        }
        if now >= code.until {
            return Err(Spent::Expired);
        }
        code.used = true;
        Ok(code.clone())
    }

    /// A person's own token, which begins so.
    pub(crate) fn token(&mut self, world: &World, start: &str, account: String) -> String {
        let token = format!("{start}{}", random_name(world, LETTERS, CODE));
        self.tokens.insert(token.clone(), (account, world.now() + 2 * 3_600_000));
        token
    }

    /// Whose token it is.
    pub(crate) fn person(&self, token: &str, now: i64) -> Option<String> {
        self.tokens.get(token).filter(|(_, until)| now < *until).map(|(account, _)| account.clone())
    }
}

/// A field of the query that has to be this.
pub(crate) fn must(query: &[(String, String)], name: &str, value: &str) -> Result<(), String> {
    match first(query, name) {
        Some(given) if given == value => Ok(()),
        Some(_) => Err(format!("`{name}` must be {value}")),
        None => Err(format!("`{name}` is missing")),
    }
}

/// A field of the query that has to be there.
pub(crate) fn need<'a>(query: &'a [(String, String)], name: &str) -> Result<&'a str, String> {
    first(query, name).ok_or_else(|| format!("`{name}` is missing"))
}

/// The pages, and the same for scripts.
pub(crate) fn routes<P: Platform>(base: &str) -> Router<Host<P>> {
    Router::new()
        .route(&format!("{base}/sign-in/{{*page}}"), get(page::<P>))
        .route(&format!("{base}/_/sign-in"), post(script::<P>))
        .route(&format!("{base}/_/sign-in/choose"), post(chosen::<P>))
}

/// What the page below `{base}/sign-in` was asked.
fn read<P: Platform>(host: &Host<P>, url: &Url) -> Result<Asked, String> {
    let below = format!("{}/sign-in", base::<P>());
    let own = Url::parse(&host.endpoint).map_err(|error| error.to_string())?;
    let path = url.path().strip_prefix(&below).filter(|_| url.origin() == own.origin());
    let path = path.ok_or_else(|| "this is no sign-in page".to_owned())?;
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let asked = host.state().asked(path, &query)?;
    let back = Url::parse(&asked.redirect).map_err(|_| "`redirect_uri` is no address".to_owned())?;
    if back.origin() != own.origin() {
        return Err(format!(
            "`redirect_uri` is not registered in the console: {}",
            back.origin().ascii_serialization()
        ));
    }
    Ok(asked)
}

/// Signs somebody in: where the browser goes.
fn go<P: Platform>(host: &Host<P>, user: &str, url: &str) -> Result<String, Refused> {
    let url = Url::parse(url).map_err(|_| Refused::bad("`url` is no address"))?;
    let asked = read(host, &url).map_err(Refused::bad)?;
    let account = account::<P>(&P::people(), user)?;
    let mut back = Url::parse(&asked.redirect).map_err(|_| Refused::bad("`redirect_uri` is no address"))?;
    let code = host.desk(|desk| desk.codes.give(&host.world, account, &asked));
    let mut query = back.query_pairs_mut();
    for name in asked.code_names {
        query.append_pair(name, &code);
    }
    query.append_pair("state", &asked.state);
    drop(query);
    Ok(back.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    user: String,
    url: String,
}

/// `POST _/sign-in`.
async fn script<P: Platform>(
    _: SameSite,
    Shared(host): Shared<Host<P>>,
    Body(choice): Body<Choice>,
) -> Result<Json<Value>, Refused> {
    Ok(Json(json!({"location": go(&host, &choice.user, &choice.url)?})))
}

/// What the page's form sends.
async fn chosen<P: Platform>(
    _: SameSite,
    Shared(host): Shared<Host<P>>,
    Form(choice): Form<Choice>,
) -> Result<Redirect, Refused> {
    Ok(Redirect::to(&go(&host, &choice.user, &choice.url)?))
}

/// The page.
async fn page<P: Platform>(
    Shared(host): Shared<Host<P>>,
    axum::extract::Path(path): axum::extract::Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    reader: Reader,
) -> Response {
    let mut url = match Url::parse(&format!("{}/sign-in/{path}", host.endpoint)) {
        Ok(url) => url,
        Err(error) => return Refused::bad(error.to_string()).into_response(),
    };
    url.query_pairs_mut().extend_pairs(&query);
    let asked = read(&host, &url);
    let status = if asked.is_ok() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let lang = reader.lang;
    let body = html! {
        main {
            h1 { (lang.say("Sign in")) " · " (name_of(lang, &base::<P>())) }
            @match &asked {
                Err(why) => p { (why) },
                Ok(_) => {
                    p.soft { (lang.say("Who are you? On the platform one would scan a QR code, or be known already.")) }
                    @for (person, account) in P::people() {
                        form.choose method="post" action={ (base::<P>()) "/_/sign-in/choose" } {
                            input type="hidden" name="user" value=(account);
                            input type="hidden" name="url" value=(url);
                            button { (avatar(person.name)) " " (person.name) " · " (person.job_title) }
                        }
                    }
                }
            }
        }
    };
    (status, shell(&reader, lang.say("Sign in"), &base::<P>(), &body)).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_code_is_taken_once_and_within_five_minutes() {
        let (world, mut codes) = (World::system(), Codes::default());
        let asked =
            Asked { redirect: "http://a".to_owned(), state: "s".to_owned(), challenge: None, code_names: &["code"] };
        let (one, other) = (codes.give(&world, "a".to_owned(), &asked), codes.give(&world, "b".to_owned(), &asked));
        assert_eq!(codes.take(&one, world.now()).unwrap().account, "a");
        assert_eq!(codes.take(&one, world.now()).unwrap_err(), Spent::Used);
        assert_eq!(codes.take(&other, world.now() + LIFE).unwrap_err(), Spent::Expired);
        assert_eq!(codes.take("x", world.now()).unwrap_err(), Spent::Unknown);
    }
}
