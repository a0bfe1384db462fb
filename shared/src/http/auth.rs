//! Who is calling: one API key, one consistent read.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::problem::Problem;
use crate::crypto::api_key::ApiKey;
use crate::engine::App;
use crate::ids::{KeyId, OrgId, SourceId};
use crate::resources::organization::default_org;
use crate::resources::{ApiKeyRecord, Role};
use crate::store;

/// Who is calling. As an extractor it refuses a request without a good key with 401.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The organisation; nothing of another one may be touched.
    pub org: OrgId,
    /// What the key may do.
    pub role: Role,
    /// The source that the key submits for, if it is bound to one.
    pub source: Option<SourceId>,
    /// The key.
    pub key: KeyId,
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
            Role::Viewer => "viewer",
            Role::Submitter => "submitter",
            Role::Admin => "admin",
            Role::Owner => "owner",
        };
        Err(Problem::forbidden(format!("this needs a key with the role {name} or above")))
    }

    /// Refuses everybody but the deployment's owner.
    ///
    /// # Errors
    /// 403 `forbidden`.
    pub fn require_deployment_owner(&self) -> Result<(), Problem> {
        if self.deployment && self.role == Role::Owner {
            return Ok(());
        }
        Err(Problem::forbidden("this needs the key of the deployment's owner"))
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
                let caller = Caller::from_request_parts(parts, app).await?;
                let check: fn(&Caller) -> Result<(), Problem> = $check;
                check(&caller)?;
                Ok(Self(caller))
            }
        }
    )*};
}

callers! {
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
        let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(header), None) = (headers.next(), headers.next()) else { return Err(Problem::invalid_key()) };
        let (scheme, token) =
            header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(Problem::invalid_key)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Problem::invalid_key());
        }
        let key = ApiKey::parse(token.trim()).map_err(|_| Problem::invalid_key())?;
        let record = match app.store.get_unscoped::<ApiKeyRecord>(key.id().as_str()).await {
            Ok(found) => found.value,
            Err(store::Error::NotFound) => return Err(Problem::invalid_key()),
            Err(error) => return Err(error.into()),
        };
        if !key.matches(&record.hash) || record.revoked_at.is_some() {
            return Err(Problem::invalid_key());
        }
        let deployment = record.deployment || record.org == default_org();
        Ok(Self { org: record.org, role: record.role, source: record.source, key: record.id, deployment })
    }
}
