//! `GET /v1/inbox`: what waits for a member, and what they have done.

use axum::Json;
use axum::extract::State;
use countersign::delivery::rfc3339;
use countersign::engine::inbox::{Entry, Inbox, inbox};
use countersign::engine::{App, people};
use countersign::http::extract::limit;
use countersign::http::{Problem, Query, SignedIn};
use countersign::ids::MemberId;
use countersign::resources::Role;
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest cursor: time, approval and two indexes.
const MAX_CURSOR: usize = 128;

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    #[default]
    Open,
    Done,
}

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    member: Option<MemberId>,
    #[serde(default)]
    status: Wanted,
    limit: Option<u16>,
    cursor: Option<String>,
}

/// The newest first.
pub(crate) async fn list(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>, Problem> {
    let limit = limit(filter.limit)?;
    let cursor = filter.cursor.as_deref();
    let is_cursor = |text: &&str| text.len() <= MAX_CURSOR && text.starts_with(|digit: char| digit.is_ascii_digit());
    if cursor.is_some_and(|text| !is_cursor(&text)) {
        return Err(Problem::bad_field("invalid_cursor", "/cursor", "is none that this list has given"));
    }
    let own = caller.member().cloned();
    let Some(member) = filter.member.or_else(|| own.clone()) else {
        return Err(Problem::bad_field("invalid_request", "/member", "is required: a key has no inbox of its own"));
    };
    if own.as_ref() != Some(&member) {
        caller.require(Role::Admin)?;
    }
    let member = people::member(&app, &caller.org, &member).await?;
    let member = member.ok_or_else(Problem::not_found)?;
    let list = match filter.status {
        Wanted::Open => Inbox::Open,
        Wanted::Done => Inbox::Done,
    };
    let page = inbox(&app, &member, list, cursor, limit).await?;
    let items: Vec<Value> = page.entries.iter().map(view).collect();
    Ok(Json(json!({ "items": items, "next_cursor": page.next })))
}

fn view(entry: &Entry) -> Value {
    let (record, row) = (&entry.record, &entry.row);
    let stage = &record.state.stages[row.stage];
    let can: &[&str] = match &entry.done {
        None if stage.runs_here() => &["approve", "reject", "transfer", "add_approver", "comment"],
        _ => &[],
    };
    let node = row.node.and_then(|node| stage.nodes.get(node));
    let mut item = json!({
        "approval": record.id,
        "title": record.title,
        "applicant": { "member": record.state.applicant.member, "name": record.state.applicant.name },
        "kind": stage.kind,
        "stage": row.stage,
        "node": row.node,
        "node_name": node.map(|node| &node.name),
        "since": rfc3339(row.at),
        "deadline": record.state.deadline.map(|deadline| rfc3339(deadline.at)),
        "url": stage.url,
        "status": record.state.status(),
        "can": can,
    });
    if let Some(done) = &entry.done {
        item["decision"] = json!(done.outcome);
        item["decided_at"] = json!(rfc3339(done.at));
    }
    item
}
