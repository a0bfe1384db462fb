//! How many bytes the texts of one approval may take, so that its state always fits one item, whatever people write.
//!
//! What is too long is cut, all texts to the same length, which is the longest of a few that fits. That length depends on what
//! was written only, not on the order in which it came: cutting a text twice is cutting it to the shorter of both, and
//! the length never grows again.

use std::collections::BTreeSet;

use super::bounds::cut;
use super::data::Approval;
use super::event::{Comment, Rollback, TaskEnd};
use super::facts::Facts;

/// Most bytes of all remarks, comments and names of one approval. An item of the table holds 400 KB: the rest is for tasks and plan.
const MAX_TEXTS: usize = 200 * 1024;
/// Most bytes of all tasks and of who commented, without those texts. Four hundred usual tasks take 80 KB.
const MAX_IDS: usize = 112 * 1024;
/// To what length texts are cut, in bytes of UTF-8.
const LENGTHS: [u32; 9] = [4_096, 2_048, 1_024, 512, 256, 128, 64, 32, 16];

impl Approval {
    /// Cuts the texts if they are too long together, or as they were cut before.
    pub(super) fn fit(&mut self) {
        let texts: Vec<&str> = self.stages.iter().flat_map(|stage| stage.facts.texts()).collect();
        let size = |length: u32| -> usize { texts.iter().map(|text| cut(text, of(length)).len()).sum() };
        let whole = texts.iter().map(|text| text.len()).sum::<usize>() <= MAX_TEXTS;
        let fitting = || LENGTHS.into_iter().find(|length| size(*length) <= MAX_TEXTS).unwrap_or_default();
        let length = (!whole).then(fitting);
        let length = self.texts_cut_to.into_iter().chain(length).min();
        if let Some(length) = length {
            for stage in &mut self.stages {
                stage.facts.cut_texts(of(length));
            }
        }
        self.texts_cut_to = length;
    }

    /// How many bytes tasks and comments of a stage may take without their texts, beside those of the others.
    pub(super) fn room(&self, stage: usize) -> usize {
        let others = self.stages.iter().enumerate().filter(|(index, _)| *index != stage);
        MAX_IDS.saturating_sub(others.map(|(_, other)| other.facts.size_of_ids()).sum())
    }

    /// Whether remarks or comments were cut.
    #[must_use]
    pub fn has_cut_texts(&self) -> bool {
        self.texts_cut_to.is_some()
    }

    /// Whether an instance had more tasks, comments or returns than are kept.
    #[must_use]
    pub fn has_left_out(&self) -> bool {
        self.stages.iter().any(|stage| stage.facts.left_out)
    }
}

