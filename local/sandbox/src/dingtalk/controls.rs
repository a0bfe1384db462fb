//! The controls of a template, as they are sent when it is made.

use std::collections::BTreeSet;

use serde_json::Value;

use super::answer::Refusal;
use super::forms::schema_error;
use super::model::{Choice, Component};
use crate::platform::fields::{boolean, integer, length, text};

/// Most controls of a template.
const MAX_CONTROLS: usize = 200;
/// Most characters of a control's label.
const MAX_LABEL: usize = 20;
/// Most characters of a control's id or alias.
const MAX_ID: usize = 64;
/// Most characters of a placeholder.
const MAX_PLACEHOLDER: usize = 128;
/// Most characters of an explanatory text.
const MAX_NOTE: usize = 500;

/// Every control there is.
const KINDS: &[&str] = &[
    "TextField",
    "TextareaField",
    "NumberField",
    "MoneyField",
    "DDSelectField",
    "DDMultiSelectField",
    "DDDateField",
    "DDDateRangeField",
    "TextNote",
    "PhoneField",
    "DDPhotoField",
    "DDAttachment",
    "InnerContactField",
    "DepartmentField",
    "RelateField",
    "AddressField",
    "StarRatingField",
    "TimeAndLocationField",
    "TableField",
];

/// Reads `formComponents`.
pub(super) fn read(components: &Value) -> Result<Vec<Component>, Refusal> {
    let list = components.as_array().filter(|list| !list.is_empty()).ok_or_else(|| schema_error("表单控件为空"))?;
    let mut names = BTreeSet::new();
    let read = list.iter().map(|item| component(item, false, &mut names)).collect::<Result<Vec<_>, _>>()?;
    let count: usize = read.iter().map(|component| 1 + component.children.len()).sum();
    if count > MAX_CONTROLS {
        return Err(schema_error(format!("表单控件超过 {MAX_CONTROLS} 个")));
    }
    Ok(read)
}

fn component(item: &Value, inside: bool, names: &mut BTreeSet<String>) -> Result<Component, Refusal> {
    let kind = text(item, "componentType").ok_or_else(|| schema_error("componentType 为空"))?;
    if !KINDS.contains(&kind) || (inside && kind == "TableField") {
        return Err(schema_error(format!("不支持的控件类型：{kind}")));
    }
    let props = item.get("props").filter(|props| props.is_object()).ok_or_else(|| schema_error("控件 props 为空"))?;
    let (id, alias) = ids(props, kind, names)?;
    let label = label(props, kind)?;
    if text(props, "placeholder").is_some_and(|text| length(text) > MAX_PLACEHOLDER) {
        return Err(schema_error(format!("控件 {id} 的 placeholder 超过 {MAX_PLACEHOLDER} 个字符")));
    }
    for name in ["required", "disabled", "multiple", "duration"] {
        if props.get(name).is_some_and(|value| !value.is_null() && boolean(value).is_none()) {
            return Err(schema_error(format!("控件 {id} 的 {name} 不合法")));
        }
    }
    if kind == "StarRatingField" && !matches!(props.get("limit").and_then(integer), Some(5 | 10)) {
        return Err(schema_error(format!("控件 {id} 的 limit 只能是 5 或 10")));
    }
    Ok(Component {
        kind: kind.to_owned(),
        options: options(props, kind, &id)?,
        children: children(item, kind, &id, names)?,
        required: props.get("required").and_then(boolean).unwrap_or_default(),
        props: props.as_object().cloned().unwrap_or_default(),
        id,
        alias,
        label,
    })
}

/// A control is known by its id or its alias; each is there once.
fn ids(props: &Value, kind: &str, names: &mut BTreeSet<String>) -> Result<(String, Option<String>), Refusal> {
    let (id, alias) = (text(props, "componentId"), text(props, "bizAlias"));
    for name in [id, alias].into_iter().flatten() {
        if length(name) > MAX_ID {
            return Err(schema_error(format!("控件 ID 超过 {MAX_ID} 个字符：{name}")));
        }
        if !names.insert(name.to_owned()) {
            return Err(schema_error(format!("控件 ID 重复：{name}")));
        }
    }
    let alias = alias.map(str::to_owned);
    match (id, &alias) {
        (Some(id), _) => Ok((id.to_owned(), alias)),
        (None, Some(name)) => Ok((format!("{kind}-{name}"), alias)),
        (None, None) => Err(schema_error("componentId 和 bizAlias 不能同时为空")),
    }
}

/// The label; that of a range is a JSON array of two, each as long as a label may be.
fn label(props: &Value, kind: &str) -> Result<String, Refusal> {
    let label = text(props, "label").unwrap_or_default();
    if kind == "TextNote" {
        let content = text(props, "content").unwrap_or_default();
        let fits = !content.is_empty() && length(content) <= MAX_NOTE;
        return if fits { Ok(label.to_owned()) } else { Err(schema_error("说明文字为空或过长")) };
    }
    let parts: Vec<String> = match kind {
        "DDDateRangeField" | "TimeAndLocationField" => {
            serde_json::from_str(label).map_err(|_| schema_error(format!("控件名称不是 JSON 数组：{label}")))?
        }
        _ => vec![label.to_owned()],
    };
    if parts.is_empty() || parts.iter().any(|part| part.is_empty() || length(part) > MAX_LABEL) {
        return Err(schema_error(format!("控件名称为空或超过 {MAX_LABEL} 个字符：{label}")));
    }
    Ok(label.to_owned())
}

fn options(props: &Value, kind: &str, id: &str) -> Result<Vec<Choice>, Refusal> {
    if !matches!(kind, "DDSelectField" | "DDMultiSelectField") {
        return Ok(vec![]);
    }
    let list = props.get("options").and_then(Value::as_array).filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| schema_error(format!("控件 {id} 没有选项")))?;
    let choice = |(number, item): (usize, &Value)| {
        let value = text(item, "value").ok_or_else(|| schema_error(format!("控件 {id} 的选项为空")))?;
        let key = text(item, "key").map_or_else(|| format!("option_{number}"), str::to_owned);
        Ok(Choice { key, value: value.to_owned() })
    };
    list.iter().enumerate().map(choice).collect()
}

fn children(item: &Value, kind: &str, id: &str, names: &mut BTreeSet<String>) -> Result<Vec<Component>, Refusal> {
    let list = item.get("children").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match (kind, list) {
        ("TableField", []) => Err(schema_error(format!("明细 {id} 没有子控件"))),
        ("TableField", list) => list.iter().map(|child| component(child, true, names)).collect(),
        (_, []) => Ok(vec![]),
        _ => Err(schema_error(format!("控件 {id} 不能有子控件"))),
    }
}
