//! How a form moves: a pure function of the form and what somebody does. It says what happened; the caller keeps the form
//! and tells the subscribers. All of it happens in the client: the platform has no call for it.

use super::model::{Asked, Change, Comment, Form, Kind, Mark, Record, Relation, Status};
use crate::platform::control::By;

/// Why somebody cannot do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The form has ended.
    Ended,
    /// They are asked for nothing.
    NotAsked,
    /// Somebody else comes first.
    Waits,
    /// Only the applicant may.
    NotApplicant,
    /// Those who handle cannot reject, add or send back.
    Handler,
    /// There is no earlier node of this number.
    NoNode,
    /// The form was not approved.
    NotApproved,
    /// Deleted forms take nothing any more.
    Deleted,
}

/// Where somebody is asked: node and place in it.
type Place = (usize, usize);

impl Form {
    /// Submits the form.
    pub(super) fn begin(&mut self, by: By<'_>) -> Change {
        self.note(by, Change::Submitted, None)
    }

    /// The node that is being asked: the first that has not passed. Nobody waits for those who are copied.
    pub(super) fn current(&self) -> Option<usize> {
        let open = |mark| matches!(mark, Mark::Open | Mark::SentBack);
        let asked = |status| status == Status::Running;
        asked(self.status)
            .then(|| self.nodes.iter().position(|node| node.kind != Kind::Copied && open(node.mark)))
            .flatten()
    }

    /// Whether somebody at a place may act now.
    pub(super) fn turn(&self, (node, place): Place) -> bool {
        let Some(step) = self.nodes.get(node).filter(|_| self.current() == Some(node)) else { return false };
        let Some(asked) = step.people.get(place).filter(|asked| asked.mark == Mark::Open) else { return false };
        let first = asked.after.and_then(|number| step.people.iter().find(|one| one.number == number));
        let earlier = &step.people[..place];
        first.is_none_or(|first| first.mark != Mark::Open)
            && (step.relation != Relation::InTurn || earlier.iter().all(|one| one.mark != Mark::Open))
    }

    /// Where this person is asked now.
    pub(super) fn place_of(&self, user: &str) -> Result<Place, Obstacle> {
        let node = self.current().ok_or(Obstacle::Ended)?;
        let people = self.nodes[node].people.iter().enumerate();
        let open: Vec<Place> = people
            .filter(|(_, asked)| asked.user == user && asked.mark == Mark::Open)
            .map(|(place, _)| (node, place))
            .collect();
        match open.iter().find(|place| self.turn(**place)) {
            Some(place) => Ok(*place),
            None if open.is_empty() => Err(Obstacle::NotAsked),
            None => Err(Obstacle::Waits),
        }
    }

    /// Agrees; of a handler, handles.
    pub(super) fn agree(&mut self, by: By<'_>) -> Result<Change, Obstacle> {
        let place = self.place_of(by.user)?;
        let handles = self.nodes[place.0].kind == Kind::Handler;
        let (mark, change) = if handles { (Mark::Handled, Change::Handled) } else { (Mark::Agreed, Change::Agreed) };
        self.act(place, mark, by);
        self.advance(place, mark);
        Ok(self.note(by, change, None))
    }

    /// Rejects: the form ends.
    pub(super) fn reject(&mut self, by: By<'_>) -> Result<Change, Obstacle> {
        let place = self.decider(by.user)?;
        self.act(place, Mark::Rejected, by);
        self.nodes[place.0].mark = Mark::Rejected;
        self.status = Status::Rejected;
        Ok(self.note(by, Change::Rejected, None))
    }

    /// Gives the task to somebody else: 转审 of an approver, 转交 of a handler. They take the place behind.
    pub(super) fn hand_on(&mut self, to: &str, by: By<'_>) -> Result<Change, Obstacle> {
        let place = self.place_of(by.user)?;
        let handles = self.nodes[place.0].kind == Kind::Handler;
        let (mark, change) =
            if handles { (Mark::HandedOver, Change::HandedOver) } else { (Mark::Forwarded, Change::Forwarded) };
        let (old, advises) = {
            let asked = &self.nodes[place.0].people[place.1];
            (asked.number, asked.advises)
        };
        self.act(place, mark, by);
        let number = self.insert(place, 1, to, None, advises);
        self.nodes[place.0]
            .people
            .iter_mut()
            .filter(|one| one.after == Some(old))
            .for_each(|one| one.after = Some(number));
        Ok(self.note(by, change, Some(to)))
    }

    /// Adds an approver who decides first; whoever adds is asked again afterwards (前加签).
    pub(super) fn add_before(&mut self, who: &str, by: By<'_>) -> Result<Change, Obstacle> {
        let place = self.decider(by.user)?;
        let (old, advises) = {
            let asked = &self.nodes[place.0].people[place.1];
            (asked.number, asked.advises)
        };
        self.act(place, Mark::Added, by);
        let added = self.insert(place, 1, who, None, true);
        let again = self.insert(place, 2, by.user, Some(added), advises);
        let heirs = self.nodes[place.0].people.iter_mut().filter(|one| one.after == Some(old));
        heirs.for_each(|one| one.after = Some(again));
        Ok(self.note(by, Change::Added, Some(who)))
    }

