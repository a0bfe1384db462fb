//! The receiver's page.

use axum::extract::State as Shared;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::{Delivery, MAX_DELAY, Memory, Receiver};
use crate::platform::boxes::{faults_box, number};
use crate::platform::lang::{Lang, Reader};
use crate::platform::page::shell;
use crate::platform::text::rfc3339;

/// Deliveries shown.
const MAX_SHOWN: usize = 100;

/// `GET /sandbox/receiver`.
pub(super) async fn page(reader: Reader, Shared(receiver): Shared<Receiver>) -> Response {
    let (lang, memory) = (reader.lang, receiver.memory());
    let body = html! {
        main {
            div #live data-follow="/sandbox/receiver/_/version" data-version=(memory.version) {
                section.card.detail {
                    h1 { (lang.say("Receiver")) }
                    p.soft {
                        (lang.say("What POST /sandbox/receiver received, newest first. Signatures (Standard Webhooks) are checked by the crate standardwebhooks; trusted secrets:"))
                        " " (memory.secrets.len())
                    }
                    (table(lang, &memory))
                }
            }
            (boxes(lang, &memory))
        }
    };
    shell(&reader, lang.say("Receiver"), "/sandbox/receiver", &body)
}

fn table(lang: Lang, memory: &Memory) -> Markup {
    let headings = [
        lang.say("Received"),
        lang.say("Type"),
        lang.say("Approval"),
        lang.say("Status"),
        lang.say("Signature holds"),
        lang.say("Answered"),
        lang.say("Delivery"),
    ];
    html! {
        @if memory.deliveries.is_empty() {
            p.empty {
                (lang.say("Nothing has arrived yet. Decisions of approvals appear here as soon as they are delivered."))
            }
        } @else {
            div.scroll {
                table {
                    thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
                    tbody { @for delivery in memory.deliveries.iter().rev().take(MAX_SHOWN) { (row(lang, memory, delivery)) } }
                }
            }
        }
    }
}

fn row(lang: Lang, memory: &Memory, delivery: &Delivery) -> Markup {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let data = delivery.body.get("data").unwrap_or(&Value::Null);
    let (class, word) = if delivery.signature_ok { ("good", lang.say("yes")) } else { ("bad", lang.say("no")) };
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
                        code { @if id.is_empty() { (lang.say("no id")) } @else { (id) } }
                        @if again { " " span.pill.wait { (lang.say("again")) } }
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

fn boxes(lang: Lang, memory: &Memory) -> Markup {
    let faults = &memory.faults;
    let max_delay = u32::try_from(MAX_DELAY).unwrap_or(u32::MAX);
    let fields = html! {
        div.fields {
            (number(lang, "status", "Answer with HTTP status", faults.status.map(u64::from), (200, 599)))
            (number(lang, "delay_ms", "Answers take, ms", Some(faults.delay_ms), (0, max_delay)))
        }
    };
    let on = faults.status.is_some() || faults.delay_ms > 0;
    html! {
        div.boxes {
            section.card.box {
                h2 { (lang.say("Trust another source")) }
                form data-api="/sandbox/receiver/_/secrets" data-done=(lang.say("Trusted from now on.")) {
                    label {
                        (lang.say("Webhook secret"))
                        input name="secret" placeholder="whsec_…" autocomplete="off" required;
                    }
                    div.row { button.main { (lang.say("Trust")) } }
                    p.message role="status" {}
                }
            }
            (faults_box(lang, "/sandbox/receiver/_/faults", on, &Markup::default(), &fields))
        }
    }
}
