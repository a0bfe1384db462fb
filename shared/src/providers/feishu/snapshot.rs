//! What reading an instance tells.
//!
//! Tasks stand in `task_list`, with the node's id; what was said, to whom a task went, and returns to earlier nodes
//! stand in `timeline`. Times are milliseconds as texts, and `"0"` is "not yet".

use serde_json::Value;

use super::events::{instance_outcome, node_index};
use crate::approval::{Comment, Outcome, Rollback, Snapshot, TaskEnd, TaskFact, TaskOutcome};
use crate::providers::lenient::{items, number, plausible, shorten, text};

/// Longest remark that is kept, in characters.
const REMARK_LIMIT: usize = 1_024;

/// One entry of `timeline`.
struct Entry<'a> {
    kind: &'a str,
    task: Option<String>,
    person: Option<String>,
    at: Option<i64>,
    remark: Option<String>,
    /// To whom a task was handed.
    to: Option<String>,
}

/// Reads the `data` of get-instance. `now` (milliseconds) stands in for ends without a time.
pub(super) fn snapshot(instance: &Value, now: i64) -> Snapshot {
    let timeline: Vec<Entry<'_>> = items(&instance["timeline"]).iter().map(Entry::of).collect();
    let tasks: Vec<_> = items(&instance["task_list"])
        .iter()
        .filter_map(|listed| Some((text(&listed["id"])?, fact(listed, &timeline, now)?)))
        .collect();
    let rollbacks = timeline.iter().filter(|entry| entry.kind.starts_with("ROLLBACK"));
    let rollbacks = rollbacks.filter_map(|entry| rollback(entry, &tasks)).collect();
    let comments = items(&instance["comment_list"]).iter().filter_map(comment).collect();
    let last = timeline.iter().filter_map(|entry| entry.at).max();
    let ended_at = time(&instance["end_time"]).or(last).unwrap_or(now);
    Snapshot { tasks, rollbacks, comments, outcome: outcome(instance).map(|outcome| (outcome, ended_at)) }
}

/// How the instance ended. One that was undone after it had passed reads as canceled; `reverted` tells them apart.
pub(super) fn outcome(instance: &Value) -> Option<Outcome> {
    if instance["reverted"] == true {
        return Some(Outcome::Revoked);
    }
    instance_outcome(instance["status"].as_str()?)
}

impl<'a> Entry<'a> {
    fn of(entry: &'a Value) -> Self {
        let extra = entry["ext"].as_str().and_then(|extra| serde_json::from_str(extra).ok()).unwrap_or(Value::Null);
        Self {
            kind: entry["type"].as_str().unwrap_or_default(),
            task: text(&entry["task_id"]),
            person: person(entry),
            at: time(&entry["create_time"]),
            remark: text(&entry["comment"]).map(|remark| shorten(&remark, REMARK_LIMIT)),
            to: receiver(&extra).or_else(|| receiver(entry)),
        }
    }

    fn tells_of(&self, outcome: TaskOutcome) -> bool {
        match outcome {
            TaskOutcome::Approved => matches!(self.kind, "PASS" | "ADD_APPROVER_AFTER"),
            TaskOutcome::Rejected => self.kind == "REJECT",
            TaskOutcome::Transferred => self.kind == "TRANSFER",
            TaskOutcome::Skipped => false,
        }
    }
}

