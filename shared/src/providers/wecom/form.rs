//! The values of an approval in a form.

use serde_json::{Value, json};

use super::template::{FormControl, LANGUAGE, id_of, kind_of};
use crate::providers::form::{Control, value_for};
use crate::providers::lenient::{items, shorten, text};
use crate::providers::{Error, Start};

/// Longest value of a control of one line and of several, in characters. WeCom states no limit; several thousand in a
/// `Textarea` are known to pass (unconfirmed).
const TEXT_LIMIT: usize = 500;
const TEXTAREA_LIMIT: usize = 4_000;
/// Lines in the summary that people see in lists, and characters in each.
const SUMMARY_LINES: usize = 3;
const SUMMARY_LIMIT: usize = 20;

/// The values for our own template.
pub(super) fn values(start: &Start) -> Vec<Value> {
    let filled = Control::ALL.into_iter().filter_map(|control| Some((control, control.value(start)?)));
    filled.map(|(control, value)| entry(kind_of(control), &id_of(control), &value)).collect()
}

/// The values for a customer's template: its text controls that are labelled as ours are, or as a submitted field is
/// named. A control without a value is left out as a whole: an empty one is refused.
///
/// # Errors
/// A template without a Reference control is refused: after an interrupted start we could not tell whether the
/// instance exists, and might start it twice. So is one that requires what we cannot fill.
pub(super) fn values_for(controls: &[FormControl], start: &Start) -> Result<Vec<Value>, Error> {
    if !controls.iter().any(FormControl::is_reference) {
        let message = "the template has no text control labelled “Reference” (来源编号): add one, so that the approval \
                       can be found again";
        return Err(Error::Refused { code: "template_without_reference".to_owned(), message: message.to_owned() });
    }
    let mut values = Vec::new();
    let mut lacking = Vec::new();
    for control in controls.iter().filter(|control| !control.is_filled_by_wecom()) {
        let value = control.labels.iter().find_map(|label| value_for(label, start)).filter(|_| control.is_text());
        match value.filter(|value| !value.trim().is_empty()) {
            Some(value) => values.push(entry(&control.kind, &control.id, &value)),
            None if control.is_required => lacking.push(control.labels.first().unwrap_or(&control.id).as_str()),
            None => {}
        }
    }
    if lacking.is_empty() {
        return Ok(values);
    }
    let message = format!(
        "the template requires what the approval does not fill: {}. Submit fields of these names for its text controls, \
         and let all others be optional",
        lacking.join(", ")
    );
    Err(Error::Refused { code: "template_field_required".to_owned(), message })
}

/// What people see of a form in lists: title, resource, reason.
pub(super) fn summary(start: &Start) -> Value {
    let resource = start.resource.as_ref().map(|resource| resource.name.as_str());
    let lines = [Some(start.title.as_str()), resource, start.reason.as_deref()];
    let texts = lines.into_iter().flatten().map(one_line).filter(|line| !line.is_empty()).take(SUMMARY_LINES);
    let line = |text: String| json!({"summary_info": [{"text": shorten(&text, SUMMARY_LIMIT), "lang": LANGUAGE}]});
    texts.map(line).collect()
}

/// Whether an instance's form carries this reference.
pub(super) fn carries(instance: &Value, reference: &str) -> bool {
    items(&instance["apply_data"]["contents"]).iter().any(|entry| {
        let is_ours = entry["id"] == id_of(Control::Reference).as_str();
        let labels = items(&entry["title"]).iter().filter_map(|title| title["text"].as_str());
        let is_reference = is_ours || labels.into_iter().any(|label| Control::Reference.is_called(label));
        is_reference && text(&entry["value"]["text"]).is_some_and(|value| value.trim() == reference)
    })
}

/// A `Text` takes no line breaks, and no control takes what JSON would write as `\u00..`.
fn entry(kind: &str, id: &str, value: &str) -> Value {
    let value = match kind {
        "Textarea" => shorten(&lines(value), TEXTAREA_LIMIT),
        _ => shorten(&one_line(value), TEXT_LIMIT),
    };
    json!({"control": kind, "id": id, "value": {"text": value}})
}

fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

