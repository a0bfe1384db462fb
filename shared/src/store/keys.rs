//! Every key of the table is built here and nowhere else.
//!
//! | item | `pk` | `sk` | in indexes |
//! |---|---|---|---|
//! | configuration resource | `<KIND>#<id>` | `<KIND>` | list: `ORG#<org>#<KIND>`, `<id>` |
//! | approval, state | `APR#<id>` | `STATE` | list: `ORG#<org>#APR`, `<created, 13 digits>#<id>`; applicant: `ORG#<org>#APPLICANT#<who>`, the same; due |
//! | approval, request | `APR#<id>` | `REQUEST` | |
//! | delivery | `APR#<id>` | `DLV#<sequence, 8 digits>` | list: `ORG#<org>#DLV#<source>`, `<created, 13 digits>#<id>#<sequence>`; due: `DUE#<shard>` or `QUEUE#<source>`, milliseconds |
//! | lane of a source | `SRC#<id>` | `LANE` | due: `DUE#<shard>`, milliseconds |
//! | what the sweep asks a source's product | `SRC#<id>` | `POLL` | due |
//! | reverse reference of an instance | `REF#<connection>#<instance>` | `REF` | |
//! | callback that came before it | `REF#<connection>#<instance>` | `PARKED#<n>` | |
//! | sealed access token of a platform | `TOKEN#<hash>` | `TOKEN` | |
//! | calls of a connection in a month | `USAGE#<connection>#<yyyy-mm>` | `USAGE` | |
//! | callbacks of a connection that could not be read | `CON#<id>` | `UNREADABLE` | |
//! | how far the taking over of a connection's directory is | `CON#<id>` | `DIRECTORY` | |
//! | accounts that a page of it has seen | `CON#<id>` | `DIRECTORY#<run>#<page, 8 digits>` | |
//! | external OA by its access id, which only one of an organisation may have | `EXTERNAL#access_id#<value>` | `CLAIM#<organisation>`; earlier `CLAIM` | |
//! | external OA by its organisation id | `EXTERNAL#organization_id#<value>` | connection id | |
//! | member by a source's own id of them, which only one may have | `SOURCE_ID#<source>#<value>` | `CLAIM` | |
//! | member by their account on a connection, which only one may have | `ACCOUNT#<org>#<account>` | connection id |
//! | member by mobile number, which only one may have | `MOBILE#<org>#<E.164>` | `CLAIM` |
//! | members by e-mail address | `EMAIL#<org>#<address>` | member id |
//! | member who has a role | `ROLE#<org>#<role>` | member id | |
//! | session of somebody who has signed in | `SESSION#<hash>` | `SESSION` | list: `ORG#<org>#SESSION#<member or key>`, `<created, 13 digits>#<id>` |
//! | sign-in through a platform that was used | `SIGN_IN#<hash>` | `SIGN_IN` | |
//! | wrong keys that came from an address | `WRONG_KEYS#<hash>` | `WRONG_KEYS` | |
//! | what changes whenever somebody stops being an owner | `ORG#<org>` | `OWNERS` | |
//! | what waits for somebody, and what they have done | `INBOX#OPEN#<connection>#<account>`, `INBOX#DONE#…` | `<time, 13 digits>#<approval>#<stage>#<node>` | |
//! | the data key that seals secrets | `DATAKEY` | `DATAKEY` | |
//!
//! Kinds of resources: `ORG`, `WS`, `MEM`, `CON`, `FLOW`, `SRC`, `KEY`. Ids hold no `#`; what comes from outside
//! (instances, accounts, values of an external OA) is always the last part of a key.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;
use super::schema::{DUE_SHARDS, PK, SK};
use crate::ids::{ApprovalId, ConnectionId, MemberId, OrgId, SessionId, SourceId};

/// Longest partition key, in bytes.
pub const MAX_PK: usize = 2048;
/// Longest sort key, in bytes.
pub const MAX_SK: usize = 1024;

