//! Who is asked at a node: those whom it names; without the applicant, or the workspace's administrators instead of them,
//! where the flow says so.

use std::pin::pin;

use futures_util::StreamExt;

use crate::approval::{AccountIds, Deviation, Mode, Node};
use crate::ids::ConnectionId;
use crate::resources::flow::{MAX_APPROVERS, NodePart};
use crate::resources::{Approver, Flow, Member, OwnApprover};

use super::error::SubmitError;
use super::fault::{Fault, Position};
use super::found::{Absent, Candidate, Missing, Named, Platform};
use super::lookups::several;
use super::people::People;

/// A node to be resolved.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) mode: Mode,
    pub(super) approvers: &'a [Approver],
}

/// The nodes of a stage, before they are resolved.
pub(super) struct WantedStage<'a> {
    /// From 0.
    pub(super) index: usize,
    pub(super) nodes: Vec<Wanted<'a>>,
    /// Whether the request brings them; else they are the flow's.
    pub(super) is_own: bool,
}

/// Who the applicant is, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Identity {
    member: Option<String>,
    accounts: Vec<(ConnectionId, String)>,
}

impl Identity {
    /// A member with all their accounts, or somebody of whom no account is known yet.
    pub(super) fn new(member: Option<&Member>) -> Self {
        let accounts = member.iter().flat_map(|member| &member.accounts);
        Self {
            member: member.map(|member| member.id.to_string()),
            accounts: accounts.map(|(connection, account)| (connection.clone(), account.clone())).collect(),
        }
    }

    /// The same person, who has turned out to be this member.
    pub(super) fn or_of(mut self, member: Option<&Member>) -> Self {
        let other = Self::new(member);
        self.member = self.member.or(other.member);
        self.accounts.extend(other.accounts);
        self
    }

    /// An account that is theirs.
    pub(super) fn add(&mut self, connection: &ConnectionId, account: String) {
        self.accounts.push((connection.clone(), account));
    }

    /// Whether somebody who would be asked on a connection, whose platform has such `ids`, is the applicant: the same member, or
    /// one of whose accounts is theirs.
    fn is(&self, connection: &ConnectionId, ids: AccountIds, candidate: &Candidate) -> bool {
        if self.member.is_some() && self.member == candidate.person.member {
            return true;
        }
        let known = candidate.member.iter().flat_map(|member| &member.accounts);
        let here = candidate.person.account.iter().map(|account| (connection, account));
        known.chain(here).any(|(on, account)| {
            // Of what platform other connections are is not known here: rather one too many is the applicant than one too few.
            let ids = if on == connection { ids } else { AccountIds::KnowNoCase };
            self.accounts.iter().any(|(own_on, own)| own_on == on && ids.same(own, account))
        })
    }
}

/// What is wrong with the people of a request, by what the sender is told.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    pub(super) missing: Vec<Fault>,
    own: Vec<Fault>,
    many: Vec<Fault>,
    modes: Vec<Fault>,
}

impl Wrong {
    pub(super) fn into_result(self) -> Result<(), SubmitError> {
        SubmitError::unless_empty(self.missing, SubmitError::UnknownPeople)?;
        SubmitError::unless_empty(self.own, SubmitError::OwnApproval)?;
        SubmitError::unless_empty(self.many, SubmitError::TooManyApprovers)?;
        SubmitError::unless_empty(self.modes, SubmitError::UnsupportedMode)
    }
}

/// A node among those of its stage.
#[derive(Clone, Copy)]
struct NodeOf<'a> {
    stage: &'a WantedStage<'a>,
    /// From 0.
    index: usize,
}

impl NodeOf<'_> {
    /// What is wrong with a part of it; `part` makes one of the node's number.
    fn fault(self, part: impl FnOnce(usize) -> NodePart, why: impl Into<String>) -> Fault {
        let part = part(self.index);
        if self.stage.is_own {
            return Fault::new(Position::Nodes(part), why);
        }
        let name = self.stage.nodes.get(self.index).map_or("", |node| node.name).to_owned();
        Fault::new(Position::FlowNode { stage: self.stage.index, name, part }, why)
    }

    /// What is wrong with one of its approvers.
    fn fault_of_approver(self, approver: usize, why: impl Into<String>) -> Fault {
        self.fault(|node| NodePart::Approver { node, approver }, why)
    }
}

/// What those whom a node names come to.
#[derive(Debug, PartialEq, Eq)]
enum Settled<T> {
    /// These are asked.
    Ask { people: Vec<T>, without_applicant: bool },
    /// Nobody is left.
    Nobody { without_applicant: bool },
    /// Some are not there, and nobody else is asked.
    Absent,
    /// The applicant would decide on their own request, or too few are left without them.
    Own,
    /// Fewer are there than have to agree.
    TooFew,
}

