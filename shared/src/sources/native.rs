//! Ours: JSON with the whole approval, signed by Standard Webhooks.

use serde::Serialize;

use super::{Format, News, Outgoing, Receiver, Unsendable};
use crate::clock::World;
use crate::delivery::events::DecidedNode;
use crate::delivery::{Document, EventType, MAX_BODY, rfc3339, within};
use crate::providers::Field;
use crate::providers::outbound::Request;

/// The format.
#[derive(Debug, Clone, Copy)]
pub struct Native;

#[derive(Serialize)]
struct Payload<'a> {
    r#type: EventType,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<DecidedNode>,
    data: &'a Document,
}

impl Format for Native {
    fn kind(&self) -> &'static str {
        "native"
    }

    fn fields(&self) -> &'static [Field] {
        &[]
    }

    /// It has no secrets; those of the format that a source had before are not sent.
    fn sends(&self, _: &str, _: &str) -> bool {
        false
    }

    fn tell(&self, news: &News<'_>) -> Option<String> {
        let told = news.told;
        let data = Document::from(news.record);
        let (r#type, node) = (told.event, told.node);
        within(data, MAX_BODY, |data| {
            serde_json::to_string(&Payload { r#type, timestamp: rfc3339(told.at), node, data }).ok()
        })
    }

    /// Signed with every secret that is valid now; the signatures are separated by spaces.
    fn request(&self, receiver: &Receiver, outgoing: &Outgoing<'_>, world: &World) -> Result<Request, Unsendable> {
        let (seconds, body) = (world.now() / 1000, outgoing.body.as_bytes());
        let signatures = receiver.signing.iter().map(|secret| secret.sign(outgoing.id, seconds, body));
        let signatures: Vec<String> = signatures.collect();
        let request = Request::post(receiver.url()?)
            .header("webhook-id", outgoing.id)
            .header("webhook-timestamp", &seconds.to_string())
            .header("webhook-signature", &signatures.join(" "));
        Ok(request.body("application/json", body.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;
    use crate::delivery::Told;
    use crate::delivery::events::testing::record;

    #[test]
    fn the_body_is_the_contracts() {
        let record = record();
        let told =
            Told { event: EventType::Submitted, sequence: 100, node: None, at: record.updated_at, was_open: true };
        let news = News { told: &told, record: &record, request: None, settings: &Map::new() };
        let body: Value = serde_json::from_str(&Native.tell(&news).unwrap()).unwrap();
        assert_eq!(body["type"], "approval.submitted");
        assert_eq!(body["timestamp"], "2026-09-21T14:13:20Z");
        assert_eq!(body["data"]["id"], "apr_1");
        assert_eq!(body["data"]["stages"][0]["nodes"][1]["status"], "waiting");
        assert_eq!(body["data"]["history"][0]["action"], "submitted");
    }
}
