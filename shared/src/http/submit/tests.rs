#![allow(clippy::unwrap_used)]
use super::*;
use crate::providers;
use crate::resources::flow::NodePart;
use crate::store;
use crate::store::approvals::{Ruled, RuledAs};

fn at(position: Position) -> Fault {
    Fault { position, why: "why".into() }
}

fn of_flow(stage: usize, node: usize) -> Fault {
    at(Position::FlowNode { stage, name: "Finance".into(), part: NodePart::Approver { node, approver: 0 } })
}

/// Status, code, detail, and pointer and detail of each field.
fn told(error: SubmitError) -> (u16, &'static str, String, Vec<(String, String)>) {
    let problem = Problem::from(error);
    let errors = problem.errors().iter().map(|error| (error.pointer.clone(), error.detail.clone())).collect();
    (problem.status().as_u16(), problem.code(), problem.detail().to_owned(), errors)
}

fn pairs(errors: &[(&str, &str)]) -> Vec<(String, String)> {
    errors.iter().map(|(pointer, detail)| ((*pointer).to_owned(), (*detail).to_owned())).collect()
}

#[test]
fn what_stands_in_the_request_is_pointed_at() {
    let approver = at(Position::Nodes(NodePart::Approver { node: 3, approver: 1 }));
    let expected =
        (422, "person_not_found", "/nodes/3/approvers/1: why".into(), pairs(&[("/nodes/3/approvers/1", "why")]));
    assert_eq!(told(SubmitError::UnknownPeople(vec![approver.clone()])), expected);
    let several = vec![approver, at(Position::Field(BodyField::Applicant))];
    let expected = (
        422,
        "person_not_found",
        "2 fields are wrong".into(),
        pairs(&[("/nodes/3/approvers/1", "why"), ("/applicant", "why")]),
    );
    assert_eq!(told(SubmitError::UnknownPeople(several)), expected);
    let title = at(Position::Field(BodyField::Title));
    assert_eq!(
        told(SubmitError::InvalidBody(vec![title])),
        (400, "invalid_request", "/title: why".into(), pairs(&[("/title", "why")]))
    );
}

#[test]
fn of_a_flows_nodes_the_flow_is_pointed_at_and_the_text_names_the_node() {
    let text = "stage 2, node \"Finance\": why";
    for (error, code) in [
        (SubmitError::UnknownPeople as fn(Vec<Fault>) -> SubmitError, "person_not_found"),
        (SubmitError::OwnApproval, "own_approval"),
        (SubmitError::TooManyApprovers, "too_many_approvers"),
        (SubmitError::UnsupportedMode, "unsupported_mode"),
        (SubmitError::UnsupportedApprover, "unsupported_approver"),
    ] {
        let expected = (422, code, format!("/flow: {text}"), pairs(&[("/flow", text)]));
        assert_eq!(told(error(vec![of_flow(1, 4)])), expected);
    }
    for (is_own, pointer) in [(true, "/nodes"), (false, "/flow")] {
        let stage = at(Position::Stage { stage: 0, is_own });
        let expected = (422, "own_approval", format!("{pointer}: stage 1: why"), pairs(&[(pointer, "stage 1: why")]));
        assert_eq!(told(SubmitError::OwnApproval(vec![stage])), expected);
    }
}