fn one_line(text: &str) -> String {
    text.split(char::is_control).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::providers::testing::start;

    fn value<'a>(values: &'a [Value], id: &str) -> Option<&'a str> {
        values.iter().find(|entry| entry["id"] == id)?["value"]["text"].as_str()
    }

    fn control(kind: &str, id: &str, label: &str, is_required: bool) -> FormControl {
        FormControl { kind: kind.into(), id: id.into(), labels: vec![label.into()], is_required }
    }

    #[test]
    fn our_form_holds_the_approval() {
        let values = values(&start());
        assert_eq!(value(&values, "Text-1"), Some("Read access to orders"));
        assert_eq!(value(&values, "Textarea-2"), None, "no reason: the entry is left out");
        assert!(value(&values, "Textarea-3").unwrap().starts_with("申请人 Applicant: 张三\n资源 Resource: orders\n"));
        assert_eq!(value(&values, "Text-5"), Some("apr_01test"));
        assert!(
            values.iter().all(|entry| entry["id"].as_str().unwrap().starts_with(entry["control"].as_str().unwrap()))
        );
    }

    #[test]
    fn a_text_has_one_line_and_nothing_that_json_escapes() {
        let mut start = start();
        start.title = "one\r\ntwo\u{1}three \n".into();
        start.reason = Some("one\r\ntwo\u{1}\tthree".into());
        let values = values(&start);
        assert_eq!(value(&values, "Text-1"), Some("one two three"));
        assert_eq!(value(&values, "Textarea-2"), Some("one\ntwo  three"));
        assert!(!serde_json::to_string(&values).unwrap().contains("\\u"));
        start.title = "长".repeat(9_000);
        start.reason = Some("长".repeat(9_000));
        let values = super::values(&start);
        assert_eq!(value(&values, "Text-1").unwrap().chars().count(), TEXT_LIMIT);
        assert_eq!(value(&values, "Textarea-2").unwrap().chars().count(), TEXTAREA_LIMIT);
    }

    #[test]
    fn the_summary_has_three_lines_of_twenty_characters() {
        let mut start = start();
        start.reason = Some("a reason that is longer than\ntwenty characters".into());
        let summary = summary(&start);
        let lines: Vec<_> =
            items(&summary).iter().map(|line| line["summary_info"][0]["text"].as_str().unwrap()).collect();
        assert_eq!(lines, ["Read access to orde…", "orders", "a reason that is lo…"]);
    }

    #[test]
    fn a_customers_form_is_filled_by_label() {
        let mut controls = vec![
            control("Text", "Text-7", "title", true),
            control("Textarea", "Textarea-8", "table", true),
            control("Text", "Text-9", "来源编号", false),
            control("Tips", "Tips-1", "Read this", true),
            control("Selector", "Selector-1", "sensitivity", false),
            control("Text", "Text-10", "Approver's note", false),
        ];
        controls[1].labels.insert(0, "表".into());
        let values = values_for(&controls, &start()).unwrap();
        let told = json!([
            {"control": "Text", "id": "Text-7", "value": {"text": "Read access to orders"}},
            {"control": "Textarea", "id": "Textarea-8", "value": {"text": "orders"}},
            {"control": "Text", "id": "Text-9", "value": {"text": "apr_01test"}},
        ]);
        assert_eq!(Value::from(values), told);
    }

    #[test]
    fn what_cannot_be_filled_is_named() {
        let reference = control("Text", "Text-9", "Reference", true);
        let lacking = [
            reference.clone(),
            control("Selector", "Selector-1", "sensitivity", true),
            control("File", "File-1", "附件", true),
            control("Textarea", "Textarea-2", "Reason", true),
        ];
        let error = values_for(&lacking, &start()).unwrap_err();
        assert!(
            matches!(&error, Error::Refused { code, message }
            if code == "template_field_required" && message.contains("sensitivity, 附件, Reason.")),
            "{error:?}"
        );
        let error = values_for(&[control("Selector", "Selector-9", "Reference", false)], &start()).unwrap_err();
        assert!(matches!(error, Error::Refused { code, .. } if code == "template_without_reference"));
    }

    #[test]
    fn a_reference_is_matched_in_its_control_only() {
        let form = |id: &str, label: &str, value: &str| {
            json!({"apply_data": {"contents": [{"control": "Text", "id": id,
                "title": [{"text": "x", "lang": "en"}, {"text": label, "lang": "zh_CN"}], "value": {"text": value}}]}})
        };
        assert!(carries(&form("Text-5", "anything", "apr_1"), "apr_1"));
        assert!(carries(&form("Text-99", "来源编号", " apr_1 "), "apr_1"));
        assert!(!carries(&form("Text-5", "Reference", "apr_1/2"), "apr_1"));
        assert!(!carries(&form("Text-1", "标题 Title", "apr_1"), "apr_1"));
        assert!(!carries(&json!({}), "apr_1"));
    }
}
