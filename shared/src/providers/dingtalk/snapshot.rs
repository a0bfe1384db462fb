//! What reading an instance tells.
//!
//! Times are whole minutes and carry a false `Z`: they are Beijing time. That is proven by one response only; events
//! carry milliseconds and are preferred where both are known, which the state machine does by taking the later.

use std::collections::HashMap;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::Value;

use super::events::REMARK_LIMIT;
use crate::approval::{Comment, Outcome, Rollback, Snapshot, TaskEnd, TaskFact, TaskOutcome};
use crate::providers::lenient::{items, number, plausible, shorten, text};

/// The zone of all times in answers, whatever they say (unconfirmed for organisations outside China).
const BEIJING: Offset = Offset::constant(8);
/// What the user ids of placeholder tasks start with.
const PLACEHOLDER: &str = "V00_";

/// One entry of `tasks`.
struct Task {
    id: String,
    user: String,
    status: String,
    result: String,
    created: Option<i64>,
    finished: Option<i64>,
    activity: Option<String>,
}

/// One entry of `operationRecords`.
struct Record {
    kind: String,
    user: String,
    at: Option<i64>,
    remark: Option<String>,
    activity: Option<String>,
}

/// Reads the `result` of get-instance. `now` (milliseconds) stands in for ends without a time.
pub(super) fn snapshot(instance: &Value, now: i64) -> Snapshot {
    let tasks = tasks(instance);
    let nodes = node_indexes(&tasks);
    let mut records: Vec<Record> = items(&instance["operationRecords"]).iter().map(record).collect();
    let rollbacks = rollbacks(&records, &tasks, &nodes);
    let comments = records.iter().filter(|record| record.kind == "ADD_REMARK").filter_map(comment).collect();
    let outcome = outcome(instance, &records, now);
    let tasks = tasks.into_iter().map(|task| {
        let node = task.activity.as_ref().and_then(|activity| nodes.get(activity)).copied();
        let end = task.end(&mut records, now);
        (task.id, TaskFact { assignee: task.user, node, opened_at: task.created, end, ..TaskFact::default() })
    });
    Snapshot { tasks: tasks.collect(), rollbacks, comments, outcome }
}

/// The tasks that people were given, in order. Those that have not begun and the placeholders say nothing.
fn tasks(instance: &Value) -> Vec<Task> {
    let read = |task: &Value| {
        Some(Task {
            id: text(&task["taskId"])?,
            user: text(&task["userId"])?,
            status: word(&task["status"]),
            result: word(&task["result"]),
            created: time(&task["createTime"]),
            finished: time(&task["finishTime"]),
            activity: text(&task["activityId"]),
        })
    };
    let mut tasks: Vec<Task> = items(&instance["tasks"]).iter().filter_map(read).collect();
    tasks.retain(|task| task.status != "NEW" && !task.user.starts_with(PLACEHOLDER));
    tasks.sort_by_key(Task::order);
    tasks
}

impl Task {
    fn order(&self) -> (i64, i64) {
        (self.created.unwrap_or(i64::MAX), self.id.parse().unwrap_or(i64::MAX))
    }

    /// How it ended; `now` stands in for a time that is not told, since the first that is told counts.
    fn end(&self, records: &mut Vec<Record>, now: i64) -> Option<TaskEnd> {
        let outcome = match (self.status.as_str(), self.result.as_str()) {
            ("COMPLETED", "AGREE") => TaskOutcome::Approved,
            ("COMPLETED", "REFUSE") => TaskOutcome::Rejected,
            ("COMPLETED", "REDIRECTED") => TaskOutcome::Transferred,
            ("CANCELED" | "TERMINATED", _) => TaskOutcome::Skipped,
            // Running, paused, or a result that we do not know, which closes nothing.
            _ => return None,
        };
        let at = self.finished.unwrap_or(now);
        let remark = self.take_remark(outcome, records);
        Some(TaskEnd { outcome, at, remark, to: None })
    }

