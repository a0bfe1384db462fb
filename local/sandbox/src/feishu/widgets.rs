//! Form widgets: how a definition describes them, and the values that instances may give.

use std::collections::BTreeSet;

use serde_json::Value;

use super::answer::Refusal;
use super::directory;
use super::i18n::{MIN_KEY, PREFIX, Texts};
use super::model::{FormValue, Widget};

/// Widgets that a definition may have and whose values instances may give; `text` is a note without a value.
const KINDS: &[&str] = &[
    "input",
    "textarea",
    "text",
    "number",
    "amount",
    "radioV2",
    "checkboxV2",
    "date",
    "dateInterval",
    "contact",
    "department",
    "connect",
    "image",
    "attachmentV2",
    "telephone",
    "address",
    "document",
    "fieldList",
];

/// Reads a definition's form: a JSON text of a list of widgets.
pub(super) fn read(form_content: &str, texts: &Texts) -> Result<Vec<Widget>, Refusal> {
    let list: Value =
        serde_json::from_str(form_content).map_err(|_| Refusal::param("form_content is not a JSON array"))?;
    let list = list.as_array().ok_or_else(|| Refusal::param("form_content is not a JSON array"))?;
    let mut ids = BTreeSet::new();
    list.iter().map(|source| widget(source, texts, &mut ids, false)).collect()
}

fn widget(source: &Value, texts: &Texts, ids: &mut BTreeSet<String>, inside: bool) -> Result<Widget, Refusal> {
    let field = |name: &str| {
        let text = source.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| Refusal::param(format!("a widget of form_content has no {name}")))
    };
    let (id, kind, name) = (field("id")?, field("type")?, field("name")?);
    let wrong = |text: &str| Refusal::param(format!("控件={id}: {text}"));
    if !KINDS.contains(&kind) || (inside && kind == "fieldList") {
        return Err(wrong(&format!("the type {kind} cannot be created by API")));
    }
    texts.check("name", name, PREFIX.len() + 1)?;
    if source.get("required").is_some_and(|required| !required.is_boolean()) {
        return Err(wrong("required is true or false"));
    }
    let custom_id = source.get("custom_id").and_then(Value::as_str).filter(|id| !id.is_empty());
    for one in [Some(id), custom_id].into_iter().flatten().collect::<BTreeSet<_>>() {
        if !ids.insert(one.to_owned()) {
            return Err(wrong("the id is not unique"));
        }
    }
    match kind {
        "text" => texts.check("text", source["value"].as_str().unwrap_or_default(), MIN_KEY)?,
        "radioV2" | "checkboxV2" if source.get("externalData").is_none() => {
            let options = source["value"].as_array().filter(|options| !options.is_empty());
            for option in options.ok_or_else(|| wrong("it has no options"))? {
                if option["key"].as_str().is_none_or(str::is_empty) {
                    return Err(wrong("an option has no key"));
                }
                texts.check("option", option["text"].as_str().unwrap_or_default(), PREFIX.len() + 1)?;
            }
        }
        _ => {}
    }
    let children = source["children"].as_array().map(Vec::as_slice).unwrap_or_default();
    if (kind == "fieldList") == children.is_empty() {
        return Err(wrong("only a fieldList has children, and it has some"));
    }
    Ok(Widget {
        id: id.to_owned(),
        custom_id: custom_id.map(str::to_owned),
        kind: kind.to_owned(),
        name: name.to_owned(),
        source: source.clone(),
        children: children.iter().map(|child| widget(child, texts, ids, true)).collect::<Result<_, _>>()?,
    })
}

/// A definition's form as it is read: a JSON text, its texts in words.
pub(super) fn told(widgets: &[Widget], texts: &Texts, locale: Option<&str>) -> String {
    let list: Vec<Value> = widgets.iter().map(|widget| words(&widget.source, texts, locale)).collect();
    Value::from(list).to_string()
}

fn words(value: &Value, texts: &Texts, locale: Option<&str>) -> Value {
    match value {
        Value::String(text) => texts.words(text, locale).into(),
        Value::Array(list) => list.iter().map(|one| words(one, texts, locale)).collect(),
        Value::Object(map) => map.iter().map(|(name, one)| (name.clone(), words(one, texts, locale))).collect(),
        other => other.clone(),
    }
}

