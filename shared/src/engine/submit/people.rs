//! From the people that a request or a flow names to accounts of the platform.

use std::pin::pin;

use futures_util::StreamExt;

use crate::approval::Person;
use crate::engine::App;
use crate::engine::people;
use crate::ids::{MemberId, OrgId, WorkspaceId};
use crate::providers::{self, Contact, Mobile};
use crate::resources::flow::MAX_APPROVERS;
use crate::resources::{Approver, Member, Workspace};
use crate::store;
use crate::store::members::{MAX_WITH_ROLE, WithRole};

use super::body::Applicant;
use super::error::SubmitError;
use super::found::{Candidate, Found, Missing, Named, Platform, Starter};
use super::lookups::{By, Lookups, MAX_LOOKUPS, several};

/// Looks people up for one submit.
pub(super) struct People<'a> {
    pub(super) app: &'a App,
    pub(super) org: &'a OrgId,
    pub(super) workspace: Option<&'a WorkspaceId>,
    lookups: Lookups,
}

impl<'a> People<'a> {
    pub(super) fn new(app: &'a App, org: &'a OrgId, workspace: Option<&'a WorkspaceId>) -> Self {
        Self { app, org, workspace, lookups: Lookups::default() }
    }

    async fn member(&self, id: &MemberId) -> Result<Member, Missing> {
        let found = people::member(self.app, self.org, id).await?;
        found.ok_or_else(|| Missing::Nobody(format!("there is no member {id}")))
    }

    /// Who asks, as the state keeps it, and how they can be reached. The account is that of no platform yet, but for one
    /// that the request names.
    pub(super) async fn applicant(&self, applicant: &Applicant) -> Result<(Person, Contact, Option<Member>), Missing> {
        if let Some(id) = &applicant.member {
            let member = self.member(id).await?;
            let person = Person { member: Some(id.to_string()), account: None, name: Some(member.name.clone()) };
            return Ok((person, reached(&member), Some(member)));
        }
        let Applicant { name, mobile, email, account, .. } = applicant;
        let who = account.clone().or_else(|| mobile.clone()).or_else(|| email.clone());
        let mut contact = Contact { name: name.clone(), mobile: mobile.clone(), email: email.clone() };
        let member = people::member_reached(self.app, self.org, mobile.as_deref(), email.as_deref()).await?;
        let Some(member) = member else {
            return Ok((Person { member: None, account: who, name: name.clone() }, contact, None));
        };
        let reached = reached(&member);
        contact.name = contact.name.or(reached.name);
        contact.mobile = contact.mobile.or(reached.mobile);
        contact.email = contact.email.or(reached.email);
        let person = Person { member: Some(member.id.to_string()), account: who, name: Some(member.name.clone()) };
        Ok((person, contact, Some(member)))
    }

    /// The applicant's account on a platform: the member's, the named one, the one found by mobile or e-mail, or the
    /// connection's default applicant. `named` says whether an account that the request names is one of this platform.
    pub(super) async fn starter(
        &self,
        platform: &Platform,
        applicant: &Applicant,
        member: Option<&Member>,
        named: bool,
    ) -> Result<Starter, Missing> {
        let connection = &platform.connection;
        if platform.provider.asks_members() {
            return Ok(Starter { account: member.map(|member| member.id.to_string()), is_own: false });
        }
        let own = |account: String| Starter { account: Some(account), is_own: true };
        let known = member.and_then(|member| member.accounts.get(&connection.id).cloned());
        if let Some(account) = applicant.account.clone().filter(|_| named).or(known) {
            return Ok(own(account));
        }
        if !platform.provider.needs_approvers() {
            return Ok(Starter { account: None, is_own: false });
        }
        let mobile = applicant.mobile.as_ref().or(member.and_then(|member| member.mobile.as_ref()));
        let email = applicant.email.as_ref().or(member.and_then(|member| member.email.as_ref()));
        let mut tried = match self.by_contact(platform, mobile, email).await? {
            Found::Account(account) => return Ok(own(account)),
            Found::Nobody(tried) => tried,
        };
        if let Some(account) = &connection.default_applicant {
            return Ok(Starter { account: Some(account.clone()), is_own: false });
        }
        tried.push(format!("the applicant has no account on {}, and it has no default applicant", platform.name()));
        Err(Missing::Nobody(tried.join("; ")))
    }

