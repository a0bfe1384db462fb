//! What a platform is asked to start.

use crate::approval::{Approval, Node};
use crate::engine::App;
use crate::engine::Error;
use crate::providers::{NodePlan, Provider, Start};
use crate::resources::Workspace;
use crate::resources::organization::usual;
use crate::store::Error as StoreError;
use crate::store::approvals::Record;
use crate::store::requests::Request;

/// A stage of an approval as the platform is asked to start it, or to find it.
pub(super) fn plan(record: &Record, stage: usize, request: &Request) -> Start {
    let Approval { applicant, stages, submitted_at, .. } = &record.state;
    let accounts = |node: &Node| node.approvers.iter().filter_map(|person| person.account.clone()).collect();
    let planned = &stages[stage];
    let nodes = planned.nodes.iter();
    let mut details = request.contact.clone();
    details.name = details.name.or_else(|| applicant.name.clone());
    Start {
        approval: record.id.to_string(),
        stage,
        submitted_at: *submitted_at,
        title: record.title.clone(),
        reason: request.reason.clone(),
        applicant: planned.applicant.clone().or_else(|| request.applicant_accounts.get(stage).cloned().flatten()),
        applicant_details: details,
        fields: request.fields.clone(),
        resource: request.resource.clone(),
        starts_at: request.starts_at,
        ends_at: request.ends_at,
        nodes: nodes
            .map(|node| NodePlan { name: node.name.clone(), mode: node.mode, approvers: accounts(node) })
            .collect(),
        template: planned.template.clone().or_else(|| request.templates.get(stage).cloned().flatten()),
        time_zone: usual(),
        organization_name: None,
        workspace_name: None,
    }
}

/// Adds the organisation's time zone and, for a platform that wants them, our names of the organisation and the workspace; none of what
/// is not there any more. Each costs a reading, so that nothing is read for a start that tells no times and no names.
///
/// # Errors
/// The table's own.
pub(super) async fn add_names(
    app: &App,
    record: &Record,
    provider: &dyn Provider,
    start: &mut Start,
) -> Result<(), Error> {
    if start.starts_at.or(start.ends_at).is_none() && !provider.wants_names() {
        return Ok(());
    }
    let organization = app.organization(&record.org).await?;
    if let Some(organization) = &organization {
        start.time_zone = organization.time_zone.time_zone();
    }
    if !provider.wants_names() {
        return Ok(());
    }
    start.organization_name = organization.map(|organization| organization.name.clone());
    let Some(id) = &record.workspace else { return Ok(()) };
    start.workspace_name = match app.store.get::<Workspace>(&record.org, id.as_str()).await {
        Ok(found) => Some(found.value.name),
        Err(StoreError::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(())
}
