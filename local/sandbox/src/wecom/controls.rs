//! The controls of a template, as the calls that make templates take them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::answer::Refusal;
use super::model::{Control, Text};
use super::templates::{texts, wrong};
use crate::platform::fields::length;

/// Most characters of a title and of a placeholder.
const MAX_TITLE: usize = 40;
const MAX_PLACEHOLDER: usize = 80;
/// Most characters of the texts of a `Tips`, and of its link's address.
const MAX_TIPS: usize = 800;
const MAX_LINK: usize = 600;

/// Controls that a template can have; `Formula` is none that the calls make.
const KINDS: [&str; 17] = [
    "Text",
    "Textarea",
    "Number",
    "Money",
    "Date",
    "Selector",
    "Contact",
    "Tips",
    "File",
    "Table",
    "Location",
    "RelatedApproval",
    "DateRange",
    "PhoneNumber",
    "Vacation",
    "Attendance",
    "BankAccount",
];

/// Ids and titles are unique in the whole template.
#[derive(Default)]
struct Used {
    ids: BTreeSet<String>,
    titles: BTreeSet<(String, String)>,
    attendance: bool,
}

/// The controls of `template_content`.
pub(super) fn read(content: &Value) -> Result<Vec<Control>, Refusal> {
    let list = match &content["controls"] {
        Value::Null => return Err(Refusal::missing()),
        Value::Array(list) => list,
        _ => return Err(Refusal::mistyped()),
    };
    if list.is_empty() {
        return Err(wrong("controls"));
    }
    let mut used = Used::default();
    list.iter().map(|control| read_one(control, &mut used, false)).collect()
}

fn read_one(value: &Value, used: &mut Used, nested: bool) -> Result<Control, Refusal> {
    let property = &value["property"];
    let text = |name: &str| property[name].as_str().unwrap_or_default();
    let (kind, id) = (text("control"), text("id"));
    if !KINDS.contains(&kind) || (nested && matches!(kind, "Table" | "Vacation" | "Attendance")) {
        return Err(wrong("control"));
    }
    let number = id.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    let fits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if !fits || !used.ids.insert(id.to_owned()) {
        return Err(wrong("id"));
    }
    if matches!(kind, "Vacation" | "Attendance") && std::mem::replace(&mut used.attendance, true) {
        return Err(wrong("control"));
    }
    let title = texts(&property["title"], MAX_TITLE).filter(|title| !title.is_empty());
    let title = title.ok_or_else(|| wrong("title"))?;
    if !title.iter().all(|title| used.titles.insert((title.lang.clone(), title.text.clone()))) {
        return Err(wrong("title"));
    }
    let (config, children) = config(kind, &value["config"], used)?;
    Ok(Control {
        kind: kind.to_owned(),
        id: id.to_owned(),
        title,
        placeholder: placeholder(&property["placeholder"])?,
        required: switch(&property["require"], "require")? == 1,
        un_print: switch(&property["un_print"], "un_print")?,
        config,
        children,
    })
}

/// An empty placeholder needs no language.
fn placeholder(value: &Value) -> Result<Vec<Text>, Refusal> {
    let is_empty = |item: &Value| item["text"].as_str().is_some_and(str::is_empty);
    match value.as_array() {
        Some(items) if items.iter().all(is_empty) => Ok(vec![]),
        _ => texts(value, MAX_PLACEHOLDER).ok_or_else(|| wrong("placeholder")),
    }
}

fn switch(value: &Value, name: &str) -> Result<i64, Refusal> {
    match value {
        Value::Null => Ok(0),
        value => value.as_i64().filter(|number| matches!(number, 0 | 1)).ok_or_else(|| wrong(name)),
    }
}