    /// The people whom an approver of a node stands for, with their accounts on the platform. An account is taken as it is: that
    /// there is none of this name is told by the platform, at the start. `applicant` is the member who asks, if they are one.
    pub(super) async fn approvers(
        &self,
        platform: &Platform,
        approver: &Approver,
        applicant: Option<&str>,
    ) -> Result<Named, Missing> {
        let mut named = Named::default();
        match approver {
            Approver::Account(account) => named.found.push(by_account(account.clone())),
            Approver::Member(id) => {
                let found = match self.member(id).await {
                    Ok(member) => self.on_platform(platform, member).await,
                    Err(missing) => Err(missing),
                };
                named.add(approver, found)?;
            }
            Approver::Mobile(_) | Approver::Email(_) if platform.provider.asks_members() => {
                named.add(approver, self.member_reached(approver).await)?;
            }
            Approver::Mobile(mobile) => {
                named.add(approver, self.by_mobile(platform, mobile).await.map(by_account))?;
            }
            Approver::Email(email) => {
                named.add(approver, self.by_email(platform, email).await.map(by_account))?;
            }
            Approver::Role(role) => {
                let members = asked(platform, self.with_role(role).await?);
                if members.is_empty() {
                    named.add(approver, Err(Missing::Nobody(self.nobody_has(role))))?;
                }
                self.each(platform, members, &mut named).await?;
            }
            Approver::WorkspaceAdministrators => {
                let (id, administrators) = self.administrators().await?;
                let administrators = asked(platform, administrators);
                if administrators.is_empty() {
                    let why = format!("workspace {id} has no administrators");
                    named.add(approver, Err(Missing::Nobody(why)))?;
                }
                self.each(platform, administrators, &mut named).await?;
            }
            Approver::Nobody { why, .. } => named.add(approver, Err(Missing::Nobody(why.clone())))?,
            Approver::Supervisor(levels) => {
                let found = match self.supervisor(applicant, *levels).await {
                    Ok(member) => self.on_platform(platform, member).await,
                    Err(missing) => Err(missing),
                };
                named.add(approver, found)?;
            }
        }
        Ok(named)
    }

    /// The member who has this account on the platform, if one has.
    pub(super) async fn owner(&self, platform: &Platform, account: &str) -> Result<Option<Member>, store::Error> {
        let claim = people::claim(platform.connection.id.as_str(), platform.provider.account_ids(), account);
        Ok(people::members(self.app, self.org, &[claim]).await?.into_iter().flatten().next())
    }

    /// Says of those who were named otherwise which member they are: the one who has the account on the platform; else, for whom
    /// the platform found by number or address, the member who has that.
    pub(super) async fn as_members(
        &self,
        platform: &Platform,
        found: &mut [(Candidate, &Approver)],
    ) -> Result<(), store::Error> {
        let ids = platform.provider.account_ids();
        let strangers: Vec<_> = found.iter_mut().filter(|(candidate, _)| candidate.member.is_none()).collect();
        let account = |candidate: &Candidate| candidate.person.account.clone().unwrap_or_default();
        let claim = |candidate: &Candidate| people::claim(platform.connection.id.as_str(), ids, &account(candidate));
        let claims: Vec<_> = strangers.iter().map(|(candidate, _)| claim(candidate)).collect();
        let owners = people::members(self.app, self.org, &claims).await?;
        let lookups: Vec<_> = strangers
            .iter()
            .zip(owners)
            .map(|((_, named), owner)| Box::pin(self.owner_or_reached(platform, named, owner)))
            .collect();
        let mut members = pin!(several(lookups));
        for (candidate, _) in strangers {
            if let Some(member) = members.next().await.transpose()?.flatten() {
                candidate.person = people::person(&member, account(candidate));
                candidate.member = Some(member);
            }
        }
        Ok(())
    }

    /// The owner of somebody's account or, where it is nobody's, the member with the number or address under which they were named.
    async fn owner_or_reached(
        &self,
        platform: &Platform,
        named: &Approver,
        owner: Option<Member>,
    ) -> Result<Option<Member>, store::Error> {
        let (mobile, email) = match named {
            Approver::Mobile(mobile) => (Some(mobile.as_str()), None),
            Approver::Email(email) => (None, Some(email.as_str())),
            _ => (None, None),
        };
        if owner.is_some() {
            return Ok(owner);
        }
        // Whoever is bound to another account there is somebody else.
        let reached = people::member_reached(self.app, self.org, mobile, email).await?;
        Ok(reached.filter(|member| !member.accounts.contains_key(&platform.connection.id)))
    }