fn of(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

impl Facts {
    fn texts(&self) -> impl Iterator<Item = &str> {
        let ends = self.tasks.values().flat_map(|fact| fact.end.iter().chain(&fact.other_ends));
        let remarks = ends.filter_map(|end| end.remark.as_deref());
        let names = self.tasks.values().filter_map(|fact| fact.name.as_deref());
        let added = self.tasks.values().filter_map(|fact| fact.added.as_ref()?.remark.as_deref());
        let returns = self.rollbacks.iter().filter_map(|rollback| rollback.remark.as_deref());
        remarks
            .chain(names)
            .chain(added)
            .chain(returns)
            .chain(self.comments.iter().map(|comment| comment.text.as_str()))
    }

    fn cut_texts(&mut self, length: usize) {
        let shorten = |end: &mut TaskEnd| {
            if let Some(remark) = &mut end.remark {
                remark.truncate(cut(remark, length).len());
            }
        };
        for fact in self.tasks.values_mut() {
            if let Some(name) = &mut fact.name {
                name.truncate(cut(name, length).len());
            }
            fact.end.iter_mut().chain(&mut fact.other_ends).for_each(shorten);
            if let Some(remark) = fact.added.as_mut().and_then(|added| added.remark.as_mut()) {
                remark.truncate(cut(remark, length).len());
            }
        }
        let rollbacks: BTreeSet<Rollback> = std::mem::take(&mut self.rollbacks);
        let shorter = |mut rollback: Rollback| {
            rollback.remark = rollback.remark.map(|remark| cut(&remark, length).to_owned());
            rollback
        };
        self.rollbacks = rollbacks.into_iter().map(shorter).collect();
        let comments: BTreeSet<Comment> = std::mem::take(&mut self.comments);
        let shorter = |comment: Comment| Comment { text: cut(&comment.text, length).to_owned(), ..comment };
        self.comments = comments.into_iter().map(shorter).collect();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::approval::{DecidedBy, Event, Mode, Node, Outcome, Person, Stage, Status, TaskFact, TaskOutcome};

    const AT: i64 = 1_790_000_000_000;

    fn approval() -> Approval {
        let node = Node::new("one", Mode::All, vec![]);
        let stage = Stage::new("con_1".into(), "dingtalk".into(), DecidedBy::Platform, vec![node]);
        let mut approval = Approval::new(AT, Person::default(), vec![stage], 0);
        approval.started(0, "i".into(), None, AT);
        approval
    }

    fn says(task: usize, remark: &str) -> Event {
        let end = TaskEnd { outcome: TaskOutcome::Approved, at: AT + 1_000, remark: Some(remark.into()), to: None };
        let fact = TaskFact { assignee: format!("user-{task}"), node: Some(0), end: Some(end), ..TaskFact::default() };
        Event::Task { task: format!("{task:05}"), fact }
    }

    fn stored(approval: &Approval) -> usize {
        serde_json::to_string(approval).unwrap().len()
    }

    #[test]
    fn the_state_always_fits_one_item_and_the_end_is_never_lost() {
        let mut approval = approval();
        let remark = "审".repeat(1_024);
        for task in 0..500 {
            approval.apply(0, says(task, &remark));
            let comment = Comment { at: AT + i64::try_from(task).unwrap(), account: "c".into(), text: remark.clone() };
            approval.apply(0, Event::Commented(comment));
        }
        assert!(approval.apply(0, Event::Finished { outcome: Outcome::Approved, at: AT + 9_000 }));
        assert_eq!(approval.status(), Status::Approved);
        assert!(stored(&approval) < 340 * 1024, "{}", stored(&approval));
        assert!(approval.has_cut_texts() && approval.has_left_out());
        let before = approval.clone();
        assert!(!approval.apply(0, says(7, &remark)), "what was cut is cut again");
        assert!(!approval.apply(0, says(450, &remark)), "what was left out is left out again");
        assert_eq!(approval, before);
    }

    #[test]
    fn which_tasks_are_kept_does_not_depend_on_their_order() {
        let (mut one, mut other) = (approval(), approval());
        for task in 0..401 {
            one.apply(0, says(task, "a"));
            other.apply(0, says(400 - task, "a"));
        }
        assert_eq!(one.stages, other.stages);
        assert_eq!(one.stages[0].facts.tasks.len(), 400);
    }

    #[test]
    fn texts_are_cut_in_whole_characters() {
        assert_eq!(
            (cut("审批", 5), cut("审批", 6), cut("审批", 9), cut("审批", 2), cut("", 4)),
            ("审", "审批", "审批", "", "")
        );
    }

    proptest! {
        #![proptest_config(crate::approval::tests::cases(12))]

        #[test]
        fn to_what_length_texts_are_cut_does_not_depend_on_their_order(
            lengths in prop::collection::vec(0..4_096_usize, 40..110), turn in 0..110_usize,
        ) {
            let events: Vec<Event> = lengths.iter().enumerate().map(|(n, length)| says(n, &"x".repeat(*length))).collect();
            let (mut one, mut other) = (approval(), approval());
            for event in &events {
                one.apply(0, event.clone());
            }
            let turn = turn % events.len();
            for event in events[turn..].iter().chain(&events[..turn]).rev().chain(&events[..3]) {
                other.apply(0, event.clone());
            }
            prop_assert_eq!(&one.stages, &other.stages);
            prop_assert_eq!(one.texts_cut_to, other.texts_cut_to);
        }
    }
}