    /// What was written with the decision: remarks stand in the records, which name no task.
    fn take_remark(&self, outcome: TaskOutcome, records: &mut Vec<Record>) -> Option<String> {
        let fits = |record: &Record| {
            let kind = match outcome {
                TaskOutcome::Skipped => false,
                TaskOutcome::Transferred => record.kind == "REDIRECT_TASK",
                TaskOutcome::Approved | TaskOutcome::Rejected => record.kind.starts_with("EXECUTE_TASK_"),
            };
            kind && record.user == self.user
                && record.at == self.finished
                && (record.activity.is_none() || record.activity == self.activity)
        };
        let position = records.iter().position(fits)?;
        records.remove(position).remark
    }
}

/// The index of each activity: the order in which they first appear.
fn node_indexes(tasks: &[Task]) -> HashMap<String, u8> {
    let mut indexes = HashMap::new();
    for activity in tasks.iter().filter_map(|task| task.activity.as_ref()) {
        let next = u8::try_from(indexes.len()).unwrap_or(u8::MAX);
        indexes.entry(activity.clone()).or_insert(next);
    }
    indexes
}

/// The returns to earlier nodes. A record does not say where to (unconfirmed): it is the node of the first task that was
/// created since, of the same node or an earlier one. Where no such task exists yet the return is told by a later
/// reading.
fn rollbacks(records: &[Record], tasks: &[Task], nodes: &HashMap<String, u8>) -> Vec<Rollback> {
    let node_of = |activity: &Option<String>| activity.as_ref().and_then(|activity| nodes.get(activity)).copied();
    let target = |record: &Record| {
        let at = record.at?;
        let from = node_of(&record.activity).unwrap_or_else(|| {
            let before = tasks.iter().filter(|task| task.created.is_some_and(|created| created < at));
            before.filter_map(|task| node_of(&task.activity)).max().unwrap_or(u8::MAX)
        });
        // Within one minute the order is unknown; whoever is asked again has been asked before.
        let asked_before = |position: usize| {
            let task = &tasks[position];
            tasks[..position].iter().any(|earlier| earlier.user == task.user && earlier.activity == task.activity)
        };
        let since: Vec<(usize, u8)> = tasks
            .iter()
            .enumerate()
            .filter(|(_, task)| task.created.is_some_and(|created| created >= at))
            .filter_map(|(position, task)| Some((position, node_of(&task.activity)?)))
            .filter(|(_, node)| *node <= from)
            .collect();
        let again = since.iter().find(|(position, _)| asked_before(*position)).or_else(|| since.first());
        again.map(|(_, to_node)| Rollback::new(*to_node, at))
    };
    records.iter().filter(|record| record.kind == "REDIRECT_PROCESS").filter_map(target).collect()
}

fn comment(record: &Record) -> Option<Comment> {
    Some(Comment { at: record.at?, account: record.user.clone(), text: record.remark.clone()? })
}

/// The end. What a terminated instance's `result` holds is unconfirmed, so the status alone counts.
fn outcome(instance: &Value, records: &[Record], now: i64) -> Option<(Outcome, i64)> {
    let outcome = match (word(&instance["status"]).as_str(), word(&instance["result"]).as_str()) {
        ("COMPLETED", "AGREE") => Outcome::Approved,
        ("COMPLETED", "REFUSE") => Outcome::Rejected,
        ("TERMINATED" | "CANCELED", _) => Outcome::Withdrawn,
        _ => return None,
    };
    let last = records.iter().filter_map(|record| record.at).max();
    Some((outcome, time(&instance["finishTime"]).or(last).unwrap_or(now)))
}