/// Settles who of these is asked. `replaceable` says whether somebody else is asked where nobody is left: then those who are
/// `absent` are done without.
fn settle<T>(
    own: OwnApprover,
    mode: Mode,
    mut people: Vec<T>,
    absent: bool,
    replaceable: bool,
    is_applicant: impl Fn(&T) -> bool,
) -> Settled<T> {
    if absent && !replaceable {
        return Settled::Absent;
    }
    let all = people.len();
    match own {
        OwnApprover::Allow => {}
        OwnApprover::Refuse if people.iter().any(&is_applicant) => return Settled::Own,
        OwnApprover::Refuse => {}
        OwnApprover::Skip => people.retain(|person| !is_applicant(person)),
    }
    let without_applicant = people.len() < all;
    match mode {
        _ if people.is_empty() => Settled::Nobody { without_applicant },
        Mode::AtLeast(needed) if people.len() < usize::from(needed) => {
            if without_applicant {
                Settled::Own
            } else {
                Settled::TooFew
            }
        }
        _ => Settled::Ask { people, without_applicant },
    }
}

/// What became of a node.
enum Resolved {
    Node(Node),
    LeftOut,
    Wrong,
}

/// Resolves the nodes of a stage: those that ask somebody, and the names of those that are left out. What is wrong goes to
/// `wrong`, for all nodes at once.
pub(super) async fn resolve(
    people: &People<'_>,
    platform: &Platform,
    flow: &Flow,
    identity: &Identity,
    stage: &WantedStage<'_>,
    wrong: &mut Wrong,
) -> Result<(Vec<Node>, Vec<String>), SubmitError> {
    let (mut nodes, mut left_out, mut failed) = (Vec::new(), Vec::new(), false);
    for (index, wanted) in stage.nodes.iter().enumerate() {
        let resolver = Resolver { people, platform, flow, identity, node: NodeOf { stage, index }, wanted };
        match resolver.resolve(wrong).await? {
            Resolved::Node(node) => nodes.push(node),
            Resolved::LeftOut => left_out.push(wanted.name.to_owned()),
            Resolved::Wrong => failed = true,
        }
    }
    if nodes.is_empty() && !failed {
        let position = Position::Stage { stage: stage.index, is_own: stage.is_own };
        wrong.own.push(Fault::new(position, "nobody but the applicant would be asked"));
    }
    Ok((nodes, left_out))
}

struct Resolver<'a> {
    people: &'a People<'a>,
    platform: &'a Platform,
    flow: &'a Flow,
    identity: &'a Identity,
    node: NodeOf<'a>,
    wanted: &'a Wanted<'a>,
}

