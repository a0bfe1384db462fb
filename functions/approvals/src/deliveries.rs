//! `GET /v1/approvals/{id}/deliveries`: what its source was told, and whether it has it.

use axum::Json;
use axum::extract::State;
use countersign::delivery::rfc3339;
use countersign::http::{App, Caller, Id, ListQuery, Problem, Query};
use countersign::ids::ApprovalId;
use countersign::store::deliveries::{Delivery, DeliveryStatus};
use serde::Serialize;
use serde_json::{Value, json};

/// A delivery as it is shown.
#[derive(Serialize)]
struct View<'a> {
    id: &'a str,
    approval: &'a str,
    source: &'a str,
    r#type: &'a str,
    status: DeliveryStatus,
    attempts: u32,
    last_status: Option<u16>,
    last_error: Option<&'a str>,
    created_at: String,
    next_attempt_at: Option<String>,
    delivered_at: Option<String>,
}

impl<'a> From<&'a Delivery> for View<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        Self {
            id: delivery.id.as_str(),
            approval: delivery.approval.as_str(),
            source: delivery.source.as_str(),
            r#type: &delivery.event,
            status: delivery.status,
            attempts: delivery.attempts,
            last_status: delivery.last_status,
            last_error: delivery.last_error.as_deref(),
            created_at: rfc3339(delivery.created_at),
            next_attempt_at: delivery.next_attempt_at.map(rfc3339),
            delivered_at: delivery.delivered_at.map(rfc3339),
        }
    }
}

pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ApprovalId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let limit = query.limit()?;
    super::find(&app, &caller, &id).await?;
    let page = app.store.list_deliveries(&id, limit, query.cursor.as_deref()).await?;
    let items: Vec<View<'_>> = page.items.iter().map(View::from).collect();
    Ok(Json(json!({ "items": items, "next_cursor": page.next_cursor })))
}
