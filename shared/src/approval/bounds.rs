//! How long the ids and names may be that a platform tells. They are learned from events, which nobody has checked.
//!
//! An id tells one task or person from another, and nothing else is done with it: of a long one the beginning is kept, with a digest of
//! the whole, so that two stay two and the same stays the same whenever it is told. A name is for people: its beginning is enough.

use sha2::{Digest, Sha256};

use super::event::{Comment, Event, TaskEnd, TaskFact};

/// Longest id of a task or an account and longest code that is kept as it is, in bytes. Platforms give at most 64.
const MAX_ID: usize = 128;
/// Longest name, in characters: as long as a member's.
const MAX_NAME: usize = 128;
/// Longest address under which an instance is seen, in bytes. Of a longer one nothing is kept, since a part of it leads nowhere.
const MAX_URL: usize = 2_048;
/// What a task, and a comment, takes in its item beside ids, names and texts, in bytes.
const TASK: usize = 150;
const COMMENT: usize = 40;
/// What it takes to say who added somebody, and who acted in somebody's name, in bytes.
const ADDED: usize = 50;
const BY: usize = 40;

/// Bytes of the digest in an id that was shortened.
const DIGEST: usize = 12;

/// The beginning of a text, in so many bytes at most and in whole characters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// An id as it is kept. The same is kept of what this made.
pub(super) fn id(text: String) -> String {
    if text.len() <= MAX_ID {
        return text;
    }
    let digest = Sha256::digest(&text);
    let mut short = cut(&text, MAX_ID - 1 - 2 * DIGEST).to_owned();
    short.push('#');
    short.extend(digest.iter().take(DIGEST).map(|byte| format!("{byte:02x}")));
    short
}

/// An address as it is kept.
pub(super) fn url(text: Option<String>) -> Option<String> {
    text.filter(|url| url.len() <= MAX_URL)
}

fn name(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(MAX_NAME) {
        text.truncate(end);
    }
}

/// An event with ids and names of which each fits; but for the id of a task, which may be known as it is.
pub(super) fn event(event: Event) -> Event {
    match event {
        Event::Task { task, fact } => Event::Task { task, fact: self::fact(fact) },
        Event::Commented(comment) => Event::Commented(self::comment(comment)),
        Event::Snapshot(mut snapshot) => {
            snapshot.tasks = snapshot.tasks.into_iter().map(|(task, fact)| (task, self::fact(fact))).collect();
            snapshot.comments = snapshot.comments.into_iter().map(comment).collect();
            Event::Snapshot(snapshot)
        }
        Event::Unknown { code } => Event::Unknown { code: id(code) },
        Event::Started { .. }
        | Event::RolledBack(_)
        | Event::Finished { .. }
        | Event::ReadWanted { .. }
        | Event::ReadDone { .. } => event,
    }
}

fn comment(comment: Comment) -> Comment {
    Comment { account: id(comment.account), ..comment }
}

fn fact(mut fact: TaskFact) -> TaskFact {
    fact.assignee = id(fact.assignee);
    fact.name.iter_mut().for_each(name);
    let end = |end: TaskEnd| TaskEnd { to: end.to.map(id), ..end };
    fact.end = fact.end.map(end);
    fact.other_ends = fact.other_ends.into_iter().map(end).collect();
    if let Some(added) = &mut fact.added {
        added.by = id(std::mem::take(&mut added.by));
    }
    fact
}

/// Bytes that a comment takes in its item, without its text.
pub(super) fn size_of_comment(comment: &Comment) -> usize {
    COMMENT + comment.account.len()
}

