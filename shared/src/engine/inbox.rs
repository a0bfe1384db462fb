//! The lists of what waits for people and of what they have done, kept by dispatch and read by the people.

use std::collections::{BTreeSet, HashMap};

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::approval::{AccountIds, BUILTIN, DoneTask, OpenTask, Stage};
use crate::engine::App;
use crate::ids::ApprovalId;
use crate::resources::Member;
use crate::store::Error;
use crate::store::approvals::Record;
pub use crate::store::inbox::{Inbox, InboxRow};

/// Rows that are written at the same time.
const AT_ONCE: usize = 8;
/// Pages of the lists that one request reads at most.
const MAX_PAGES: usize = 4;

/// The connection and the account under which somebody's tasks of a stage are listed. Whatever runs here is one list of a member.
fn address(stage: &Stage, account: &str) -> (String, String) {
    let connection = if stage.runs_here() { BUILTIN } else { stage.connection.as_str() };
    (connection.to_owned(), AccountIds::KnowNoCase.key(account).into_owned())
}

/// The rows that an approval stands in: a pure function of its state, so that a change says which come and which go.
#[must_use]
pub fn rows(record: &Record) -> BTreeSet<InboxRow> {
    let row = |list, stage: usize, node, account: &str, at| {
        let (connection, account) = address(record.state.stages.get(stage)?, account);
        Some(InboxRow { list, connection, account, at, approval: record.id.clone(), stage, node })
    };
    let open = record.state.open_tasks().into_iter();
    let open =
        open.filter_map(|task| row(Inbox::Open, task.place.stage, Some(task.place.node), &task.account, task.since));
    let done = record.state.done_tasks().into_iter();
    let done = done.filter_map(|task| row(Inbox::Done, task.stage, task.node, &task.account, task.at));
    open.chain(done).collect()
}

/// Brings the lists up to a change, of which `old` is what was before, where there was anything that can be read. A change that is
/// handed in again, even after a later one, does no harm: a row of a later version stays, and one that is too many is not borne out
/// by its approval.
///
/// # Errors
/// The table's own: the change should be handed in again.
pub(super) async fn keep_up(app: &App, old: Option<&Record>, new: &Record) -> Result<(), Error> {
    let before = old.map(rows).unwrap_or_default();
    let after = rows(new);
    let version = new.version;
    let come = after.difference(&before).map(|row| (row, true));
    let go = before.difference(&after).map(|row| (row, false));
    let writes = come.chain(go).map(|(row, comes)| async move {
        if comes { app.store.put_inbox_row(row, version).await } else { app.store.remove_inbox_row(row, version).await }
    });
    stream::iter(writes.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).try_collect().await
}

/// One of somebody's tasks.
#[derive(Debug)]
pub struct Entry {
    /// Its row.
    pub row: InboxRow,
    /// The approval as it is now.
    pub record: Record,
    /// How it ended, of one that is done.
    pub done: Option<DoneTask>,
}

/// One page of somebody's list, the newest first.
#[derive(Debug, Default)]
pub struct Page {
    /// What is on it.
    pub entries: Vec<Entry>,
    /// The position before which the next page begins; `None` on the last.
    pub next: Option<String>,
}

/// Reads a page of a member's list, over all their accounts. A page may hold fewer than `limit`, or none, and not be the last.
///
/// # Errors
/// The table's own.
pub async fn inbox(app: &App, member: &Member, list: Inbox, before: Option<&str>, limit: u16) -> Result<Page, Error> {
    let mut page = Page { entries: Vec::new(), next: before.map(str::to_owned) };
    for _ in 0..MAX_PAGES {
        let left = usize::from(limit) - page.entries.len();
        let (rows, more) = newest(app, member, list, page.next.as_deref(), left).await?;
        page.next = rows.last().map(InboxRow::position).filter(|_| more);
        page.entries.extend(borne_out(app, member, rows).await?);
        if page.next.is_none() || page.entries.len() >= usize::from(limit) {
            break;
        }
    }
    Ok(page)
}

/// The newest rows of all the member's accounts, and whether there are more.
async fn newest(
    app: &App,
    member: &Member,
    list: Inbox,
    before: Option<&str>,
    limit: usize,
) -> Result<(Vec<InboxRow>, bool), Error> {
    let here = (BUILTIN.to_owned(), member.id.to_string());
    let fold = |account: &String| AccountIds::KnowNoCase.key(account).into_owned();
    let accounts = member.accounts.iter().map(|(connection, account)| (connection.to_string(), fold(account)));
    // One more than is shown tells whether there are more.
    let wanted = u16::try_from(limit + 1).unwrap_or(u16::MAX);
    let queries = accounts
        .chain([here])
        .map(|(connection, account)| async move { app.store.inbox(list, &connection, &account, before, wanted).await });
    let found: Vec<Vec<InboxRow>> = stream::iter(queries.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await?;
    let mut rows: Vec<InboxRow> = found.into_iter().flatten().collect();
    rows.sort_by_cached_key(|row| std::cmp::Reverse(row.position()));
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok((rows, more))
}

/// The rows that their approvals bear out, each with its approval.
async fn borne_out(app: &App, member: &Member, rows: Vec<InboxRow>) -> Result<Vec<Entry>, Error> {
    let mut ids: Vec<ApprovalId> = rows.iter().map(|row| row.approval.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let found = app.store.approvals_there(&ids).await?;
    let records: HashMap<ApprovalId, Record> = found
        .into_iter()
        .filter_map(|(id, record)| Some((id, record.filter(|record| record.org == member.org)?)))
        .collect();
    let entries = rows.into_iter().filter_map(|row| {
        let record = records.get(&row.approval)?;
        let stage = record.state.stages.get(row.stage)?;
        let own = |account: &str| match member.accounts.iter().find(|(id, _)| id.as_str() == row.connection) {
            Some((_, known)) if !stage.runs_here() => stage.account_ids.same(known, account),
            _ => account == member.id.as_str(),
        };
        let done = match row.list {
            Inbox::Open => {
                let waits = |task: &OpenTask| {
                    let here = task.place.stage == row.stage && Some(task.place.node) == row.node;
                    here && task.since == row.at && own(&task.account)
                };
                record.state.open_tasks().iter().any(waits).then_some(None)?
            }
            Inbox::Done => {
                let is_it = |task: &DoneTask| task.stage == row.stage && task.at == row.at && own(&task.account);
                Some(record.state.done_tasks().into_iter().find(is_it)?)
            }
        };
        Some(Entry { record: record.clone(), row, done })
    });
    Ok(entries.collect())
}