    /// Finds each of these members on the platform.
    async fn each(&self, platform: &Platform, members: Vec<Member>, named: &mut Named) -> Result<(), Missing> {
        let who: Vec<Approver> = members.iter().map(|member| Approver::Member(member.id.clone())).collect();
        let lookups: Vec<_> = members.into_iter().map(|member| Box::pin(self.on_platform(platform, member))).collect();
        let mut found = pin!(several(lookups));
        for who in &who {
            let Some(found) = found.next().await else { break };
            named.add(who, found)?;
        }
        Ok(())
    }

    async fn administrators(&self) -> Result<(&WorkspaceId, Vec<Member>), Missing> {
        let none = || Missing::Field("the request names no workspace whose administrators could be asked".into());
        let id = self.workspace.ok_or_else(none)?;
        let workspace = self.app.store.get::<Workspace>(self.org, id.as_str()).await?.value;
        Ok((id, self.members(&workspace.administrators).await?))
    }

    /// The member so many levels above the applicant.
    async fn supervisor(&self, applicant: Option<&str>, levels: u8) -> Result<Member, Missing> {
        let id = applicant.and_then(|id| id.parse().ok());
        let id: MemberId =
            id.ok_or_else(|| Missing::Nobody("the applicant is no member, so nobody is above them".into()))?;
        let mut chain = vec![self.member(&id).await?];
        for _ in 0..levels {
            let below = chain.last().map(|member| (member.name.clone(), member.supervisor.clone()));
            let Some((name, above)) = below else { break };
            let above = above.ok_or_else(|| Missing::Nobody(format!("nobody is above \"{name}\"")))?;
            let is_circle = chain.iter().any(|member| member.id == above);
            let next = self.member(&above).await?;
            chain.push(next);
            if is_circle {
                let names: Vec<String> = chain.iter().map(|member| format!("\"{}\"", member.name)).collect();
                return Err(Missing::Nobody(format!("supervisors lead in a circle: {}", names.join(", "))));
            }
        }
        chain.pop().ok_or_else(|| Missing::Nobody("the applicant is no member".into()))
    }

    /// The members with a role; where the request has a workspace, those who belong to it or to none.
    async fn with_role(&self, role: &str) -> Result<Vec<Member>, Missing> {
        let members = match self.app.store.members_with_role(self.org, role, self.workspace).await? {
            WithRole::Members(members) => members,
            WithRole::TooMany => {
                return Err(Missing::TooMany(format!("more than {MAX_WITH_ROLE} members have the role `{role}`")));
            }
        };
        if members.len() > MAX_APPROVERS {
            let count = members.len();
            return Err(Missing::TooMany(format!(
                "{count} members have the role `{role}`; a node asks at most {MAX_APPROVERS}"
            )));
        }
        self.members(&members).await
    }

    fn nobody_has(&self, role: &str) -> String {
        match self.workspace {
            Some(workspace) => format!("nobody of workspace {workspace} has the role `{role}`"),
            None => format!("nobody has the role `{role}`"),
        }
    }

    async fn members(&self, ids: &[MemberId]) -> Result<Vec<Member>, Missing> {
        let ids: Vec<&str> = ids.iter().map(MemberId::as_str).collect();
        let found = self.app.store.get_many::<Member>(self.org, &ids).await?;
        Ok(found.into_iter().map(|found| found.value).collect())
    }

    /// The member who has this number or address.
    async fn member_reached(&self, approver: &Approver) -> Result<Candidate, Missing> {
        let (mobile, email) = match approver {
            Approver::Mobile(mobile) => (Some(mobile.as_str()), None),
            Approver::Email(email) => (None, Some(email.as_str())),
            _ => (None, None),
        };
        let member = people::member_reached(self.app, self.org, mobile, email).await?;
        let nobody = || Missing::Nobody(format!("no member has the {approver}, or several have"));
        member.map_or_else(|| Err(nobody()), of_member)
    }

