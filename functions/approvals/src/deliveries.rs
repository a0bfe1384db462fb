//! What sources were told, and whether they have it: `GET /v1/approvals/{id}/deliveries`, `GET /v1/deliveries`,
//! `GET /v1/deliveries/{id}`.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use countersign::delivery::{from_rfc3339, rfc3339};
use countersign::engine::App;
use countersign::engine::submit::only_source;
use countersign::http::extract::limit;
use countersign::http::{Caller, Id, ListQuery, Listing, Problem, Query};
use countersign::ids::{ApprovalId, DeliveryId, SourceId};
use countersign::resources::Source;
use countersign::store::Row;
use countersign::store::deliveries::{Delivery, DeliveryStatus, ToSource};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Pages of the list that one request reads at most, so that a filter that few deliveries pass costs no more than one that all do:
/// the answer then holds fewer items, and a cursor to go on with.
const MAX_PAGES: usize = 4;

/// A delivery as it is shown.
#[derive(Serialize)]
pub(crate) struct View<'a> {
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
    redelivered_at: Option<String>,
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
            redelivered_at: delivery.redelivered_at.map(rfc3339),
        }
    }
}

/// A delivery with what is sent and what came back.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    view: View<'a>,
    body: &'a str,
    last_answer: Option<&'a str>,
}

pub(crate) async fn of_approval(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ApprovalId>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let limit = query.limit()?;
    super::find(&app, &caller, &id).await?;
    let found = app.store.delivery_rows(&id, limit, query.cursor.as_deref()).await?;
    answer(found.rows, found.next_cursor)
}

fn answer(rows: Vec<Row<Delivery>>, next_cursor: Option<String>) -> Result<Response, Problem> {
    let mut listing = Listing::default();
    for Row { id, cursor, value } in rows {
        if !listing.take(id, cursor, value.as_ref().map(View::from))? {
            break;
        }
    }
    listing.answer(next_cursor)
}

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    source: Option<SourceId>,
    status: Option<DeliveryStatus>,
    since: Option<String>,
    limit: Option<u16>,
    cursor: Option<String>,
}

/// The newest first.
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Response, Problem> {
    let limit = limit(filter.limit)?;
    let since = filter.since.as_deref().map(|text| time("/since", text)).transpose()?;
    let source = match &filter.source {
        Some(named) => source(&app, &caller, named).await?.id,
        None => match &caller.source {
            Some(own) => own.clone(),
            None => only_source(&app, &caller.org).await?.id,
        },
    };
    let mut found: Vec<Row<Delivery>> = Vec::new();
    let mut cursor = filter.cursor.clone();
    for _ in 0..MAX_PAGES {
        let left = limit - u16::try_from(found.len()).unwrap_or(limit);
        let (org, source, cursor_now) = (&caller.org, &source, cursor.as_deref());
        let to = ToSource { org, source, since, oldest_first: false, limit: left, cursor: cursor_now };
        let page = app.store.delivery_rows_to(&to).await?;
        let passes = |row: &Row<Delivery>| {
            row.value.as_ref().map_or(true, |row| filter.status.is_none_or(|status| row.status == status))
        };
        found.extend(page.rows.into_iter().filter(passes));
        cursor = page.next_cursor;
        if cursor.is_none() || found.len() >= usize::from(limit) {
            break;
        }
    }
    answer(found, cursor)
}

pub(crate) async fn read(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<DeliveryId>,
) -> Result<Json<Value>, Problem> {
    let row = find(&app, &caller, &id).await?;
    let whole = Whole { view: View::from(&row), body: &row.body, last_answer: row.last_answer.as_deref() };
    Ok(Json(json!(whole)))
}

/// The delivery, if this caller may see it: one of their organisation, and for a source's key of their source.
pub(crate) async fn find(app: &App, caller: &Caller, id: &DeliveryId) -> Result<Delivery, Problem> {
    let (approval, sequence) = id.position().ok_or_else(Problem::not_found)?;
    let row = app.store.delivery(&approval, sequence).await?;
    let own = row.org == caller.org && caller.source.as_ref().is_none_or(|source| *source == row.source);
    if own { Ok(row) } else { Err(Problem::not_found()) }
}

/// The source, if this caller may see what it was told.
pub(crate) async fn source(app: &App, caller: &Caller, id: &SourceId) -> Result<Source, Problem> {
    if caller.source.as_ref().is_some_and(|own| own != id) {
        return Err(Problem::forbidden("this key sees the deliveries of its own source only"));
    }
    Ok(app.store.get::<Source>(&caller.org, id.as_str()).await?.value)
}

/// A time in milliseconds.
pub(crate) fn time(pointer: &str, text: &str) -> Result<i64, Problem> {
    let wrong = || Problem::bad_field("invalid_request", pointer, "must be a time as in 2026-12-01T00:00:00Z");
    from_rfc3339(text).ok_or_else(wrong)
}
