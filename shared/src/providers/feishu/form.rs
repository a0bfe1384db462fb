//! The values of an approval in a form.
//!
//! A form is a text that holds JSON. Whether a widget is required is not checked at a start, but one that is present
//! must have a value, so empty ones are left out.

use serde_json::{Value, json};

use crate::providers::Start;
use crate::providers::form::{Control, value_for};
use crate::providers::lenient::shorten;

/// Longest value and longest title, in characters. The platform's own limits are not documented (unconfirmed).
const VALUE_LIMIT: usize = 10_000;
const TITLE_LIMIT: usize = 200;
/// What begins with this is not a text but the key of one.
const KEY_MARK: &str = "@i18n@";
/// The key of an instance's title.
const TITLE_KEY: &str = "@i18n@instance_title";

/// A text widget of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextWidget {
    pub(super) id: String,
    /// Its type, `input` or `textarea`: a value names it again.
    pub(super) kind: String,
    pub(super) label: String,
}

/// A control's id in our definitions; stays the same for ever.
pub(super) fn id_of(control: Control) -> String {
    control.names().1.to_ascii_lowercase()
}

/// The type of a control's widget.
pub(super) const fn kind_of(control: Control) -> &'static str {
    if control.is_long() { "textarea" } else { "input" }
}

/// The form for our own definition.
pub(super) fn values(start: &Start) -> String {
    let filled = Control::ALL.into_iter().filter_map(|control| Some((control, control.value(start)?)));
    written(filled.map(|(control, text)| value(&id_of(control), kind_of(control), &text)))
}

/// The form for a customer's definition: its text widgets that are labelled as our controls are, or as a submitted
/// field is named. It needs no Reference: an instance is found again by its `uuid`.
pub(super) fn values_for(widgets: &[TextWidget], start: &Start) -> String {
    let filled = widgets.iter().filter_map(|widget| Some((widget, value_for(&widget.label, start)?)));
    written(filled.filter(|(_, text)| !text.is_empty()).map(|(widget, text)| value(&widget.id, &widget.kind, &text)))
}

/// An instance's title: the key, and the texts that it stands in.
pub(super) fn title(start: &Start) -> (&'static str, Value) {
    let text = plain(&shorten(&start.title, TITLE_LIMIT));
    (TITLE_KEY, json!([{"locale": "zh-CN", "is_default": true, "texts": [{"key": TITLE_KEY, "value": text}]}]))
}

fn value(id: &str, kind: &str, text: &str) -> Value {
    json!({"id": id, "type": kind, "value": plain(&shorten(text, VALUE_LIMIT))})
}

fn written(values: impl Iterator<Item = Value>) -> String {
    Value::Array(values.collect()).to_string()
}

/// A text that cannot be taken for a key.
fn plain(text: &str) -> String {
    if text.starts_with(KEY_MARK) { format!(" {text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::providers::testing::start;

    fn of<'a>(form: &'a Value, id: &str) -> Option<&'a str> {
        form.as_array().unwrap().iter().find(|entry| entry["id"] == id)?["value"].as_str()
    }

    #[test]
    fn our_form_holds_the_approval() {
        let form: Value = serde_json::from_str(&values(&start())).unwrap();
        assert_eq!(of(&form, "title"), Some("Read access to orders"));
        assert_eq!(of(&form, "reference"), Some("apr_01test"));
        assert_eq!((of(&form, "reason"), of(&form, "link")), (None, None), "empty widgets are left out");
        assert!(of(&form, "details").unwrap().contains("table: orders"));
        assert_eq!(form[1]["type"], "textarea");
    }

    #[test]
    fn a_customers_form_is_filled_by_label() {
        let widget = |label: &str| TextWidget { id: format!("w-{label}"), kind: "input".into(), label: label.into() };
        let widgets = ["标题", "table", "Approver's note", "Link"].map(widget);
        let form: Value = serde_json::from_str(&values_for(&widgets, &start())).unwrap();
        let expected = json!([{"id": "w-标题", "type": "input", "value": "Read access to orders"},
            {"id": "w-table", "type": "input", "value": "orders"}]);
        assert_eq!(form, expected);
    }

    #[test]
    fn texts_are_never_taken_for_keys_and_are_cut() {
        let mut start = start();
        start.title = format!("@i18n@{}", "长".repeat(20_000));
        let form: Value = serde_json::from_str(&values(&start)).unwrap();
        let told = of(&form, "title").unwrap();
        assert!(told.starts_with(" @i18n@") && told.chars().count() == VALUE_LIMIT + 1);
        let (key, resources) = title(&start);
        let text = &resources[0]["texts"][0];
        assert!(text["key"] == key && text["value"].as_str().unwrap().starts_with(" @i18n@"));
    }
}
