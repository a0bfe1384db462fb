//! What a form is filled in with: a value of its own shape for every control.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::answer::Refusal;
use super::directory;
use super::model::{Content, Control, Template};

/// Most files of a form.
const MAX_FILES: usize = 6;
/// Seconds beyond this are milliseconds by mistake.
const LATEST: i64 = 100_000_000_000;

/// What is wrong with a value.
enum Wrong {
    /// Its shape.
    Shape,
    /// Its shape is right, and yet the form cannot be submitted.
    Value,
}

/// The contents of `apply_data`.
pub(super) fn read(template: &Template, data: &Value) -> Result<Vec<Content>, Refusal> {
    let contents = data["contents"].as_array().filter(|contents| !contents.is_empty());
    let contents = contents.ok_or_else(|| Refusal::approval("no applydata content"))?;
    let mut seen = BTreeSet::new();
    let mut filled = Vec::with_capacity(contents.len());
    for item in contents {
        let id = item["id"].as_str().unwrap_or_default();
        let control = template.controls.iter().find(|control| control.id == id);
        let control = control.ok_or_else(|| Refusal::approval(&format!("invalid control id {id}")))?;
        let fits = item["control"].as_str() == Some(&control.kind) && seen.insert(id.to_owned());
        let value = if fits { fill(control, &item["value"]) } else { Err(Wrong::Shape) };
        let value = value.map_err(|wrong| refusal(&wrong, id))?;
        filled.push(Content { control: control.kind.clone(), id: id.to_owned(), title: control.title.clone(), value });
    }
    let missing = template.controls.iter().find(|control| control.required && !seen.contains(&control.id));
    if let Some(control) = missing.filter(|control| control.kind != "Tips") {
        return Err(refusal(&Wrong::Shape, &control.id));
    }
    let files: usize = filled.iter().filter_map(|content| Some(content.value["files"].as_array()?.len())).sum();
    if files > MAX_FILES {
        let last = filled.iter().rfind(|content| content.control == "File");
        return Err(refusal(&Wrong::Shape, last.map_or("", |content| content.id.as_str())));
    }
    Ok(filled)
}

fn refusal(wrong: &Wrong, id: &str) -> Refusal {
    match wrong {
        Wrong::Shape => Refusal::approval(id),
        Wrong::Value => Refusal::new(301_057, "Submit form failed"),
    }
}

/// The value as the detail call tells it.
fn fill(control: &Control, value: &Value) -> Result<Value, Wrong> {
    match control.kind.as_str() {
        "Text" => written(control, value, "text").filter_line(),
        "Textarea" | "PhoneNumber" => written(control, value, "text"),
        "Number" => amount(control, value, "new_number"),
        "Money" => amount(control, value, "new_money"),
        "Date" => date(control, &value["date"]),
        "Selector" => selected(control, &value["selector"]),
        "Contact" => people(control, value),
        "File" => each(&value["files"], |file| named(&file["file_id"])).map(|files| json!({"files": files})),
        "RelatedApproval" => {
            each(&value["related_approval"], |one| named(&one["sp_no"])).map(|list| json!({"related_approval": list}))
        }
        "Table" => table(control, &value["children"]),
        "DateRange" => range(control, &value["date_range"]),
        "Location" => place(&value["location"]),
        // `Tips` is filled by the platform.
        "Tips" => Err(Wrong::Shape),
        _ if value.is_object() => Ok(value.clone()),
        _ => Err(Wrong::Shape),
    }
}

/// What a `Text` has besides: no line break.
trait OneLine {
    fn filter_line(self) -> Self;
}

impl OneLine for Result<Value, Wrong> {
    fn filter_line(self) -> Self {
        let value = self?;
        let breaks = value["text"].as_str().is_some_and(|text| text.contains(['\n', '\r']));
        if breaks { Err(Wrong::Shape) } else { Ok(value) }
    }
}

fn written(control: &Control, value: &Value, name: &str) -> Result<Value, Wrong> {
    match value[name].as_str() {
        Some("") if control.required => Err(Wrong::Shape),
        // An optional control that is not filled is left out.
        Some("") => Err(Wrong::Value),
        Some(text) => Ok(json!({ name: text })),
        None => Err(Wrong::Shape),
    }
}

/// A number as text.
fn amount(control: &Control, value: &Value, name: &str) -> Result<Value, Wrong> {
    let written = written(control, value, name)?;
    let is_number = written[name].as_str().is_some_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite));
    if is_number { Ok(written) } else { Err(Wrong::Shape) }
}

