//! What people do with an approval through our own API: `POST /v1/approvals/{id}/decisions`, `/transfer`, `/approvers`, `/comments`,
//! `/return`, `/revoke`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use countersign::approval::{Act, Actor, Person, Place, Position, Refused};
use countersign::delivery::Document;
use countersign::engine::act::{ActOutcome, act, revoke as revoke_approved};
use countersign::engine::{App, people};
use countersign::http::{Caller, Id, Json, Problem, SignedIn, Submitter};
use countersign::ids::{ApprovalId, MemberId};
use countersign::resources::{Approver, FieldErrors, Member, Role};
use countersign::store::approvals::Record;
use serde::Deserialize;
use serde_json::json;

/// Longest remark, in characters.
const MAX_REMARK: usize = 1_000;

/// Who acts, and where.
#[derive(Debug)]
struct Who {
    member: Option<MemberId>,
    stage: Option<usize>,
    node: Option<usize>,
}

/// The body of each act: what is its own beside who acts.
macro_rules! bodies {
    ($($name:ident { $($field:ident: $type:ty),* })*) => {$(
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            member: Option<MemberId>,
            stage: Option<usize>,
            node: Option<usize>,
            $($field: $type,)*
        }

        impl $name {
            fn who(&self) -> Who {
                Who { member: self.member.clone(), stage: self.stage, node: self.node }
            }
        }
    )*};
}

bodies! {
    Decide { decision: Decision, remark: Option<String> }
    Transfer { to: Approver, remark: Option<String> }
    Add { to: Approver, position: Position, remark: Option<String> }
    Return { to_node: usize, remark: Option<String> }
    Comment { text: String }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Approve,
    Reject,
}

pub(crate) async fn decide(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<ApprovalId>,
    Json(body): Json<Decide>,
) -> Result<Response, Problem> {
    check_remark("/remark", body.remark.as_deref())?;
    let who = body.who();
    run(&app, &caller, &id, who, Act::Decide { approve: body.decision == Decision::Approve, remark: body.remark }).await
}

pub(crate) async fn transfer(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<ApprovalId>,
    Json(body): Json<Transfer>,
) -> Result<Response, Problem> {
    check_remark("/remark", body.remark.as_deref())?;
    let (who, to) = (body.who(), person(&app, &caller, &body.to).await?);
    run(&app, &caller, &id, who, Act::Transfer { to, remark: body.remark }).await
}

pub(crate) async fn add(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<ApprovalId>,
    Json(body): Json<Add>,
) -> Result<Response, Problem> {
    check_remark("/remark", body.remark.as_deref())?;
    let (who, to) = (body.who(), person(&app, &caller, &body.to).await?);
    run(&app, &caller, &id, who, Act::Add { to, position: body.position, remark: body.remark }).await
}

pub(crate) async fn send_back(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<ApprovalId>,
    Json(body): Json<Return>,
) -> Result<Response, Problem> {
    check_remark("/remark", body.remark.as_deref())?;
    let who = body.who();
    run(&app, &caller, &id, who, Act::Return { node: body.to_node, remark: body.remark }).await
}

