//! Typed settings and the configuration resources, one file each.

pub mod address;
pub mod api_key;
pub mod bootstrap;
pub mod clients;
pub mod connection;
pub mod env;
pub mod flow;
pub mod given;
pub mod hosts;
pub mod key_file;
pub mod member;
pub mod organization;
pub mod rule;
mod sdk_http;
pub mod secret;
pub mod source;
pub mod workspace;

pub use crate::approval::OnDeadline;
pub use api_key::{ApiKeyRecord, Role};
pub use bootstrap::{Bootstrapped, bootstrap};
pub use connection::Connection;
pub use env::Settings;
pub use flow::{Approver, Fallback, Flow, NodeSpec, OwnApprover, StageSpec};
pub use member::Member;
pub use organization::Organization;
pub use rule::{OnError, Rule, Then};
pub use secret::SealedSecret;
pub use source::{AskRules, Source};
pub use workspace::Workspace;

/// Says where a resource's id, organisation and time are: in fields of these names.
macro_rules! resource {
    ($name:ident, $kind:literal) => {
        impl crate::store::Resource for $name {
            const KIND: &'static str = $kind;

            fn id(&self) -> &str {
                self.id.as_str()
            }

            fn org(&self) -> &crate::ids::OrgId {
                &self.org
            }

            fn created_at(&self) -> i64 {
                self.created_at
            }
        }
    };
}
use resource;
