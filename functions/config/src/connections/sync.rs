//! `POST /v1/connections/{id}/members/sync`: people of the platform's directory become members, or are bound to those that
//! are there.

use std::collections::{BTreeMap, HashMap, HashSet};

use axum::extract::State;
use countersign::approval::AccountIds;
use countersign::config::{Connection, Member};
use countersign::http::{Admin, App, Id, IfMatch, OptionalJson, Problem};
use countersign::ids::{ConnectionId, MemberId, OrgId};
use countersign::providers::{Contact, DirectoryEntry};
use countersign::store::Versioned;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::members::stored;

/// How long one run may take before another may begin, in milliseconds.
const LEASE: i64 = 60_000;
/// Most members of an organisation that people are compared with.
const MOST_MEMBERS: usize = 10_000;
/// Length of the national part by which mobile numbers are compared.
const NATIONAL: usize = 11;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sync {
    /// The platform's id of a department; with those below it. Without it, everybody whom the app may see.
    department: Option<String>,
}

/// What a run did.
#[derive(Debug, Default)]
struct Tally {
    created: usize,
    bound: usize,
    unchanged: usize,
}

/// Takes over who is in the platform's directory. Nobody is removed, and nothing that a member has is changed but the
/// account on this connection: running it again does no harm.
pub(super) async fn sync_members(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id<ConnectionId>,
    OptionalJson(request): OptionalJson<Sync>,
) -> Result<axum::Json<Value>, Problem> {
    let connection = app.store.get::<Connection>(&caller.org, id.as_str()).await?.value;
    let account = connection.account(&app.data_key).await?;
    let now = app.world.now();
    // Two runs at once would make everybody twice.
    let Some(lease) = app.store.take_lease(&format!("sync#{}", caller.org), now, now + LEASE).await? else {
        return Err(Problem::conflict("conflict", "members are being taken over already; try again in a minute"));
    };
    let result = async {
        let found = connection.provider()?.directory(&account, request.department.as_deref(), &app.calls()).await?;
        take_over(&app, &caller.org, &connection, found).await
    }
    .await;
    app.store.release_lease(lease).await?;
    let Tally { created, bound, unchanged } = result?;
    Ok(axum::Json(json!({
        "found": created + bound + unchanged, "created": created, "bound": bound, "unchanged": unchanged,
    })))
}

async fn take_over(
    app: &App,
    org: &OrgId,
    connection: &Connection,
    found: Vec<DirectoryEntry>,
) -> Result<Tally, Problem> {
    let (ids, connection) = (connection.provider()?.account_ids(), &connection.id);
    let mut known = Known::read(app, org, connection, ids).await?;
    let mut tally = Tally::default();
    for entry in found {
        match known.of(&entry) {
            Some(Recognised::Bound) => tally.unchanged += 1,
            Some(Recognised::Unbound(member)) => {
                bind(app, &member, connection, &entry.account).await?;
                tally.bound += 1;
            }
            None => {
                create_member(app, new_member(app, org, connection, entry)).await?;
                tally.created += 1;
            }
        }
    }
    Ok(tally)
}

/// Makes a member; without the number where another member has it.
async fn create_member(app: &App, mut member: Member) -> Result<(), Problem> {
    match stored::create(app, &member).await {
        Err(problem) if problem.code() == "mobile_taken" => {
            member.mobile = None;
            stored::create(app, &member).await
        }
        other => other,
    }
}

/// Somebody may change the member at the same time: then the account goes into what they left.
async fn bind(app: &App, member: &Versioned<Member>, connection: &ConnectionId, account: &str) -> Result<(), Problem> {
    let mut old = member.clone();
    loop {
        let mut value = old.value.clone();
        value.accounts.insert(connection.clone(), account.to_owned());
        match stored::replace(app, &old, &value, &IfMatch::Any).await {
            Ok(_) => return Ok(()),
            Err(problem) if problem.code() == "conflict" => {
                old = app.store.get::<Member>(&value.org, value.id.as_str()).await?;
            }
            Err(problem) => return Err(problem),
        }
    }
}

