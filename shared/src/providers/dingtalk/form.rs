//! The values of an approval in a form.

use serde_json::{Value, json};

use super::template::{TextControl, id_of};
use crate::providers::form::{Control, value_for};
use crate::providers::lenient::{items, shorten, text};
use crate::providers::{Error, Start};

/// Longest value, in characters.
const VALUE_LIMIT: usize = 65_535;

/// The values for our own template.
pub(super) fn values(start: &Start) -> Vec<Value> {
    let entry =
        |(control, value): (Control, String)| json!({"name": control.label(), "value": shorten(&value, VALUE_LIMIT)});
    let filled = Control::ALL.into_iter().filter_map(|control| Some((control, control.value(start)?)));
    filled.map(entry).collect()
}

/// The values for a customer's template: its text controls that are labelled as ours are, or as a submitted field is
/// named.
///
/// # Errors
/// A template without a Reference control is refused: after an interrupted start we could not tell whether the
/// instance exists, and might start it twice.
pub(super) fn values_for(controls: &[TextControl], start: &Start) -> Result<Vec<Value>, Error> {
    if !controls.iter().any(|control| Control::Reference.is_called(&control.label)) {
        let message = "the template has no text control labelled “Reference” (来源编号): add one, so that the approval \
                       can be found again";
        return Err(Error::Refused { code: "template_without_reference".to_owned(), message: message.to_owned() });
    }
    let filled = controls.iter().filter_map(|control| {
        let value = shorten(&value_for(&control.label, start)?, VALUE_LIMIT);
        let mut entry = json!({"name": control.label, "value": value});
        if let Some(id) = &control.id {
            entry["id"] = json!(id);
        }
        Some(entry)
    });
    Ok(filled.collect())
}

/// Whether an instance's form carries this reference.
pub(super) fn carries(instance: &Value, reference: &str) -> bool {
    items(&instance["formComponentValues"]).iter().any(|entry| {
        let is_reference = entry["id"] == id_of(Control::Reference).as_str()
            || entry["name"].as_str().is_some_and(|name| Control::Reference.is_called(name));
        is_reference && text(&entry["value"]).is_some_and(|value| value.trim() == reference)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::providers::testing::start;

    fn value<'a>(values: &'a [Value], name: &str) -> Option<&'a str> {
        values.iter().find(|entry| entry["name"] == name)?["value"].as_str()
    }

    #[test]
    fn our_form_holds_the_approval() {
        let values = values(&start());
        assert_eq!(value(&values, "标题 Title"), Some("Read access to orders"));
        assert_eq!(value(&values, "原因 Reason"), None);
        assert_eq!(value(&values, "链接 Link"), None, "the resource has no address");
        assert_eq!(value(&values, "来源编号 Reference"), Some("apr_01test"));
        let details = value(&values, "详情 Details").unwrap();
        assert_eq!(
            details,
            "申请人 Applicant: 张三\n资源 Resource: orders\n开始 From: 2026-09-22 00:00 (UTC+8)\nsensitivity: 3\ntable: orders"
        );
    }

    #[test]
    fn long_values_are_cut_and_stages_are_told_apart() {
        let mut start = start();
        start.title = "长".repeat(70_000);
        start.stage = 1;
        let values = values(&start);
        assert_eq!(value(&values, "标题 Title").unwrap().chars().count(), VALUE_LIMIT);
        assert_eq!(value(&values, "来源编号 Reference"), Some("apr_01test/2"));
    }

    #[test]
    fn a_customers_form_is_filled_by_label() {
        let control = |label: &str| TextControl { id: Some(format!("TextField-{label}")), label: label.into() };
        let controls = ["title", "table", "Approver's note", "来源编号"].map(control);
        let values = values_for(&controls, &start()).unwrap();
        assert_eq!(value(&values, "title"), Some("Read access to orders"));
        assert_eq!(value(&values, "table"), Some("orders"));
        assert_eq!(value(&values, "来源编号"), Some("apr_01test"));
        assert_eq!(values.len(), 3);
        assert_eq!(values[0]["id"], "TextField-title");
        assert!(matches!(values_for(&controls[..3], &start()), Err(Error::Refused { .. })));
    }

    #[test]
    fn a_reference_is_matched_in_its_control_only() {
        let form = |name: &str, value: &str| json!({"formComponentValues": [{"name": name, "value": value}]});
        assert!(carries(&form("来源编号 Reference", "apr_1"), "apr_1"));
        assert!(carries(&form("Reference", " apr_1 "), "apr_1"));
        assert!(!carries(&form("来源编号 Reference", "apr_1/2"), "apr_1"));
        assert!(!carries(&form("标题 Title", "apr_1"), "apr_1"));
        assert!(!carries(&json!({}), "apr_1"));
    }
}
