//! `POST /v1/deliveries/{id}/redeliver` and `POST /v1/sources/{id}/redeliver`: sent again, under the same ids.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use countersign::engine::App;
use countersign::engine::deliver::redeliver::{self, Asked};
use countersign::http::{Id, Json, OptionalJson, Problem, Submitter};
use countersign::ids::{DeliveryId, SourceId};
use countersign::resources::Source;
use countersign::store::Error;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::deliveries::{View, find, source, time};

/// No fields.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Empty {}

pub(crate) async fn one(
    State(app): State<App>,
    Submitter(caller): Submitter,
    Id(id): Id<DeliveryId>,
    OptionalJson(Empty {}): OptionalJson<Empty>,
) -> Result<Response, Problem> {
    let row = find(&app, &caller, &id).await?;
    let to = match app.store.get::<Source>(&row.org, row.source.as_str()).await {
        Ok(stored) => stored.value,
        Err(Error::NotFound) => return Err(Problem::conflict("conflict", "the source was deleted")),
        Err(error) => return Err(error.into()),
    };
    let row = redeliver::one(&app, &to, row).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(View::from(&row))).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    since: String,
    #[serde(default)]
    status: Wanted,
    cursor: Option<String>,
}

/// Which deliveries are sent again.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    #[default]
    Dead,
    Delivered,
    All,
}

pub(crate) async fn many(
    State(app): State<App>,
    Submitter(caller): Submitter,
    Id(id): Id<SourceId>,
    Json(body): Json<Body>,
) -> Result<axum::Json<Value>, Problem> {
    let to = source(&app, &caller, &id).await?;
    let (delivered, dead) = (body.status != Wanted::Dead, body.status != Wanted::Delivered);
    let asked = Asked { since: time("/since", &body.since)?, delivered, dead, cursor: body.cursor.as_deref() };
    let done = redeliver::many(&app, &caller.org, &to, asked).await?;
    Ok(axum::Json(json!({ "redelivered": done.count, "next_cursor": done.next_cursor })))
}