/// Where one item is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// What a secret of this item is sealed for: it opens nowhere else.
    #[must_use]
    pub fn aad(&self, field: &str) -> String {
        format!("{}|{}|{field}", self.pk, self.sk)
    }

    /// The key as the SDK wants it.
    #[must_use]
    pub fn item(&self) -> Item {
        Item::from([
            (PK.to_owned(), AttributeValue::S(self.pk.clone())),
            (SK.to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }

    /// The id of the resource or approval that stands here.
    #[must_use]
    pub fn id(&self) -> String {
        self.pk.split_once('#').map_or("", |(_, id)| id).to_owned()
    }

    /// The key of a stored item, if it has one.
    #[must_use]
    pub fn of(item: &Item) -> Option<Self> {
        Some(Self::new(item.get(PK)?.as_s().ok()?, item.get(SK)?.as_s().ok()?))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.pk, self.sk)
    }
}

/// A configuration resource.
#[must_use]
pub fn resource(kind: &str, id: &str) -> Key {
    Key::new(format!("{kind}#{id}"), kind)
}

/// The list of an organisation's resources of a kind, or of its approvals (`APR`).
#[must_use]
pub fn list(org: &OrgId, kind: &str) -> String {
    format!("ORG#{org}#{kind}")
}

/// What the partition keys of all approvals start with.
pub const APPROVAL: &str = "APR#";

/// The sort key of an approval's state.
pub const STATE: &str = "STATE";

/// The sort key of what was submitted.
pub const REQUEST: &str = "REQUEST";

/// The sort key of where an instance belongs.
pub const REFERENCE: &str = "REF";

/// A row of one of the lists of somebody's tasks.
#[must_use]
pub fn inbox(list: &str, connection: &str, account: &str, position: &str) -> Key {
    Key::new(format!("INBOX#{list}#{connection}#{account}"), position)
}

/// The state of an approval.
#[must_use]
pub fn approval(id: &ApprovalId) -> Key {
    Key::new(format!("APR#{id}"), STATE)
}

/// What was submitted.
#[must_use]
pub fn request(id: &ApprovalId) -> Key {
    Key::new(format!("APR#{id}"), REQUEST)
}

/// A delivery of an approval, in order of its sequence.
#[must_use]
pub fn delivery(id: &ApprovalId, sequence: u32) -> Key {
    Key::new(format!("APR#{id}"), format!("DLV#{sequence:08}"))
}

/// What the sort keys of all deliveries of an approval start with.
pub const DELIVERIES: &str = "DLV#";

/// The list of all deliveries to a source.
#[must_use]
pub fn deliveries(org: &OrgId, source: &SourceId) -> String {
    format!("ORG#{org}#DLV#{source}")
}

/// Sort key of a delivery in that list: by the time of its event (milliseconds), those of one approval in order.
#[must_use]
pub fn by_time_and_sequence(created_at: i64, id: &ApprovalId, sequence: u32) -> String {
    format!("{}#{sequence:08}", by_time(created_at, id))
}

/// Where everything that happened at this time (milliseconds) or later begins, in a list by time.
#[must_use]
pub fn from_time(at: i64) -> String {
    format!("{:013}", at.max(0))
}

/// The lane of a source.
#[must_use]
pub fn lane(source: &SourceId) -> Key {
    Key::new(format!("SRC#{source}"), LANE)
}

/// The sort key of every lane.
pub const LANE: &str = "LANE";

/// The partition of what is due that holds the deliveries waiting in a source's lane.
#[must_use]
pub fn queue(source: &SourceId) -> String {
    format!("QUEUE#{source}")
}

/// What the sweep asks the product of a source.
#[must_use]
pub fn poll(source: &SourceId) -> Key {
    Key::new(format!("SRC#{source}"), POLL)
}

/// The sort key of [`poll`].
pub const POLL: &str = "POLL";

/// The list of an organisation's approvals.
#[must_use]
pub fn approvals(org: &OrgId) -> String {
    list(org, "APR")
}

/// Sort key of an approval in a list: by time of creation (milliseconds), then by id.
#[must_use]
pub fn by_time(created_at: i64, id: &ApprovalId) -> String {
    format!("{:013}#{id}", created_at.max(0))
}

/// The approvals of one applicant: a member's id, or a platform account where no member is known.
#[must_use]
pub fn applicant(org: &OrgId, who: &str) -> String {
    format!("ORG#{org}#APPLICANT#{who}")
}

/// One of the partitions of what is due.
#[must_use]
pub fn due(shard: u8) -> String {
    format!("DUE#{}", shard % DUE_SHARDS)
}

/// The partition of what is due that a thing with this id goes to: always the same.
#[must_use]
pub fn due_of(id: &str) -> String {
    let sum = id.bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    due(sum % DUE_SHARDS)
}

/// The way from a platform's instance back to our approval.
#[must_use]
pub fn reference(connection: &ConnectionId, instance: &str) -> Key {
    Key::new(format!("REF#{connection}#{instance}"), REFERENCE)
}

/// A callback that came before the reference.
#[must_use]
pub fn parked(connection: &ConnectionId, instance: &str, n: &str) -> Key {
    Key::new(format!("REF#{connection}#{instance}"), format!("PARKED#{n}"))
}

/// What the sort keys of parked callbacks start with.
pub const PARKED: &str = "PARKED#";

/// An access token of a platform, by the hash of what it belongs to.
#[must_use]
pub fn token(hash: &str) -> Key {
    Key::new(format!("TOKEN#{hash}"), "TOKEN")
}

/// What a connection has used in a month, as in `2026-11`.
#[must_use]
pub fn usage(connection: &str, month: &str) -> Key {
    Key::new(format!("USAGE#{connection}#{month}"), "USAGE")
}

/// How many callbacks of a connection could not be read.
#[must_use]
pub fn unreadable(connection: &ConnectionId) -> Key {
    Key::new(format!("CON#{connection}"), "UNREADABLE")
}

/// How far the taking over of a connection's directory is.
#[must_use]
pub fn directory(connection: &ConnectionId) -> Key {
    Key::new(format!("CON#{connection}"), "DIRECTORY")
}

/// The accounts that one page of it has seen.
#[must_use]
pub fn directory_page(connection: &ConnectionId, run: &str, page: u32) -> Key {
    Key::new(format!("CON#{connection}"), format!("{}{page:08}", directory_pages(run)))
}

/// What the sort keys of a run's pages start with.
#[must_use]
pub fn directory_pages(run: &str) -> String {
    format!("DIRECTORY#{run}#")
}

/// A lease, by its name.
#[must_use]
pub fn lease(name: &str) -> Key {
    Key::new(format!("LEASE#{name}"), "LEASE")
}

/// The claim of one external OA's connection on its `accessId`: no other connection of its organisation may have the same.
#[must_use]
pub fn external_access(access_id: &str, org: &OrgId) -> Key {
    Key::new(external_accesses(access_id), format!("{EXTERNAL_ACCESS}#{org}"))
}

/// The claim as it was when an `accessId` was one connection's of the whole deployment.
#[must_use]
pub fn earlier_external_access(access_id: &str) -> Key {
    Key::new(external_accesses(access_id), EXTERNAL_ACCESS)
}

/// The partition of the connections that have this `accessId`.
#[must_use]
pub fn external_accesses(access_id: &str) -> String {
    format!("EXTERNAL#access_id#{access_id}")
}

/// What the sort keys of all claims on an `accessId` start with.
pub const EXTERNAL_ACCESS: &str = "CLAIM";

/// The way from an external OA's `organizationId` to one of the connections that have it.
#[must_use]
pub fn external_organization(organization_id: &str, connection: &ConnectionId) -> Key {
    Key::new(external_organizations(organization_id), connection.as_str())
}

/// The partition of the connections that have this `organizationId`.
#[must_use]
pub fn external_organizations(organization_id: &str) -> String {
    format!("EXTERNAL#organization_id#{organization_id}")
}

/// The claim of one member on what a source calls them: no other member may have the same.
#[must_use]
pub fn member_source_id(source: &SourceId, id: &str) -> Key {
    Key::new(format!("SOURCE_ID#{source}#{id}"), "CLAIM")
}

/// The claim of one member on an account of a connection: no other member may have the same. `account` is as accounts of that
/// platform are compared.
#[must_use]
pub fn member_account(org: &OrgId, connection: &str, account: &str) -> Key {
    Key::new(member_accounts(org, account), connection)
}

/// The partition of the members who have this account on some connection.
#[must_use]
pub fn member_accounts(org: &OrgId, account: &str) -> String {
    format!("ACCOUNT#{org}#{account}")
}

/// The claim of one member on a mobile number (E.164): no other member may have the same.
#[must_use]
pub fn member_mobile(org: &OrgId, mobile: &str) -> Key {
    Key::new(format!("MOBILE#{org}#{mobile}"), "CLAIM")
}

/// The way from an e-mail address, in lower case, to a member who has it.
#[must_use]
pub fn member_email(org: &OrgId, email: &str, member: &MemberId) -> Key {
    Key::new(member_emails(org, email), member.as_str())
}

/// The partition of the members who have this e-mail address.
#[must_use]
pub fn member_emails(org: &OrgId, email: &str) -> String {
    format!("EMAIL#{org}#{email}")
}

/// The way from a role to a member who has it.
#[must_use]
pub fn member_role(org: &OrgId, role: &str, member: &MemberId) -> Key {
    Key::new(member_roles(org, role), member.as_str())
}

/// The partition of the members who have this role.
#[must_use]
pub fn member_roles(org: &OrgId, role: &str) -> String {
    format!("ROLE#{org}#{role}")
}

/// A session.
#[must_use]
pub fn session(id: &SessionId) -> Key {
    Key::new(format!("SESSION#{id}"), "SESSION")
}

/// The list of the sessions of a member or a key, by its id.
#[must_use]
pub fn sessions(org: &OrgId, holder: &str) -> String {
    format!("ORG#{org}#SESSION#{holder}")
}

/// Sort key of a session in that list: by the time of signing in (milliseconds).
#[must_use]
pub fn session_by_time(created_at: i64, id: &SessionId) -> String {
    format!("{:013}#{id}", created_at.max(0))
}

/// A sign-in that was used, by the hash of its state.
#[must_use]
pub fn sign_in(hash: &str) -> Key {
    Key::new(format!("SIGN_IN#{hash}"), "SIGN_IN")
}

/// How many wrong keys came from an address, by the hash of the address.
#[must_use]
pub fn wrong_keys(hash: &str) -> Key {
    Key::new(format!("WRONG_KEYS#{hash}"), "WRONG_KEYS")
}

/// What changes whenever somebody stops being an owner of the organisation.
#[must_use]
pub fn owners(org: &OrgId) -> Key {
    Key::new(format!("ORG#{org}"), "OWNERS")
}

/// The sealed data key.
#[must_use]
pub fn data_key() -> Key {
    Key::new("DATAKEY", "DATAKEY")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_are_as_stored() {
        let (org, con, apr): (OrgId, ConnectionId, ApprovalId) =
            ("org_1".parse().unwrap(), "con_1".parse().unwrap(), "apr_1".parse().unwrap());
        let key = |pk: &str, sk: &str| Key::new(pk, sk);
        assert_eq!(resource("CON", "con_1"), key("CON#con_1", "CON"));
        assert_eq!(list(&org, "CON"), "ORG#org_1#CON");
        assert_eq!(approval(&apr), key("APR#apr_1", "STATE"));
        assert_eq!(request(&apr), key("APR#apr_1", "REQUEST"));
        assert_eq!(delivery(&apr, 7), key("APR#apr_1", "DLV#00000007"));
        let source: SourceId = "src_1".parse().unwrap();
        assert_eq!(deliveries(&org, &source), "ORG#org_1#DLV#src_1");
        assert_eq!(by_time_and_sequence(7, &apr, 302), "0000000000007#apr_1#00000302");
        assert!(by_time_and_sequence(7, &apr, 302) > from_time(7) && by_time_and_sequence(7, &apr, 302) < from_time(8));
        assert_eq!(lane(&source), key("SRC#src_1", "LANE"));
        assert_eq!(queue(&source), "QUEUE#src_1");
        assert_eq!(poll(&"src_1".parse().unwrap()), key("SRC#src_1", "POLL"));
        assert_eq!(approvals(&org), "ORG#org_1#APR");
        assert_eq!(by_time(1_700_000_000_000, &apr), "1700000000000#apr_1");
        assert_eq!(by_time(5, &apr), "0000000000005#apr_1");
        assert_eq!(applicant(&org, "mem_1"), "ORG#org_1#APPLICANT#mem_1");
        assert_eq!(due(15), "DUE#15");
        assert_eq!(due(16), "DUE#0");
        assert_eq!(due_of("dlv_1"), due_of("dlv_1"));
        assert_eq!(reference(&con, "a#b"), key("REF#con_1#a#b", "REF"));
        assert_eq!(parked(&con, "a", "01"), key("REF#con_1#a", "PARKED#01"));
        assert_eq!(token("ff"), key("TOKEN#ff", "TOKEN"));
        assert_eq!(usage("con_1", "2026-11"), key("USAGE#con_1#2026-11", "USAGE"));
        assert_eq!(unreadable(&con), key("CON#con_1", "UNREADABLE"));
        assert_eq!(directory(&con), key("CON#con_1", "DIRECTORY"));
        assert_eq!(directory_page(&con, "ff", 7), key("CON#con_1", "DIRECTORY#ff#00000007"));
        assert_eq!(lease("template#con_1#standard"), key("LEASE#template#con_1#standard", "LEASE"));
        assert_eq!(external_access("x", &org), key("EXTERNAL#access_id#x", "CLAIM#org_1"));
        assert_eq!(earlier_external_access("x"), key("EXTERNAL#access_id#x", "CLAIM"));
        assert_eq!(external_organization("x", &con), key("EXTERNAL#organization_id#x", "con_1"));
        let (source, member) = ("src_1".parse().unwrap(), "mem_1".parse().unwrap());
        assert_eq!(member_source_id(&source, "a#b"), key("SOURCE_ID#src_1#a#b", "CLAIM"));
        assert_eq!(member_account(&org, "con_1", "a#b"), key("ACCOUNT#org_1#a#b", "con_1"));
        assert_eq!(member_mobile(&org, "+8613800000001"), key("MOBILE#org_1#+8613800000001", "CLAIM"));
        assert_eq!(member_email(&org, "a@b.example", &member), key("EMAIL#org_1#a@b.example", "mem_1"));
        assert_eq!(member_role(&org, "a#b", &member), key("ROLE#org_1#a#b", "mem_1"));
        assert_eq!(data_key(), key("DATAKEY", "DATAKEY"));
        assert_eq!(resource("CON", "con_1").aad("app_secret"), "CON#con_1|CON|app_secret");
    }

    #[test]
    fn a_key_reads_back_from_its_item() {
        let key = resource("CON", "con_1");
        assert_eq!(Key::of(&key.item()), Some(key));
        assert_eq!(Key::of(&Item::new()), None);
    }
}
