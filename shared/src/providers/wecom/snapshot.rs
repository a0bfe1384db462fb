//! What reading an instance tells.

use serde_json::Value;

use super::events::REMARK_LIMIT;
use super::process::{self, FormNode, FormStatus, Piece};
use crate::approval::{Comment, Outcome, Snapshot};
use crate::providers::lenient::{items, number, shorten, text};

/// Reads the `info` of getapprovaldetail. No time is told of an end: that of the last act stands in for a decision, and
/// `now` (milliseconds) for all else.
pub(super) fn snapshot(info: &Value, now: i64) -> Snapshot {
    let nodes = nodes(info);
    let told = process::told(&nodes, number(&info["apply_time"]).and_then(process::time));
    let status = number(&info["sp_status"]).map_or(FormStatus::Unknown, process::form_status);
    let outcome = match status {
        FormStatus::Ended(outcome @ (Outcome::Approved | Outcome::Rejected)) => {
            Some((outcome, process::last_act(&nodes).unwrap_or(now)))
        }
        // Deleted, perhaps after it had been decided.
        FormStatus::Ended(Outcome::Withdrawn) => process::decided(&nodes).or(Some((Outcome::Withdrawn, now))),
        FormStatus::Ended(outcome) => Some((outcome, now)),
        FormStatus::Open | FormStatus::Unknown => None,
    };
    let comments = items(&info["comments"]).iter().filter_map(comment).collect();
    Snapshot { tasks: told.tasks, rollbacks: told.rollbacks, comments, outcome }
}

/// The new list, or the old one where there is none.
fn nodes(info: &Value) -> Vec<FormNode> {
    let new = items(&info["process_list"]["node_list"]);
    if new.is_empty() {
        items(&info["sp_record"]).iter().map(old_node).collect()
    } else {
        new.iter().map(node).collect()
    }
}

fn node(node: &Value) -> FormNode {
    FormNode {
        kind: number(&node["node_type"]),
        status: number(&node["sp_status"]),
        apv_rel: number(&node["apv_rel"]),
        pieces: pieces(&node["sub_node_list"], |piece| &piece["userid"], "sp_yj"),
    }
}

fn old_node(node: &Value) -> FormNode {
    FormNode {
        kind: None,
        status: number(&node["sp_status"]),
        apv_rel: number(&node["approverattr"]).and_then(process::apv_rel_of_attr),
        pieces: pieces(&node["details"], |piece| &piece["approver"]["userid"], "sp_status"),
    }
}

fn pieces(list: &Value, user: fn(&Value) -> &Value, state: &str) -> Vec<Piece> {
    let read = |piece: &Value| {
        Some(Piece {
            user: text(user(piece))?,
            state: number(&piece[state]),
            at: number(either(piece, "sptime", "Sptime")).and_then(process::time),
            remark: text(either(piece, "speech", "Speech")).map(|remark| shorten(&remark, REMARK_LIMIT)),
        })
    };
    items(list).iter().filter_map(read).collect()
}

/// One of two spellings: some of WeCom's own libraries have these names with a capital.
fn either<'a>(of: &'a Value, name: &str, other: &str) -> &'a Value {
    of.get(name).unwrap_or(&of[other])
}

