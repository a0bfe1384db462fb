//! Prefixed, opaque ids. A new one sorts by the time it was made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::World;

/// A text that is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id that starts with `{prefix}`")]
pub struct InvalidId {
    prefix: &'static str,
}

/// Longest id that is read, in bytes: a prefix and 26 to 52 characters.
const MAX_ID: usize = 64;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id: time and 80 random bits.
            #[must_use]
            pub fn new(world: &World) -> Self {
                let random = u128::from_be_bytes(world.random());
                let millis = u64::try_from(world.now()).unwrap_or_default();
                let body = ulid::Ulid::from_parts(millis, random).to_string();
                Self(format!("{}{}", $prefix, body.to_ascii_lowercase()))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let body = text.strip_prefix($prefix).ok_or(InvalidId { prefix: $prefix })?;
                let plain = body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                if body.is_empty() || text.len() > MAX_ID || !plain {
                    return Err(InvalidId { prefix: $prefix });
                }
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

id!(/// An organisation: the tenant that everything belongs to.
    OrgId, "org_");
id!(/// A workspace of an organisation.
    WorkspaceId, "ws_");
id!(/// A member: a person of an organisation.
    MemberId, "mem_");
id!(/// A connection to an approval platform.
    ConnectionId, "con_");
id!(/// A flow.
    FlowId, "flow_");
id!(/// A rule.
    RuleId, "rule_");
id!(/// A source: a program that asks for approvals.
    SourceId, "src_");
id!(/// One approval.
    ApprovalId, "apr_");
id!(/// One delivery of a decision event to a source.
    DeliveryId, "dlv_");
id!(/// An API key.
    KeyId, "key_");
id!(/// A session of somebody who has signed in.
    SessionId, "ses_");

impl SessionId {
    /// The session that a digest names.
    #[must_use]
    pub fn of_digest(digest: &[u8; 32]) -> Self {
        let (mut first, mut second) = ([0; 16], [0; 16]);
        first.copy_from_slice(&digest[..16]);
        second.copy_from_slice(&digest[16..]);
        let text = |half| ulid::Ulid::from(u128::from_be_bytes(half)).to_string();
        Self(format!("{}{}{}", Self::PREFIX, text(first), text(second)).to_ascii_lowercase())
    }
}

impl ApprovalId {
    /// The approval that a digest names, of which the first 16 bytes count.
    #[must_use]
    pub fn of_digest(digest: &[u8; 32]) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        let body = ulid::Ulid::from(u128::from_be_bytes(half)).to_string();
        Self(format!("{}{}", Self::PREFIX, body.to_ascii_lowercase()))
    }

    /// The approval that a source's idempotency key named until ids were made with the data key: anybody who knows both can compute
    /// it. Nothing new gets such an id; what has one is found by it.
    #[must_use]
    pub fn derived(source: &SourceId, idempotency_key: &str) -> Self {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        hash.update(source.as_str());
        hash.update([0]);
        hash.update(idempotency_key);
        Self::of_digest(&hash.finalize().into())
    }
}

impl DeliveryId {
    /// The delivery at this position of an approval: found by its id alone.
    #[must_use]
    pub fn of(approval: &ApprovalId, sequence: u32) -> Self {
        let body = approval.as_str().strip_prefix(ApprovalId::PREFIX).unwrap_or_default();
        Self(format!("{}{body}_{sequence}", Self::PREFIX))
    }

    /// The approval and the position that this id names.
    #[must_use]
    pub fn position(&self) -> Option<(ApprovalId, u32)> {
        let (body, sequence) = self.0.strip_prefix(Self::PREFIX)?.rsplit_once('_')?;
        Some((format!("{}{body}", ApprovalId::PREFIX).parse().ok()?, sequence.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_read_back_and_refuse_other_kinds() {
        let id = FlowId::new(&World::system());
        assert_eq!(id.as_str().parse::<FlowId>().unwrap(), id);
        for bad in ["", "flow_", "con_01", "flow_a#b", "flow_a b", &format!("flow_{}", "a".repeat(60))] {
            assert!(bad.parse::<FlowId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_delivery_is_found_by_its_id() {
        let approval = ApprovalId::new(&World::system());
        let id = DeliveryId::of(&approval, 302);
        assert_eq!(id.as_str().parse::<DeliveryId>().unwrap().position(), Some((approval, 302)));
        assert_eq!("dlv_x".parse::<DeliveryId>().unwrap().position(), None);
    }

    #[test]
    fn the_same_idempotency_key_names_the_same_approval_of_one_source_only() {
        let (a, b) = (SourceId::new(&World::system()), SourceId::new(&World::system()));
        assert_eq!(ApprovalId::derived(&a, "k"), ApprovalId::derived(&a, "k"));
        assert_ne!(ApprovalId::derived(&a, "k"), ApprovalId::derived(&b, "k"));
        assert_ne!(ApprovalId::derived(&a, "k"), ApprovalId::derived(&a, "l"));
    }
}
