//! Reading forms: the numbers of many, and everything of one.

use crate::platform::call::Done;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::gateway::Call;
use super::model::{Asked, Comment, Form, Kind, Mark, Node, Relation};
use super::state::State;

/// Longest window of a list, in seconds.
const MAX_WINDOW: i64 = 31 * 86_400;
/// Most numbers on a page.
const MAX_PAGE: i64 = 100;
/// Filters that a list takes.
const FILTERS: [&str; 5] = ["template_id", "creator", "department", "sp_status", "record_type"];

/// `POST oa/getapprovalinfo`: oldest first.
pub(super) fn list(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let (start, end) = (seconds(call, "starttime")?, seconds(call, "endtime")?);
    if end <= start || end - start > MAX_WINDOW {
        return Err(Refusal::approval("starttime or endtime"));
    }
    let size = call.number("size")?.ok_or_else(Refusal::missing)?;
    let size = Some(size).filter(|size| (1..=MAX_PAGE).contains(size));
    let size = size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| Refusal::approval("size"))?;
    let cursor = match &call.body["new_cursor"] {
        Value::String(cursor) => cursor.as_str(),
        Value::Null => return Err(Refusal::missing()),
        _ => return Err(Refusal::mistyped()),
    };
    let after = match cursor {
        "" => "",
        cursor => cursor.strip_prefix(CURSOR).ok_or_else(|| Refusal::approval("new_cursor"))?,
    };
    let filters = filters(&call.body["filters"])?;
    let within = |form: &&Form| (start..=end).contains(&(form.created_at / 1000)) && form.sp_no.as_str() > after;
    let all: Vec<&Form> = state.desk.instances.values().filter(within).filter(|form| fits(form, &filters)).collect();
    let page = &all[..size.min(all.len())];
    // Forms of applicants whom the app does not see are taken off the page: it may be short or empty and yet not the last.
    let seen = page.iter().filter(|form| state.sees(&form.applicant));
    let mut answer = json!({"sp_no_list": seen.map(|form| form.sp_no.as_str()).collect::<Vec<_>>()});
    if let Some(last) = page.last().filter(|_| all.len() > size) {
        answer["new_next_cursor"] = format!("{CURSOR}{}", last.sp_no).into();
    }
    Ok(answer.into())
}

/// What a cursor begins with; the rest is the last number of the page before.
const CURSOR: &str = "CURSOR-";

/// Seconds, which the call takes as text.
fn seconds(call: &Call, name: &str) -> Result<i64, Refusal> {
    call.text(name)?.parse().map_err(|_| Refusal::approval(name))
}

/// Keys and values; only a department may be named more than once.
fn filters(value: &Value) -> Result<Vec<(String, String)>, Refusal> {
    let list = match value {
        Value::Null => return Ok(vec![]),
        Value::Array(list) => list,
        _ => return Err(Refusal::mistyped()),
    };
    let mut filters: Vec<(String, String)> = Vec::with_capacity(list.len());
    for item in list {
        let (Some(key), Some(value)) = (item["key"].as_str(), item["value"].as_str()) else {
            return Err(Refusal::mistyped());
        };
        let repeated = key != "department" && filters.iter().any(|(other, _)| other == key);
        if !FILTERS.contains(&key) || repeated {
            return Err(Refusal::approval("filters"));
        }
        filters.push((key.to_owned(), value.to_owned()));
    }
    Ok(filters)
}

/// Different keys all have to fit, of the same key one.
fn fits(form: &Form, filters: &[(String, String)]) -> bool {
    let holds = |key: &str, value: &str| match key {
        "template_id" => form.template_id == value,
        "creator" => form.applicant.eq_ignore_ascii_case(value),
        "department" => form.party.to_string() == value,
        "sp_status" => form.status.code().to_string() == value,
        // Leave, travel and the like: the forms of these templates are none of them.
        _ => false,
    };
    let fits_one = |(key, _): &(String, String)| {
        filters.iter().filter(|(other, _)| other == key).any(|(key, value)| holds(key, value))
    };
    filters.iter().all(fits_one)
}

/// `POST oa/getapprovaldetail`.
pub(super) fn read(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let form = state.desk.instances.get(call.text("sp_no")?);
    let form = form.filter(|form| state.sees(&form.applicant)).ok_or_else(|| Refusal::approval("invalid sp_no"))?;
    let approvers = form.nodes.iter().filter(|node| node.kind == Kind::Approver);
    let copied = form.nodes.iter().filter(|node| node.kind == Kind::Copied).flat_map(|node| &node.people);
    Ok(json!({"info": {
        "sp_no": form.sp_no,
        "sp_name": form.sp_name,
        "sp_status": form.status.code(),
        "template_id": form.template_id,
        "apply_time": form.created_at / 1000,
        "applyer": {"userid": form.applicant, "partyid": form.party.to_string()},
        "sp_record": approvers.map(old_record).collect::<Vec<_>>(),
        "notifyer": copied.map(|one| json!({"userid": one.user})).collect::<Vec<_>>(),
        "apply_data": {"contents": contents(form)},
        "comments": form.comments.iter().map(comment).collect::<Vec<_>>(),
        "process_list": {"node_list": form.nodes.iter().map(node).collect::<Vec<_>>()},
    }})
    .into())
}

/// The number of the old view, in which 1 is any and 2 is all: the other way round than in the new one.
pub(super) fn old_relation(relation: Relation) -> i64 {
    match relation {
        Relation::Any => 1,
        Relation::All | Relation::InTurn => 2,
    }
}

/// When somebody acted, in seconds; 0 when they did not.
pub(super) fn acted_at(asked: &Asked) -> i64 {
    asked.at.map_or(0, |at| at / 1000)
}

/// The old view, which has neither those who are copied nor those who handle.
fn old_record(node: &Node) -> Value {
    let detail = |asked: &Asked| {
        json!({
            "approver": {"userid": asked.user},
            "speech": asked.speech,
            "sp_status": asked.mark.code(),
            "sptime": acted_at(asked),
            "media_id": [],
        })
    };
    json!({
        "sp_status": node.mark.code(),
        "approverattr": old_relation(node.relation),
        "details": node.people.iter().map(detail).collect::<Vec<_>>(),
    })
}

fn contents(form: &Form) -> Vec<Value> {
    let content = form.contents.iter().map(|content| {
        json!({
            "control": content.control,
            "id": content.id,
            "title": content.title,
            "value": content.value,
            "hidden": 0,
        })
    });
    content.collect()
}

fn comment(comment: &Comment) -> Value {
    json!({
        "commentUserInfo": {"userid": comment.user},
        "commenttime": comment.at / 1000,
        "commentcontent": comment.content,
        "commentid": comment.id,
        "media_id": [],
    })
}

/// The new view. Those who are copied have no state.
fn node(node: &Node) -> Value {
    if node.kind == Kind::Copied {
        let people: Vec<Value> = node.people.iter().map(|one| json!({"userid": one.user})).collect();
        return json!({"node_type": node.kind as i64, "sub_node_list": people});
    }
    let person = |asked: &Asked| {
        json!({
            "userid": asked.user,
            "speech": asked.speech,
            "sp_yj": asked.mark.code(),
            "sptime": acted_at(asked),
            "media_ids": [],
        })
    };
    json!({
        "node_type": node.kind as i64,
        "sp_status": Mark::code(node.mark),
        "apv_rel": node.relation as i64,
        "sub_node_list": node.people.iter().map(person).collect::<Vec<_>>(),
    })
}
