//! Who is calling: by an API key (one consistent read), or by a browser's session (two).

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::problem::Problem;
use super::session;
use crate::crypto::api_key::ApiKey;
use crate::engine::App;
use crate::ids::{KeyId, MemberId, OrgId, SessionId, SourceId};
use crate::resources::organization::default_org;
use crate::resources::{ApiKeyRecord, Role};
use crate::store;

/// Whose request it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Whoever has this key.
    Key {
        /// Its id.
        id: KeyId,
        /// Its name.
        name: String,
    },
    /// A person who has signed in.
    Member {
        /// The member's id.
        id: MemberId,
        /// Their name.
        name: String,
    },
}

/// Who is calling, and may at least see what a viewer sees. As an extractor it refuses a request without a good key or session with 401,
/// and members without access with 403; [`SignedIn`] lets those in too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The organisation; nothing of another one may be touched.
    pub org: OrgId,
    /// What the key, or the member's access, may do.
    pub role: Role,
    /// The source that the key submits for, if it is bound to one.
    pub source: Option<SourceId>,
    /// Who it is.
    pub who: Who,
    /// The session, if it is by one.
    pub session: Option<SessionId>,
    /// Whether it is of the deployment's own organisation, `default`, whose owners are the deployment's.
    pub deployment: bool,
}

impl Caller {
    /// Refuses a caller whose role is below this one.
    ///
    /// # Errors
    /// 403 `forbidden`.
    pub fn require(&self, role: Role) -> Result<(), Problem> {
        if self.role >= role {
            return Ok(());
        }
        let name = match role {
            Role::Member => "member",
            Role::Viewer => "viewer",
            Role::Submitter => "submitter",
            Role::Admin => "admin",
            Role::Owner => "owner",
        };
        Err(Problem::forbidden(format!("this needs the role {name} or above")))
    }

    /// The member who calls, if it is one.
    #[must_use]
    pub const fn member(&self) -> Option<&MemberId> {
        match &self.who {
            Who::Member { id, .. } => Some(id),
            Who::Key { .. } => None,
        }
    }

    /// The key by which it is called, if it is by one.
    #[must_use]
    pub const fn key(&self) -> Option<&KeyId> {
        match &self.who {
            Who::Key { id, .. } => Some(id),
            Who::Member { .. } => None,
        }
    }

    /// What they are called in a history: a member by name, a key by its id.
    #[must_use]
    pub fn told(&self) -> String {
        match &self.who {
            Who::Key { id, .. } => format!("key {id}"),
            Who::Member { name, .. } => name.clone(),
        }
    }

    /// Refuses everybody but the deployment's owner.
    ///
    /// # Errors
    /// 403 `forbidden`.
    pub fn require_deployment_owner(&self) -> Result<(), Problem> {
        if self.deployment && self.role == Role::Owner {
            return Ok(());
        }
        Err(Problem::forbidden("this is for the deployment's owner"))
    }
}

/// Callers of at least a role. Anybody else is refused before more of the request is read.
macro_rules! callers {
    ($($(#[$doc:meta])* $name:ident by $check:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(pub Caller);

        impl FromRequestParts<App> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
                let caller = authenticate(parts, app).await?;
                let check: fn(&Caller) -> Result<(), Problem> = $check;
                check(&caller)?;
                Ok(Self(caller))
            }
        }
    )*};
}

callers! {
    /// Of whatever role, also a member without access: what is served to them must be theirs.
    SignedIn by |_| Ok(());
    /// Of the role submitter or above.
    Submitter by |caller| caller.require(Role::Submitter);
    /// Of the role admin or above.
    Admin by |caller| caller.require(Role::Admin);
    /// Of the role owner.
    Owner by |caller| caller.require(Role::Owner);
    /// An owner of the deployment's own organisation.
    DeploymentOwner by Caller::require_deployment_owner;
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = authenticate(parts, app).await?;
        caller.require(Role::Viewer)?;
        Ok(caller)
    }
}

/// A key counts where one is sent, else the session.
async fn authenticate(parts: &Parts, app: &App) -> Result<Caller, Problem> {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let header = match (headers.next(), headers.next()) {
        (Some(header), None) => header,
        (None, _) => return session::caller(parts, app).await,
        (Some(_), Some(_)) => return Err(Problem::invalid_key()),
    };
    let (scheme, token) =
        header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(Problem::invalid_key)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::invalid_key());
    }
    let record = key(app, token.trim()).await?.ok_or_else(Problem::invalid_key)?;
    Ok(of_key(record))
}

/// The record of a key that is sent as text; `None` where it is wrong or revoked.
///
/// # Errors
/// What the store's error is answered with.
pub async fn key(app: &App, text: &str) -> Result<Option<ApiKeyRecord>, Problem> {
    let Ok(key) = ApiKey::parse(text) else { return Ok(None) };
    match app.store.get_unscoped::<ApiKeyRecord>(key.id().as_str()).await {
        Ok(found) => Ok(Some(found.value).filter(|record| key.matches(&record.hash) && record.revoked_at.is_none())),
        Err(store::Error::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Who calls by a key.
#[must_use]
pub fn of_key(record: ApiKeyRecord) -> Caller {
    let deployment = record.deployment || record.org == default_org();
    let who = Who::Key { id: record.id, name: record.name };
    Caller { org: record.org, role: record.role, source: record.source, who, session: None, deployment }
}
