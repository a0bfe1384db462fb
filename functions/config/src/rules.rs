//! `/v1/rules`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use countersign::engine::App;
use countersign::engine::rules::{Ready, in_order};
use countersign::engine::submit::{Body, By, Tried, TriedWay, source, try_rules};
use countersign::http::resource::{list_of, load, must_exist, remove, save};
use countersign::http::{Admin, Created, Id, IfMatch, Json, ListQuery, Patch, Problem, Query, Tagged, extract, time};
use countersign::ids::{OrgId, RuleId};
use countersign::resources::FieldErrors;
use countersign::resources::rule::MAX_RULES;
use countersign::resources::{Flow, OnError, Rule, Then};
use countersign::rules::Finding;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/rules", get(list_rules).post(create_rule))
        .route("/v1/rules/try", post(try_request))
        .route("/v1/rules/{id}", get(get_rule).patch(update_rule).delete(delete_rule))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    position: u32,
    when: String,
    then: Then,
    #[serde(default)]
    on_error: OnError,
    #[serde(default = "enabled")]
    enabled: bool,
}

const fn enabled() -> bool {
    true
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Update {
    name: Patch<String>,
    position: Patch<u32>,
    when: Patch<String>,
    then: Patch<Then>,
    on_error: Patch<OnError>,
    enabled: Patch<bool>,
}

impl New {
    fn rule(self, id: RuleId, app: &App, org: &OrgId) -> Rule {
        Rule {
            id,
            org: org.clone(),
            name: self.name,
            position: self.position,
            when: self.when,
            then: self.then,
            on_error: self.on_error,
            enabled: self.enabled,
            created_at: app.world.now(),
        }
    }
}

fn view(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "name": rule.name,
        "position": rule.position,
        "when": rule.when,
        "then": rule.then,
        "on_error": rule.on_error,
        "enabled": rule.enabled,
        "created_at": time(rule.created_at),
    })
}

/// The flows that a rule names, with pointers to where; `pointer` leads to the rule.
fn flows<'a>(rule: &'a Rule, pointer: &str) -> Vec<(String, &'a str)> {
    let named = [("/then/flow", rule.flow()), ("/on_error/flow", rule.error_flow())];
    named.into_iter().filter_map(|(end, flow)| Some((format!("{pointer}{end}"), flow?.as_str()))).collect()
}

/// Checks a rule by itself, and that the flow it names is there.
async fn check(app: &App, rule: &Rule, mut errors: FieldErrors) -> Result<(), Problem> {
    rule.check(&mut errors);
    must_exist::<Flow>(app, &rule.org, &flows(rule, ""), &mut errors).await?;
    Ok(errors.into_result()?)
}

async fn create_rule(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(new): Json<New>,
) -> Result<Created<Value>, Problem> {
    let rule = new.rule(RuleId::new(&app.world), &app, &caller.org);
    check(&app, &rule, FieldErrors::new()).await?;
    let there = app.store.list::<Rule>(&rule.org, 200, None).await?.items.len();
    if there >= MAX_RULES {
        return Err(Problem::conflict("too_many_rules", format!("an organisation has at most {MAX_RULES} rules")));
    }
    let version = app.store.create(&rule).await?;
    app.memory.rules.forget(&rule.org);
    Ok(Created { version, location: format!("/v1/rules/{}", rule.id), body: view(&rule) })
}

async fn list_rules(
    Admin(caller): Admin,
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    list_of(&app, &caller.org, &query, |rule| Ok(view(rule))).await
}

async fn get_rule(Admin(caller): Admin, State(app): State<App>, Id(id): Id<RuleId>) -> Result<Tagged<Value>, Problem> {
    let found = app.store.get::<Rule>(&caller.org, id.as_str()).await?;
    Ok(Tagged { version: found.version, body: view(&found.value) })
}

async fn update_rule(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<RuleId>,
    if_match: IfMatch,
    Json(update): Json<Update>,
) -> Result<Tagged<Value>, Problem> {
    let found = load::<Rule>(&app, &caller.org, id.as_str(), &if_match).await?;
    let (mut rule, mut errors) = (found.value, FieldErrors::new());
    update.name.replace(&mut rule.name, "/name", &mut errors);
    update.position.replace(&mut rule.position, "/position", &mut errors);
    update.when.replace(&mut rule.when, "/when", &mut errors);
    update.then.replace(&mut rule.then, "/then", &mut errors);
    update.on_error.change_or_default(&mut rule.on_error);
    update.enabled.replace(&mut rule.enabled, "/enabled", &mut errors);
    check(&app, &rule, errors).await?;
    let version = save(&app, &rule, found.version, &if_match).await?;
    app.memory.rules.forget(&rule.org);
    Ok(Tagged { version, body: view(&rule) })
}

