//! The configuration resources, one file each: what is stored, and what of it is refused.

pub mod api_key;
pub mod bootstrap;
pub mod connection;
pub mod fields;
pub mod flow;
pub mod given;
pub mod hosts;
pub mod member;
pub mod nested;
pub mod organization;
pub mod rule;
pub mod secret;
pub mod source;
pub mod workspace;

pub use crate::approval::OnDeadline;
pub use api_key::{ApiKeyRecord, Role};
pub use bootstrap::{Bootstrapped, bootstrap};
pub use connection::Connection;
pub use fields::{FieldError, FieldErrors};
pub use flow::{Approver, Fallback, Flow, NodeSpec, OwnApprover, StageSpec};
pub use member::{Access, Member};
pub use organization::Organization;
pub use rule::{OnError, Rule, Then};
pub use secret::SealedSecret;
pub use source::{AskRules, Source};
pub use workspace::Workspace;

/// Longest name, in characters.
pub const MAX_NAME: usize = 128;
/// Longest free text that is not a name, in characters.
pub const MAX_TEXT: usize = 256;
/// Most entries of a list in a resource.
pub const MAX_ENTRIES: usize = 200;

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
