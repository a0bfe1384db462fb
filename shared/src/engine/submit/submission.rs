//! What is submitted, and where it belongs.

use serde_json::{Map, Value};

use super::body::Body;
use super::error::SubmitError;
use crate::engine::App;
use crate::ids::ApprovalId;
use crate::resources::{Source, Workspace};
use crate::store;

/// One submit: a source asks for something.
pub struct Submission<'a> {
    pub(super) app: &'a App,
    pub(super) source: Source,
    pub(super) id: ApprovalId,
    /// Where the id comes from a key, so that the approval may be there already: the id that it had before ids were made with the data
    /// key.
    pub(super) earlier_id: Option<ApprovalId>,
    pub(super) body_hash: String,
    pub(super) body: Body,
    pub(super) origin: Map<String, Value>,
}

/// The workspace that a request belongs to: the one it names, which must be its source's where that has one, or its source's.
pub(super) async fn workspace(app: &App, source: &Source, body: &Body) -> Result<Option<Workspace>, SubmitError> {
    let Some(id) = body.workspace.as_ref().or(source.workspace.as_ref()) else { return Ok(None) };
    let bound = source.workspace.as_ref().is_none_or(|own| own == id);
    let unknown = || SubmitError::UnknownWorkspace(id.clone());
    if !bound {
        return Err(unknown());
    }
    match app.store.get::<Workspace>(&source.org, id.as_str()).await {
        Ok(found) => Ok(Some(found.value)),
        Err(store::Error::NotFound) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}
