//! Submitting a form. There is no protection against repetition: a repeated call makes a second form.

use serde_json::{Value, json};

use super::answer::Refusal;
use super::directory::{self, Account};
use super::gateway::Call;
use super::model::{Asked, Form, Kind, Mark, Node, Relation, Status};
use super::state::State;
use super::values;
use crate::platform::call::Done;
use crate::platform::control::By;
use crate::platform::fields::length;

/// Most lines of a summary, and most characters of a line.
const MAX_LINES: usize = 3;
const MAX_LINE: usize = 20;

/// `POST oa/applyevent`.
pub(super) fn start(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let creator = call.text("creator_userid")?;
    let template_id = call.text("template_id")?;
    let mode = call.number("use_template_approver")?.ok_or_else(Refusal::missing)?;
    let lines = summary(&call.body)?;
    let creator = directory::account(creator).filter(|account| state.sees(account.userid));
    let creator = creator.ok_or_else(|| Refusal::approval("creator_userid not in app visiable range"))?;
    let template = state.templates.get(template_id).ok_or_else(|| Refusal::approval("invalid template_id"))?;
    let contents = values::read(template, &call.body["apply_data"])?;
    let party = department(call, creator)?;
    let nodes = match mode {
        0 => given(&call.body)?,
        1 => of_template(creator)?,
        _ => return Err(Refusal::approval("use_template_approver")),
    };
    let mut form = Form {
        sp_no: state.next_number(),
        template_id: template_id.to_owned(),
        sp_name: template.name().to_owned(),
        status: Status::Running,
        applicant: creator.userid.to_owned(),
        party,
        created_at: state.now(),
        contents,
        summary: lines,
        nodes,
        comments: vec![],
        records: vec![],
        callbacks: vec![],
    };
    let change = form.begin(By { user: creator.userid, remark: None, now: state.now() });
    let number = form.sp_no.clone();
    let claim = state.commit(form, change)?;
    Ok(Done { body: json!({"sp_no": number}), claim })
}

/// The department that the applicant submits for: their own, also where it is left out or 0.
fn department(call: &Call, creator: &Account) -> Result<i64, Refusal> {
    let own = creator.department();
    match call.number("choose_department")? {
        None | Some(0) => Ok(own),
        Some(chosen) if chosen == own => Ok(own),
        Some(_) => Err(Refusal::approval("choose_department")),
    }
}

/// The lines of the summary. The list has to be there and may be empty.
fn summary(body: &Value) -> Result<Vec<String>, Refusal> {
    let lines = match &body["summary_list"] {
        Value::Null => return Err(Refusal::missing()),
        Value::Array(lines) => lines,
        _ => return Err(Refusal::mistyped()),
    };
    let read = |line: &Value| {
        let texts = line["summary_info"].as_array().filter(|texts| !texts.is_empty())?;
        let fits = |text: &Value| {
            let known = matches!(text["lang"].as_str(), Some("zh_CN" | "en"));
            known && text["text"].as_str().is_some_and(|text| length(text) <= MAX_LINE)
        };
        texts.iter().all(fits).then(|| texts[0]["text"].as_str().unwrap_or_default().to_owned())
    };
    let read: Option<Vec<String>> = lines.iter().map(read).collect();
    read.filter(|lines| lines.len() <= MAX_LINES).ok_or_else(|| Refusal::approval("summary_list"))
}

/// The nodes of `process`. Without an approver there is no flow. The old fields `approver` and `notifyer` are not read:
/// the current page does not name them any more.
fn given(body: &Value) -> Result<Vec<Node>, Refusal> {
    let list = body["process"]["node_list"].as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(Refusal::no_flow)?;
    let mut numbers = 0..;
    let nodes: Result<Vec<Node>, Refusal> = list.iter().map(|item| node(item, &mut numbers)).collect();
    nodes.and_then(
        |nodes| {
            if nodes.iter().any(|node| node.kind != Kind::Copied) { Ok(nodes) } else { Err(Refusal::no_flow()) }
        },
    )
}

fn node(item: &Value, numbers: &mut std::ops::RangeFrom<u32>) -> Result<Node, Refusal> {
    let wrong = || Refusal::approval("node_list");
    let kind = match item["type"].as_i64() {
        Some(1) => Kind::Approver,
        Some(2) => Kind::Copied,
        Some(3) => Kind::Handler,
        _ => return Err(wrong()),
    };
    let relation = match item["apv_rel"].as_i64() {
        Some(1) => Relation::All,
        Some(2) => Relation::Any,
        Some(3) => Relation::InTurn,
        _ if kind == Kind::Copied => Relation::All,
        _ => return Err(wrong()),
    };
    let users = item["userid"].as_array().filter(|users| !users.is_empty()).ok_or_else(wrong)?;
    let ask = |user: &Value| {
        let userid = user.as_str().ok_or_else(Refusal::mistyped)?;
        // Which code tells of an unknown approver is unconfirmed. Nor do approvers have to be in the visible range.
        let account = directory::account(userid).ok_or_else(|| Refusal::new(60_111, "userid not found"))?;
        Ok(asked(account.userid, numbers.next().unwrap_or_default()))
    };
    let people: Result<Vec<Asked>, Refusal> = users.iter().map(ask).collect();
    Ok(Node { kind, relation, mark: Mark::Open, people: people? })
}

fn asked(userid: &str, number: u32) -> Asked {
    let (user, speech) = (userid.to_owned(), String::new());
    Asked { number, user, mark: Mark::Open, speech, at: None, after: None, advises: false }
}

/// The flow that templates made by the API have: the superior.
fn of_template(creator: &Account) -> Result<Vec<Node>, Refusal> {
    let superior = directory::superior(creator.userid).ok_or_else(Refusal::no_flow)?;
    let people = vec![asked(superior, 0)];
    Ok(vec![Node { kind: Kind::Approver, relation: Relation::Any, mark: Mark::Open, people }])
}
