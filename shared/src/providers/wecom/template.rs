//! Our template: a form whose controls carry one approval. The flow comes with each start, so the template has none.

use serde_json::{Value, json};

use super::client::Api;
use crate::providers::failure::{Failure, Kind};
use crate::providers::form::Control;
use crate::providers::lenient::{items, number, text};

/// The template's name: at most 40 characters, and unique in the corporation. It is what people see as the form's title.
pub(super) const NAME: &str = "审批申请 (Countersign)";
/// The language of our texts, as WeCom writes it: with an underscore.
pub(super) const LANGUAGE: &str = "zh_CN";

/// A control of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FormControl {
    /// What it is, as in `Textarea`.
    pub(super) kind: String,
    pub(super) id: String,
    /// Its title in each language.
    pub(super) labels: Vec<String>,
    pub(super) is_required: bool,
}

impl FormControl {
    pub(super) fn is_text(&self) -> bool {
        matches!(self.kind.as_str(), "Text" | "Textarea")
    }

    /// Whether WeCom fills it: a start leaves it out.
    pub(super) fn is_filled_by_wecom(&self) -> bool {
        matches!(self.kind.as_str(), "Tips" | "Formula")
    }

    pub(super) fn is_reference(&self) -> bool {
        self.is_text() && self.labels.iter().any(|label| Control::Reference.is_called(label))
    }
}

/// What a control of ours is on WeCom.
pub(super) const fn kind_of(control: Control) -> &'static str {
    if control.is_long() { "Textarea" } else { "Text" }
}

/// A control's id in our form: its kind and a number that stays the same for ever.
pub(super) fn id_of(control: Control) -> String {
    let number = match control {
        Control::Title => 1,
        Control::Reason => 2,
        Control::Details => 3,
        Control::Link => 4,
        Control::Reference => 5,
    };
    format!("{}-{number}", kind_of(control))
}

/// Makes our template, or keeps the one that was made before: its code.
///
/// There is no list of templates and no look-up by name, so a template whose code was lost, because the answer was, cannot
/// be found again. Which code says that a name is taken is not documented: where WeCom refuses ours, a second one is tried.
pub(super) async fn create(api: &Api<'_>, kept: Option<&str>) -> Result<String, Failure> {
    if let Some(code) = kept
        && is_ours(api, code).await?
    {
        return Ok(code.to_owned());
    }
    match make(api, NAME).await {
        Err(Failure::Refused(refusal)) if refusal.kind == Kind::Refused && refusal.code != "301087" => {
            let [a, b, c] = api.random();
            make(api, &format!("审批申请 (Countersign {a:02x}{b:02x}{c:02x})")).await
        }
        other => other,
    }
}

async fn make(api: &Api<'_>, name: &str) -> Result<String, Failure> {
    let answer = api.post("/cgi-bin/oa/approval/create_template", &definition(name)).await?;
    text(&answer["template_id"]).ok_or_else(|| Failure::not_understood("template_id"))
}

fn definition(name: &str) -> Value {
    let texts = |text: &str| json!([{"text": text, "lang": LANGUAGE}]);
    let control = |control: Control| {
        json!({"property": {"control": kind_of(control), "id": id_of(control), "title": texts(&control.label()),
            "require": i32::from(control.is_required()), "un_print": 0}})
    };
    json!({"template_name": texts(name), "template_content": {"controls": Control::ALL.map(control)}})
}

/// Whether a template is there and can carry our approval id.
pub(super) async fn is_ours(api: &Api<'_>, code: &str) -> Result<bool, Failure> {
    match controls(api, code).await {
        Ok(controls) => Ok(controls.iter().any(FormControl::is_reference)),
        Err(Failure::Refused(refusal)) if matches!(refusal.kind, Kind::NotFound | Kind::Refused) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// The controls of a template, those in a table left out.
pub(super) async fn controls(api: &Api<'_>, code: &str) -> Result<Vec<FormControl>, Failure> {
    let answer = api.query("/cgi-bin/oa/gettemplatedetail", &json!({"template_id": code})).await?;
    let read = |control: &Value| {
        let property = &control["property"];
        Some(FormControl {
            kind: text(&property["control"])?,
            id: text(&property["id"])?,
            labels: items(&property["title"]).iter().filter_map(|title| text(&title["text"])).collect(),
            is_required: number(&property["require"]) == Some(1),
        })
    };
    Ok(items(&answer["template_content"]["controls"]).iter().filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn our_template_keeps_to_the_limits() {
        let definition = definition(NAME);
        assert!(definition["template_name"][0]["text"].as_str().unwrap().chars().count() <= 40 - 7);
        let controls = items(&definition["template_content"]["controls"]);
        let ids: HashSet<&str> = controls.iter().map(|control| control["property"]["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["Text-1", "Textarea-2", "Textarea-3", "Text-4", "Text-5"].into());
        for control in controls {
            let property = &control["property"];
            assert!(property["title"][0]["text"].as_str().unwrap().chars().count() <= 40);
            assert_eq!(property["title"][0]["lang"], "zh_CN");
            let kind = property["control"].as_str().unwrap();
            assert!(property["id"].as_str().unwrap().starts_with(&format!("{kind}-")));
        }
    }
}
