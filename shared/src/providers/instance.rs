//! Instances: about to be started, and started.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::approval::Mode;

/// One node of an instance that is about to be started.
#[derive(Debug, Clone, PartialEq)]
pub struct NodePlan {
    /// Its name.
    pub name: String,
    /// Its mode.
    pub mode: Mode,
    /// Platform account ids of its approvers.
    pub approvers: Vec<String>,
}

/// An instance that is about to be started.
#[derive(Debug, Clone)]
pub struct Start {
    /// Our approval id; the instance carries it, so that it can be found again.
    pub approval: String,
    /// Index of the stage.
    pub stage: usize,
    /// When the approval was submitted, milliseconds.
    pub submitted_at: i64,
    /// Title.
    pub title: String,
    /// Reason, if one was given.
    pub reason: Option<String>,
    /// Platform account id of the applicant, where the platform needs one.
    pub applicant: Option<String>,
    /// Display name, mobile and e-mail of the applicant, as far as they are known.
    pub applicant_details: Contact,
    /// Free fields, as submitted.
    pub fields: Map<String, Value>,
    /// Name and address of what access is asked to.
    pub resource: Option<Resource>,
    /// Begin and end of what is asked for, milliseconds.
    pub starts_at: Option<i64>,
    /// End, milliseconds.
    pub ends_at: Option<i64>,
    /// The nodes, in order.
    pub nodes: Vec<NodePlan>,
    /// A template of the customer's to use instead of ours.
    pub template: Option<String>,
    /// In which people are to read times.
    pub time_zone: jiff::tz::TimeZone,
    /// Our names of the organisation and of the workspace, for a platform that [`super::Provider::wants_names`].
    pub organization_name: Option<String>,
    /// The workspace's.
    pub workspace_name: Option<String>,
}

/// How a person can be reached or shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Mobile number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// What access is asked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// Where to look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A started instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The platform's id of it.
    pub instance: String,
    /// Where people see it.
    pub url: Option<String>,
}
