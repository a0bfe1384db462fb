//! Our template: a form whose controls carry one approval. The flow comes with each start, so the template has none.

use serde_json::{Value, json};

use super::client::Api;
use crate::providers::Error;
use crate::providers::failure::Failure;
use crate::providers::form::Control;
use crate::providers::lenient::{items, number, text};

/// The template's name. An instance has no title of its own: people see `<applicant>提交的<this name>`.
pub(super) const NAME: &str = "审批申请 (Countersign)";
/// Templates are listed in pages of 100, and an organisation may have 200.
const PAGE: &str = "100";
const PAGES: usize = 5;

/// A control's id in the form; stays the same for ever.
pub(super) fn id_of(control: Control) -> String {
    format!("{}-{}", component(control), control.names().1.to_ascii_lowercase())
}

const fn component(control: Control) -> &'static str {
    if control.is_long() { "TextareaField" } else { "TextField" }
}

fn control_definition(control: Control) -> Value {
    let props = json!({"componentId": id_of(control), "label": control.label(), "required": control.is_required()});
    json!({"componentType": component(control), "props": props})
}

/// A text control of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextControl {
    pub(super) id: Option<String>,
    pub(super) label: String,
}

/// Makes our template, or finds it where it was made before: its code.
pub(super) async fn create(api: &Api<'_>) -> Result<String, Failure> {
    match api.post("/v1.0/workflow/forms", &definition()).await {
        Ok(answer) => text(&answer["result"]["processCode"]).ok_or_else(|| Failure::not_understood("processCode")),
        Err(failure) if failure.code() == Some("formName.error") => find_ours(api).await,
        Err(failure) => Err(failure),
    }
}

/// Hidden, so that nobody starts it by hand and makes instances that we know nothing of.
fn definition() -> Value {
    json!({
        "name": NAME,
        "description": "Made by Countersign, which starts its approvals. 由 Countersign 创建，请勿手动提交。",
        "templateConfig": {"hidden": true, "disableResubmit": true},
        "formComponents": Control::ALL.map(control_definition),
    })
}

async fn find_ours(api: &Api<'_>) -> Result<String, Failure> {
    let code = find_by_name(api).await?;
    let controls = text_controls(api, &code).await?;
    if controls.iter().any(|control| Control::Reference.is_called(&control.label)) {
        return Ok(code);
    }
    let message = format!("a template named “{NAME}” exists and is not ours: rename it, then try again");
    Err(Error::Refused { code: "formName.error".to_owned(), message }.into())
}

async fn find_by_name(api: &Api<'_>) -> Result<String, Failure> {
    let path = "/v1.0/workflow/processCentres/schemaNames/processCodes";
    if let Ok(answer) = api.get(path, &[("name", NAME)]).await
        && let Some(code) = text(&answer["result"]["processCode"])
    {
        return Ok(code);
    }
    let mut next = 0;
    for _ in 0..PAGES {
        let answer = page(api, PAGE, next).await?;
        let result = &answer["result"];
        let ours = items(&result["processList"]).iter().find(|template| template["name"] == NAME);
        if let Some(code) = ours.and_then(|template| text(&template["processCode"])) {
            return Ok(code);
        }
        match number(&result["nextToken"]) {
            Some(token) if token > next => next = token,
            _ => break,
        }
    }
    let message = format!("a template named “{NAME}” exists, but the app cannot see it");
    Err(Error::NotFound { code: "formName.error".to_owned(), message }.into())
}

/// One page of the organisation's templates.
pub(super) async fn page(api: &Api<'_>, size: &str, next: i64) -> Result<Value, Failure> {
    let query = [("maxResults", size), ("nextToken", &next.to_string())];
    api.get("/v1.0/workflow/processes/userVisibilities/templates", &query).await
}

/// The text controls of a template, those in a table left out.
pub(super) async fn text_controls(api: &Api<'_>, code: &str) -> Result<Vec<TextControl>, Failure> {
    let answer = api.get("/v1.0/workflow/forms/schemas/processCodes", &[("processCode", code)]).await?;
    let mut controls = Vec::new();
    collect(&answer["result"]["schemaContent"]["items"], 4, &mut controls);
    Ok(controls)
}

fn collect(list: &Value, depth: u8, controls: &mut Vec<TextControl>) {
    for item in items(list) {
        // Reading names things otherwise than creating: `componentName` and `id` there, `componentType` here.
        let component = item["componentName"].as_str().unwrap_or_default();
        if matches!(component, "TextField" | "TextareaField")
            && let Some(label) = text(&item["props"]["label"])
        {
            controls.push(TextControl { id: text(&item["props"]["id"]), label });
        }
        if component != "TableField" && depth > 0 {
            collect(&item["children"], depth - 1, controls);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn our_controls_keep_to_the_limits() {
        let ids: HashSet<String> = Control::ALL.map(id_of).into();
        assert_eq!(ids.len(), 5);
        assert!(ids.iter().all(|id| id.len() <= 64), "{ids:?}");
        assert!(NAME.chars().count() <= 64, "it is looked up by name");
    }
}
