//! Answers to transactions, by the token that a client repeats one with: what was done once is not done again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::engine::Answer;

/// How long DynamoDB remembers a token.
const KEPT: Duration = Duration::from_secs(600);

/// The answers of the last minutes.
#[derive(Debug, Default)]
pub(super) struct Answers(HashMap<String, (Instant, Answer)>);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Repeatable {
    client_request_token: Option<String>,
}

impl Answers {
    /// What the same transaction was answered before.
    pub(super) fn get(&self, operation: &str, body: &str) -> Option<Answer> {
        let (at, answer) = self.0.get(&token(operation, body)?)?;
        (at.elapsed() < KEPT).then(|| answer.clone())
    }

    /// Keeps the answer of a transaction.
    pub(super) fn keep(&mut self, operation: &str, body: &str, answer: &Answer) {
        let Some(token) = token(operation, body) else { return };
        self.0.retain(|_, (at, _)| at.elapsed() < KEPT);
        self.0.insert(token, (Instant::now(), answer.clone()));
    }
}

fn token(operation: &str, body: &str) -> Option<String> {
    if operation != "TransactWriteItems" {
        return None;
    }
    serde_json::from_str::<Repeatable>(body).ok()?.client_request_token
}