fn record(record: &Value) -> Record {
    Record {
        kind: word(&record["type"]),
        user: text(&record["userId"]).unwrap_or_default(),
        at: time(&record["date"]),
        remark: text(&record["remark"]).map(|remark| shorten(&remark, REMARK_LIMIT)),
        activity: text(&record["activityId"]),
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_ascii_uppercase()
}

/// A time in milliseconds: `2026-04-16T15:34Z` and `2026-04-16 15:34:05` are Beijing time; numbers are what they are.
fn time(value: &Value) -> Option<i64> {
    if let Some(millis) = number(value) {
        return plausible(millis);
    }
    let local: DateTime = value.as_str()?.trim().trim_end_matches(['Z', 'z']).parse().ok()?;
    plausible(BEIJING.to_timestamp(local).ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    /// A time in answers, and what it means: 2026-04-16 15:34 in Beijing.
    const WRITTEN: &str = "2026-04-16T15:34Z";
    const MEANT: i64 = 1_776_324_840_000;
    const MINUTE: i64 = 60_000;

    fn task(id: i64, user: &str, at: &str, activity: &str, status: &str, result: &str) -> Value {
        json!({"taskId": id, "userId": user, "status": status, "result": result, "createTime": at,
            "finishTime": if status == "RUNNING" { Value::Null } else { json!(at) }, "activityId": activity})
    }

    fn read(instance: &Value) -> Snapshot {
        snapshot(instance, 9)
    }

    #[test]
    fn times_are_beijing_time_whatever_they_say() {
        for written in [json!(WRITTEN), json!("2026-04-16 15:34:00"), json!(MEANT), json!(MEANT.to_string())] {
            assert_eq!(time(&written), Some(MEANT), "{written}");
        }
        for none in [json!(null), json!(""), json!("soon"), json!({}), json!("2026-13-40T99:99Z"), json!(-1)] {
            assert_eq!(time(&none), None, "{none}");
        }
    }

    #[test]
    fn every_end_of_a_task() {
        let ends = [
            ("COMPLETED", "AGREE", Some(TaskOutcome::Approved)),
            ("COMPLETED", "REFUSE", Some(TaskOutcome::Rejected)),
            ("COMPLETED", "REDIRECTED", Some(TaskOutcome::Transferred)),
            ("COMPLETED", "AUDIT", None),
            ("CANCELED", "NONE", Some(TaskOutcome::Skipped)),
            ("TERMINATED", "", Some(TaskOutcome::Skipped)),
            ("RUNNING", "NONE", None),
            ("PAUSED", "NONE", None),
        ];
        for (status, result, expected) in ends {
            let read = read(&json!({"tasks": [task(1, "u1", WRITTEN, "a", status, result)]}));
            let (id, fact) = &read.tasks[0];
            assert_eq!((id.as_str(), fact.node, fact.opened_at), ("1", Some(0), Some(MEANT)));
            assert_eq!(fact.end.as_ref().map(|end| end.outcome), expected, "{status}/{result}");
            assert!(fact.end.as_ref().is_none_or(|end| end.at == MEANT));
        }
        let left_out = json!({"tasks": [task(1, "u1", WRITTEN, "a", "NEW", "NONE"),
            task(2, "V00_x", WRITTEN, "a", "CANCELED", "NONE"), {"userId": "u3"}, null, 4]});
        assert_eq!(read(&left_out), Snapshot::default());
    }

    #[test]
    fn nodes_are_numbered_as_their_activities_appear() {
        let instance = json!({"tasks": [
            task(30, "u3", "2026-04-16T15:36Z", "b", "RUNNING", "NONE"),
            task(11, "u2", WRITTEN, "a", "CANCELED", "NONE"),
            task(10, "u1", WRITTEN, "a", "COMPLETED", "AGREE"),
            task(40, "u4", "2026-04-16T15:37Z", "c", "NEW", "NONE"),
        ]});
        let read = read(&instance);
        let seen: Vec<_> = read.tasks.iter().map(|(id, fact)| (id.as_str(), fact.node.unwrap())).collect();
        assert_eq!(seen, [("10", 0), ("11", 0), ("30", 1)]);
    }

    #[test]
    fn remarks_and_comments_come_from_the_records() {
        let record = |kind: &str, user: &str, remark: &str| json!({"type": kind, "userId": user, "date": WRITTEN, "result": "AGREE", "remark": remark, "showName": "审批人"});
        let instance = json!({
            "tasks": [task(1, "u1", WRITTEN, "a", "COMPLETED", "AGREE"), task(2, "u1", WRITTEN, "b", "COMPLETED", "REFUSE")],
            "operationRecords": [
                record("START_PROCESS_INSTANCE", "u0", ""),
                record("EXECUTE_TASK_NORMAL", "u1", "first"),
                record("EXECUTE_TASK_NORMAL", "u1", "second"),
                record("ADD_REMARK", "u9", "by the way"),
                record("ADD_REMARK", "u9", ""),
                record("APPEND_TASK_BEFORE", "u1", "x"),
                record("A_NEW_KIND", "u1", "x"),
            ],
        });
        let read = read(&instance);
        let remarks: Vec<_> = read.tasks.iter().map(|(_, fact)| fact.end.clone().unwrap().remark.unwrap()).collect();
        assert_eq!(remarks, ["first", "second"]);
        assert_eq!(read.comments, [Comment { at: MEANT, account: "u9".into(), text: "by the way".into() }]);
    }

    #[test]
    fn a_return_leads_to_the_node_that_is_asked_again() {
        let back = json!({"type": "REDIRECT_PROCESS", "userId": "u2", "date": "2026-04-16T15:36Z"});
        let mut instance = json!({
            "tasks": [task(1, "u1", WRITTEN, "a", "COMPLETED", "AGREE"),
                task(2, "u2", "2026-04-16T15:35Z", "b", "COMPLETED", "NONE")],
            "operationRecords": [back],
        });
        assert_eq!(read(&instance).rollbacks, [], "nobody is asked again yet");
        instance["tasks"].as_array_mut().unwrap().push(task(3, "u1", "2026-04-16T15:36Z", "a", "RUNNING", "NONE"));
        let expected = [Rollback::new(0, MEANT + 2 * MINUTE)];
        assert_eq!(read(&instance).rollbacks, expected);
    }

    #[test]
    fn a_return_within_one_minute_is_told_by_who_is_asked_twice() {
        let back = json!({"type": "REDIRECT_PROCESS", "userId": "u3", "date": WRITTEN, "activityId": "c"});
        let instance = json!({
            "tasks": [task(1, "u1", WRITTEN, "a", "COMPLETED", "AGREE"), task(2, "u2", WRITTEN, "b", "COMPLETED", "AGREE"),
                task(3, "u3", WRITTEN, "c", "COMPLETED", "NONE"), task(4, "u2", WRITTEN, "b", "RUNNING", "NONE")],
            "operationRecords": [back],
        });
        assert_eq!(read(&instance).rollbacks, [Rollback::new(1, MEANT)]);
    }

    #[test]
    fn every_end_of_an_instance() {
        for (status, result, expected) in [
            ("COMPLETED", "agree", Some(Outcome::Approved)),
            ("COMPLETED", "refuse", Some(Outcome::Rejected)),
            ("COMPLETED", "", None),
            ("TERMINATED", "", Some(Outcome::Withdrawn)),
            ("TERMINATED", "agree", Some(Outcome::Withdrawn)),
            ("RUNNING", "", None),
            ("RUNNING", "agree", None),
        ] {
            let told = |instance: Value| read(&instance).outcome;
            let timed = json!({"status": status, "result": result, "finishTime": WRITTEN});
            assert_eq!(told(timed), expected.map(|outcome| (outcome, MEANT)), "{status}/{result}");
            assert_eq!(told(json!({"status": status, "result": result})), expected.map(|outcome| (outcome, 9)));
        }
    }
}