pub(crate) async fn comment(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<ApprovalId>,
    Json(body): Json<Comment>,
) -> Result<Response, Problem> {
    check_remark("/text", Some(&body.text))?;
    let who = body.who();
    run(&app, &caller, &id, who, Act::Comment { text: body.text }).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revoke {
    reason: Option<String>,
}

pub(crate) async fn revoke(
    State(app): State<App>,
    Submitter(caller): Submitter,
    Id(id): Id<ApprovalId>,
    Json(body): Json<Revoke>,
) -> Result<Response, Problem> {
    check_remark("/reason", body.reason.as_deref())?;
    super::find(&app, &caller, &id).await?;
    match revoke_approved(&app, &id, &super::by(&caller), body.reason.as_ref()).await? {
        (record, true) => Ok(shown(&record)),
        (record, false) => {
            let detail = "only what was approved can be revoked; what is open is withdrawn";
            Err(Problem::conflict("not_approved", detail).with("approval", json!(Document::from(&*record))))
        }
    }
}

fn check_remark(pointer: &str, remark: Option<&str>) -> Result<(), Problem> {
    let mut errors = FieldErrors::new();
    if let Some(remark) = remark {
        errors.text(pointer, remark, MAX_REMARK);
    }
    Ok(errors.into_result()?)
}

/// The one member whom `to` names.
async fn person(app: &App, caller: &Caller, to: &Approver) -> Result<Person, Problem> {
    if !matches!(to, Approver::Member(_) | Approver::Mobile(_) | Approver::Email(_)) {
        return Err(Problem::bad_field("invalid_request", "/to", "names one person, by `member`, `mobile` or `email`"));
    }
    let member = people::one_member(app, &caller.org, to).await?;
    if member.as_ref().is_some_and(|member| !member.active) {
        return Err(unsuitable("that person is switched off"));
    }
    member.as_ref().map(account_here).ok_or_else(|| {
        Problem::unprocessable("person_not_found", format!("/to: there is no member {to}, or there are several"))
            .at("/to")
    })
}

/// A member as the built-in platform knows them.
fn account_here(member: &Member) -> Person {
    people::person(member, member.id.to_string())
}

/// Whoever acts: the member who has signed in, or the one in whose name an administrator acts. That may be one who was deleted and is
/// asked still.
async fn actor(app: &App, caller: &Caller, record: &Record, named: Option<MemberId>) -> Result<Actor, Problem> {
    let own = caller.member();
    let Some(id) = named.as_ref().or(own) else {
        return Err(Problem::bad_field("invalid_request", "/member", "is required: a key acts in a member's name"));
    };
    let is_own = own == Some(id);
    if !is_own {
        caller.require(Role::Admin)?;
    }
    let member = people::member(app, &caller.org, id).await?;
    let person = member.as_ref().map(account_here).or_else(|| record.state.named(id.as_str()).cloned());
    let Some(person) = person else {
        return Err(Problem::unprocessable("person_not_found", "/member: there is no such member").at("/member"));
    };
    Ok(Actor { person, by: (!is_own).then(|| super::by(caller)) })
}

async fn run(app: &App, caller: &Caller, id: &ApprovalId, who: Who, what: Act) -> Result<Response, Problem> {
    let record = super::find(app, caller, id).await?;
    let place = match (who.stage, who.node) {
        (None, None) => None,
        (stage, Some(node)) => Some(Place { stage: stage.unwrap_or(0), node }),
        (Some(_), None) => {
            return Err(Problem::bad_field("invalid_request", "/node", "is required where `stage` is given"));
        }
    };
    let actor = actor(app, caller, &record, who.member).await?;
    match act(app, record, &actor, &what, place).await? {
        ActOutcome::Done(record) => Ok(shown(&record)),
        ActOutcome::Refused(record, why) => Err(refused(&record, why)),
    }
}

fn shown(record: &Record) -> Response {
    (StatusCode::OK, axum::Json(Document::from(record))).into_response()
}

fn unsuitable(detail: &str) -> Problem {
    Problem::unprocessable("unsuitable_person", format!("/to: {detail}")).at("/to")
}

fn refused(record: &Record, why: Refused) -> Problem {
    let problem = match why {
        Refused::Ended => Problem::conflict("already_ended", "the approval has ended"),
        Refused::Elsewhere => {
            let stage = record.state.current_stage().and_then(|stage| record.state.stages.get(stage));
            let kind = stage.map_or("another platform", |stage| stage.kind.as_str());
            let detail = format!("it is decided on {kind}: this is not done from here");
            Problem::conflict("provider_cannot", detail).with("url", json!(stage.and_then(|stage| stage.url.clone())))
        }
        Refused::NotAssigned => Problem::conflict("not_assigned", "it is not this person's turn"),
        Refused::DecidedOtherwise => Problem::conflict("already_decided", "this person has decided, and otherwise"),
        Refused::NoSuchNode => {
            return Problem::bad_field("invalid_request", "/to_node", "is the index of a node before this one");
        }
        Refused::Oneself => return unsuitable("that is the same person"),
        Refused::Circle => return unsuitable("the task has come from that person"),
        Refused::AskedAlready => return unsuitable("that person is asked at this node already"),
        Refused::Applicant => return unsuitable("that is the applicant, who does not decide on their own request"),
        Refused::TooMany => return Problem::conflict("too_many_approvers", "this node asks no more people"),
    };
    problem.with("approval", json!(Document::from(record)))
}
