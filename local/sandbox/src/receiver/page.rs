//! The receiver's page.

use axum::extract::State as Shared;
use axum::response::Response;
use serde_json::Value;

use super::{Delivery, Memory, Receiver};
use crate::platform::page::{Esc, shell};
use crate::platform::text::rfc3339;

/// Deliveries shown.
const MOST: usize = 100;

/// `GET /sandbox/receiver`.
pub(super) async fn page(Shared(receiver): Shared<Receiver>) -> Response {
    let memory = receiver.memory();
    let rows: String = memory.deliveries.iter().rev().take(MOST).map(|delivery| row(&memory, delivery)).collect();
    let table = match rows.as_str() {
        "" => "<p class=\"empty\">Nothing has arrived yet. Decisions of approvals appear here as soon as they are delivered.</p>".to_owned(),
        rows => format!(
            "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Received</th><th scope=\"col\">Type</th><th scope=\"col\">Approval</th>\
             <th scope=\"col\">Status</th><th scope=\"col\">Signature holds</th><th scope=\"col\">Answered</th><th scope=\"col\">Delivery</th></tr></thead><tbody>{rows}</tbody></table></div>"
        ),
    };
    let body = format!(
        "<main><div id=\"live\" data-follow=\"/sandbox/receiver/_/version\" data-version=\"{version}\"><section class=\"card detail\">\
         <h1>Receiver</h1><p class=\"soft\">What <code>POST /sandbox/receiver</code> received, newest first. Signatures (Standard Webhooks) are \
         checked with {secrets}, by the crate <code>standardwebhooks</code>.</p>{table}</section></div>{boxes}</main>",
        version = memory.version,
        secrets = match memory.secrets.len() {
            1 => "1 trusted secret".to_owned(),
            count => format!("{count} trusted secrets"),
        },
        boxes = boxes(&memory),
    );
    shell("Receiver", "/sandbox/receiver", &body)
}

fn row(memory: &Memory, delivery: &Delivery) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let data = delivery.body.get("data").unwrap_or(&Value::Null);
    let (class, word) = if delivery.signature_ok { ("good", "yes") } else { ("bad", "no") };
    let problem = delivery
        .problem
        .as_deref()
        .map_or(String::new(), |problem| format!(" <span class=\"soft\">{}</span>", Esc(problem)));
    let before = memory.deliveries.iter().filter(|other| other.number < delivery.number);
    let again = !delivery.webhook_id.is_empty() && before.clone().any(|other| other.webhook_id == delivery.webhook_id);
    let pretty = serde_json::to_string_pretty(&delivery.body).unwrap_or_default();
    format!(
        "<tr><td><time>{at}</time></td><td><code>{kind}</code></td><td>{title}</td><td>{status}</td>\
         <td><span class=\"pill {class}\">{word}</span>{problem}</td><td>{answered}</td>\
         <td><details id=\"d-{number}\"><summary><code>{id}</code>{again}</summary><pre>{signature}\n{pretty}</pre></details></td></tr>",
        at = rfc3339(delivery.received_at),
        kind = Esc(&text(&delivery.body["type"])),
        title = Esc(&text(&data["title"])),
        status = Esc(&text(&data["status"])),
        answered = delivery.answered,
        number = delivery.number,
        id = Esc(if delivery.webhook_id.is_empty() { "no id" } else { &delivery.webhook_id }),
        again = if again { " <span class=\"pill wait\">again</span>" } else { "" },
        signature = Esc(&format!(
            "webhook-timestamp: {}\nwebhook-signature: {}\n",
            delivery.webhook_timestamp, delivery.signature
        )),
        pretty = Esc(&pretty),
    )
}

fn boxes(memory: &Memory) -> String {
    let status = memory.faults.status.map_or(String::new(), |status| status.to_string());
    let on = if memory.faults.status.is_some() || memory.faults.delay_ms > 0 {
        " <span class=\"pill bad\">on</span>"
    } else {
        ""
    };
    format!(
        "<div class=\"boxes\"><section class=\"card box\"><h2>Trust another source</h2>\
         <form data-api=\"/sandbox/receiver/_/secrets\" data-done=\"Trusted from now on.\"><label>Webhook secret\
         <input name=\"secret\" placeholder=\"whsec_…\" autocomplete=\"off\" required></label><div class=\"row\"><button class=\"main\">Trust</button></div>\
         <p class=\"message\" role=\"status\"></p></form></section>\
         <section class=\"card box\"><h2>Faults{on}</h2><form data-api=\"/sandbox/receiver/_/faults\" data-done=\"Set.\" data-reload><div class=\"fields\">\
         <label>Answer with HTTP status<input type=\"number\" name=\"status\" min=\"200\" max=\"599\" value=\"{status}\" data-json></label>\
         <label>Answers take, ms<input type=\"number\" name=\"delay_ms\" min=\"0\" max=\"60000\" value=\"{delay}\" data-json></label></div>\
         <div class=\"row\"><button class=\"main\">Set</button><button data-method=\"DELETE\">All is well again</button></div>\
         <p class=\"message\" role=\"status\"></p></form></section></div>",
        delay = memory.faults.delay_ms,
    )
}