/// What is known of a task; nothing where nobody holds it: it was passed automatically. `now` stands in for the time of an
/// end that is not told, since the first that is told counts.
fn fact(task: &Value, timeline: &[Entry<'_>], now: i64) -> Option<TaskFact> {
    let assignee = person(task)?;
    let outcome = match task["status"].as_str().unwrap_or_default() {
        "APPROVED" => Some(TaskOutcome::Approved),
        "REJECTED" => Some(TaskOutcome::Rejected),
        "TRANSFERRED" => Some(TaskOutcome::Transferred),
        "DONE" | "ROLLBACK" | "OVERTIME_CLOSE" => Some(TaskOutcome::Skipped),
        // Open, or a status that we do not know, which closes nothing.
        _ => None,
    };
    let opened_at = time(&task["start_time"]);
    let end = outcome.map(|outcome| {
        let id = text(&task["id"]);
        let own = |entry: &&Entry<'_>| match entry.task {
            Some(_) => entry.task == id,
            None => entry.person.as_ref() == Some(&assignee),
        };
        let said = timeline.iter().filter(own).find(|entry| entry.tells_of(outcome));
        let at = time(&task["end_time"]).or_else(|| said?.at).unwrap_or(now);
        let to = said.and_then(|entry| entry.to.clone()).filter(|_| outcome == TaskOutcome::Transferred);
        TaskEnd { outcome, at, remark: said.and_then(|entry| entry.remark.clone()), to }
    });
    let node = text(&task["custom_node_id"]).and_then(|id| node_index(&id));
    Some(TaskFact { assignee, node, opened_at, end, ..TaskFact::default() })
}

/// A return to an earlier node: the node of the first task since, of the node that it came from or an earlier one.
/// While there is none, nobody is asked again yet, and a later reading tells. In a customer's definition, whose nodes
/// we cannot number, all nodes are held to be asked again: those before the first that is are passed by it.
fn rollback(entry: &Entry<'_>, tasks: &[(String, TaskFact)]) -> Option<Rollback> {
    let at = entry.at?;
    let from = tasks.iter().find(|(id, _)| Some(id) == entry.task.as_ref()).and_then(|(_, fact)| fact.node);
    let since = tasks.iter().map(|(_, fact)| fact).filter(|fact| fact.opened_at.is_some_and(|opened| opened >= at));
    let node = |fact: &TaskFact| fact.node.unwrap_or_default();
    let asked = since.filter(|fact| node(fact) <= from.unwrap_or(u8::MAX));
    asked.min_by_key(|fact| (fact.opened_at, node(fact))).map(|fact| Rollback::new(node(fact), at))
}

fn comment(comment: &Value) -> Option<Comment> {
    let text = text(&comment["comment"]).map(|text| shorten(&text, REMARK_LIMIT))?;
    Some(Comment { at: time(&comment["create_time"])?, account: person(comment)?, text })
}

/// Whose it is, by the id that accounts are.
fn person(value: &Value) -> Option<String> {
    text(&value["open_id"]).or_else(|| text(&value["user_id"]))
}

fn receiver(value: &Value) -> Option<String> {
    let first = |name: &str| text(&value[name][0]);
    first("open_id_list").or_else(|| first("user_id_list"))
}

