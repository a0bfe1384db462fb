//! `GET|POST /callbacks/{connection}`: the platforms' encrypted callbacks.
//!
//! A callback is verified, decrypted and parsed, applied by one conditional write, and answered in the platform's own
//! format. What is verified and cannot be read is acknowledged and counted, and its instance read: repeating it would not
//! help, and hold back what comes after. What cannot be verified is answered with a fixed body and changes nothing. Our own fault is a 503, so that the
//! platform sends it again.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use countersign::engine::App;
use countersign::engine::callback::{Received, receive};
use countersign::engine::connections::OpenConnection;
use countersign::http::{Id, extract, ok_router, pasted};
use countersign::ids::ConnectionId;
use countersign::providers::{CallbackError, Notice, Opened, RawCallback, Reply};
use countersign::store;

/// What this function serves.
pub const ROUTES: &[(&str, &str)] = &[("GET", "/callbacks/{connection}"), ("POST", "/callbacks/{connection}")];

/// Below these the gateway hands in everything else: an address that was pasted with a slash behind it.
pub const BELOW: &[(&str, &str)] = &[("GET", "/callbacks/{proxy+}"), ("POST", "/callbacks/{proxy+}")];

/// The routes of this function.
pub fn routes(app: App) -> Router {
    let world = app.world.clone();
    let router = pasted(Router::new(), "/callbacks/{connection}", get(callback).post(callback)).with_state(app);
    ok_router(router, &world)
}

async fn callback(State(app): State<App>, Id(id): Id<ConnectionId>, request: Request) -> Response {
    let raw = match raw(&app, request).await {
        Ok(raw) => raw,
        Err(status) => return plain(status),
    };
    match handle(&app, &id, &raw).await {
        Ok(reply) => answer(&reply),
        Err(CallbackRefusal::Unknown) => plain(StatusCode::NOT_FOUND),
        Err(CallbackRefusal::Callback(reply)) => answer(&reply),
        Err(CallbackRefusal::Ours(error)) => {
            tracing::error!(connection.id = %id, %error, "the callback could not be applied; the platform sends it again");
            let mut response = plain(StatusCode::SERVICE_UNAVAILABLE);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            response
        }
    }
}

/// Why a callback was not taken in.
enum CallbackRefusal {
    /// There is no such connection, or it takes no callbacks here.
    Unknown,
    /// It cannot be verified or read.
    Callback(Reply),
    /// The table failed.
    Ours(store::Error),
}

async fn handle(app: &App, id: &ConnectionId, raw: &RawCallback) -> Result<Reply, CallbackRefusal> {
    let (connection, opened) = open(app, id, raw).await?;
    if opened.is_unreadable() {
        let instance = opened.notices.first().map(|notice| notice.instance.as_str());
        tracing::warn!(connection.id = %id, ?instance, "a callback of the platform's could not be read; acknowledged");
        app.note_unreadable(&connection.connection.id).await;
    }
    for notice in &opened.notices {
        apply(app, &connection, notice).await?;
    }
    Ok(opened.acknowledge(&app.world))
}

/// Opens a callback with the connection as this process knows it; where that fails, with the connection as it is stored
/// now: its keys may have been changed a moment ago.
async fn open(
    app: &App,
    id: &ConnectionId,
    raw: &RawCallback,
) -> Result<(Arc<OpenConnection>, Opened), CallbackRefusal> {
    let known = find(app.connection(id).await)?;
    let error = match known.provider.open(&known.account, raw, &app.world) {
        Ok(opened) => return Ok((known, opened)),
        Err(error) => error,
    };
    if error != CallbackError::Malformed {
        let fresh = find(app.connection_afresh(&known).await)?;
        if let Ok(opened) = fresh.provider.open(&fresh.account, raw, &app.world) {
            return Ok((fresh, opened));
        }
    }
    tracing::warn!(connection.id = %id, %error, "callback refused");
    Err(CallbackRefusal::Callback(known.provider.reject(error)))
}

fn find(found: Result<Option<Arc<OpenConnection>>, store::Error>) -> Result<Arc<OpenConnection>, CallbackRefusal> {
    match found {
        Ok(Some(connection)) if connection.provider.has_callbacks() => Ok(connection),
        Ok(_) => Err(CallbackRefusal::Unknown),
        Err(error) => Err(CallbackRefusal::Ours(error)),
    }
}

async fn apply(app: &App, known: &Arc<OpenConnection>, notice: &Notice) -> Result<(), CallbackRefusal> {
    let mut received = take_in(app, known, notice).await?;
    if received == Received::NotOurs && notice.template.is_some() {
        // One of the connection's templates may have been made a moment ago, for this very instance.
        let fresh = find(app.connection_with_template(known).await)?;
        if fresh.account.templates != known.account.templates {
            received = take_in(app, &fresh, notice).await?;
        }
    }
    tracing::info!(connection.id = %known.connection.id, instance = ?notice.instance, ?received, "callback received");
    Ok(())
}

async fn take_in(app: &App, open: &OpenConnection, notice: &Notice) -> Result<Received, CallbackRefusal> {
    let ours = |template: &str| open.account.has_template(template);
    receive(app, &open.connection.id, notice, ours).await.map_err(CallbackRefusal::Ours)
}

/// The request as providers take it.
async fn raw(app: &App, request: Request) -> Result<RawCallback, StatusCode> {
    let method = request.method().as_str().to_owned();
    let query = request.uri().query().unwrap_or_default();
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let headers = headers(request.headers());
    let body = extract::body(request, app).await.map_err(|problem| problem.status())?;
    Ok(RawCallback { method, query, headers, body: body.to_vec() })
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&header::HeaderName, &HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    headers.iter().filter_map(text).collect()
}

fn answer(reply: &Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, reply.content_type)], reply.body.clone()).into_response()
}

/// A refusal before the platform is known: the shape that DingTalk and its kin use.
fn plain(status: StatusCode) -> Response {
    let text = status.canonical_reason().unwrap_or("error").to_ascii_lowercase();
    (status, axum::Json(serde_json::json!({ "errcode": status.as_u16(), "errmsg": text }))).into_response()
}
