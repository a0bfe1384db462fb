//! An organisation's rules as a process keeps them between requests, and what they decide.

use std::sync::Arc;

use super::kept::Kept;
use crate::engine::App;
use crate::ids::OrgId;
use crate::resources::{Rule, Then};
use crate::rules::{Expression, Facts, Finding, Invalid, look};
use crate::store::Error;
use crate::store::approvals::{Ruled, RuledAs};

/// How long rules are used without looking whether they have changed, in milliseconds.
pub const KEEP: i64 = 5_000;
/// Most organisations whose rules are kept.
const MAX_KEPT: usize = 500;

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

/// The rules that this process has read lately.
#[derive(Debug, Default)]
pub struct Rules(Kept<OrgId, Read, MAX_KEPT>);

#[derive(Debug, Clone)]
struct Read {
    rules: Arc<[Ready]>,
    at: i64,
}

impl Rules {
    /// Forgets an organisation's rules, because they were changed here.
    pub fn forget(&self, org: &OrgId) {
        self.0.forget(org);
    }
}

impl App {
    /// The organisation's rules in their order: at most five seconds old.
    ///
    /// # Errors
    /// The table's own.
    pub async fn rules(&self, org: &OrgId) -> Result<Arc<[Ready]>, Error> {
        let at = self.world.now();
        if let Some(read) = self.rules.0.get(org, |read| (0..KEEP).contains(&(at - read.at))) {
            return Ok(read.rules);
        }
        let since = self.rules.0.since();
        let mut rules = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.store.list::<Rule>(org, 200, cursor.as_deref()).await?;
            rules.extend(page.items.into_iter().map(|found| Ready::from(found.value)));
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        let rules = in_order(rules);
        self.rules.0.keep(org.clone(), Read { rules: Arc::clone(&rules), at }, since);
        Ok(rules)
    }
}

/// Rules in the order in which they are looked at.
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
    let findings = look(rules.iter().map(|ready| ready.rule.enabled.then_some(&ready.expression)), facts);
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
