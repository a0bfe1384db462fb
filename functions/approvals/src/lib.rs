//! Reads, lists, decides and withdraws approvals; shows deliveries and sends them again; says that the service is up.

mod acts;
mod deliveries;
mod inbox;
mod list;
mod redeliver;
mod withdraw;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use countersign::approval::Person;
use countersign::delivery::{Document, rfc3339};
use countersign::engine::App;
use countersign::engine::people;
use countersign::http::{Caller, Id, Problem, SignedIn, ok_router};
use countersign::ids::ApprovalId;
use countersign::resources::Role;
use countersign::store::approvals::Record;
use countersign::store::requests::Request;
use serde::Serialize;
use serde_json::{Value, json};

/// What this function serves.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/health"),
    ("GET", "/v1/approvals"),
    ("GET", "/v1/approvals/{id}"),
    ("GET", "/v1/approvals/{id}/deliveries"),
    ("POST", "/v1/approvals/{id}/approvers"),
    ("POST", "/v1/approvals/{id}/comments"),
    ("POST", "/v1/approvals/{id}/decisions"),
    ("POST", "/v1/approvals/{id}/return"),
    ("POST", "/v1/approvals/{id}/revoke"),
    ("POST", "/v1/approvals/{id}/transfer"),
    ("POST", "/v1/approvals/{id}/withdraw"),
    ("GET", "/v1/inbox"),
    ("GET", "/v1/deliveries"),
    ("GET", "/v1/deliveries/{id}"),
    ("POST", "/v1/deliveries/{id}/redeliver"),
    ("POST", "/v1/sources/{id}/redeliver"),
];

/// The routes of this function.
pub fn routes(app: App) -> Router {
    let world = app.world.clone();
    let router = Router::new()
        .route("/health", get(health))
        .route("/v1/approvals", get(list::list))
        .route("/v1/approvals/{id}", get(read))
        .route("/v1/approvals/{id}/deliveries", get(deliveries::of_approval))
        .route("/v1/approvals/{id}/approvers", post(acts::add))
        .route("/v1/approvals/{id}/comments", post(acts::comment))
        .route("/v1/approvals/{id}/decisions", post(acts::decide))
        .route("/v1/approvals/{id}/return", post(acts::send_back))
        .route("/v1/approvals/{id}/revoke", post(acts::revoke))
        .route("/v1/approvals/{id}/transfer", post(acts::transfer))
        .route("/v1/approvals/{id}/withdraw", post(withdraw::withdraw))
        .route("/v1/inbox", get(inbox::list))
        .route("/v1/deliveries", get(deliveries::list))
        .route("/v1/deliveries/{id}", get(deliveries::read))
        .route("/v1/deliveries/{id}/redeliver", post(redeliver::one))
        .route("/v1/sources/{id}/redeliver", post(redeliver::many))
        .with_state(app);
    ok_router(router, &world)
}

/// Up, once it answers.
async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// An approval with what was submitted.
#[derive(Serialize)]
struct Full {
    #[serde(flatten)]
    approval: Document,
    request: Asked,
}

/// What was submitted, as far as the approval does not show it.
#[derive(Serialize)]
struct Asked {
    reason: Option<String>,
    fields: Value,
    resource: Value,
    starts_at: Option<String>,
    ends_at: Option<String>,
}

impl From<Request> for Asked {
    fn from(request: Request) -> Self {
        Self {
            reason: request.reason,
            fields: Value::Object(request.fields),
            resource: json!(request.resource),
            starts_at: request.starts_at.map(rfc3339),
            ends_at: request.ends_at.map(rfc3339),
        }
    }
}

async fn read(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<ApprovalId>,
) -> Result<Json<Full>, Problem> {
    let mut record = find(&app, &caller, &id).await?;
    people::recognise(&app, &mut [&mut record], true).await?;
    let request = app.store.request(&id).await?.request;
    Ok(Json(Full { approval: Document::from(&record), request: request.into() }))
}

/// The approval, if this caller may see it: one of their organisation, for a source's key of their source, and for a member without
/// access one that they have a part in.
async fn find(app: &App, caller: &Caller, id: &ApprovalId) -> Result<Record, Problem> {
    let record = app.store.approval(id).await?;
    let own = record.org == caller.org && caller.source.as_ref().is_none_or(|source| *source == record.source);
    let sees = own && (caller.role >= Role::Viewer || has_part(app, caller, &record).await?);
    if sees { Ok(record) } else { Err(Problem::not_found()) }
}

/// Whoever calls, as the history tells of them: a member as the member, a key by its id.
fn by(caller: &Caller) -> Person {
    Person { member: caller.member().map(ToString::to_string), name: Some(caller.told()), account: None }
}

/// Whether the member who calls asks for the approval, or is or was asked to decide.
async fn has_part(app: &App, caller: &Caller, record: &Record) -> Result<bool, Problem> {
    let Some(id) = caller.member() else { return Ok(false) };
    let member = people::member(app, &caller.org, id).await?;
    let account = |connection: &str| {
        let accounts = member.iter().flat_map(|member| &member.accounts);
        accounts.into_iter().find(|(own, _)| own.as_str() == connection).map(|(_, account)| account.clone())
    };
    Ok(record.state.has_part(id.as_str(), account))
}