/// The configuration as it is told, and the sub-controls of a table.
fn config(kind: &str, config: &Value, used: &mut Used) -> Result<(Value, Vec<Control>), Refusal> {
    let word = |value: &Value, words: &[&str]| value.as_str().is_some_and(|text| words.contains(&text));
    let number = |value: &Value, numbers: &[i64]| value.as_i64().is_some_and(|number| numbers.contains(&number));
    let fits = match kind {
        "Date" => word(&config["date"]["type"], &["day", "hour"]),
        "Contact" => {
            let contact = &config["contact"];
            word(&contact["type"], &["single", "multi"]) && word(&contact["mode"], &["user", "department"])
        }
        "File" => config["file"].is_null() || number(&config["file"]["is_only_photo"], &[0, 1]),
        "Location" => number(&config["location"]["distance"], &[100, 200, 300]),
        "DateRange" => word(&config["date_range"]["type"], &["halfday", "hour"]),
        "RelatedApproval" => {
            config["related_approval"].is_null() || config["related_approval"]["template_id"].is_array()
        }
        "Tips" => tips(config),
        "Selector" => return Ok((selector(&config["selector"])?, vec![])),
        "Table" => {
            let children = config["table"]["children"].as_array().filter(|list| !list.is_empty());
            let children = children.ok_or_else(|| wrong("table"))?;
            let children: Result<Vec<Control>, Refusal> =
                children.iter().map(|child| read_one(child, used, true)).collect();
            let format = switch(&config["table"]["print_format"], "table")?;
            return Ok((json!({"table": {"print_format": format}}), children?));
        }
        // The others have none: `{}` and nothing are the same.
        _ => config.is_null() || config.as_object().is_some_and(serde_json::Map::is_empty),
    };
    let told = if config.as_object().is_some_and(serde_json::Map::is_empty) { Value::Null } else { config.clone() };
    if fits { Ok((told, vec![])) } else { Err(wrong("config")) }
}

/// Options are made with one name each, and told with a list. Which of the two the call takes is unconfirmed: both here.
fn selector(selector: &Value) -> Result<Value, Refusal> {
    let kind = selector["type"].as_str().filter(|kind| matches!(*kind, "single" | "multi"));
    let kind = kind.ok_or_else(|| wrong("selector"))?;
    let options = selector["options"].as_array().filter(|options| !options.is_empty());
    let mut keys = BTreeSet::new();
    let mut read = |option: &Value| {
        let key = option["key"].as_str().filter(|key| !key.is_empty())?;
        let names = match &option["value"] {
            one @ Value::Object(_) => json!([one]),
            many => many.clone(),
        };
        let names = texts(&names, MAX_TIPS).filter(|names| !names.is_empty())?;
        keys.insert(key.to_owned()).then(|| json!({"key": key, "value": names}))
    };
    let options: Option<Vec<Value>> = options.and_then(|options| options.iter().map(&mut read).collect());
    let options = options.ok_or_else(|| wrong("selector"))?;
    Ok(json!({"selector": {"type": kind, "exp_type": 0, "options": options}}))
}

/// Texts and at most one link.
fn tips(config: &Value) -> bool {
    let contents = config["tips"]["tips_content"].as_array().filter(|contents| !contents.is_empty());
    contents.is_some_and(|contents| {
        contents.iter().all(|content| {
            let parts = content["text"]["sub_text"].as_array();
            matches!(content["lang"].as_str(), Some("zh_CN" | "en"))
                && parts.is_some_and(|parts| !parts.is_empty() && tips_text(parts))
        })
    })
}

fn tips_text(parts: &[Value]) -> bool {
    let (mut characters, mut links) = (0, 0);
    for part in parts {
        let content = &part["content"];
        let text = match part["type"].as_i64() {
            Some(1) => content["plain_text"]["content"].as_str(),
            Some(2) => {
                links += 1;
                let url = content["link"]["url"].as_str();
                content["link"]["title"].as_str().filter(|_| url.is_some_and(|url| length(url) <= MAX_LINK))
            }
            _ => None,
        };
        let Some(text) = text else { return false };
        characters += length(text);
    }
    links <= 1 && characters <= MAX_TIPS
}