async fn delete_rule(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<RuleId>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let found = load::<Rule>(&app, &caller.org, id.as_str(), &if_match).await?;
    let removed = remove(&app, &found, &if_match).await?;
    app.memory.rules.forget(&caller.org);
    Ok(removed)
}

/// Tells what a request would come to: the body is a submit's, and may bring rules that are tried instead of the stored ones.
async fn try_request(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(mut sent): Json<Map<String, Value>>,
) -> Result<axum::Json<Value>, Problem> {
    let candidates = sent.remove("rules").filter(|rules| !rules.is_null());
    let bytes = serde_json::to_vec(&sent).map_err(Problem::internal)?;
    let body: Body = extract::parse(&bytes)?;
    body.check()?;
    let source = source(&app, &caller.org, caller.source.as_ref(), &body).await?;
    let (stored, rules) = match candidates {
        Some(candidates) => (false, read(&app, &caller.org, &candidates).await?),
        None => {
            // What is stored now, and not what this process knew of it some seconds ago.
            app.memory.rules.forget(&caller.org);
            (true, app.rules(&caller.org).await?)
        }
    };
    let tried = try_rules(&app, &source, &body, &rules).await?;
    Ok(axum::Json(outcome(source.id.as_str(), &tried, &rules, stored)))
}

/// The rules that a trial brings.
async fn read(app: &App, org: &OrgId, sent: &Value) -> Result<Arc<[Ready]>, Problem> {
    let bytes = serde_json::to_vec(&json!({ "rules": sent })).map_err(Problem::internal)?;
    let Candidates { rules } = extract::parse(&bytes)?;
    let mut errors = FieldErrors::new();
    if rules.len() > MAX_RULES {
        errors.push("/rules", format!("must have at most {MAX_RULES} entries"));
        errors.into_result()?;
        return Ok(Arc::new([]));
    }
    // They have no ids; these put those of the same position in the order in which they stand.
    let id = |index: usize| format!("{}{index:04}", RuleId::PREFIX).parse().map_err(Problem::internal);
    let rules = rules.into_iter().enumerate().map(|(index, new)| Ok(new.rule(id(index)?, app, org)));
    let rules = rules.collect::<Result<Vec<Rule>, Problem>>()?;
    let mut named = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let mut own = FieldErrors::new();
        rule.check(&mut own);
        errors.push_all(&format!("/rules/{index}"), own);
        named.extend(flows(rule, &format!("/rules/{index}")));
    }
    must_exist::<Flow>(app, org, &named, &mut errors).await?;
    errors.into_result()?;
    Ok(in_order(rules.into_iter().map(Ready::from).collect()))
}

#[derive(Deserialize)]
struct Candidates {
    rules: Vec<New>,
}

fn outcome(source: &str, tried: &Tried, rules: &[Ready], stored: bool) -> Value {
    let outcome = match &tried.way {
        TriedWay::Approve => "approved",
        TriedWay::Reject => "rejected",
        TriedWay::Flow(_) => "flow",
        TriedWay::NoFlow => "no_flow",
    };
    let by = match tried.by {
        By::Request => "request",
        By::Rule => "rule",
        By::Source => "source",
    };
    let id = |rule: &RuleId| if stored { json!(rule) } else { Value::Null };
    let rule = tried
        .rule
        .as_ref()
        .map(|rule| json!({ "id": id(&rule.id), "name": rule.name, "outcome": rule.outcome, "detail": rule.detail }));
    let each: Vec<Value> = rules
        .iter()
        .zip(&tried.findings)
        .map(|(ready, finding)| {
            let (result, detail) = match finding {
                Finding::Matched => ("matched", None),
                Finding::NotMatched => ("not_matched", None),
                Finding::Failed(why) => ("error", Some(why)),
                Finding::NotReached if !ready.rule.enabled => ("disabled", None),
                Finding::NotReached => ("not_reached", None),
            };
            json!({ "id": id(&ready.rule.id), "name": ready.rule.name, "position": ready.rule.position,
                "result": result, "detail": detail })
        })
        .collect();
    json!({ "outcome": outcome, "by": by, "flow": tried.way.flow(), "source": source, "rule": rule, "rules": each })
}