/// Checks the values of an instance: a JSON text of `[{"id", "type", "value"}]`. That a required widget is there is not
/// checked; one that is there has a value. Both documented.
pub(super) fn fill(form: &str, widgets: &[Widget], definition: &Texts, own: &Texts) -> Result<Vec<FormValue>, Refusal> {
    let list: Value = serde_json::from_str(form).map_err(|_| Refusal::param("form is not a JSON array"))?;
    let list = list.as_array().ok_or_else(|| Refusal::param("form is not a JSON array"))?;
    let mut filled = BTreeSet::new();
    let mut values = vec![];
    for item in list {
        let id = item["id"].as_str().unwrap_or_default();
        let wrong = || Refusal::param(format!("控件={id}"));
        let known = |widget: &&Widget| widget.id == id || widget.custom_id.as_deref() == Some(id);
        let widget = widgets.iter().find(known).ok_or_else(wrong)?;
        let fits = item["type"] == *widget.kind && filled.insert(&widget.id) && accepts(widget, item);
        if !fits {
            return Err(wrong());
        }
        let value = match item["value"].as_str().filter(|_| matches!(widget.kind.as_str(), "input" | "textarea")) {
            Some(text) if text.starts_with(PREFIX) => {
                own.check(&format!("控件={id}"), text, PREFIX.len() + 1)?;
                own.words(text, None).into()
            }
            _ => shown(widget, item, definition),
        };
        values.push(FormValue {
            id: widget.id.clone(),
            custom_id: widget.custom_id.clone(),
            kind: widget.kind.clone(),
            name: definition.words(&widget.name, None).to_owned(),
            value,
        });
    }
    Ok(values)
}

/// Whether a widget takes what it is given.
fn accepts(widget: &Widget, item: &Value) -> bool {
    let value = &item["value"];
    let texts = |value: &Value| {
        value.as_array().is_some_and(|list| {
            !list.is_empty() && list.iter().all(|one| one.as_str().is_some_and(|one| !one.is_empty()))
        })
    };
    let moment = |value: &Value| value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok());
    let option = |value: &Value| {
        let external = widget.source.get("externalData").is_some();
        let options = widget.source["value"].as_array().map(Vec::as_slice).unwrap_or_default();
        value.is_string() && (external || options.iter().any(|option| option["key"] == *value))
    };
    match widget.kind.as_str() {
        "input" | "textarea" => value.as_str().is_some_and(|text| !text.is_empty()),
        "number" => value.is_number(),
        "amount" => value.is_number() && item.get("currency").is_none_or(Value::is_string),
        "radioV2" => option(value),
        "checkboxV2" => value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(option)),
        "date" => moment(value),
        "dateInterval" => moment(&value["start"]) && moment(&value["end"]) && value["interval"].is_number(),
        "contact" => {
            let known = |list: &Value, kind: &str| {
                list.as_array().is_none_or(|list| {
                    list.iter().all(|id| id.as_str().is_some_and(|id| directory::by_id(kind, id).is_some()))
                })
            };
            let some = texts(value) || texts(&item["open_ids"]);
            some && known(value, "user_id") && known(&item["open_ids"], "open_id")
        }
        "department" => {
            let known =
                |one: &Value| directory::department("open_department_id", one["open_id"].as_str().unwrap_or_default());
            value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(|one| known(one).is_some()))
        }
        "connect" | "image" | "attachmentV2" => texts(value),
        "telephone" => value["countryCode"].is_string() && value["nationalNumber"].is_string(),
        "address" => value[0]["id"].is_string() || value[0]["id"].is_number(),
        "document" => value["token"].is_string() && value["type"].is_string(),
        "fieldList" => value.as_array().is_some_and(|rows| {
            let cell = |cell: &Value| {
                let child = widget.children.iter().find(|child| cell["id"] == *child.id);
                child.is_some_and(|child| cell["type"] == *child.kind && accepts(child, cell))
            };
            rows.iter().all(|row| row.as_array().is_some_and(|row| row.iter().all(cell)))
        }),
        _ => false,
    }
}

/// A value as an instance is read: of options, the texts. Documented for radios.
fn shown(widget: &Widget, item: &Value, texts: &Texts) -> Value {
    let options = widget.source["value"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |key: &Value| {
        let option = options.iter().find(|option| option["key"] == *key);
        option
            .and_then(|option| option["text"].as_str())
            .map_or_else(|| key.clone(), |key| texts.words(key, None).into())
    };
    match widget.kind.as_str() {
        "radioV2" => text(&item["value"]),
        "checkboxV2" => item["value"].as_array().map(|list| list.iter().map(text).collect()).unwrap_or_default(),
        "contact" if item["value"].is_null() => item["open_ids"].clone(),
        _ => item["value"].clone(),
    }
}
