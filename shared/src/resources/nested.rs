//! Settings that stand in an object of a source's settings: how people write and read them, and how they are stored, beside the others.

use serde_json::{Map, Value};

use super::fields::{FieldErrors, step};
use crate::sources::SettingsObject;

/// Settings as people read them.
#[must_use]
pub fn shown(object: Option<&SettingsObject>, settings: &Map<String, Value>) -> Map<String, Value> {
    let Some(object) = object else { return settings.clone() };
    let (inner, mut shown): (Map<_, _>, Map<_, _>) =
        settings.clone().into_iter().partition(|(name, _)| object.holds(name));
    if !inner.is_empty() {
        shown.insert(object.name.to_owned(), inner.into());
    }
    shown
}

/// Settings as they are stored, of those that somebody wrote. In a change `null` in the object's place removes all that stands in it.
pub fn taken(
    object: Option<&SettingsObject>,
    mut given: Map<String, Value>,
    is_change: bool,
    errors: &mut FieldErrors,
) -> Map<String, Value> {
    let Some(object) = object else { return given };
    let inner = given.remove(object.name);
    given.retain(|name, _| {
        if object.holds(name) {
            errors.push_unknown(format!("/settings/{}", step(name)), format!("stands in `{}`", object.name));
        }
        !object.holds(name)
    });
    match inner {
        None => {}
        Some(Value::Object(inner)) => {
            for (name, value) in inner {
                if object.holds(&name) {
                    given.insert(name, value);
                } else {
                    errors.push_unknown(format!("/settings/{}/{}", object.name, step(&name)), "unknown");
                }
            }
        }
        Some(Value::Null) if is_change => {
            given.extend(object.fields.iter().map(|field| (field.name.to_owned(), Value::Null)));
        }
        Some(_) => errors.push(format!("/settings/{}", object.name), "must be an object"),
    }
    given
}

/// Adds what is wrong with settings as they are stored, with pointers to where people write them.
pub fn point(object: Option<&SettingsObject>, found: FieldErrors, errors: &mut FieldErrors) {
    errors.push_moved(found, |pointer| {
        let inner = object.zip(pointer.strip_prefix("/settings/")).filter(|(object, name)| object.holds(name));
        inner.map_or_else(|| pointer.to_owned(), |(object, name)| format!("/settings/{}/{name}", object.name))
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::sources::by_kind;

    fn object() -> Option<&'static SettingsObject> {
        by_kind("dataphin").unwrap().object()
    }

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    fn pointers(errors: FieldErrors) -> Vec<String> {
        errors.into_list().into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn what_is_stored_flat_is_read_and_written_in_an_object() {
        let stored = map(json!({"tenant_id": "1", "mode": "ecb", "iv": "zero"}));
        let read = shown(object(), &stored);
        assert_eq!(
            Value::from(read.clone()),
            json!({"tenant_id": "1", "callback_format": {"mode": "ecb", "iv": "zero"}})
        );
        let mut errors = FieldErrors::new();
        assert_eq!(taken(object(), read, false, &mut errors), stored);
        assert!(errors.is_empty());
        assert_eq!(Value::from(shown(object(), &map(json!({"tenant_id": "1"})))), json!({"tenant_id": "1"}));
        assert_eq!(shown(None, &stored), stored);
    }

    #[test]
    fn what_stands_in_the_wrong_place_is_pointed_at() {
        let bad = |given: Value| {
            let mut errors = FieldErrors::new();
            taken(object(), map(given), false, &mut errors);
            pointers(errors)
        };
        assert_eq!(bad(json!({"mode": "ecb"})), ["/settings/mode"]);
        let inner = json!({"callback_format": {"tenant_id": "1", "a/b": "x", "mode": "ecb"}});
        let mut found = bad(inner);
        found.sort();
        assert_eq!(found, ["/settings/callback_format/a~1b", "/settings/callback_format/tenant_id"]);
        for other in [json!(null), json!("x"), json!([])] {
            assert_eq!(bad(json!({"callback_format": other})), ["/settings/callback_format"]);
        }
    }

    #[test]
    fn null_removes_one_or_all() {
        let taken = |given: Value| taken(object(), map(given), true, &mut FieldErrors::new());
        assert_eq!(Value::from(taken(json!({"callback_format": {"mode": null}}))), json!({"mode": null}));
        let all = taken(json!({"callback_format": null, "tenant_id": "1"}));
        assert_eq!(all.len(), object().unwrap().fields.len() + 1);
        assert!(all["closed_match"].is_null() && all["tenant_id"] == "1");
    }

    #[test]
    fn errors_lead_into_the_object() {
        let (mut found, mut errors) = (FieldErrors::new(), FieldErrors::new());
        for pointer in ["/settings/mode", "/settings/tenant_id", "/secrets/token"] {
            found.push(pointer, "x");
        }
        point(object(), found, &mut errors);
        assert_eq!(pointers(errors), ["/settings/callback_format/mode", "/settings/tenant_id", "/secrets/token"]);
    }
}
