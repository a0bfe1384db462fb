//! What is filled into the controls when an instance is started. All values are texts; structured ones are JSON in a text.

use jiff::civil::Date;
use jiff::fmt::strtime;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::directory;
use super::model::{Component, FormValue, Template};
use crate::platform::fields::{length, text};

/// Most values of a start, and of the details of one control.
const MAX_VALUES: usize = 150;
/// Most characters of a value.
const MAX_VALUE: usize = 65_535;

/// Reads and checks `formComponentValues` against the template.
pub(super) fn read(template: &Template, values: &Value) -> Result<Vec<FormValue>, Refusal> {
    let list = values.as_array().ok_or_else(|| Refusal::mandatory("formComponentValues"))?;
    if list.len() > MAX_VALUES {
        return Err(Refusal::bad("invalidParameter", format!("formComponentValues 超过 {MAX_VALUES} 个")));
    }
    let mut filled = Vec::with_capacity(list.len());
    for item in list {
        let component = find(&template.components, item)?;
        if let Some(value) = value(component, item)? {
            filled.push(value);
        }
    }
    let missing = |component: &&Component| {
        component.required && component.kind != "TextNote" && !filled.iter().any(|value| value.id == component.id)
    };
    match template.components.iter().find(missing) {
        Some(component) => Err(unfit(&component.label)),
        None => Ok(filled),
    }
}

/// The refusal that names the control.
fn unfit(control: &str) -> Refusal {
    Refusal::bad("formConverterError", format!("表单数据校验失败，失败控件：{control}"))
}

/// The control that a value is for. Its name must be the label; an id or alias must fit besides.
fn find<'a>(components: &'a [Component], item: &Value) -> Result<&'a Component, Refusal> {
    let name = text(item, "name").ok_or_else(|| unfit(""))?;
    let component =
        components.iter().find(|component| same_label(&component.label, name)).ok_or_else(|| unfit(name))?;
    let other_id = text(item, "id").is_some_and(|id| id != component.id);
    let other_alias = text(item, "bizAlias").is_some_and(|alias| Some(alias) != component.alias.as_deref());
    if other_id || other_alias {
        return Err(unfit(name));
    }
    if text(item, "componentType").is_some_and(|kind| kind != component.kind) || component.kind == "TextNote" {
        return Err(Refusal::bad("illegalComponent", format!("控件不合法：{name}")));
    }
    Ok(component)
}

/// Labels of ranges are JSON arrays: spaces between their parts do not matter.
fn same_label(label: &str, name: &str) -> bool {
    let parts = |text: &str| serde_json::from_str::<Vec<String>>(text).ok();
    label == name || parts(label).is_some_and(|label| Some(label) == parts(name))
}

/// A checked value; `None` for an empty one.
fn value(component: &Component, item: &Value) -> Result<Option<FormValue>, Refusal> {
    let refused = || unfit(&component.label);
    let details = item.get("details").filter(|details| !details.is_null());
    let value = match (item.get("value"), details) {
        (Some(Value::String(value)), _) => value.clone(),
        (None | Some(Value::Null), Some(details)) if component.kind == "TableField" => table(component, details)?,
        _ => return Err(refused()),
    };
    let ext = match item.get("extValue") {
        None | Some(Value::Null) => None,
        Some(Value::String(ext)) if length(ext) <= MAX_VALUE => Some(ext.clone()),
        Some(_) => return Err(refused()),
    };
    if length(&value) > MAX_VALUE {
        return Err(refused());
    }
    if value.is_empty() {
        return Ok(None);
    }
    let (shown, own_ext) = convert(component, &value).ok_or_else(refused)?;
    Ok(Some(FormValue {
        id: component.id.clone(),
        alias: component.alias.clone(),
        kind: component.kind.clone(),
        name: component.label.clone(),
        value: shown,
        ext_value: own_ext.or(ext),
    }))
}

/// `details` of a table as its value's text.
fn table(component: &Component, details: &Value) -> Result<String, Refusal> {
    let rows = details.as_array().filter(|rows| rows.len() <= MAX_VALUES).ok_or_else(|| unfit(&component.label))?;
    let row = |row: &Value| row.get("details").cloned().unwrap_or_else(|| json!([row]));
    Ok(Value::Array(rows.iter().map(row).collect()).to_string())
}

/// How a value reads once it is stored, and its `extValue`; `None` when the control does not take it.
fn convert(component: &Component, value: &str) -> Option<(String, Option<String>)> {
    let plain = |fits: bool| fits.then(|| (value.to_owned(), None));
    match component.kind.as_str() {
        "NumberField" | "MoneyField" | "StarRatingField" => plain(value.parse::<f64>().is_ok_and(f64::is_finite)),
        "DDSelectField" => {
            let choice = component.options.iter().find(|choice| choice.value == value)?;
            Some((value.to_owned(), Some(json!({"label": choice.value, "key": choice.key}).to_string())))
        }
        "DDMultiSelectField" => {
            let chosen: Vec<String> = serde_json::from_str(value).ok()?;
            let of = |text: &String| component.options.iter().find(|choice| choice.value == *text);
            let choices = chosen.iter().map(of).collect::<Option<Vec<_>>>()?;
            let ext = choices.iter().map(|choice| json!({"label": choice.value, "key": choice.key}));
            Some((value.to_owned(), Some(Value::Array(ext.collect()).to_string())))
        }
        "DDDateField" => plain(is_date(component, value)),
        "DDDateRangeField" => {
            let range: [String; 2] = serde_json::from_str(value).ok()?;
            plain(range.iter().all(|date| is_date(component, date)))
        }
        "InnerContactField" => contacts(value),
        "TableField" => plain(is_table(component, value)),
        "DDPhotoField" | "RelateField" => plain(serde_json::from_str::<Vec<String>>(value).is_ok()),
        "DDAttachment" | "TimeAndLocationField" => plain(serde_json::from_str::<Vec<Value>>(value).is_ok()),
        _ => plain(true),
    }
}

/// The platform stores people's names, and their ids beside them.
fn contacts(value: &str) -> Option<(String, Option<String>)> {
    let ids: Vec<String> = serde_json::from_str(value).ok()?;
    let names = ids.iter().map(|id| directory::account(id).map(|_| directory::name(id))).collect::<Option<Vec<_>>>()?;
    let ext = ids.iter().zip(&names).map(|(id, name)| json!({"emplId": id, "name": name, "avatar": ""}));
    Some((names.join(","), Some(Value::Array(ext.collect()).to_string())))
}

fn is_date(component: &Component, value: &str) -> bool {
    let day = value.len() == 10 && value.parse::<Date>().is_ok();
    let minute =
        || value.len() == 16 && strtime::parse("%Y-%m-%d %H:%M", value).is_ok_and(|at| at.to_datetime().is_ok());
    match component.props.get("format").and_then(Value::as_str) {
        Some("yyyy-MM-dd") => day,
        Some(_) => minute(),
        None => day || minute(),
    }
}

/// Rows of `{name, value}`, every name one of the table's columns.
fn is_table(component: &Component, value: &str) -> bool {
    let Ok(rows) = serde_json::from_str::<Vec<Vec<Value>>>(value) else { return false };
    let column = |cell: &Value| find(&component.children, cell).is_ok_and(|column| self::value(column, cell).is_ok());
    rows.iter().flatten().all(column)
}
