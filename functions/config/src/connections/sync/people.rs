//! Which member an entry of the directory is, and what becomes of it.

use std::collections::BTreeMap;

use countersign::http::Problem;
use countersign::ids::MemberId;
use countersign::providers::directory::DirectoryEntry;
use countersign::providers::{Contact, Mobile};
use countersign::resources::{Access, MAX_NAME, Member};
use countersign::store::Versioned;
use countersign::store::directories::{MAX_LISTED, WithoutMobile};
use countersign::store::members::Claim;

use super::run::Page;
use crate::members::not_stored::{NotStored, Wanted};
use crate::members::stored;

/// So many people are looked up together.
const BATCH: usize = 50;

/// Who has what the people of a batch are recognised by.
#[derive(Default)]
struct Known {
    holders: BTreeMap<Claim, MemberId>,
    members: BTreeMap<MemberId, Versioned<Member>>,
}

impl Known {
    fn member(&self, claim: Option<&Claim>) -> Option<&Versioned<Member>> {
        self.members.get(self.holders.get(claim?)?)
    }
}

impl Page<'_> {
    /// Takes over these people; `false` where the page's time was over before the last of them.
    pub(super) async fn take_over(&mut self, people: Vec<DirectoryEntry>) -> Result<bool, Problem> {
        let new: Vec<DirectoryEntry> = people.into_iter().filter(|entry| !self.has_seen(&entry.account)).collect();
        for (number, batch) in new.chunks(BATCH).enumerate() {
            // The first are always taken, so that each page brings the run further.
            if number > 0 && self.is_over() {
                return Ok(false);
            }
            let known = self.known(batch).await?;
            for entry in batch {
                // Twice in one answer is once.
                if !self.has_seen(&entry.account) {
                    self.take(entry, &known).await?;
                    self.saw(&entry.account);
                }
            }
        }
        Ok(true)
    }

    fn account(&self, entry: &DirectoryEntry) -> Claim {
        Claim::Account(self.connection.id.to_string(), self.key(&entry.account))
    }

    async fn known(&self, batch: &[DirectoryEntry]) -> Result<Known, Problem> {
        let (store, org) = (&self.app.store, &self.connection.org);
        let mobiles = batch.iter().filter_map(mobile);
        let claims: Vec<Claim> = batch.iter().map(|entry| self.account(entry)).chain(mobiles).collect();
        let holders = store.members_by_claims(org, &claims).await?;
        let holders: BTreeMap<Claim, MemberId> =
            claims.into_iter().zip(holders).filter_map(|(claim, holder)| Some((claim, holder?))).collect();
        let ids: Vec<&str> = holders.values().map(MemberId::as_str).collect();
        let members = store.get_many::<Member>(org, &ids).await?;
        let members = members.into_iter().map(|member| (member.value.id.clone(), member)).collect();
        Ok(Known { holders, members })
    }

    /// One person: known by account, else by mobile number, else by e-mail address; else new. Who has another account on this
    /// connection is somebody else.
    async fn take(&mut self, entry: &DirectoryEntry, known: &Known) -> Result<(), Problem> {
        if let Some(member) = known.member(Some(&self.account(entry))) {
            self.is_back(member).await?;
            self.run.tally.unchanged += 1;
            return Ok(());
        }
        let by_mobile = known.member(mobile(entry).as_ref()).cloned();
        let is_free = |member: &Versioned<Member>| !member.value.accounts.contains_key(&self.connection.id);
        let recognised = match by_mobile.clone().filter(is_free) {
            Some(member) => Some(member),
            None => self.by_email(entry).await?.filter(is_free),
        };
        // An account lets its owner sign in: administrators bind theirs themselves, or have an owner do it. A number in a directory is
        // no proof of who somebody is.
        if recognised.as_ref().is_some_and(|member| member.value.access >= Access::Admin) {
            self.run.tally.unchanged += 1;
            return Ok(());
        }
        if let Some(member) = recognised
            && self.bind(&member, &entry.account).await?
        {
            self.run.tally.bound += 1;
            return Ok(());
        }
        self.create(entry, by_mobile.map(|member| member.value.id)).await
    }

    async fn by_email(&self, entry: &DirectoryEntry) -> Result<Option<Versioned<Member>>, Problem> {
        let Some(email) = &entry.contact.email else { return Ok(None) };
        let (store, org) = (&self.app.store, &self.connection.org);
        let Some(id) = store.member_by_email(org, email).await? else { return Ok(None) };
        Ok(store.get_many::<Member>(org, &[id.as_str()]).await?.pop())
    }

    /// Takes away the mark of somebody who had left.
    async fn is_back(&self, member: &Versioned<Member>) -> Result<(), Problem> {
        let mut new = member.value.clone();
        if new.left.remove(&self.connection.id).is_none() {
            return Ok(());
        }
        match stored::replace(self.app, member, &new).await {
            // Whoever changed the member meanwhile leaves it to the next run.
            Ok(_) | Err(NotStored::Changed | NotStored::Taken(..)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a member the account. Somebody may change the member at the same time: then it goes into what they left; `false` where
    /// that has an account by now.
    async fn bind(&self, member: &Versioned<Member>, account: &str) -> Result<bool, Problem> {
        let mut old = member.clone();
        loop {
            let mut new = old.value.clone();
            if new.accounts.contains_key(&self.connection.id) || new.access >= Access::Admin {
                return Ok(false);
            }
            new.accounts.insert(self.connection.id.clone(), account.to_owned());
            match stored::replace(self.app, &old, &new).await {
                Ok(_) => return Ok(true),
                Err(NotStored::Changed) => {
                    let found = self.app.store.get_many::<Member>(&new.org, &[new.id.as_str()]).await?.pop();
                    let Some(found) = found else { return Ok(false) };
                    old = found;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes a member; without the mobile number where another member has it, which is said.
    async fn create(&mut self, entry: &DirectoryEntry, number_of: Option<MemberId>) -> Result<(), Problem> {
        let mut member = self.member(entry);
        let mut is_taken = number_of.is_some();
        if is_taken {
            member.mobile = None;
        }
        let mut made = stored::create(self.app, &member).await;
        if matches!(made, Err(NotStored::Taken(Wanted::Mobile(_), _))) {
            (member.mobile, is_taken) = (None, true);
            made = stored::create(self.app, &member).await;
        }
        match made {
            Ok(()) => self.run.tally.created += 1,
            // Somebody else has just given it to a member.
            Err(NotStored::Taken(Wanted::Account(_), _)) => {
                self.run.tally.unchanged += 1;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        if is_taken && self.run.without_mobile.len() < MAX_LISTED {
            let (account, member) = (entry.account.clone(), member.id.to_string());
            let used_by = number_of.map(|id| id.to_string());
            self.run.without_mobile.push(WithoutMobile { account, member, used_by });
        }
        Ok(())
    }

    fn member(&self, entry: &DirectoryEntry) -> Member {
        let Contact { name, mobile, email } = entry.contact.clone();
        Member {
            id: MemberId::new(&self.app.world),
            org: self.connection.org.clone(),
            // Not every platform tells names.
            name: name.unwrap_or_else(|| entry.account.clone()).chars().take(MAX_NAME).collect(),
            mobile,
            email,
            accounts: [(self.connection.id.clone(), entry.account.clone())].into(),
            source_ids: BTreeMap::new(),
            roles: Vec::new(),
            workspaces: Vec::new(),
            supervisor: None,
            left: BTreeMap::new(),
            access: Access::None,
            active: true,
            epoch: 0,
            created_at: self.app.world.now(),
        }
    }
}

/// The number by which a person is recognised.
fn mobile(entry: &DirectoryEntry) -> Option<Claim> {
    let mobile = Mobile::parse(entry.contact.mobile.as_deref()?)?;
    Some(Claim::Mobile(mobile.to_string()))
}
