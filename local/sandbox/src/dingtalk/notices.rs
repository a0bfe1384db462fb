//! Work notices, as the page shows them.

use serde_json::Value;

use super::model::Notice;
use super::state::State;
use crate::platform::text::beijing;

/// Work notices shown.
const MAX_NOTICES: usize = 10;

/// The latest work notices of a person.
pub(super) fn notices(state: &State, user: &str) -> Vec<(String, String)> {
    let own = state.notices.iter().rev().filter(|notice| notice.users.iter().any(|one| one == user));
    own.take(MAX_NOTICES).map(message).collect()
}

fn message(notice: &Notice) -> (String, String) {
    let kind = notice.msg.get("msgtype").and_then(Value::as_str).unwrap_or_default();
    let content = notice.msg.get(kind).cloned().unwrap_or_default();
    let texts = ["title", "content", "text", "markdown"].iter().filter_map(|name| content.get(name)?.as_str());
    let text = texts.collect::<Vec<_>>().join("\n");
    let text = if text.is_empty() { content.to_string() } else { text };
    (beijing(notice.at, "%Y-%m-%d %H:%M:%S"), text)
}
