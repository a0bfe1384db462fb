//! What Quick Audience's answer to a call back means.
//!
//! Documented: the envelope. Not documented: its error codes, and when to call again. So an `errorCode` is its last word and anything
//! that is no clear answer is tried again; 429 and 5xx are whatever stands before it.

use secrecy::ExposeSecret;

use super::Receiver;
use crate::providers::external::wire::{Answered, EnvelopeRefusal};
use crate::providers::outbound::Answer;
use crate::sources::{GONE, Verdict};

pub(super) fn verdict(receiver: &Receiver, answer: &Answer) -> Verdict {
    let status = answer.status;
    let is_busy = status == 429 || status >= 500;
    match Answered::of(&answer.body) {
        Answered::Yes { trace } if answer.is_success() => {
            tracing::info!(quick_audience.trace_id = trace, "Quick Audience took the call back");
            Verdict::Accepted
        }
        Answered::No(refusal) => {
            tracing::warn!(
                status,
                quick_audience.error_code = refusal.code,
                quick_audience.trace_id = refusal.trace,
                "Quick Audience refused the call back"
            );
            let is_final = (refusal.code.is_some() && !is_busy) || status == GONE;
            Verdict::Refused { error: without_secrets(receiver, told(status, refusal)), is_final }
        }
        _ => {
            let error = match status {
                200..=299 => "Quick Audience answered neither `true` nor in its envelope".to_owned(),
                300..=399 => format!("Quick Audience answered {status}: redirects are not followed"),
                _ => format!("Quick Audience answered {status}"),
            };
            Verdict::Refused { error, is_final: status == GONE }
        }
    }
}

fn told(status: u16, refusal: EnvelopeRefusal) -> String {
    let mut text = match refusal.code {
        Some(code) => format!("Quick Audience refused it with {code}"),
        None => format!("Quick Audience answered {status} without success and without an error code"),
    };
    for (label, said) in [("", refusal.description), ("solution: ", refusal.solution), ("traceId: ", refusal.trace)] {
        if let Some(said) = said {
            text.push_str(&format!("; {label}{said}"));
        }
    }
    text
}

/// An answer may repeat what it was sent.
fn without_secrets(receiver: &Receiver, text: String) -> String {
    let secrets = receiver.secrets.values().map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty());
    secrets.fold(text, |text, secret| text.replace(secret, "…"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Map, json};

    use super::*;

    fn of(status: u16, body: &str) -> Verdict {
        let secrets = BTreeMap::from([("access_id".to_owned(), "acc-0123456789".into())]);
        let receiver = Receiver { url: None, authorities: None, settings: Map::new(), secrets, signing: Vec::new() };
        verdict(&receiver, &Answer::of(status, body.as_bytes().to_vec()))
    }

    #[track_caller]
    fn refused(status: u16, body: &str) -> (String, bool) {
        match of(status, body) {
            Verdict::Refused { error, is_final } => (error, is_final),
            Verdict::Accepted => panic!("{status} {body}"),
        }
    }

    #[test]
    fn only_success_and_true_is_accepted() {
        let documented = r#"{"data": "true", "errorCode": null, "errorDesc": null, "exStack": null, "opers": [],
            "solution": null, "success": true, "traceId": "0ada"}"#;
        for body in [documented, r#"{"success": true, "data": true}"#, "true"] {
            assert_eq!(of(200, body), Verdict::Accepted, "{body}");
            assert!(!refused(500, body).1);
        }
    }

    #[test]
    fn an_error_code_is_the_last_word_and_is_shown() {
        let body = json!({"success": false, "data": null, "errorCode": "APPLY_CLOSED", "errorDesc": "accessId acc-0123456789: the form is closed",
            "solution": "Ask for it again", "traceId": "0ada17"});
        let (error, is_final) = refused(200, &body.to_string());
        assert!(is_final);
        for told in ["APPLY_CLOSED", "the form is closed", "Ask for it again", "0ada17"] {
            assert!(error.contains(told), "{error}");
        }
        assert!(!error.contains("acc-0123456789"), "{error}");
        assert!(refused(400, &body.to_string()).1);
        for busy in [429, 500, 503] {
            assert!(!refused(busy, &body.to_string()).1, "{busy}");
        }
    }

    #[test]
    fn what_is_no_clear_answer_is_tried_again() {
        for (status, body) in [
            (200, r#"{"success": false}"#),
            (200, r#"{"success": false, "errorCode": null, "errorDesc": "busy"}"#),
            (200, r#"{"success": true, "data": "false"}"#),
            (200, "false"),
            (200, "<html>Sign in</html>"),
            (200, ""),
            (302, ""),
            (404, "no such page"),
        ] {
            let (error, is_final) = refused(status, body);
            assert!(!is_final && !error.is_empty(), "{status} {body}");
        }
        assert!(refused(410, "").1, "it wants no more");
    }
}
