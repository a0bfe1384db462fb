//! The local run: every function in one process, an embedded DynamoDB, and a sandbox that plays the platforms.

pub mod banner;
pub mod changes;
pub mod cli;
pub mod dynamodb;
pub mod folder;
mod guard;
pub mod run;
pub mod sample;
pub mod seed;
mod server;
pub mod stream;
mod ticks;

use std::fmt;

/// Why the local run cannot go on, for the person who started it.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    /// An error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A request to DynamoDB that failed.
    fn sdk<E: std::error::Error + 'static, R: fmt::Debug + Send + Sync + 'static>(
        operation: &str,
        error: &aws_sdk_dynamodb::error::SdkError<E, R>,
    ) -> Self {
        let cause = error.as_service_error().map_or_else(|| error.to_string(), ToString::to_string);
        Self(format!("{operation}: {cause}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