fn time(value: &Value) -> Option<i64> {
    number(value).and_then(plausible).filter(|at| *at > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn task(id: i64, person: &str, node: &str, status: &str, times: [i64; 2]) -> Value {
        json!({"id": id.to_string(), "open_id": person, "user_id": "b85s39b1", "status": status, "custom_node_id": node,
            "node_id": "46e6d96cfa756980907209209ec03b64", "node_name": "审批", "type": "AND",
            "start_time": times[0].to_string(), "end_time": times[1].to_string()})
    }

    #[test]
    fn every_end_of_a_task() {
        for (status, expected) in [
            ("APPROVED", Some(TaskOutcome::Approved)),
            ("REJECTED", Some(TaskOutcome::Rejected)),
            ("TRANSFERRED", Some(TaskOutcome::Transferred)),
            ("DONE", Some(TaskOutcome::Skipped)),
            ("ROLLBACK", Some(TaskOutcome::Skipped)),
            ("PENDING", None),
            ("A_NEW_STATUS", None),
        ] {
            let read =
                snapshot(&json!({"status": "PENDING", "task_list": [task(1, "ou_1", "node_1", status, [5, 9])]}), 99);
            let (id, fact) = &read.tasks[0];
            assert_eq!(
                (id.as_str(), fact.assignee.as_str(), fact.node, fact.opened_at),
                ("1", "ou_1", Some(1), Some(5))
            );
            assert_eq!(fact.end.as_ref().map(|end| (end.outcome, end.at)), expected.map(|outcome| (outcome, 9)));
        }
        let left_out = json!({"task_list": [{"id": "2", "status": "APPROVED", "type": "AUTO_PASS", "open_id": "", "user_id": ""},
            {"open_id": "ou_1"}, null, 4]});
        assert_eq!(snapshot(&left_out, 99), Snapshot::default());
    }

    #[test]
    fn every_end_of_an_instance() {
        for (status, reverted, expected) in [
            ("APPROVED", false, Some(Outcome::Approved)),
            ("REJECTED", false, Some(Outcome::Rejected)),
            ("CANCELED", false, Some(Outcome::Withdrawn)),
            ("CANCELLED", false, Some(Outcome::Withdrawn)),
            ("DELETED", false, Some(Outcome::Withdrawn)),
            ("CANCELED", true, Some(Outcome::Revoked)),
            ("PENDING", false, None),
            ("A_NEW_STATUS", false, None),
        ] {
            let told =
                |end: &str| snapshot(&json!({"status": status, "reverted": reverted, "end_time": end}), 9).outcome;
            assert_eq!(told("7"), expected.map(|outcome| (outcome, 7)), "{status}");
            assert_eq!(told("0"), expected.map(|outcome| (outcome, 9)), "{status}");
        }
    }

    #[test]
    fn the_timeline_tells_what_was_said_and_who_a_task_went_to() {
        let entry = |kind: &str, task: i64, comment: &str, ext: &str| {
            json!({"type": kind, "task_id": task.to_string(), "open_id": "ou_1", "create_time": "8", "comment": comment,
                "ext": ext, "node_key": "APPROVAL_240330_4058663"})
        };
        let instance = json!({
            "status": "PENDING",
            "task_list": [task(1, "ou_1", "node_0", "APPROVED", [5, 0]), task(2, "ou_1", "node_1", "TRANSFERRED", [6, 8]),
                task(3, "ou_9", "node_1", "PENDING", [8, 0])],
            "timeline": [entry("START", 0, "", ""), entry("PASS", 1, "fine", "{}"),
                entry("TRANSFER", 2, "on leave", r#"{"open_id_list":["ou_9"],"user_id_list":["u9"]}"#),
                entry("A_NEW_KIND", 3, "x", "no json")],
            "comment_list": [{"id": "c1", "open_id": "ou_5", "comment": "by the way", "create_time": "7"},
                {"id": "c2", "open_id": "ou_5", "comment": "", "create_time": "7"}],
        });
        let read = snapshot(&instance, 99);
        let end = |index: usize| read.tasks[index].1.end.clone().unwrap();
        assert_eq!((end(0).remark.as_deref(), end(0).at, end(0).to), (Some("fine"), 8, None));
        assert_eq!((end(1).remark.as_deref(), end(1).to.as_deref()), (Some("on leave"), Some("ou_9")));
        assert_eq!(read.tasks[2].1.end, None);
        assert_eq!(read.comments, [Comment { at: 7, account: "ou_5".into(), text: "by the way".into() }]);
    }

    #[test]
    fn a_return_leads_to_the_node_that_is_asked_again() {
        let back = json!({"type": "ROLLBACK_SELECTED", "task_id": "3", "open_id": "ou_3", "create_time": "30"});
        let before = [
            task(1, "ou_1", "node_0", "APPROVED", [5, 9]),
            task(2, "ou_2", "node_1", "APPROVED", [9, 20]),
            task(3, "ou_3", "node_2", "DONE", [20, 30]),
        ];
        let read = |added: &[Value]| {
            let tasks: Vec<_> = before.iter().chain(added).cloned().collect();
            snapshot(&json!({"status": "PENDING", "task_list": tasks, "timeline": [back]}), 99).rollbacks
        };
        assert_eq!(read(&[]), [], "nobody is asked again yet");
        let again = [task(4, "ou_2", "node_1", "APPROVED", [30, 40]), task(5, "ou_3", "node_2", "PENDING", [40, 0])];
        assert_eq!(read(&again), [Rollback::new(1, 30)]);
        assert_eq!(read(&[task(6, "ou_1", "审批节点-2", "PENDING", [31, 0])]), [Rollback::new(0, 30)]);
    }
}