impl Resolver<'_> {
    async fn resolve(&self, wrong: &mut Wrong) -> Result<Resolved, SubmitError> {
        let Wanted { name, mode, approvers } = *self.wanted;
        if approvers.is_empty() {
            // The platform decides by itself who is asked.
            return Ok(Resolved::Node(Node::new(name, mode, Vec::new())));
        }
        let Some((found, absent)) = self.gather(approvers, wrong).await? else { return Ok(Resolved::Wrong) };
        let missing: Vec<String> = absent.iter().map(|(_, absent)| absent.who.clone()).collect();
        let replaceable = self.flow.fallback.is_some();
        let without_applicant = match self.settle(found, !absent.is_empty(), replaceable) {
            Settled::Ask { people, without_applicant } => {
                let deviation = Deviation { fallback: false, missing, without_applicant };
                return Ok(self.ask(people, deviation, wrong));
            }
            Settled::Nobody { without_applicant } if replaceable => without_applicant,
            Settled::Nobody { without_applicant: true } => return Ok(Resolved::LeftOut),
            Settled::Own => return Ok(self.own(wrong)),
            Settled::TooFew => return Ok(self.too_few(wrong)),
            Settled::Absent | Settled::Nobody { .. } => {
                for (index, absent) in &absent {
                    wrong.missing.push(self.node.fault_of_approver(*index, absent.why.as_str()));
                }
                return Ok(Resolved::Wrong);
            }
        };
        self.fall_back(Deviation { fallback: true, missing, without_applicant }, &absent, wrong).await
    }

    /// The workspace's administrators, instead of those whom the node names.
    async fn fall_back(
        &self,
        mut deviation: Deviation,
        instead_of: &[(usize, Absent)],
        wrong: &mut Wrong,
    ) -> Result<Resolved, SubmitError> {
        let named = match self.people.approvers(self.platform, &Approver::WorkspaceAdministrators, None).await {
            Ok(named) => named,
            Err(Missing::Failed(error)) => return Err(error),
            Err(Missing::Nobody(why) | Missing::Field(why) | Missing::TooMany(why)) => {
                self.nobody_instead(instead_of, &[why], wrong);
                return Ok(Resolved::Wrong);
            }
        };
        let Named { found, absent } = named;
        deviation.missing.extend(absent.iter().map(|absent| absent.who.clone()));
        Ok(match self.settle(once_each(found, self.platform.provider.account_ids()), !absent.is_empty(), true) {
            Settled::Ask { people, without_applicant } => {
                deviation.without_applicant |= without_applicant;
                self.ask(people, deviation, wrong)
            }
            Settled::Own | Settled::Nobody { without_applicant: true } => self.own(wrong),
            Settled::TooFew => self.too_few(wrong),
            Settled::Absent | Settled::Nobody { .. } => {
                let why: Vec<String> = absent.into_iter().map(|absent| absent.why).collect();
                self.nobody_instead(instead_of, &why, wrong);
                Resolved::Wrong
            }
        })
    }

    /// Everybody whom the node names, each once, and who of them is absent, with the approver's index. `None` where somebody
    /// cannot be looked for at all.
    async fn gather(
        &self,
        approvers: &[Approver],
        wrong: &mut Wrong,
    ) -> Result<Option<(Vec<Candidate>, Vec<(usize, Absent)>)>, SubmitError> {
        let (mut people, mut absent, mut failed) = (Vec::new(), Vec::new(), false);
        let applicant = self.identity.member.as_deref();
        let lookups: Vec<_> = approvers
            .iter()
            .map(|approver| Box::pin(self.people.approvers(self.platform, approver, applicant)))
            .collect();
        let mut answers = pin!(several(lookups));
        for (index, approver) in approvers.iter().enumerate() {
            let Some(named) = answers.next().await else { break };
            let (faults, why) = match named {
                Ok(named) => {
                    people.extend(named.found.into_iter().map(|found| (found, approver)));
                    absent.extend(named.absent.into_iter().map(|absent| (index, absent)));
                    continue;
                }
                Err(Missing::Failed(error)) => return Err(error),
                Err(Missing::TooMany(why)) => (&mut wrong.many, why),
                Err(Missing::Nobody(why) | Missing::Field(why)) => (&mut wrong.missing, why),
            };
            faults.push(self.node.fault_of_approver(index, why));
            failed = true;
        }
        if failed {
            return Ok(None);
        }
        self.people.as_members(self.platform, &mut people).await?;
        let people = people.into_iter().map(|(candidate, _)| candidate).collect();
        Ok(Some((once_each(people, self.platform.provider.account_ids()), absent)))
    }

    fn own_approver(&self) -> OwnApprover {
        self.flow.own_approver(self.node.stage.is_own)
    }

    fn settle(&self, people: Vec<Candidate>, absent: bool, replaceable: bool) -> Settled<Candidate> {
        let is_applicant = |person: &Candidate| {
            self.identity.is(&self.platform.connection.id, self.platform.provider.account_ids(), person)
        };
        settle(self.own_approver(), self.wanted.mode, people, absent, replaceable, is_applicant)
    }

    /// A node that asks these, if the platform can.
    fn ask(&self, people: Vec<Candidate>, deviation: Deviation, wrong: &mut Wrong) -> Resolved {
        if people.len() > MAX_APPROVERS {
            let why = format!("would ask {} people; a node asks at most {MAX_APPROVERS}", people.len());
            wrong.many.push(self.node.fault(NodePart::Approvers, why));
            return Resolved::Wrong;
        }
        // What was checked when the flow was saved did not know how many people a role is.
        if let Some(why) = self.platform.provider.refuses(self.wanted.mode, people.len()) {
            wrong.modes.push(self.node.fault(NodePart::Mode, why));
            return Resolved::Wrong;
        }
        let approvers = people.into_iter().map(|candidate| candidate.person).collect();
        Resolved::Node(Node { name: self.wanted.name.to_owned(), mode: self.wanted.mode, approvers, deviation })
    }

    fn own(&self, wrong: &mut Wrong) -> Resolved {
        let why = match self.own_approver() {
            OwnApprover::Refuse => "the applicant would decide on their own request",
            _ => "without the applicant, too few are left to decide",
        };
        wrong.own.push(self.node.fault(NodePart::Approvers, why));
        Resolved::Wrong
    }

    fn too_few(&self, wrong: &mut Wrong) -> Resolved {
        let why = "fewer people were found than have to agree (`at_least`)";
        wrong.missing.push(self.node.fault(NodePart::Approvers, why));
        Resolved::Wrong
    }

    /// Neither those who are named nor those who would be asked instead can be found.
    fn nobody_instead(&self, named: &[(usize, Absent)], instead: &[String], wrong: &mut Wrong) {
        let why: Vec<&str> =
            named.iter().map(|(_, absent)| absent.why.as_str()).chain(instead.iter().map(String::as_str)).collect();
        wrong.missing.push(self.node.fault(NodePart::Approvers, why.join("; ")));
    }
}

/// A person stands in a node once, however often it leads to them, and as a member if one of the ways says who they are.
fn once_each(people: Vec<Candidate>, ids: AccountIds) -> Vec<Candidate> {
    let mut once: Vec<Candidate> = Vec::with_capacity(people.len());
    for candidate in people {
        let account = candidate.person.account.as_deref().unwrap_or_default();
        let is_same = |known: &Candidate| known.person.account.as_deref().is_some_and(|own| ids.same(own, account));
        match once.iter_mut().find(|known| is_same(known)) {
            None => once.push(candidate),
            Some(known) if known.member.is_none() => *known = candidate,
            Some(_) => {}
        }
    }
    once
}

#[cfg(test)]
mod tests;
