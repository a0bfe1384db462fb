//! Callbacks: as they came in, opened, and answered.

use crate::approval::Event;
use crate::clock::World;

/// A callback as it came in: nothing in it is verified.
#[derive(Debug, Clone, Default)]
pub struct RawCallback {
    /// The method, upper case.
    pub method: String,
    /// The decoded query, in order.
    pub query: Vec<(String, String)>,
    /// Header names in lower case and their values.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl RawCallback {
    /// The first query value of this name.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first header of this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A verified, decrypted and parsed callback, and the way to answer it.
pub struct Opened {
    /// What it says of instances; empty for challenges and for events we do not use.
    pub notices: Vec<Notice>,
    is_unreadable: bool,
    acknowledge: Box<Acknowledge>,
}

/// A callback that is proved to be the platform's, and that cannot be read, or not be believed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unreadable {
    /// That its instance is to be read, where it names one.
    pub notice: Option<Notice>,
}

impl Unreadable {
    /// A callback of which only this is known. The instance is wanted to be read because of what changed up to `at`
    /// (milliseconds).
    pub(crate) fn of(instance: Option<String>, template: Option<String>, at: i64) -> Self {
        let events = vec![Event::ReadWanted { at }];
        Self { notice: instance.map(|instance| Notice { instance, template, events }) }
    }
}

/// Makes the answer: with the keys that opened the callback, at the time of the answer.
type Acknowledge = dyn FnOnce(&World) -> Reply + Send + Sync;

impl Opened {
    /// A callback that says this and is answered so.
    pub fn new(notices: Vec<Notice>, acknowledge: impl FnOnce(&World) -> Reply + Send + Sync + 'static) -> Self {
        Self { notices, is_unreadable: false, acknowledge: Box::new(acknowledge) }
    }

    /// A callback that says this, or cannot be read: then it is answered just so, since repeating it would not help.
    pub fn of(
        read: Result<Vec<Notice>, Unreadable>,
        acknowledge: impl FnOnce(&World) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (notices, is_unreadable) = match read {
            Ok(notices) => (notices, false),
            Err(unreadable) => (unreadable.notice.into_iter().collect(), true),
        };
        Self { notices, is_unreadable, acknowledge: Box::new(acknowledge) }
    }

    /// Whether it could not be read, or not be believed.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.is_unreadable
    }

    /// The answer that tells the platform that it is done. To be given only once the notices are dealt with.
    #[must_use]
    pub fn acknowledge(self, world: &World) -> Reply {
        (self.acknowledge)(world)
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("notices", &self.notices).finish_non_exhaustive()
    }
}

/// What a callback says of one instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The platform's id of the instance.
    pub instance: String,
    /// The platform's code of its template, where the callback names it.
    pub template: Option<String>,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// An answer in the platform's own format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Content type.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a callback was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// The envelope cannot be read at all, so that nothing proves whose it is.
    #[error("the body is not a callback of this platform")]
    Malformed,
    /// The signature does not match the token.
    #[error("the signature does not match")]
    BadSignature,
    /// It is signed, but cannot be decrypted, or was encrypted for another app.
    #[error("the content was not encrypted for this connection")]
    WrongReceiver,
}
