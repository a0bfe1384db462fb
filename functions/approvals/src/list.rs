//! `GET /v1/approvals`: the newest first.

use axum::Json;
use axum::extract::State;
use countersign::approval::Status;
use countersign::delivery::Document;
use countersign::http::extract::limit;
use countersign::http::{App, Caller, Problem, Query};
use countersign::ids::{SourceId, WorkspaceId};
use countersign::store::approvals::Record;
use serde::Deserialize;
use serde_json::{Value, json};

/// Pages of the index that one request reads at most, so that a filter that few approvals pass costs no more than one that
/// all do: the answer then holds fewer items, and a cursor to go on with.
const MOST_PAGES: usize = 4;

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    status: Option<Status>,
    applicant: Option<String>,
    workspace: Option<WorkspaceId>,
    source: Option<SourceId>,
    limit: Option<u16>,
    cursor: Option<String>,
}

impl Filter {
    fn passes(&self, record: &Record) -> bool {
        self.status.is_none_or(|status| record.state.status() == status)
            && self.workspace.as_ref().is_none_or(|workspace| record.workspace.as_ref() == Some(workspace))
            && self.source.as_ref().is_none_or(|source| record.source == *source)
    }
}

pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(mut filter): Query<Filter>,
) -> Result<Json<Value>, Problem> {
    let limit = limit(filter.limit)?;
    if let Some(own) = &caller.source {
        if filter.source.as_ref().is_some_and(|asked| asked != own) {
            return Err(Problem::forbidden("this key sees the approvals of its own source only"));
        }
        filter.source = Some(own.clone());
    }
    let mut found: Vec<Document> = Vec::new();
    let mut cursor = filter.cursor.clone();
    for _ in 0..MOST_PAGES {
        let left = limit - u16::try_from(found.len()).unwrap_or(limit);
        let applicant = filter.applicant.as_deref();
        let page = app.store.list_approvals(&caller.org, applicant, left, cursor.as_deref()).await?;
        found.extend(page.items.iter().filter(|record| filter.passes(record)).map(Document::from));
        cursor = page.next_cursor;
        if cursor.is_none() || found.len() >= usize::from(limit) {
            break;
        }
    }
    Ok(Json(json!({ "items": found, "next_cursor": cursor })))
}
