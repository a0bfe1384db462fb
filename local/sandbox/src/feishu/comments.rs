//! Comments on an instance: they decide nothing, and no event tells of them.

use crate::platform::call::Done;
use crate::platform::control::By;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::body;
use super::engine::Step;
use super::gateway::Call;
use super::instances::{find, page, person};
use super::model::Comment;
use super::state::State;

/// A comment as an instance and a list tell it.
pub(super) fn told(state: &State, comment: &Comment) -> Value {
    let mut told = json!({
        "id": comment.id,
        "comment": comment.text,
        "create_time": comment.at.to_string(),
        "files": [],
    });
    person(state, &mut told, Some(&comment.user));
    told
}

/// `POST /instances/:instance_id/comments`: `content` is a JSON text with `text`, and the query names the person.
/// Unconfirmed: the documentation at hand names the call and not its body.
pub(super) fn write(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let content = body::required(&call.body, "content")?;
    let user = call.account(call.query("user_id").ok_or_else(|| Refusal::required("user_id"))?)?;
    let content: Value = serde_json::from_str(content).map_err(|_| Refusal::param("content is not a JSON object"))?;
    let text = content["text"].as_str().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Refusal::param("content has no text"))?;
    let mut instance = find(state, call.part(0))?.clone();
    let by = By { user: user.open_id, remark: Some(text), now: state.now() };
    let (id, happened) = Step::new(&mut instance, by, state.ids()).comment();
    let claim = state.commit(instance, &happened)?;
    Ok(Done { body: json!({"comment_id": id}), claim })
}

/// `GET /instances/:instance_id/comments`.
pub(super) fn list(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let instance = find(state, call.part(0))?;
    let size = body::page_size(call.query("page_size"), 1..=100, 10);
    let size = size.ok_or_else(|| Refusal::param("page_size is 1 to 100"))?;
    let (page, next) = page(&instance.comments, call, size)?;
    let comments: Vec<Value> = page.iter().map(|comment| told(state, comment)).collect();
    Ok(json!({"comments": comments, "page_token": next.clone().unwrap_or_default(), "has_more": next.is_some()}).into())
}

/// `DELETE /instances/:instance_id/comments/:comment_id`.
pub(super) fn remove(state: &mut State, call: &Call) -> Result<Done, Refusal> {
    let mut instance = find(state, call.part(0))?.clone();
    let count = instance.comments.len();
    instance.comments.retain(|comment| comment.id != call.part(1));
    if instance.comments.len() == count {
        return Err(Refusal::param("comment_id"));
    }
    let claim = state.commit(instance, &[])?;
    Ok(Done { body: json!({"comment_id": call.part(1)}), claim })
}