fn new_member(app: &App, org: &OrgId, connection: &ConnectionId, entry: DirectoryEntry) -> Member {
    let Contact { name, mobile, email } = entry.contact;
    Member {
        id: MemberId::new(&app.world),
        org: org.clone(),
        // Not every platform tells names.
        name: name.unwrap_or_else(|| entry.account.clone()),
        mobile,
        email,
        accounts: [(connection.clone(), entry.account)].into(),
        source_ids: BTreeMap::new(),
        roles: Vec::new(),
        workspaces: Vec::new(),
        created_at: app.world.now(),
    }
}

/// A member whom an entry of the directory stands for.
enum Recognised {
    /// Has the account already.
    Bound,
    /// Has none on this connection.
    Unbound(Box<Versioned<Member>>),
}

/// The organisation's members and how people of a directory are recognised among them.
struct Known {
    ids: AccountIds,
    /// Those on the connection, as they are compared.
    accounts: HashSet<String>,
    /// Those without an account on the connection, by what they can be recognised by.
    unbound: HashMap<String, Versioned<Member>>,
    count: usize,
}

impl Known {
    async fn read(app: &App, org: &OrgId, connection: &ConnectionId, ids: AccountIds) -> Result<Self, Problem> {
        let mut known = Self { ids, accounts: HashSet::new(), unbound: HashMap::new(), count: 0 };
        let mut cursor: Option<String> = None;
        loop {
            let page = app.store.list::<Member>(org, 200, cursor.as_deref()).await?;
            page.items.into_iter().for_each(|member| known.add(member, connection));
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(known);
            }
            if known.count >= MOST_MEMBERS {
                let detail = format!("the organisation has more than {MOST_MEMBERS} members: bind accounts one by one");
                return Err(Problem::unprocessable("too_many_members", detail));
            }
        }
    }

    fn add(&mut self, member: Versioned<Member>, connection: &ConnectionId) {
        self.count += 1;
        let Member { accounts, mobile, email, .. } = &member.value;
        // One who is bound to another account is somebody else.
        if let Some(account) = accounts.get(connection) {
            self.accounts.insert(self.ids.key(account).into_owned());
            return;
        }
        for contact in contacts(mobile.as_deref(), email.as_deref()) {
            // Of two with one number the first is meant.
            self.unbound.entry(contact).or_insert_with(|| member.clone());
        }
    }

    /// The member whom an entry stands for: by account, else by mobile number, else by e-mail address.
    fn of(&mut self, entry: &DirectoryEntry) -> Option<Recognised> {
        if self.accounts.contains(&*self.ids.key(&entry.account)) {
            return Some(Recognised::Bound);
        }
        let contacts = contacts(entry.contact.mobile.as_deref(), entry.contact.email.as_deref());
        let member = contacts.into_iter().find_map(|contact| self.unbound.get(&contact).cloned())?;
        // Whoever has been recognised is not meant again.
        self.unbound.retain(|_, other| other.value.id != member.value.id);
        self.accounts.insert(self.ids.key(&entry.account).into_owned());
        Some(Recognised::Unbound(Box::new(member)))
    }
}

/// How a person is recognised: the mobile number without country code and punctuation, the e-mail address in lower case.
fn contacts(mobile: Option<&str>, email: Option<&str>) -> Vec<String> {
    let national = |mobile: &str| {
        let digits: String = mobile.chars().filter(char::is_ascii_digit).collect();
        digits[digits.len().saturating_sub(NATIONAL)..].to_owned()
    };
    let mobile = mobile.map(national).filter(|digits| !digits.is_empty());
    let email = email.map(|email| email.trim().to_lowercase()).filter(|email| !email.is_empty());
    mobile.into_iter().chain(email).collect()
}

#[cfg(test)]
mod tests {
    use super::contacts;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        let same = contacts(Some("13800000001"), None);
        assert_eq!(contacts(Some("+86 138-0000-0001"), None), same);
        assert_eq!(contacts(Some("0086 138 0000 0001"), None), same);
        assert_ne!(contacts(Some("13800000002"), None), same);
        assert_eq!(contacts(Some("-"), Some(" A@B.example ")), ["a@b.example"]);
        assert!(contacts(None, Some("")).is_empty());
    }
}
