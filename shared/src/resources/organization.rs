//! Organisations: the tenants of a deployment.

use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

use super::source::AskRules;
use crate::ids::OrgId;

/// The organisation whose owner is the owner of the deployment; its name is `default`.
#[must_use]
pub fn default_org() -> OrgId {
    #[expect(clippy::expect_used, reason = "a constant")]
    "org_default".parse().expect("an organisation id")
}

/// An organisation. Only the deployment's owner sees all of them, so it belongs to [`default_org`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its id.
    pub id: OrgId,
    /// Who may list it: always [`default_org`].
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// In which time zone people of it read times.
    #[serde(default)]
    pub time_zone: Zone,
    /// Which requests its rules decide, whatever a source says.
    #[serde(default)]
    pub rules: AskRules,
    /// When it was made, milliseconds.
    pub created_at: i64,
}

impl Organization {
    /// A new organisation.
    #[must_use]
    pub fn new(id: OrgId, name: impl Into<String>, now: i64) -> Self {
        let (time_zone, rules) = (Zone::default(), AskRules::default());
        Self { id, org: default_org(), name: name.into(), time_zone, rules, created_at: now }
    }
}

super::resource!(Organization, "ORG");

/// A time zone. The functions that somebody waits for hold no database of time zones: what they need of one is kept here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Its name, as in `Asia/Shanghai`.
    pub name: String,
    /// Its present offset from UTC and when that changes in a year, as POSIX writes it in `TZ`: `CST-8`.
    pub posix: String,
}

impl Default for Zone {
    fn default() -> Self {
        Self { name: "Asia/Shanghai".to_owned(), posix: "CST-8".to_owned() }
    }
}

impl Zone {
    /// What times are shown in. A rule that cannot be read counts as UTC+8.
    #[must_use]
    pub fn time_zone(&self) -> TimeZone {
        TimeZone::posix(&self.posix).unwrap_or_else(|_| usual())
    }
}

/// The time zone of an organisation that has chosen none.
#[must_use]
pub fn usual() -> TimeZone {
    TimeZone::fixed(Offset::constant(8))
}
