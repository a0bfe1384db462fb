#![doc = include_str!("docs.md")]

mod answer;
mod callback;
mod callback_format;
mod codec;
pub mod content;
mod decision;
pub mod inbound;
pub mod reply;
pub mod revoke;
mod settings;
#[cfg(test)]
mod tests;

pub use answer::is_taken;
pub use callback::{Callback, Captured, Unopened, open};
pub use codec::{Codec, OpenError, Opened};
pub use decision::{By, Decision, Known, Outcome, REVOKED_IN_DATAPHIN, origin};

use super::{Format, GONE, News, Outgoing, Receiver, SettingsObject, Unsendable, Verdict};
use crate::clock::World;
use crate::providers::Field;
use crate::providers::outbound::{Answer, Request};

/// The format's name.
pub const KIND: &str = "dataphin";

/// Dataphin's external approval system.
#[derive(Debug, Clone, Copy)]
pub struct Dataphin;

impl Format for Dataphin {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        &settings::FIELDS
    }

    fn object(&self) -> Option<&'static SettingsObject> {
        Some(&callback_format::OBJECT)
    }

    fn fits(&self, receiver: &Receiver) -> Result<(), Unsendable> {
        Codec::of(receiver).map(drop)
    }

    fn needs_request(&self) -> bool {
        true
    }

    /// The plain facts: what they are called and how they are sealed is the settings' of each attempt.
    fn tell(&self, news: &News<'_>) -> Option<String> {
        serde_json::to_string(&Decision::of(news)?).ok()
    }

    fn request(&self, receiver: &Receiver, outgoing: &Outgoing<'_>, world: &World) -> Result<Request, Unsendable> {
        let decision: Decision = serde_json::from_str(outgoing.body)
            .map_err(|_| Unsendable("the delivery is not one of this format: the source had another one then"))?;
        let Callback { url, body, .. } = Callback::write(receiver, &decision, world)?;
        Ok(Request::post(url).body("application/json", body.into_bytes()))
    }

    fn verdict(&self, receiver: &Receiver, answer: &Answer) -> Verdict {
        if is_taken(receiver, answer) {
            return Verdict::Accepted;
        }
        let error = match answer.is_success() {
            true => {
                format!("Dataphin answered {}, and its body does not say that the callback was taken", answer.status)
            }
            false => format!("Dataphin answered {}", answer.status),
        };
        Verdict::Refused { error, is_final: answer.status == GONE }
    }
}
