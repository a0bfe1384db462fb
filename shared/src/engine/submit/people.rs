//! From the people that a request or a flow names to accounts of the platform.

use crate::approval::Person;
use crate::config::{Approver, Connection, Member, Workspace};
use crate::http::{App, Problem};
use crate::ids::{MemberId, OrgId, WorkspaceId};
use crate::providers::{self, Account, Calls, Contact, Provider};
use crate::store;

use super::body::Applicant;

/// One connection with all that is needed to look people up on it.
pub(super) struct Platform {
    pub(super) connection: Connection,
    pub(super) provider: &'static dyn Provider,
    pub(super) account: Account,
}

impl Platform {
    pub(super) async fn open(app: &App, connection: Connection) -> Result<Self, Problem> {
        let unknown = || Problem::unprocessable("unknown_kind", "this version does not know the connection's platform");
        let provider = providers::by_kind(&connection.kind).ok_or_else(unknown)?;
        let account = app.account(&connection).await?;
        Ok(Self { connection, provider, account })
    }

    fn name(&self) -> String {
        format!("connection \"{}\" ({})", self.connection.name, self.connection.id)
    }
}

/// Why a person was not found: something the sender can mend, or a problem of its own.
pub(super) enum Missing {
    /// Said of the field.
    Field(String),
    /// The whole submit fails.
    Problem(Problem),
}

impl Missing {
    /// The problem of an applicant who was not found.
    pub(super) fn of_applicant(self) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::Field(detail) => Problem::unprocessable("person_not_found", detail).at("/applicant/member"),
        }
    }
}

impl From<store::Error> for Missing {
    fn from(error: store::Error) -> Self {
        Self::Problem(error.into())
    }
}

/// What became of looking somebody up.
enum Found {
    /// Their account.
    Account(String),
    /// Nobody was found; what was tried, for the sender.
    Nobody(Vec<String>),
}

/// Looks people up for one submit.
pub(super) struct People<'a> {
    pub(super) app: &'a App,
    pub(super) org: &'a OrgId,
    pub(super) workspace: Option<&'a WorkspaceId>,
}

