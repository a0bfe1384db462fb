//! What a test of a connection tells.

use serde::Serialize;

use super::Error;

/// What a connection does without, though it works: what that means, and how to mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The check that says the same.
    pub name: &'static str,
    /// What it means.
    pub detail: &'static str,
    /// How and where to mend it.
    pub fix: &'static str,
}

/// One check of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// Whether it passed.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
    /// How and where to mend it; where it passed, empty, or what would be better: a [`Warning`].
    pub fix: String,
}

impl From<Warning> for Check {
    fn from(warning: Warning) -> Self {
        let Warning { name, detail, fix } = warning;
        Self { name, ok: true, detail: detail.to_owned(), fix: fix.to_owned() }
    }
}

impl Check {
    /// A check that passed.
    pub(super) fn passed(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, ok: true, detail: detail.into(), fix: String::new() }
    }

    /// A check that failed, and how to mend it. Where the platform did not answer, or not yet, `fix` would lead astray: then it is the
    /// address, or time.
    pub(super) fn failed(name: &'static str, error: &Error, fix: impl Into<String>) -> Self {
        let fix = match error {
            Error::NotSent { fix: Some(fix), .. } => (*fix).to_owned(),
            Error::NotSent { .. } | Error::Unavailable { .. } => {
                "Check `endpoint` in the connection's settings (and `legacy_endpoint` on DingTalk), and that the platform can be \
                 reached from here: name server, firewall, proxy"
                    .to_owned()
            }
            Error::Throttled { .. } => "Try again in a minute".to_owned(),
            _ => fix.into(),
        };
        Self { name, ok: false, detail: error.to_string(), fix }
    }
}