/// Seconds as text, and the template's own type.
fn date(control: &Control, date: &Value) -> Result<Value, Wrong> {
    let kind = &control.config["date"]["type"];
    let seconds = date["s_timestamp"].as_str().and_then(|text| text.parse::<i64>().ok());
    match seconds.filter(|_| date["type"] == *kind) {
        Some(seconds) if (0..LATEST).contains(&seconds) => {
            Ok(json!({"date": {"type": kind, "s_timestamp": seconds.to_string()}}))
        }
        Some(_) => Err(Wrong::Value),
        None => Err(Wrong::Shape),
    }
}

fn selected(control: &Control, selector: &Value) -> Result<Value, Wrong> {
    let known = &control.config["selector"];
    let keys = selector["options"].as_array().filter(|_| selector["type"] == known["type"]);
    let keys = keys.filter(|keys| !keys.is_empty()).ok_or(Wrong::Shape)?;
    let options = known["options"].as_array().map(Vec::as_slice).unwrap_or_default();
    let find = |key: &Value| options.iter().find(|option| option["key"] == key["key"]).cloned();
    let chosen: Option<Vec<Value>> = keys.iter().map(find).collect();
    let chosen = chosen.filter(|chosen| chosen.len() == 1 || known["type"] == "multi").ok_or(Wrong::Shape)?;
    Ok(json!({"selector": {"type": known["type"], "options": chosen}}))
}

fn people(control: &Control, value: &Value) -> Result<Value, Wrong> {
    let contact = &control.config["contact"];
    let one = contact["type"] == "single";
    let (list, name) = if contact["mode"] == "user" {
        let known = |member: &Value| member["userid"].as_str().is_some_and(|user| directory::account(user).is_some());
        (each(&value["members"], known)?, "members")
    } else {
        let known = |department: &Value| {
            let id = department["openapi_id"].as_str().and_then(|id| id.parse().ok());
            id.is_some_and(|id| !directory::tree(id).is_empty())
        };
        (each(&value["departments"], known)?, "departments")
    };
    if one && list.len() > 1 { Err(Wrong::Shape) } else { Ok(json!({ name: list })) }
}

/// Every row lists every sub-control, those that are not filled with an empty value.
fn table(control: &Control, rows: &Value) -> Result<Value, Wrong> {
    let rows = rows.as_array().filter(|rows| !rows.is_empty()).ok_or(Wrong::Shape)?;
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        let cells = row["list"].as_array().filter(|cells| cells.len() == control.children.len());
        let mut list = Vec::with_capacity(control.children.len());
        for cell in cells.ok_or(Wrong::Shape)? {
            let child = control.children.iter().find(|child| cell["id"] == child.id && cell["control"] == child.kind);
            let child = child.ok_or(Wrong::Shape)?;
            let value = if is_empty(&cell["value"]) && !child.required {
                cell["value"].clone()
            } else {
                fill(child, &cell["value"])?
            };
            list.push(json!({"control": child.kind, "id": child.id, "title": child.title, "value": value}));
        }
        let ids: BTreeSet<&str> = list.iter().filter_map(|cell| cell["id"].as_str()).collect();
        if ids.len() != list.len() {
            return Err(Wrong::Shape);
        }
        read.push(json!({"list": list}));
    }
    Ok(json!({"children": read}))
}

/// Whether a value says nothing at any depth.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_empty),
        Value::Object(map) => map.values().all(is_empty),
        _ => false,
    }
}

fn range(control: &Control, range: &Value) -> Result<Value, Wrong> {
    let number = |name: &str| crate::platform::fields::number(range, name);
    let (begin, end) = (number("new_begin").ok_or(Wrong::Shape)?, number("new_end").ok_or(Wrong::Shape)?);
    let duration = number("new_duration").filter(|_| range["type"] == control.config["date_range"]["type"]);
    let duration = duration.ok_or(Wrong::Shape)?;
    if end < begin || end >= LATEST {
        return Err(Wrong::Value);
    }
    // Half days begin at 00:00 and 12:00 in Beijing.
    let half = |seconds: i64| (seconds + 28_800) % 43_200 == 0;
    if range["type"] == "halfday" && !(half(begin) && half(end)) {
        return Err(Wrong::Shape);
    }
    Ok(json!({"date_range": {"type": range["type"], "new_begin": begin, "new_end": end, "new_duration": duration}}))
}

fn place(location: &Value) -> Result<Value, Wrong> {
    let texts = ["latitude", "longitude", "title", "address"].iter().all(|name| named(&location[*name]));
    if texts && location["time"].is_i64() { Ok(json!({"location": location})) } else { Err(Wrong::Shape) }
}

/// A list that is not empty and of which each item fits.
fn each(list: &Value, fits: impl Fn(&Value) -> bool) -> Result<Vec<Value>, Wrong> {
    let list = list.as_array().filter(|list| !list.is_empty() && list.iter().all(fits));
    list.cloned().ok_or(Wrong::Shape)
}

fn named(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}
