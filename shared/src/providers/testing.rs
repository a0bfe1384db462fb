//! A small server on the loopback that answers as a platform was seen to, and what a call needs beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use jiff::tz::{Offset, TimeZone};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::outbound::{AddressPolicy, Outbound};
use super::{Account, Calls, Contact, Error, Keeping, NodePlan, Resource, Start, Started, TokenStore};
use crate::approval::Mode;
use crate::clock::{Clock, SystemEntropy, World};

/// The time of every call.
pub(super) const NOW: i64 = 1_790_000_000_000;

/// An approval of two nodes.
pub(super) fn start() -> Start {
    let node = |mode, approvers: &[&str]| NodePlan {
        name: "Owner".into(),
        mode,
        approvers: approvers.iter().map(ToString::to_string).collect(),
    };
    Start {
        approval: "apr_01test".into(),
        stage: 0,
        submitted_at: NOW - 60_000,
        title: "Read access to orders".into(),
        reason: None,
        applicant: Some("manager4220".into()),
        applicant_details: Contact { name: Some("张三".into()), ..Contact::default() },
        fields: json!({"sensitivity": 3, "table": "orders"}).as_object().unwrap().clone(),
        resource: Some(Resource { name: "orders".into(), url: None }),
        starts_at: Some(1_790_006_400_000),
        ends_at: None,
        nodes: vec![node(Mode::All, &["u1"]), node(Mode::Any, &["u2", "u3", "u2"])],
        template: None,
        time_zone: TimeZone::fixed(Offset::constant(8)),
        organization_name: None,
        workspace_name: None,
    }
}

/// Whatever failed, failed before the call that starts: that was not made.
#[track_caller]
pub(super) fn was_not_sent(platform: &FakePlatform, start_call: &str, started: Result<Started, Error>) {
    let error = started.unwrap_err();
    assert!(matches!(error, Error::NotSent { .. }), "{error:?}");
    assert!(platform.seen(start_call).is_empty());
}

/// What distinguishes one platform's stand-in from another's.
#[derive(Clone, Copy)]
pub(super) struct Manners {
    /// A connection to it at this endpoint.
    pub(super) account: fn(&str) -> Account,
    /// The call that gives tokens.
    pub(super) token_call: &'static str,
    /// The n-th token, where a test says nothing else.
    pub(super) token: fn(usize) -> Value,
    /// The header in which calls carry it; none where they carry it in the query.
    pub(super) token_header: Option<&'static str>,
}

/// A call that came in.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Method and path.
    pub(super) call: String,
    pub(super) query: String,
    pub(super) token: Option<String>,
    /// The body as JSON, or null.
    pub(super) body: Value,
}

struct Said {
    status: u16,
    headers: HeaderMap,
    body: String,
}

#[derive(Default)]
struct Script {
    answers: HashMap<String, VecDeque<Arc<Said>>>,
    seen: Vec<Seen>,
}

/// The stand-in, and everything a call needs.
pub(super) struct FakePlatform {
    script: Arc<Mutex<Script>>,
    pub(super) account: Account,
    pub(super) http: Outbound,
    tokens: Tokens,
    world: World,
}

impl FakePlatform {
    pub(super) async fn new(manners: Manners) -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = script.clone();
        let router = Router::new().fallback(move |request: Request<Body>| answer(manners, shared.clone(), request));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            script,
            account: (manners.account)(&endpoint),
            http: Outbound::new(AddressPolicy::AllowAll, Duration::from_millis(500)),
            tokens: Tokens::default(),
            world: World { clock: Arc::new(At(NOW)), entropy: Arc::new(SystemEntropy) },
        }
    }

    /// The next answer to this call. The last one is repeated.
    pub(super) fn says(&self, call: &str, status: u16, body: impl ToString) -> &Self {
        self.says_with(call, status, &[], body)
    }

    /// Like [`Self::says`], with headers.
    pub(super) fn says_with(
        &self,
        call: &str,
        status: u16,
        headers: &[(&'static str, &'static str)],
        body: impl ToString,
    ) -> &Self {
        let header = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let said = Said { status, headers: headers.iter().map(header).collect(), body: body.to_string() };
        let mut script = self.script.lock().unwrap();
        script.answers.entry(call.to_owned()).or_default().push_back(Arc::new(said));
        drop(script);
        self
    }

    pub(super) fn calls(&self) -> Calls<'_> {
        Calls { http: &self.http, tokens: &self.tokens, world: &self.world }
    }

    /// What came in of this call, in order.
    pub(super) fn seen(&self, call: &str) -> Vec<Seen> {
        self.script.lock().unwrap().seen.iter().filter(|seen| seen.call == call).cloned().collect()
    }

    /// Whether nothing came in at all.
    pub(super) fn saw_nothing(&self) -> bool {
        self.script.lock().unwrap().seen.is_empty()
    }
}

async fn answer(
    manners: Manners,
    script: Arc<Mutex<Script>>,
    request: Request<Body>,
) -> (StatusCode, HeaderMap, String) {
    let call = format!("{} {}", request.method(), request.uri().path());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let header = manners.token_header.and_then(|name| request.headers().get(name));
    let token = header.map(|value| value.to_str().unwrap().to_owned());
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let mut script = script.lock().unwrap();
    script.seen.push(Seen { call: call.clone(), query, token, body });
    let fetched = script.seen.iter().filter(|seen| seen.call == manners.token_call).count();
    let Some(answers) = script.answers.get_mut(&call) else {
        return if call == manners.token_call {
            (StatusCode::OK, HeaderMap::new(), (manners.token)(fetched).to_string())
        } else {
            (StatusCode::NOT_FOUND, HeaderMap::new(), call)
        };
    };
    let said = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
    (StatusCode::from_u16(said.status).unwrap(), said.headers.clone(), said.body.clone())
}

struct At(i64);

impl Clock for At {
    fn now(&self) -> i64 {
        self.0
    }
}

/// Tokens in memory.
#[derive(Default)]
struct Tokens(Mutex<HashMap<String, (SecretString, i64)>>);

impl TokenStore for Tokens {
    fn get<'a>(&'a self, key: &'a str, now: i64) -> Keeping<'a, Option<SecretString>> {
        let found = self.0.lock().unwrap().get(key).filter(|(_, expires)| now + 600_000 < *expires).cloned();
        Box::pin(async move { found.map(|(token, _)| token) })
    }

    fn put<'a>(&'a self, key: &'a str, token: &'a SecretString, expires_at: i64) -> Keeping<'a, ()> {
        self.0.lock().unwrap().insert(key.to_owned(), (token.clone(), expires_at));
        Box::pin(async {})
    }

    fn forget<'a>(&'a self, key: &'a str, refused: &'a SecretString) -> Keeping<'a, ()> {
        let mut kept = self.0.lock().unwrap();
        if kept.get(key).is_some_and(|(token, _)| token.expose_secret() == refused.expose_secret()) {
            kept.remove(key);
        }
        Box::pin(async {})
    }

    fn claim<'a>(&'a self, _: &'a str, _: i64) -> Keeping<'a, bool> {
        Box::pin(async { true })
    }

    fn give_up<'a>(&'a self, _: &'a str) -> Keeping<'a, ()> {
        Box::pin(async {})
    }
}
