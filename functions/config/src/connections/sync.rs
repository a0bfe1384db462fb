//! `POST /v1/connections/{id}/members/sync`: people of the platform's directory become members, or are bound to those that
//! are there. A directory of any size is taken over page by page.

mod index;
mod leavers;
mod people;
mod run;

use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use countersign::crypto::hex;
use countersign::engine::App;
use countersign::http::{Admin, Id, OptionalJson, Problem};
use countersign::ids::ConnectionId;
use countersign::providers::{Error, directory};
use countersign::resources::Connection;
use countersign::store::directories::{Phase, Run};
use serde::Deserialize;
use serde_json::{Value, json};

use run::{End, Page};

/// How long one page may take before another may begin, in milliseconds.
const LEASE: i64 = 60_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sync {
    /// The platform's id of a department; with those below it. Without it, everybody whom the app may see.
    department: Option<String>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// Takes over who is in the platform's directory, one page of it. Nobody is removed, and nothing that a member has is changed
/// but the account on this connection and whether it is still there: doing a page again does no harm.
pub(super) async fn sync_members(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<ConnectionId>,
    OptionalJson(request): OptionalJson<Sync>,
) -> Result<Response, Problem> {
    let connection = app.store.get::<Connection>(&caller.org, id.as_str()).await?.value;
    let Some(directory) = directory::by_kind(&connection.kind) else {
        let platform = if connection.kind == "external" { "an external OA" } else { "this platform" };
        return Err(Error::Unsupported { platform, what: "list members" }.into());
    };
    let account = connection.account(&app.data_key).await?;
    let now = app.world.now();
    // Two at once would make everybody twice.
    let Some(lease) = app.store.take_lease(&format!("sync#{}", caller.org), now, now + LEASE).await? else {
        return Err(Problem::conflict("conflict", "members are being taken over already; try again in a minute"));
    };
    let result = async {
        let run = find(&app, &connection, &request).await?;
        if request.cursor.as_ref().is_some_and(|cursor| *cursor != cursor_of(&run)) || run.phase == Phase::Done {
            // The answer to that page was lost.
            return Ok(answer(&run, None));
        }
        let mut page = Page::begin(&app, directory, &connection, &account, run).await?;
        let end = page.work().await?;
        let run = page.keep().await?;
        match end {
            End::Here => Ok(answer(&run, None)),
            End::Later { wait_ms } => Ok(answer(&run, wait_ms)),
            End::Failed(problem) => Err(problem.with("next_cursor", cursor_of(&run))),
        }
    }
    .await;
    app.store.release_lease(lease).await?;
    result
}

/// The run that is to go on, or a new one.
async fn find(app: &App, connection: &Connection, request: &Sync) -> Result<Run, Problem> {
    let Some(cursor) = &request.cursor else {
        let id = hex(&app.world.random::<8>());
        let mut run = Run::new(id, request.department.clone());
        app.store.begin_directory_run(&connection.id, &mut run, app.world.now()).await?;
        return Ok(run);
    };
    let page = |run: &Run| cursor.strip_prefix(&run.id)?.strip_prefix('.')?.parse::<u32>().ok();
    let run = app.store.directory_run(&connection.id).await?;
    let Some(run) = run.filter(|run| page(run).is_some_and(|page| page <= run.page)) else {
        let detail = "no such page of this connection's directory: another run has begun, or it is too long ago; begin again \
                      without a cursor";
        return Err(Problem::bad_field("invalid_cursor", "/cursor", detail));
    };
    if request.department.is_some() && request.department != run.department {
        let detail = "is another department than that of the page before; it may be left out";
        return Err(Problem::bad_field("invalid_request", "/department", detail));
    }
    Ok(run)
}

fn cursor_of(run: &Run) -> String {
    format!("{}.{}", run.id, run.page)
}

/// How far a run is, and how long to wait before the next page, where the platform asks for that.
fn answer(run: &Run, wait_ms: Option<u64>) -> Response {
    let tally = run.tally;
    let unreadable = run.unreadable.iter().map(|part| json!({"id": part.id, "detail": part.detail}));
    let without_mobile = run
        .without_mobile
        .iter()
        .map(|person| json!({"account": person.account, "member": person.member, "used_by": person.used_by}));
    let body = json!({
        "found": tally.created + tally.bound + tally.unchanged,
        "created": tally.created,
        "bound": tally.bound,
        "unchanged": tally.unchanged,
        "left": tally.left,
        "unreadable": unreadable.collect::<Vec<Value>>(),
        "without_mobile": without_mobile.collect::<Vec<Value>>(),
        "next_cursor": (run.phase != Phase::Done).then(|| cursor_of(run)),
    });
    let mut response = axum::Json(body).into_response();
    if let Some(ms) = wait_ms {
        response.headers_mut().insert(RETRY_AFTER, ms.div_ceil(1_000).max(1).into());
    }
    response
}