fn comment(comment: &Value) -> Option<Comment> {
    Some(Comment {
        at: number(&comment["commenttime"]).and_then(process::time)?,
        account: text(&comment["commentUserInfo"]["userid"])?,
        text: shorten(&text(&comment["commentcontent"])?, REMARK_LIMIT),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::approval::{Rollback, TaskEnd, TaskOutcome};

    const AT: i64 = 1_569_584_428;

    fn info(status: i64, more: &Value) -> Value {
        let mut info = json!({"sp_no": "201909270002", "sp_status": status, "template_id": "t", "apply_time": AT});
        info.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        info
    }

    #[test]
    fn the_new_list_is_read_in_both_spellings() {
        let list = json!({"sp_record": [{"sp_status": 1, "approverattr": 1, "details": []}],
            "process_list": {"node_list": [
                {"node_type": 1, "sp_status": 2, "apv_rel": 2, "sub_node_list": [
                    {"userid": "LiSi", "speech": "fine", "sp_yj": 2, "sptime": AT + 60, "media_ids": []},
                    {"userid": "WangWu", "speech": "", "sp_yj": 1, "sptime": ""}]},
                {"node_type": 2, "sub_node_list": [{"userid": "ZhaoLiu"}]},
                {"node_type": 1, "sp_status": "3", "apv_rel": "1", "sub_node_list": [
                    {"userid": "QianQi", "Speech": "no", "sp_yj": "3", "Sptime": (AT + 90).to_string()}]}]}});
        let read = snapshot(&info(3, &list), 9);
        let tasks: Vec<_> = read.tasks.iter().map(|(id, fact)| (id.as_str(), fact.node, fact.end.clone())).collect();
        let end = |outcome, at: i64, remark: &str| {
            Some(TaskEnd { outcome, at: at * 1_000, remark: Some(remark.into()), to: None })
        };
        let expected = [
            ("0/lisi", Some(0), end(TaskOutcome::Approved, AT + 60, "fine")),
            ("0/wangwu", Some(0), None),
            ("1/qianqi", Some(1), end(TaskOutcome::Rejected, AT + 90, "no")),
        ];
        assert_eq!(tasks, expected);
        assert_eq!(read.outcome, Some((Outcome::Rejected, (AT + 90) * 1_000)));
    }

    #[test]
    fn the_old_list_stands_in() {
        let details = |user: &str, status: i64, at: i64| json!({"approver": {"userid": user}, "speech": "", "sp_status": status, "sptime": at, "media_id": []});
        let list = json!({"sp_record": [
            {"sp_status": 2, "approverattr": 2, "details": [details("A", 2, AT + 5), details("B", 2, AT + 9)]},
            {"sp_status": 1, "approverattr": 1, "details": [details("C", 1, 0)]}]});
        let read = snapshot(&info(1, &list), 9);
        let ids: Vec<_> = read.tasks.iter().map(|(id, fact)| (id.as_str(), fact.opened_at.unwrap() / 1_000)).collect();
        assert_eq!(ids, [("0/a", AT), ("0/b", AT), ("1/c", AT + 9)]);
        assert_eq!(read.outcome, None);
    }

    #[test]
    fn every_end_of_a_form() {
        for (status, expected) in [
            (2, Some(Outcome::Approved)),
            (10, Some(Outcome::Approved)),
            (3, Some(Outcome::Rejected)),
            (4, Some(Outcome::Withdrawn)),
            (7, Some(Outcome::Withdrawn)),
            (6, Some(Outcome::Revoked)),
            (1, None),
            (5, None),
            (8, None),
            (11, None),
            (99, None),
        ] {
            let read = snapshot(&info(status, &json!({})), 9);
            assert_eq!(read.outcome, expected.map(|outcome| (outcome, 9)), "{status}");
        }
        assert_eq!(snapshot(&json!({}), 9), Snapshot::default());
    }

    #[test]
    fn comments_and_returns_are_told() {
        let more = json!({
            "comments": [{"commentUserInfo": {"userid": "u9"}, "commenttime": AT, "commentcontent": "by the way",
                "commentid": "6741", "media_id": []}, {"commentid": "1"}, null],
            "process_list": {"node_list": [
                {"node_type": 1, "sp_status": 1, "apv_rel": 1, "sub_node_list": [{"userid": "A", "sp_yj": 1, "sptime": 0}]},
                {"node_type": 1, "sp_status": 11, "apv_rel": 1, "sub_node_list": [{"userid": "B", "sp_yj": 11, "sptime": AT}]}]}});
        let read = snapshot(&info(1, &more), 9);
        assert_eq!(read.comments, [Comment { at: AT * 1_000, account: "u9".into(), text: "by the way".into() }]);
        assert_eq!(read.rollbacks, [Rollback::new(0, AT * 1_000)]);
    }

    proptest::proptest! {
        #[test]
        fn odd_values_are_read_without_a_panic(number in proptest::num::i64::ANY, text in ".{0,20}", which in 0..8_usize) {
            let odd = [json!(number), json!(text), json!(number.to_string()), json!(null), json!([number]), json!({"a": text}),
                json!(true), json!(0.5)];
            let value = odd[which].clone();
            let piece = json!({"userid": value, "sp_yj": value, "sptime": value, "speech": value});
            let node = json!({"node_type": value, "sp_status": value, "apv_rel": value, "sub_node_list": [piece, value]});
            let old = json!({"sp_status": value, "approverattr": value, "details": [{"approver": piece}, value]});
            let comment = json!({"commentUserInfo": piece, "commenttime": value, "commentcontent": value});
            for list in [json!([node, value]), value.clone()] {
                let info = json!({"sp_status": value, "apply_time": value, "process_list": {"node_list": list},
                    "sp_record": [old], "comments": [comment, value]});
                snapshot(&info, 9);
            }
        }
    }
}
