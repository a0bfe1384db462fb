//! The form of `externalApplyCallBack`: one for each level that was decided.
//!
//! `approverStatus` is what was decided at the level (1 passed, 2 rejected), `applyStatus` the form's state (0 pending, 1 passed,
//! 2 rejected). A level that passes before the last is 1 and 0, the last 1 and 1, a rejection 2 and 2. The format has no word for
//! what is withdrawn, expires or fails: that is a rejection by [`SYSTEM`] whose reason says what happened.

use url::form_urlencoded::Serializer;

use super::levels::{Levels, name, names};
use super::{News, Origin};
use crate::approval::{Closure, TaskStatus, TaskView};
use crate::delivery::EventType;
use crate::providers::external::wire::call_back::{
    APPLY_STATUS, APPROVAL_NODE, APPROVER_NAME, APPROVER_REASON, APPROVER_STATUS, NEXT_APPROVER_NAME,
};
use crate::providers::external::wire::{APPLY_ID, ORGANIZATION_ID, WORKSPACE_ID};
use crate::providers::lenient::shorten;
use crate::store::approvals::Record;

/// Who is named where nobody decided, or it is not known who.
const SYSTEM: &str = "system";
/// Longest names and longest remark, in characters. The vendor gives no limit.
const MAX_TEXT: usize = 500;

/// What a level has come to, and the form with it.
struct Decided {
    passed: bool,
    /// Whether the form has ended with it.
    ends: bool,
    level: usize,
    names: String,
    reason: Option<String>,
}

/// What tells of an event; `None` where the format has no word for it, or another event tells of it.
pub(super) fn tell(news: &News<'_>) -> Option<String> {
    let origin = Origin::of(&news.request?.origin)?;
    let levels = Levels::of(news.record);
    let closure = news.record.state.closed.as_ref();
    let decided = match news.told.event {
        EventType::NodeDecided => {
            let node = news.told.node?;
            let level = levels.passed(node.stage, node.node)?;
            passed(&levels, level, None, false)
        }
        EventType::Approved => passed(&levels, levels.at_the_end(), closure, true),
        EventType::Rejected => rejected(&levels, closure),
        EventType::Withdrawn => by_system(&levels, withdrawn(closure)),
        EventType::Expired => by_system(&levels, said(closure).unwrap_or_else(|| "The deadline has passed.".into())),
        EventType::Failed => by_system(&levels, failed(news.record)),
        // Approved and undone before we heard of either; else it was told as approved, and that cannot be taken back there.
        EventType::Revoked if news.told.was_open => by_system(&levels, "Approved, and undone after that.".into()),
        EventType::Submitted | EventType::Started | EventType::Escalated | EventType::Revoked => return None,
    };
    Some(form(&origin, &levels, &decided))
}

fn passed(levels: &Levels<'_>, level: usize, closure: Option<&Closure>, ends: bool) -> Decided {
    let tasks = levels.node(level).map(|node| node.tasks.as_slice()).unwrap_or_default();
    let decided: Vec<&TaskView> = tasks.iter().filter(|task| task.status == TaskStatus::Approved).collect();
    let names = names(decided.iter().map(|task| &task.assignee));
    let reason = remarks(&decided).or_else(|| said(closure));
    // Of a node with one approver it is known who approved it.
    let only = || if let [task] = tasks { name(&task.assignee) } else { None };
    Decided { passed: true, ends, level, names: names.or_else(only).unwrap_or_else(|| SYSTEM.into()), reason }
}

fn rejected(levels: &Levels<'_>, closure: Option<&Closure>) -> Decided {
    let decided: Vec<&TaskView> = levels.rejections().collect();
    match names(decided.iter().map(|task| &task.assignee)) {
        Some(names) => {
            let reason = remarks(&decided).or_else(|| said(closure));
            Decided { passed: false, ends: true, level: levels.at_the_end(), names, reason }
        }
        None => by_system(levels, said(closure).unwrap_or_else(|| "Rejected; it is not known by whom.".into())),
    }
}

fn by_system(levels: &Levels<'_>, reason: String) -> Decided {
    let level = levels.at_the_end();
    Decided { passed: false, ends: true, level, names: SYSTEM.into(), reason: Some(reason) }
}

/// What the end's own remark says.
fn said(closure: Option<&Closure>) -> Option<String> {
    closure?.remark.clone().filter(|remark| !remark.is_empty())
}

fn withdrawn(closure: Option<&Closure>) -> String {
    let by = closure.and_then(|closure| closure.by.as_ref()).and_then(name);
    let start = by.map_or_else(|| "Withdrawn".to_owned(), |by| format!("Withdrawn by {by}"));
    match said(closure) {
        Some(said) => format!("{start}: {said}"),
        None => start,
    }
}

fn failed(record: &Record) -> String {
    let why = record.failure.as_ref().map(|failure| failure.message.clone());
    let why = why.or_else(|| said(record.state.closed.as_ref()));
    why.map_or_else(|| "Could not be started.".to_owned(), |why| format!("Could not be started: {why}"))
}

/// What the deciders wrote; with their names where there are several.
fn remarks(tasks: &[&TaskView]) -> Option<String> {
    let said = |task: &&TaskView| task.remark.clone().filter(|remark| !remark.is_empty());
    if let [task] = tasks {
        return said(task);
    }
    let line = |task: &&TaskView| {
        let remark = said(task)?;
        Some(match name(&task.assignee) {
            Some(name) => format!("{name}: {remark}"),
            None => remark,
        })
    };
    let lines: Vec<String> = tasks.iter().filter_map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The form, without what proves who sends it. A flow of one level leaves its number and the next approvers out, as the vendor
/// lets it; of several levels the last has nobody next, and says so by an empty value.
fn form(origin: &Origin, levels: &Levels<'_>, decided: &Decided) -> String {
    let digit = |passed: bool| if passed { "1" } else { "2" };
    let mut form = Serializer::new(String::new());
    form.append_pair(APPLY_ID, &origin.apply_id)
        .append_pair(APPROVER_STATUS, digit(decided.passed))
        .append_pair(APPROVER_NAME, &shorten(&decided.names, MAX_TEXT))
        .append_pair(APPLY_STATUS, if decided.ends { digit(decided.passed) } else { "0" })
        .append_pair(ORGANIZATION_ID, &origin.organization_id)
        .append_pair(WORKSPACE_ID, &origin.workspace_id);
    if let Some(reason) = &decided.reason {
        form.append_pair(APPROVER_REASON, &shorten(reason, MAX_TEXT));
    }
    if levels.are_several() {
        let next = levels.asked(decided.level + 1).filter(|_| !decided.ends).unwrap_or_default();
        form.append_pair(APPROVAL_NODE, &(decided.level + 1).to_string())
            .append_pair(NEXT_APPROVER_NAME, &shorten(&next, MAX_TEXT));
    }
    form.finish()
}

#[cfg(test)]
mod tests;
