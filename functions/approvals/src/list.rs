//! `GET /v1/approvals`: the newest first.

use axum::extract::State;
use axum::response::Response;
use countersign::approval::Status;
use countersign::delivery::Document;
use countersign::engine::App;
use countersign::engine::people;
use countersign::http::extract::limit;
use countersign::http::{Listing, Problem, Query, SignedIn};
use countersign::ids::{MemberId, OrgId, SourceId, WorkspaceId};
use countersign::resources::Role;
use countersign::store::approvals::Record;
use countersign::store::{Error, Row, Rows};
use serde::Deserialize;

/// Pages of the index that one request reads at most, so that a filter that few approvals pass costs no more than one that
/// all do: the answer then holds fewer items, and a cursor to go on with.
const MAX_PAGES: usize = 4;

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
    SignedIn(caller): SignedIn,
    Query(mut filter): Query<Filter>,
) -> Result<Response, Problem> {
    let limit = limit(filter.limit)?;
    if caller.role < Role::Viewer {
        let own = caller.member().map(ToString::to_string);
        if filter.applicant.is_some() && filter.applicant != own {
            return Err(Problem::forbidden(
                "a member without access sees the approvals that they asked for, and their inbox",
            ));
        }
        filter.applicant = own;
    }
    if let Some(own) = &caller.source {
        if filter.source.as_ref().is_some_and(|asked| asked != own) {
            return Err(Problem::forbidden("this key sees the approvals of its own source only"));
        }
        filter.source = Some(own.clone());
    }
    let lists = Lists::of(&app, &caller.org, filter.applicant.as_deref()).await?;
    let mut found: Vec<Row<Record>> = Vec::new();
    let mut cursor = filter.cursor.clone();
    for _ in 0..MAX_PAGES {
        let left = limit - u16::try_from(found.len()).unwrap_or(limit);
        let page = lists.page(&app, &caller.org, left, cursor.as_deref()).await?;
        found.extend(
            page.rows.into_iter().filter(|row| row.value.as_ref().map_or(true, |record| filter.passes(record))),
        );
        cursor = page.next_cursor;
        if cursor.is_none() || found.len() >= usize::from(limit) {
            break;
        }
    }
    let mut readable: Vec<&mut Record> = found.iter_mut().filter_map(|row| row.value.as_mut().ok()).collect();
    people::recognise(&app, &mut readable, true).await?;
    let mut listing = Listing::default();
    for Row { id, cursor, value } in found {
        if !listing.take(id, cursor, value.as_ref().map(Document::from))? {
            break;
        }
    }
    listing.answer(cursor)
}

/// The cursor that begins with the second list.
const SECOND: &str = "named";

/// Where the approvals of an applicant are listed: those of the member whom the filter names, then those under what it names,
/// from before that was a member's.
struct Lists {
    first: Option<String>,
    second: Option<String>,
}

impl Lists {
    async fn of(app: &App, org: &OrgId, applicant: Option<&str>) -> Result<Self, Problem> {
        let named = applicant.map(str::to_owned);
        let Some(text) = applicant.filter(|text| text.parse::<MemberId>().is_err()) else {
            return Ok(Self { first: named, second: None });
        };
        let member = people::member_named(app, org, text).await?;
        Ok(match member {
            Some(member) => Self { first: Some(member.to_string()), second: named },
            None => Self { first: named, second: None },
        })
    }

    async fn page(&self, app: &App, org: &OrgId, limit: u16, cursor: Option<&str>) -> Result<Rows<Record>, Error> {
        if let Some(second) = &self.second {
            let first = self.first.as_deref();
            let found = match cursor {
                Some(SECOND) => None,
                // A cursor belongs to one list.
                cursor => match app.store.approval_rows(org, first, limit, cursor).await {
                    Err(Error::InvalidCursor) => None,
                    other => Some(other?),
                },
            };
            if let Some(mut page) = found {
                page.next_cursor = page.next_cursor.or_else(|| Some(SECOND.to_owned()));
                return Ok(page);
            }
            let cursor = cursor.filter(|cursor| *cursor != SECOND);
            return app.store.approval_rows(org, Some(second), limit, cursor).await;
        }
        app.store.approval_rows(org, self.first.as_deref(), limit, cursor).await
    }
}
