//! The receiver's page.

use axum::extract::State as Shared;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::{Delivery, LONGEST_DELAY, Memory, Receiver};
use crate::platform::boxes::{faults_box, number};
use crate::platform::page::shell;
use crate::platform::text::rfc3339;

/// Deliveries shown.
const MOST: usize = 100;

/// `GET /sandbox/receiver`.
pub(super) async fn page(Shared(receiver): Shared<Receiver>) -> Response {
    let memory = receiver.memory();
    let secrets = memory.secrets.len();
    let body = html! {
        main {
            div #live data-follow="/sandbox/receiver/_/version" data-version=(memory.version) {
                section.card.detail {
                    h1 { "Receiver" }
                    p.soft {
                        "What " code { "POST /sandbox/receiver" } " received, newest first. Signatures (Standard Webhooks) are checked with "
                        (secrets) @if secrets == 1 { " trusted secret" } @else { " trusted secrets" }
                        ", by the crate " code { "standardwebhooks" } "."
                    }
                    (table(&memory))
                }
            }
            (boxes(&memory))
        }
    };
    shell("Receiver", "/sandbox/receiver", &body)
}

fn table(memory: &Memory) -> Markup {
    const HEADINGS: [&str; 7] = ["Received", "Type", "Approval", "Status", "Signature holds", "Answered", "Delivery"];
    html! {
        @if memory.deliveries.is_empty() {
            p.empty { "Nothing has arrived yet. Decisions of approvals appear here as soon as they are delivered." }
        } @else {
            div.scroll {
                table {
                    thead { tr { @for heading in HEADINGS { th scope="col" { (heading) } } } }
                    tbody { @for delivery in memory.deliveries.iter().rev().take(MOST) { (row(memory, delivery)) } }
                }
            }
        }
    }
}

fn row(memory: &Memory, delivery: &Delivery) -> Markup {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let data = delivery.body.get("data").unwrap_or(&Value::Null);
    let (class, word) = if delivery.signature_ok { ("good", "yes") } else { ("bad", "no") };
    let id = delivery.webhook_id.as_str();
    let mut before = memory.deliveries.iter().filter(|other| other.number < delivery.number);
    let again = !id.is_empty() && before.any(|other| other.webhook_id == id);
    html! {
        tr {
            td { time { (rfc3339(delivery.received_at)) } }
            td { code { (text(&delivery.body["type"])) } }
            td { (text(&data["title"])) }
            td { (text(&data["status"])) }
            td {
                span class={ "pill " (class) } { (word) }
                @if let Some(problem) = &delivery.problem { " " span.soft { (problem) } }
            }
            td { (delivery.answered) }
            td {
                details id={ "d-" (delivery.number) } {
                    summary {
                        code { @if id.is_empty() { "no id" } @else { (id) } }
                        @if again { " " span.pill.wait { "again" } }
                    }
                    pre {
                        "webhook-timestamp: " (delivery.webhook_timestamp) "\nwebhook-signature: " (delivery.signature) "\n\n"
                        (serde_json::to_string_pretty(&delivery.body).unwrap_or_default())
                    }
                }
            }
        }
    }
}

fn boxes(memory: &Memory) -> Markup {
    let faults = &memory.faults;
    let max_delay = u32::try_from(LONGEST_DELAY).unwrap_or(u32::MAX);
    let fields = html! {
        div.fields {
            (number("status", "Answer with HTTP status", faults.status.map(u64::from), (200, 599)))
            (number("delay_ms", "Answers take, ms", Some(faults.delay_ms), (0, max_delay)))
        }
    };
    let on = faults.status.is_some() || faults.delay_ms > 0;
    html! {
        div.boxes {
            section.card.box {
                h2 { "Trust another source" }
                form data-api="/sandbox/receiver/_/secrets" data-done="Trusted from now on." {
                    label {
                        "Webhook secret"
                        input name="secret" placeholder="whsec_…" autocomplete="off" required;
                    }
                    div.row { button.main { "Trust" } }
                    p.message role="status" {}
                }
            }
            (faults_box("/sandbox/receiver/_/faults", on, &Markup::default(), &fields))
        }
    }
}