#[test]
fn one_sentence_is_the_detail_and_stands_at_its_field() {
    let rule = Ruled {
        id: "rule_1".parse().unwrap(),
        name: "Big".into(),
        outcome: RuledAs::Failed,
        detail: Some("no such field".into()),
    };
    let no_rule = "the request names no flow, no rule chooses one, and its source has no default one";
    let failed_rule =
        "the rule \"Big\" (rule_1) could not be evaluated (no such field), and the source has no default flow";
    let no_source = "this key belongs to no source: name one, or use the source's own key";
    for (error, code, pointer, detail) in [
        (SubmitError::UnknownApplicant("nobody".into()), "person_not_found", "/applicant/member", "nobody"),
        (
            SubmitError::UnknownWorkspace("ws_1".parse().unwrap()),
            "unknown_workspace",
            "/workspace",
            "there is no workspace ws_1",
        ),
        (SubmitError::UnknownSource("src_1".parse().unwrap()), "unknown_source", "/source", "there is no source src_1"),
        (SubmitError::MissingSource, "source_missing", "/source", no_source),
        (SubmitError::UnknownFlow("flow_1".parse().unwrap()), "unknown_flow", "/flow", "there is no flow flow_1"),
        (SubmitError::ForbiddenFlow, "flow_not_allowed", "/flow", "the source may not use this flow"),
        (SubmitError::MissingFlow { failed: None }, "no_flow", "/flow", no_rule),
        (SubmitError::MissingFlow { failed: Some(Box::new(rule)) }, "no_flow", "/flow", failed_rule),
        (
            SubmitError::ForbiddenNodes,
            "nodes_not_allowed",
            "/nodes",
            "the flow does not let a request bring its own nodes",
        ),
        (
            SubmitError::MissingNodes,
            "nodes_missing",
            "/nodes",
            "the flow leaves the nodes to the request, which brings none",
        ),
    ] {
        assert_eq!(told(error), (422, code, detail.to_owned(), pairs(&[(pointer, detail)])));
    }
}

#[test]
fn what_stands_nowhere_in_the_request_points_nowhere() {
    for (error, status, code, detail) in [
        (SubmitError::ForeignSource, 403, "forbidden", "this key submits for another source"),
        (
            SubmitError::TooManyPeople(200),
            422,
            "too_many_people",
            "more than 200 people would have to be looked up on the platforms",
        ),
        (
            SubmitError::UnknownConnection("con_1".into()),
            422,
            "unknown_connection",
            "the flow's connection con_1 was deleted",
        ),
        (SubmitError::UnknownPlatform, 422, "unknown_kind", "this version does not know the connection's platform"),
        (
            SubmitError::ReusedKey("apr_1".parse().unwrap()),
            409,
            "idempotency_mismatch",
            "this Idempotency-Key was used before with another body",
        ),
    ] {
        assert_eq!(told(error), (status, code, detail.to_owned(), Vec::new()));
    }
}

/// What the engine keeps of an error that it tells nobody at once says the same as the answer.
#[test]
fn the_engines_own_code_and_text_are_those_of_the_answer() {
    use providers::Error as P;
    use store::Error as S;
    let (code, message, fix) = (|| "c".to_owned(), || "m".to_owned(), || "f".to_owned());
    let current = store::Current::default;
    let errors: Vec<SubmitError> = vec![
        S::NotFound.into(),
        S::AlreadyExists { current: current() }.into(),
        S::Conflict { current: current() }.into(),
        S::Throttled.into(),
        S::Unavailable.into(),
        S::Corrupt { key: "ORG#1/FLOW#1".into() }.into(),
        S::TooLarge.into(),
        P::Unsupported { platform: "WeCom", what: "withdraw an approval" }.into(),
        P::Permission { code: code(), message: message(), fix: fix() }.into(),
        P::Credentials { code: code(), message: message() }.into(),
        P::TokenRefused { code: code(), message: message() }.into(),
        P::Throttled { code: code(), message: message(), retry_after_ms: None }.into(),
        P::QuotaExhausted { code: code(), message: message() }.into(),
        P::NotFound { code: code(), message: message() }.into(),
        P::NotYet { code: code(), message: message() }.into(),
        P::Refused { code: code(), message: message() }.into(),
        P::Unavailable { message: message() }.into(),
        P::NotSent { message: message(), fix: Some("mend it") }.into(),
    ];
    for error in errors {
        let own = (error.code(), error.to_string());
        let problem = Problem::from(error);
        assert_eq!((problem.code(), problem.detail().to_owned()), own);
    }
}

#[tokio::test]
async fn a_reused_key_names_the_approval_that_it_made() {
    let answer = Problem::from(SubmitError::ReusedKey("apr_1".parse().unwrap())).render(None);
    let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["approval"], &body["status"]), (&"apr_1".into(), &409.into()));
}
