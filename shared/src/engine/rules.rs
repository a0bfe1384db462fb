//! An organisation's rules, with their conditions read, and what they decide.

use std::sync::Arc;

use crate::resources::{Rule, Then};
use crate::rules::{Expression, Facts, Finding, Invalid, evaluate};
use crate::store::approvals::{Ruled, RuledAs};

/// A rule whose condition has been read.
#[derive(Debug)]
pub struct Ready {
    /// As stored.
    pub rule: Rule,
    /// Its condition. A stored one was within the limits of the version that stored it.
    expression: Result<Expression, Invalid>,
}

impl From<Rule> for Ready {
    fn from(rule: Rule) -> Self {
        Self { expression: Expression::read(&rule.when), rule }
    }
}

/// Rules in the order in which they are evaluated.
#[must_use]
pub fn in_order(mut rules: Vec<Ready>) -> Arc<[Ready]> {
    rules.sort_by(|a, b| (a.rule.position, &a.rule.id).cmp(&(b.rule.position, &b.rule.id)));
    rules.into()
}

/// What an organisation's rules say of a request.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// The rule that decided, and what it does; or the one that failed, which decides nothing.
    pub by: Option<(&'a Rule, Option<&'a Then>)>,
    /// The same for the approval to keep.
    pub ruled: Option<Ruled>,
    /// What each rule came to, in their order.
    pub findings: Vec<Finding>,
}

/// Asks the rules.
#[must_use]
pub fn ask<'a>(rules: &'a [Ready], facts: &Facts) -> Verdict<'a> {
    let findings = evaluate(rules.iter().map(|ready| ready.rule.enabled.then_some(&ready.expression)), facts);
    let decisive = rules.iter().zip(&findings).find_map(|(ready, finding)| match finding {
        Finding::Matched => Some((&ready.rule, Some(&ready.rule.then), None)),
        Finding::Failed(detail) => Some((&ready.rule, None, Some(detail.clone()))),
        Finding::NotMatched | Finding::NotReached => None,
    });
    let ruled = decisive.as_ref().map(|(rule, then, failure)| Ruled {
        id: rule.id.clone(),
        name: rule.name.clone(),
        outcome: match then {
            Some(Then::Approve(_)) => RuledAs::Approved,
            Some(Then::Reject(_)) => RuledAs::Rejected,
            Some(Then::Flow(_)) => RuledAs::Flow,
            None => RuledAs::Failed,
        },
        detail: match then {
            Some(Then::Reject(why)) => Some(why.clone()),
            _ => failure.clone(),
        },
    });
    Verdict { by: decisive.map(|(rule, then, _)| (rule, then)), ruled, findings }
}
