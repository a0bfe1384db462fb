//! What Quick BI shows as the reason of a decision. It wants one even for a pass.

use crate::approval::{Action, Entry};
use crate::delivery::EventType;
use crate::store::approvals::Record;

/// Longest reason, in characters. How long it may be is not documented.
const MAX_REASON: usize = 200;

/// Who decided and what they wrote, or what else ended it; never empty.
pub(super) fn of(event: EventType, record: &Record) -> String {
    let (word, action) = match event {
        EventType::Approved => ("Approved", Action::Approved),
        EventType::Withdrawn => ("Withdrawn", Action::Withdrawn),
        EventType::Revoked => ("Revoked", Action::Revoked),
        EventType::Expired => ("Nobody decided in time", Action::Expired),
        EventType::Failed => ("The approval could not be started", Action::Failed),
        _ => ("Rejected", Action::Rejected),
    };
    let history = record.state.view().history;
    let mut parts: Vec<String> = Vec::new();
    for part in history.iter().filter(|entry| entry.action == action && !entry.after_end).filter_map(said) {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    if let (EventType::Failed, Some(failure)) = (event, &record.failure) {
        parts = vec![failure.message.clone()];
    }
    let text = if parts.is_empty() { word.to_owned() } else { format!("{word}. {}", parts.join("; ")) };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match text.char_indices().nth(MAX_REASON) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Who, and what they wrote.
fn said(entry: &Entry) -> Option<String> {
    let who = entry.actor.as_ref().and_then(|actor| actor.name.clone().or_else(|| actor.account.clone()));
    let remark = entry.remark.as_ref().map(|remark| remark.trim()).filter(|remark| !remark.is_empty());
    match (who, remark) {
        (Some(who), Some(remark)) => Some(format!("{who}: {remark}")),
        (Some(who), None) => Some(who),
        (None, Some(remark)) => Some(remark.to_owned()),
        (None, None) => None,
    }
}
