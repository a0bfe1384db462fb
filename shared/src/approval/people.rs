//! Who the people of a stage are: members, as far as it was found out.
//!
//! Platforms tell of accounts. Which member has an account is looked up elsewhere and kept in the stage, so that it is looked up
//! once.

use super::data::{Approval, Person, Stage};
use super::event::TaskFact;

/// Most bytes of the members whom a stage keeps beside its plan: sixty usual ones and more.
const MAX_PEOPLE: usize = 8 * 1024;
/// What one of them takes in its item beside their texts, in bytes.
const PERSON: usize = 30;

impl Approval {
    /// Whether a member asks for it, or is or was asked at some node. `account` tells the member's account on a connection.
    #[must_use]
    pub fn has_part(&self, member: &str, account: impl Fn(&str) -> Option<String>) -> bool {
        let is_member = |person: &Person| person.member.as_deref() == Some(member);
        let in_stage = |stage: &Stage| {
            let own = if stage.runs_here() { Some(member.to_owned()) } else { account(&stage.connection) };
            let is_own = |other: &str| own.as_deref().is_some_and(|own| stage.account_ids.same(own, other));
            let planned = stage.nodes.iter().flat_map(|node| &node.approvers);
            let mut known = planned.chain(&stage.people);
            let told = || stage.facts.tasks.values().any(|fact| is_own(&fact.assignee));
            known.any(|person| is_member(person) || person.account.as_deref().is_some_and(is_own)) || told()
        };
        is_member(&self.applicant) || self.stages.iter().any(in_stage)
    }
}

impl Approval {
    /// A member among those who are asked in stages that run here, as they were when they came to be asked.
    #[must_use]
    pub fn named(&self, member: &str) -> Option<&Person> {
        let here = self.stages.iter().filter(|stage| stage.runs_here());
        let mut people =
            here.flat_map(|stage| stage.nodes.iter().flat_map(|node| &node.approvers).chain(&stage.people));
        people.find(|person| person.member.as_deref() == Some(member))
    }
}

impl Stage {
    /// Accounts of which it is not known whether they are a member's: those that the platform has told of. With `planned` those
    /// too whom the plan names by account.
    #[must_use]
    pub fn strangers(&self, planned: bool) -> Vec<&str> {
        let told = self.facts.tasks.values().map(|fact| fact.assignee.as_str());
        let told = told.chain(self.facts.comments.iter().map(|comment| comment.account.as_str()));
        let named =
            || self.nodes.iter().flat_map(|node| &node.approvers).filter_map(|person| person.account.as_deref());
        let known = |account: &str| {
            let is_named = !planned && named().any(|named| self.account_ids.same(named, account));
            is_named || account.is_empty() || self.known(Person::with_account(account)).member.is_some()
        };
        let mut strangers: Vec<&str> =
            told.chain(named().filter(|_| planned)).filter(|account| !known(account)).collect();
        strangers.sort_unstable();
        strangers.dedup();
        strangers
    }

    /// Whether the platform has told more of people than it had when the stage was `before`, or there was none.
    #[must_use]
    pub fn tells_more_of_people(&self, before: Option<&Self>) -> bool {
        before
            .is_none_or(|before| before.facts.tasks != self.facts.tasks || before.facts.comments != self.facts.comments)
    }

    /// Keeps that an account is a member's. `false` where that was known, or there is no room for more: they are shown as accounts.
    pub fn recognise(&mut self, person: Person) -> bool {
        let Some(account) = person.account.as_deref() else { return false };
        if self.known(Person::with_account(account)).member.is_some() {
            return false;
        }
        let size = |person: &Person| {
            let texts = [&person.member, &person.account, &person.name];
            PERSON + texts.into_iter().flatten().map(String::len).sum::<usize>()
        };
        if self.people.iter().chain([&person]).map(size).sum::<usize>() > MAX_PEOPLE {
            return false;
        }
        self.people.push(person);
        true
    }

    /// A person, as the member that they are.
    pub(super) fn known(&self, person: Person) -> Person {
        let Some(account) = person.account.as_deref().filter(|_| person.member.is_none()) else { return person };
        let planned = self.nodes.iter().flat_map(|node| &node.approvers).filter(|planned| planned.member.is_some());
        let found = planned.chain(&self.people).find(|known| self.is_account(known, account));
        match found {
            Some(known) => Person {
                member: known.member.clone(),
                name: known.name.clone().or(person.name),
                account: person.account,
            },
            None => person,
        }
    }

    /// Whoever holds or held a task: as the plan names them, as the member that they are, or as the platform does.
    pub(super) fn person(&self, fact: &TaskFact) -> Person {
        let known = self.nodes.iter().flat_map(|node| &node.approvers);
        let planned = known.into_iter().find(|person| self.is_account(person, &fact.assignee)).cloned();
        let mut person = planned.unwrap_or_else(|| Person::with_account(&fact.assignee));
        person = self.known(person);
        person.name = person.name.or_else(|| fact.name.clone());
        person
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{Comment, DecidedBy, Mode, Node};

    #[test]
    fn as_many_members_are_kept_as_there_is_room_for() {
        let mut stage = Stage::new("con_1".into(), "feishu".into(), DecidedBy::Platform, vec![]);
        let person = |n: usize| Person {
            member: Some(format!("mem_{n:0>26}")),
            account: Some(format!("ou_{n:0>32}")),
            // With it each takes 128 bytes, so that the last one fills the room.
            name: Some("张".repeat(11)),
        };
        let kept = (0..200).filter(|n| stage.recognise(person(*n))).count();
        assert_eq!((kept, PERSON + 30 + 35 + 33), (64, 128));
        assert!(!stage.recognise(person(0)), "known");
    }

    #[test]
    fn who_is_told_of_is_looked_for_where_tasks_or_comments_changed() {
        let before = Stage::new("con_1".into(), "feishu".into(), DecidedBy::Platform, vec![]);
        assert!(before.tells_more_of_people(None) && !before.tells_more_of_people(Some(&before)));
        let (mut task, mut comment) = (before.clone(), before.clone());
        task.facts.tasks.insert("1".into(), TaskFact::default());
        comment.facts.comments.insert(Comment { at: 1, account: "ou_1".into(), text: String::new() });
        assert!(task.tells_more_of_people(Some(&before)) && comment.tells_more_of_people(Some(&before)));
    }

    #[test]
    fn a_part_has_who_asks_who_is_planned_by_member_or_account_and_who_was_asked() {
        let by_member = Person { member: Some("mem_1".into()), account: None, name: None };
        let node = Node::new("one", Mode::Any, vec![by_member, Person::with_account("ou_2")]);
        let stage = Stage::new("con_1".into(), "feishu".into(), DecidedBy::Platform, vec![node]);
        let applicant = Person { member: Some("mem_0".into()), ..Person::default() };
        let mut approval = Approval::new(1, applicant, vec![stage], 0);
        let fact = TaskFact { assignee: "ou_3".into(), ..TaskFact::default() };
        approval.stages[0].facts.tasks.insert("1".into(), fact);
        let has_part = |member: &str, account: &str| approval.has_part(member, |_| Some(account.to_owned()));
        for (member, account) in [("mem_0", "ou_9"), ("mem_1", "ou_9"), ("mem_9", "ou_2"), ("mem_9", "ou_3")] {
            assert!(has_part(member, account), "{member} {account}");
        }
        assert!(!has_part("mem_9", "ou_9"));
    }
}
