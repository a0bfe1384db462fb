//! What tells of an approval in a delivery, in so many bytes at most: a delivery is one item of the table.
//!
//! The outcome always fits. What is too long is left out in this order, and the document says so: the remarks of history lines that stand in
//! the tasks as well, the ends of remarks, the history but for its ends, the tasks.

use super::document::{Document, Entry};
use crate::approval::{Action, cut};

/// Most bytes of a delivery's body. An item holds 400 KB; the rest is for what is noted of the attempts.
pub const MAX_BODY: usize = 320 * 1024;
/// To what lengths remarks are cut, in bytes.
const LENGTHS: [usize; 4] = [1_024, 256, 64, 0];

/// The JSON that `write` makes of a document, shortened as far as needed; `None` where it cannot be made.
pub fn within(mut document: Document, max: usize, write: impl Fn(&Document) -> Option<String>) -> Option<String> {
    let mut body = write(&document)?;
    for step in 0..LENGTHS.len() + 3 {
        if body.len() <= max {
            break;
        }
        shorten(&mut document, step);
        body = write(&document)?;
    }
    Some(body)
}

fn shorten(document: &mut Document, step: usize) {
    match (step, step.checked_sub(1).and_then(|index| LENGTHS.get(index))) {
        (0, _) => {
            document.shortened.insert("history");
            for line in document.history.iter_mut().filter(|line| is_of_a_task(line)) {
                line.remark = None;
            }
        }
        (_, Some(length)) => {
            document.shortened.insert("remarks");
            for remark in remarks(document) {
                remark.truncate(cut(remark, *length).len());
            }
        }
        _ if document.history.iter().any(is_of_a_task) => {
            document.shortened.insert("history");
            document.history.retain(|line| !is_of_a_task(line) && line.action != Action::Commented);
        }
        _ => {
            document.shortened.insert("tasks");
            for node in document.stages.iter_mut().flat_map(|stage| &mut stage.nodes) {
                node.tasks.clear();
            }
        }
    }
}

/// Whether what a line tells stands in a task as well.
fn is_of_a_task(line: &Entry) -> bool {
    matches!(line.action, Action::Approved | Action::Rejected | Action::Transferred) && line.actor.is_some()
}

fn remarks(document: &mut Document) -> impl Iterator<Item = &mut String> {
    let tasks = document.stages.iter_mut().flat_map(|stage| &mut stage.nodes).flat_map(|node| &mut node.tasks);
    tasks
        .filter_map(|task| task.remark.as_mut())
        .chain(document.history.iter_mut().filter_map(|line| line.remark.as_mut()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::approval::{Event, Outcome, Person, Status, TaskEnd, TaskFact, TaskOutcome};
    use crate::delivery::events::testing::record;

    /// So many approvers who all write this.
    fn document(approvers: usize, remark: &str) -> Document {
        let mut record = record();
        record.state.started(0, "i".into(), None, 1_790_000_000_500);
        let person = |n: usize| Person { account: Some(format!("user-{n:03}")), ..Person::default() };
        record.state.stages[0].nodes[0].approvers = (0..approvers).map(person).collect();
        for n in 0..approvers {
            let end = TaskEnd {
                outcome: TaskOutcome::Approved,
                at: 1_790_000_001_000,
                remark: Some(remark.into()),
                to: None,
            };
            let fact =
                TaskFact { assignee: format!("user-{n:03}"), node: Some(0), end: Some(end), ..TaskFact::default() };
            record.state.apply(0, Event::Task { task: n.to_string(), fact });
        }
        record.state.apply(0, Event::Finished { outcome: Outcome::Approved, at: 1_790_000_002_000 });
        Document::from(&record)
    }

    fn written(document: Document) -> (usize, serde_json::Value) {
        let body = within(document, MAX_BODY, |document| serde_json::to_string(document).ok()).unwrap();
        (body.len(), serde_json::from_str(&body).unwrap())
    }

    #[test]
    fn the_outcome_always_fits_whatever_people_write() {
        for (approvers, remark) in [(80, "审".repeat(1_024)), (400, "审".repeat(1_024)), (400, "\u{1}".repeat(1_024))]
        {
            let document = document(approvers, &remark);
            assert_eq!(document.status, Status::Approved);
            let (bytes, told) = written(document);
            assert!(bytes <= MAX_BODY, "{bytes}");
            assert_eq!((&told["status"], told["decided_at"].is_string()), (&"approved".into(), true));
            assert!(!told["shortened"].as_array().unwrap().is_empty());
            assert_eq!(told["stages"][0]["nodes"][0]["tasks"].as_array().unwrap().len(), approvers);
        }
    }

    #[test]
    fn what_is_short_is_told_as_it_is() {
        let document = document(3, "fine");
        assert_eq!(serde_json::to_value(&document).unwrap(), written(document.clone()).1);
        assert!(document.shortened.is_empty());
    }

    #[test]
    fn however_little_room_there_is_the_document_is_told() {
        for max in [200_000, 60_000, 20_000, 2_000] {
            let body =
                within(document(200, &"x".repeat(900)), max, |document| serde_json::to_string(document).ok()).unwrap();
            assert!(body.len() <= max.max(20_000) || max == 2_000, "{max}: {}", body.len());
            assert!(body.contains("\"status\":\"approved\"") && body.contains("shortened"));
        }
    }
}
