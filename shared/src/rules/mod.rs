//! Rules: conditions on a request, in CEL, of which the first that holds decides what becomes of it.
//!
//! Pure: an [`Expression`] is read once and found within limits, then evaluated over [`Facts`]. A rule that fails to evaluate
//! ends the search: what stands behind it may have been meant for what it should have caught, so it neither approves
//! nor rejects, and neither does anything behind it.
//!
//! Three bounds keep an expression from costing more than a submit may: on its text and tree when it is read, on what it may do
//! in loops by its shape, and on its steps over these facts before it runs. See [`shape`].

pub mod expression;
mod facts;
pub mod shape;
mod time;

pub use expression::{Expression, Invalid};
pub use facts::Facts;

/// Steps that all rules of one request may take together: a step is the evaluation of one node of the tree over small values.
pub const MAX_STEPS: u64 = 2_000_000;

/// What a rule came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Its condition holds: it decides.
    Matched,
    /// Its condition does not hold.
    NotMatched,
    /// Its condition could not be evaluated; why, for an operator.
    Failed(String),
    /// It was not evaluated: one before it has decided or failed, or it is switched off.
    NotReached,
}

/// Looks at the rules in their order until one holds or fails. Answers with a finding for each.
pub fn evaluate<'e>(
    rules: impl IntoIterator<Item = Option<&'e Result<Expression, Invalid>>>,
    facts: &Facts,
) -> Vec<Finding> {
    let (mut steps_left, mut ended) = (MAX_STEPS, false);
    let findings = rules.into_iter().map(|rule| {
        let Some(rule) = rule.filter(|_| !ended) else { return Finding::NotReached };
        let result = match rule {
            Ok(expression) => expression.holds(facts, &mut steps_left),
            // It was within limits when it was saved: another version has others.
            Err(invalid) => Err(invalid.to_string()),
        };
        ended = result != Ok(false);
        match result {
            Ok(true) => Finding::Matched,
            Ok(false) => Finding::NotMatched,
            Err(detail) => Finding::Failed(detail),
        }
    });
    findings.collect()
}

#[cfg(test)]
mod tests;
