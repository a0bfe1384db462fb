//! What Dataphin is answered. The names are guesses, and settings.

use serde_json::{Map, Value};

use super::callback_format::{is, name};
use super::settings::put;
use crate::sources::Receiver;

/// The reply to a form that was taken in, or to a revoke that was carried out.
#[must_use]
pub fn accepted(receiver: &Receiver, id: Option<&str>, message: Option<&str>) -> Value {
    reply(receiver, true, id, message)
}

/// The reply to what was refused.
#[must_use]
pub fn refused(receiver: &Receiver, message: &str) -> Value {
    reply(receiver, false, None, Some(message))
}

fn reply(receiver: &Receiver, success: bool, id: Option<&str>, message: Option<&str>) -> Value {
    let mut reply = Map::new();
    let mut field = |setting: &str, value: Option<Value>| {
        if let (Some(name), Some(value)) = (name(receiver, setting), value) {
            put(&mut reply, name, value);
        }
    };
    field("reply_success_field", Some(success.into()));
    field("reply_id_field", id.map(Value::from));
    field("reply_message_field", message.map(Value::from));
    reply.into()
}

/// Whether refusals carry an HTTP status of their own; else they are 200, and only the body says it.
#[must_use]
pub fn tells_by_status(receiver: &Receiver) -> bool {
    is(receiver, "error_status", "http")
}
