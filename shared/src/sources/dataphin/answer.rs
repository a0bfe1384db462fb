//! What Dataphin's answer to a callback means.

use serde_json::Value;

use super::callback::open;
use super::callback_format::{find, or};
use crate::providers::outbound::Answer;
use crate::sources::Receiver;

/// Whether a callback was taken: by `success_match`; or the form is closed already, by `closed_match`.
///
/// Without `success_match`: 2xx, unless the body says `"success": false`. Patterns are alternatives between `|`: a JSON pointer and a
/// value, as `/code=0`, or a text that the answer holds. An answer that is sealed as callbacks are is opened first.
#[must_use]
pub fn is_taken(receiver: &Receiver, answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body);
    let opened = open(receiver, &[], &text).ok().map(|captured| captured.opened.message);
    let text = opened.map_or_else(|| text.to_string(), |message| String::from_utf8_lossy(&message).into_owned());
    let json: Option<Value> = serde_json::from_str(&text).ok();
    let says_no = || json.as_ref().and_then(|json| json.get("success")).is_some_and(|said| !is_yes(said));
    if matches(or(receiver, "closed_match"), &text, json.as_ref()) {
        return true;
    }
    answer.is_success()
        && match find(receiver, "success_match") {
            Some(pattern) => matches(pattern, &text, json.as_ref()),
            None => !says_no(),
        }
}

fn is_yes(said: &Value) -> bool {
    said == true || said == "true"
}

fn matches(pattern: &str, text: &str, json: Option<&Value>) -> bool {
    let lower = text.to_lowercase();
    pattern.split('|').map(str::trim).filter(|pattern| !pattern.is_empty()).any(|pattern| {
        match pattern.strip_prefix('/').and_then(|rest| rest.split_once('=')) {
            Some((pointer, wanted)) => {
                let found = json.and_then(|json| json.pointer(&format!("/{pointer}")));
                found.is_some_and(|found| found.as_str().map_or_else(|| found.to_string(), str::to_owned) == wanted)
            }
            None => lower.contains(&pattern.to_lowercase()),
        }
    })
}