    /// Agrees and adds an approver who decides as well (后加签).
    pub(super) fn agree_and_add(&mut self, who: &str, by: By<'_>) -> Result<Change, Obstacle> {
        let place = self.decider(by.user)?;
        let (old, advises) = {
            let asked = &self.nodes[place.0].people[place.1];
            (asked.number, asked.advises)
        };
        self.act(place, Mark::AgreedAndAdded, by);
        let number = self.insert(place, 1, who, None, advises);
        self.nodes[place.0]
            .people
            .iter_mut()
            .filter(|one| one.after == Some(old))
            .for_each(|one| one.after = Some(number));
        Ok(self.note(by, Change::AgreedAndAdded, Some(who)))
    }

    /// Sends the form back to an earlier node of approvers, of which it begins again (退回).
    pub(super) fn send_back(&mut self, target: usize, by: By<'_>) -> Result<Change, Obstacle> {
        let place = self.decider(by.user)?;
        let is_approvers = self.nodes.get(target).is_some_and(|node| node.kind != Kind::Copied);
        if target >= place.0 || !is_approvers {
            return Err(Obstacle::NoNode);
        }
        self.act(place, Mark::SentBack, by);
        self.nodes[place.0].mark = Mark::SentBack;
        self.insert(place, 1, by.user, None, false);
        for node in self.nodes[target..place.0].iter_mut().filter(|node| node.kind != Kind::Copied) {
            node.mark = Mark::Open;
            // What was forwarded or added stays as it was; those who decided are asked anew.
            let decided = |asked: &&mut Asked| {
                matches!(asked.mark, Mark::Agreed | Mark::Handled | Mark::AgreedAndAdded | Mark::SentBack)
            };
            for asked in node.people.iter_mut().filter(decided) {
                (asked.mark, asked.at) = (Mark::Open, None);
                asked.speech.clear();
            }
        }
        Ok(self.note(by, Change::SentBack, None))
    }

    /// Takes the form back, also after it was approved.
    pub(super) fn withdraw(&mut self, by: By<'_>) -> Result<Change, Obstacle> {
        let (status, change) = match self.status {
            _ if self.applicant != by.user => return Err(Obstacle::NotApplicant),
            Status::Running => (Status::Withdrawn, Change::Withdrawn),
            Status::Approved => (Status::WithdrawnAfterApproval, Change::WithdrawnAfterApproval),
            _ => return Err(Obstacle::Ended),
        };
        self.status = status;
        Ok(self.note(by, change, None))
    }

    /// Removes the form. No event tells of it.
    pub(super) fn delete(&mut self, by: By<'_>) -> Result<Change, Obstacle> {
        self.still_there()?;
        self.status = Status::Deleted;
        Ok(self.note(by, Change::Deleted, None))
    }

    /// Notes that the form's money is paid. No event tells of it.
    pub(super) fn pay(&mut self, by: By<'_>) -> Result<Change, Obstacle> {
        if self.status != Status::Approved {
            return Err(Obstacle::NotApproved);
        }
        self.status = Status::Paid;
        Ok(self.note(by, Change::Paid, None))
    }

    /// Reminds those who are asked.
    pub(super) fn urge(&mut self, by: By<'_>) -> Result<Change, Obstacle> {
        match self.status {
            _ if self.applicant != by.user => Err(Obstacle::NotApplicant),
            Status::Running => Ok(self.note(by, Change::Urged, None)),
            _ => Err(Obstacle::Ended),
        }
    }

    /// Writes something that decides nothing.
    pub(super) fn comment(&mut self, id: String, by: By<'_>) -> Result<Change, Obstacle> {
        self.still_there()?;
        let content = by.remark.unwrap_or_default().to_owned();
        self.comments.push(Comment { id, user: by.user.to_owned(), at: by.now, content });
        Ok(self.note(by, Change::Commented, None))
    }

    fn still_there(&self) -> Result<(), Obstacle> {
        if self.status == Status::Deleted { Err(Obstacle::Deleted) } else { Ok(()) }
    }

    /// Where this person decides, as an approver.
    fn decider(&self, user: &str) -> Result<Place, Obstacle> {
        let place = self.place_of(user)?;
        if self.nodes[place.0].kind == Kind::Handler { Err(Obstacle::Handler) } else { Ok(place) }
    }

    fn act(&mut self, (node, place): Place, mark: Mark, by: By<'_>) {
        let asked = &mut self.nodes[node].people[place];
        (asked.mark, asked.at) = (mark, Some(by.now));
        by.remark.unwrap_or_default().clone_into(&mut asked.speech);
    }

    /// Adds somebody to a node, `behind` a place.
    fn insert(&mut self, (node, place): Place, behind: usize, user: &str, after: Option<u32>, advises: bool) -> u32 {
        let people = self.nodes.iter().flat_map(|node| &node.people);
        let number = people.map(|one| one.number).max().map_or(0, |highest| highest + 1);
        let fresh =
            Asked { number, user: user.to_owned(), mark: Mark::Open, speech: String::new(), at: None, after, advises };
        self.nodes[node].people.insert(place + behind, fresh);
        number
    }

    /// What an agreement does to its node and the form. Those whom nobody has to ask any more stay as they are.
    fn advance(&mut self, (node, place): Place, mark: Mark) {
        let step = &mut self.nodes[node];
        let enough = step.relation == Relation::Any && !step.people[place].advises;
        if enough || step.people.iter().all(|one| one.mark != Mark::Open) {
            step.mark = mark;
        }
        if self.current().is_none() {
            self.status = Status::Approved;
        }
    }

    fn note(&mut self, by: By<'_>, change: Change, other: Option<&str>) -> Change {
        self.records.push(Record {
            at: by.now,
            user: by.user.to_owned(),
            change,
            remark: by.remark.map(str::to_owned),
            other: other.map(str::to_owned),
        });
        change
    }
}