impl People<'_> {
    async fn member(&self, id: &MemberId) -> Result<Member, Missing> {
        match self.app.store.get::<Member>(self.org, id.as_str()).await {
            Ok(stored) => Ok(stored.value),
            Err(store::Error::NotFound) => Err(Missing::Field(format!("there is no member {id}"))),
            Err(error) => Err(error.into()),
        }
    }

    /// Who asks, as the state keeps it, and how they can be reached. The account is that of no platform yet, but for one
    /// that the request names.
    pub(super) async fn applicant(&self, applicant: &Applicant) -> Result<(Person, Contact, Option<Member>), Missing> {
        if let Some(id) = &applicant.member {
            let member = self.member(id).await?;
            let person = Person { member: Some(id.to_string()), account: None, name: Some(member.name.clone()) };
            let contact =
                Contact { name: Some(member.name.clone()), mobile: member.mobile.clone(), email: member.email.clone() };
            return Ok((person, contact, Some(member)));
        }
        let Applicant { name, mobile, email, account, .. } = applicant;
        let who = account.clone().or_else(|| mobile.clone()).or_else(|| email.clone());
        let person = Person { member: None, account: who, name: name.clone() };
        Ok((person, Contact { name: name.clone(), mobile: mobile.clone(), email: email.clone() }, None))
    }

    /// The applicant's account on a platform: the member's, the named one, the one found by mobile or e-mail, or the
    /// connection's default applicant. `None` where the platform needs none. `named` says whether an account that the
    /// request names is one of this platform.
    pub(super) async fn applicant_account(
        &self,
        platform: &Platform,
        applicant: &Applicant,
        member: Option<&Member>,
        named: bool,
    ) -> Result<Option<String>, Missing> {
        let connection = &platform.connection;
        let known = member.and_then(|member| member.accounts.get(&connection.id).cloned());
        if let Some(account) = known.or_else(|| applicant.account.clone().filter(|_| named)) {
            return Ok(Some(account));
        }
        if !platform.provider.needs_approvers() {
            return Ok(None);
        }
        let mobile = applicant.mobile.as_ref().or(member.and_then(|member| member.mobile.as_ref()));
        let email = applicant.email.as_ref().or(member.and_then(|member| member.email.as_ref()));
        let mut tried = match self.by_contact(platform, mobile, email).await? {
            Found::Account(account) => return Ok(Some(account)),
            Found::Nobody(tried) => tried,
        };
        if let Some(account) = &connection.default_applicant {
            return Ok(Some(account.clone()));
        }
        tried.push(format!("the applicant has no account on {}, and it has no default applicant", platform.name()));
        Err(Missing::Field(tried.join("; ")))
    }

    /// The people whom an approver of a node stands for, with their accounts on the platform.
    pub(super) async fn approvers(&self, platform: &Platform, approver: &Approver) -> Result<Vec<Person>, Missing> {
        match approver {
            Approver::Account(account) => Ok(vec![Person { member: None, account: Some(account.clone()), name: None }]),
            Approver::Member(id) => {
                let member = self.member(id).await?;
                Ok(vec![self.on_platform(platform, member).await?])
            }
            Approver::Mobile(mobile) => Ok(vec![found(self.by_mobile(platform, mobile).await?)]),
            Approver::Email(email) => Ok(vec![found(self.by_email(platform, email).await?)]),
            Approver::WorkspaceAdministrators => self.administrators(platform).await,
            Approver::Role(_) | Approver::Supervisor(_) => {
                Err(Missing::Field("approvers by `role` and `supervisor` cannot be resolved".into()))
            }
        }
    }

    async fn administrators(&self, platform: &Platform) -> Result<Vec<Person>, Missing> {
        let none = || Missing::Field("the request names no workspace whose administrators could be asked".into());
        let id = self.workspace.ok_or_else(none)?;
        let workspace = self.app.store.get::<Workspace>(self.org, id.as_str()).await?.value;
        let mut people = Vec::new();
        for id in &workspace.administrators {
            let member = self.member(id).await?;
            people.push(self.on_platform(platform, member).await?);
        }
        if people.is_empty() {
            return Err(Missing::Field(format!("workspace {id} has no administrators")));
        }
        Ok(people)
    }

    async fn on_platform(&self, platform: &Platform, member: Member) -> Result<Person, Missing> {
        let account = match member.accounts.get(&platform.connection.id) {
            Some(account) => account.clone(),
            None => match self.by_contact(platform, member.mobile.as_ref(), member.email.as_ref()).await? {
                Found::Account(account) => account,
                Found::Nobody(mut tried) => {
                    let (name, id) = (&member.name, &member.id);
                    tried.push(format!("member \"{name}\" ({id}) has no account on {}", platform.name()));
                    return Err(Missing::Field(tried.join("; ")));
                }
            },
        };
        Ok(Person { member: Some(member.id.to_string()), account: Some(account), name: Some(member.name) })
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
                Err(Missing::Field(detail)) => tried.push(detail),
                Err(problem) => return Err(problem),
            }
        }
        if let Some(email) = email {
            match self.by_email(platform, email).await {
                Ok(account) => return Ok(Found::Account(account)),
                Err(Missing::Field(detail)) => tried.push(detail),
                Err(problem) => return Err(problem),
            }
        }
        Ok(Found::Nobody(tried))
    }

    async fn by_mobile(&self, platform: &Platform, mobile: &str) -> Result<String, Missing> {
        let calls: Calls<'_> = self.app.calls();
        let result = platform.provider.account_by_mobile(&platform.account, mobile, &calls).await;
        result.map_err(|error| missing(error, platform, "mobile number", mobile))
    }

    async fn by_email(&self, platform: &Platform, email: &str) -> Result<String, Missing> {
        let calls: Calls<'_> = self.app.calls();
        let result = platform.provider.account_by_email(&platform.account, email, &calls).await;
        result.map_err(|error| missing(error, platform, "e-mail address", email))
    }
}

fn found(account: String) -> Person {
    Person { member: None, account: Some(account), name: None }
}

fn missing(error: providers::Error, platform: &Platform, what: &str, value: &str) -> Missing {
    match error {
        providers::Error::NotFound { .. } => {
            Missing::Field(format!("nobody with the {what} {value} was found on {}", platform.name()))
        }
        providers::Error::Unsupported { .. } => Missing::Field(format!("{error} ({})", platform.name())),
        other => Missing::Problem(other.into()),
    }
}