/// Bytes that a task takes in its item, without what people wrote.
pub(super) fn size(task: &str, fact: &TaskFact) -> usize {
    let to = fact.end.iter().chain(&fact.other_ends).filter_map(|end| end.to.as_deref());
    let added = fact.added.iter().map(|added| ADDED + added.beside.len() + added.by.len());
    let by = fact.by.iter().map(|by| {
        let texts = [&by.member, &by.account, &by.name];
        BY + texts.into_iter().flatten().map(String::len).sum::<usize>()
    });
    TASK + task.len() + fact.assignee.len() + to.map(str::len).chain(added).chain(by).sum::<usize>()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::approval::facts::Facts;
    use crate::approval::{
        Added, Approval, DecidedBy, Mode, Node, Outcome, Person, Position, Snapshot, Stage, Status, TaskOutcome,
    };

    const AT: i64 = 1_790_000_000_000;

    fn approval(stages: usize) -> Approval {
        let node = Node::new("one", Mode::All, vec![]);
        let stage = Stage::new("con_1".into(), "dingtalk".into(), DecidedBy::Platform, vec![node]);
        let mut approval = Approval::new(AT, Person::default(), vec![stage; stages], 0);
        approval.started(0, "i".into(), Some("u".repeat(MAX_URL + 1)), AT);
        approval
    }

    fn long(text: &str, n: usize) -> String {
        format!("{}{n}", text.repeat(4_000))
    }

    /// A task of which everything is long.
    fn task(n: usize) -> (String, TaskFact) {
        let end = |outcome| TaskEnd { outcome, at: AT, remark: Some("审".repeat(1_024)), to: Some(long("to", n)) };
        let fact = TaskFact {
            assignee: long("user", n),
            name: Some("名".repeat(4_000)),
            end: Some(end(TaskOutcome::Transferred)),
            other_ends: vec![end(TaskOutcome::Approved), end(TaskOutcome::Skipped)],
            ..TaskFact::default()
        };
        (long("task", n), fact)
    }

    #[test]
    fn an_id_that_is_too_long_stays_itself_and_no_other() {
        assert_eq!(id("审".repeat(42)), "审".repeat(42));
        let (one, two) = (id(long("审", 1)), id(long("审", 2)));
        assert!(one != two && one.len() <= MAX_ID && one == id(long("审", 1)));
        assert_eq!(id(one.clone()), one);
        assert_eq!(id("x".repeat(MAX_ID + 1)).len(), MAX_ID);
    }

    #[test]
    fn whatever_is_long_the_state_fits_its_item_and_ends() {
        let mut approval = approval(5);
        assert_eq!(approval.stages[0].url, None);
        for n in 0..450 {
            let (task, fact) = task(n);
            approval.apply(n % 5, Event::Task { task, fact });
            approval.apply(n % 5, Event::Unknown { code: long("code", n) });
            let comment =
                Comment { at: AT + i64::try_from(n).unwrap(), account: long("writer", n), text: "审".repeat(1_024) };
            approval.apply(n % 5, Event::Commented(comment));
        }
        let snapshot = Snapshot { tasks: (300..700).map(task).collect(), ..Snapshot::default() };
        approval.apply(0, Event::Snapshot(snapshot.clone()));
        for stage in &mut approval.stages {
            for account in stage.strangers(false).into_iter().map(str::to_owned).collect::<Vec<_>>() {
                let name = Some("名".repeat(MAX_NAME));
                stage.recognise(Person { member: Some("mem_0123456789abcdef".into()), account: Some(account), name });
            }
        }
        let size = serde_json::to_string(&approval).unwrap().len();
        assert!(size < 390_000 && approval.has_left_out(), "{size}");
        let before = approval.clone();
        assert!(!approval.apply(0, Event::Snapshot(snapshot)), "what was left out is left out again");
        assert_eq!(approval, before);
        assert!(approval.apply(0, Event::Finished { outcome: Outcome::Rejected, at: AT + 9_000 }));
        assert_eq!(approval.status(), Status::Rejected);
    }

    #[test]
    fn every_id_and_name_of_a_task_and_a_comment_is_bounded() {
        let (task, fact) = task(1);
        let Event::Task { fact, .. } = event(Event::Task { task, fact }) else { panic!("another event") };
        assert_eq!(fact.name.as_deref(), Some("名".repeat(MAX_NAME).as_str()));
        let to = fact.end.iter().chain(&fact.other_ends).map(|end| end.to.as_deref().unwrap().len());
        assert_eq!(to.chain([fact.assignee.len()]).collect::<Vec<_>>(), [MAX_ID; 4]);
        let comment = Comment { at: AT, account: long("writer", 1), text: "审".repeat(1_024) };
        let Event::Commented(kept) = event(Event::Commented(comment.clone())) else { panic!("another event") };
        assert_eq!((kept.account.len(), &kept.text), (MAX_ID, &comment.text));
        let Event::Unknown { code } = event(Event::Unknown { code: long("code", 1) }) else { panic!("another event") };
        assert_eq!(code.len(), MAX_ID);
    }

    #[test]
    fn no_task_and_no_comment_takes_more_than_is_counted() {
        let end = |outcome, to: &str| TaskEnd { outcome, at: AT, remark: None, to: Some(to.into()) };
        let fact = TaskFact {
            assignee: "ou_1".into(),
            node: Some(19),
            end: Some(end(TaskOutcome::Transferred, "ou_22")),
            other_ends: vec![end(TaskOutcome::Approved, "ou_333")],
            read: true,
            ..TaskFact::default()
        };
        assert_eq!(size("7", &fact), TASK + 1 + 4 + 5 + 6);
        assert!(serde_json::to_string(&fact).unwrap().len() <= size("7", &fact), "{fact:?}");
        let remark = Some(String::new());
        let added = Added { beside: "12".into(), position: Position::Parallel, by: "ou_4444".into(), remark };
        let by =
            Person { member: Some("mem_1".into()), account: Some("ou_55555".into()), name: Some("nine char".into()) };
        let fact = TaskFact { added: Some(Box::new(added)), by: Some(Box::new(by)), ..fact };
        assert_eq!(size("7", &fact), TASK + 1 + 4 + 5 + 6 + ADDED + 2 + 7 + BY + 5 + 8 + 9);
        assert!(serde_json::to_string(&fact).unwrap().len() <= size("7", &fact), "{fact:?}");
        let comment = Comment { at: AT, account: "ou_1".into(), text: String::new() };
        assert_eq!(size_of_comment(&comment), COMMENT + 4);
        assert!(serde_json::to_string(&comment).unwrap().len() <= size_of_comment(&comment));
    }

    #[test]
    fn what_fills_the_room_is_kept_and_what_is_beyond_it_left_out() {
        let told = Event::Task { task: "1".into(), fact: TaskFact { assignee: "ou_1".into(), ..TaskFact::default() } };
        let writes = |account: &str| Event::Commented(Comment { at: AT, account: account.into(), text: "t".into() });
        let room = TASK + 5 + COMMENT + 4;
        let mut facts = Facts::default();
        for event in [told.clone(), writes("ou_1"), told, writes("ou_1")] {
            facts.join(event, room);
        }
        assert_eq!((facts.tasks.len(), facts.comments.len(), facts.left_out), (1, 1, false));
        facts.join(writes("ou_2"), room + COMMENT + 3);
        assert_eq!((facts.comments.len(), facts.left_out), (1, true));
        let mut facts = Facts { left_out: false, ..facts };
        facts.join(Event::Task { task: "2".into(), fact: TaskFact::default() }, room + TASK);
        assert_eq!((facts.tasks.len(), facts.left_out), (1, true));
        let mut facts = Facts { left_out: false, ..facts };
        facts.join(Event::Task { task: "2".into(), fact: TaskFact::default() }, room + TASK + 1);
        assert_eq!((facts.tasks.len(), facts.left_out), (2, false));
    }

    #[test]
    fn a_task_that_was_stored_under_a_long_id_keeps_it() {
        let mut approval = approval(1);
        let (task, fact) = task(7);
        approval.stages[0].facts.tasks.insert(task.clone(), TaskFact::default());
        assert!(approval.apply(0, Event::Task { task: task.clone(), fact }));
        assert_eq!(approval.stages[0].facts.tasks.keys().collect::<Vec<_>>(), [&task]);
    }

    #[test]
    fn what_is_usual_is_kept_as_it_is() {
        let end = TaskEnd { outcome: TaskOutcome::Transferred, at: AT, remark: None, to: Some("ou_2".into()) };
        let fact =
            TaskFact { assignee: "ou_1".into(), name: Some("名".repeat(128)), end: Some(end), ..TaskFact::default() };
        let told = Event::Task { task: "7".into(), fact };
        assert_eq!(event(told.clone()), told);
    }
}