    async fn on_platform(&self, platform: &Platform, member: Member) -> Result<Candidate, Missing> {
        if platform.provider.asks_members() {
            return of_member(member);
        }
        let account = match member.accounts.get(&platform.connection.id) {
            Some(account) => account.clone(),
            None => match self.by_contact(platform, member.mobile.as_ref(), member.email.as_ref()).await? {
                Found::Account(account) => account,
                Found::Nobody(mut tried) => {
                    let (name, id) = (&member.name, &member.id);
                    tried.push(format!("member \"{name}\" ({id}) has no account on {}", platform.name()));
                    return Err(Missing::Nobody(tried.join("; ")));
                }
            },
        };
        let person =
            Person { member: Some(member.id.to_string()), account: Some(account), name: Some(member.name.clone()) };
        Ok(Candidate { person, member: Some(member) })
    }

    /// Looks somebody up by mobile number, then by e-mail address.
    async fn by_contact(
        &self,
        platform: &Platform,
        mobile: Option<&String>,
        email: Option<&String>,
    ) -> Result<Found, Missing> {
        let mut tried = Vec::new();
        if let Some(mobile) = mobile {
            match self.by_mobile(platform, mobile).await {
                Ok(account) => return Ok(Found::Account(account)),
                Err(Missing::Nobody(detail) | Missing::Field(detail)) => tried.push(detail),
                Err(failed) => return Err(failed),
            }
        }
        if let Some(email) = email {
            match self.by_email(platform, email).await {
                Ok(account) => return Ok(Found::Account(account)),
                Err(Missing::Nobody(detail) | Missing::Field(detail)) => tried.push(detail),
                Err(failed) => return Err(failed),
            }
        }
        Ok(Found::Nobody(tried))
    }

    async fn by_mobile(&self, platform: &Platform, mobile: &str) -> Result<String, Missing> {
        if Mobile::parse(mobile).is_none() {
            return Err(Missing::Nobody(format!("{mobile} is no mobile number")));
        }
        self.lookup(platform, By::Mobile, mobile).await
    }

    async fn by_email(&self, platform: &Platform, email: &str) -> Result<String, Missing> {
        self.lookup(platform, By::Email, email).await
    }

    async fn lookup(&self, platform: &Platform, by: By, value: &str) -> Result<String, Missing> {
        let (connection, account) = (platform.connection.id.as_str(), &platform.account);
        let call = Box::pin(async {
            let line = self.app.line(connection);
            let result = match by {
                By::Mobile => platform.provider.account_by_mobile(account, value, &line.calls()).await,
                By::Email => platform.provider.account_by_email(account, value, &line.calls()).await,
            };
            if let Err(error) = &result {
                self.app.note_exhausted(connection, error).await;
            }
            result
        });
        match self.lookups.once(connection, by, value, call).await {
            Some(result) => result.map_err(|error| missing(error, platform, by, value)),
            None => Err(Missing::Failed(SubmitError::TooManyPeople(MAX_LOOKUPS))),
        }
    }
}

/// How a member is reached, as people write it.
fn reached(member: &Member) -> Contact {
    let mobile = member.mobile.as_deref().map(Mobile::shorten);
    Contact { name: Some(member.name.clone()), mobile, email: member.email.clone() }
}

/// A member where members are asked: their id is their account. Who is switched off cannot decide.
fn of_member(member: Member) -> Result<Candidate, Missing> {
    if !member.active {
        return Err(Missing::Nobody(format!("member \"{}\" ({}) is switched off", member.name, member.id)));
    }
    Ok(Candidate { person: people::person(&member, member.id.to_string()), member: Some(member) })
}

/// Those of several members who can be asked on the platform: where members are asked, those who are not switched off.
fn asked(platform: &Platform, mut members: Vec<Member>) -> Vec<Member> {
    members.retain(|member| member.active || !platform.provider.asks_members());
    members
}

fn by_account(account: String) -> Candidate {
    Candidate { person: Person { member: None, account: Some(account), name: None }, member: None }
}

fn missing(error: providers::Error, platform: &Platform, by: By, value: &str) -> Missing {
    let what = match by {
        By::Mobile => "mobile number",
        By::Email => "e-mail address",
    };
    match error {
        providers::Error::NotFound { code, message } if code == providers::SEVERAL_ACCOUNTS => {
            Missing::Nobody(format!("{what} {value} on {}: {message}", platform.name()))
        }
        providers::Error::NotFound { .. } => {
            Missing::Nobody(format!("nobody with the {what} {value} was found on {}", platform.name()))
        }
        providers::Error::Unsupported { .. } => Missing::Field(format!("{error} ({})", platform.name())),
        other => Missing::Failed(other.into()),
    }
}
