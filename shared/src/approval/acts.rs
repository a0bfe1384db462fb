//! What people do in a stage that runs here: they decide, hand their task on, ask somebody else, send it back, write a remark.
//!
//! An act is checked against the state, and what it comes to is a fact like those that a platform tells. So an act is refused or
//! it is learned, and whoever repeats one that was learned changes nothing.

use super::data::{Approval, Person, Stage};
use super::event::{Added, Comment, Event, Mode, Position, Rollback, TaskEnd, TaskFact, TaskOutcome};
use super::node::Seat;
use super::tasks_by_node::TasksByNode;

/// Most people whom a node asks, those who were added and those who handed their task on among them.
const MAX_SEATS: usize = 50;
/// Most tasks of a stage, those that a return made void among them. Facts keep no more than 400.
const MAX_TASKS: usize = 350;

/// What somebody does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Decides their task.
    Decide {
        /// Whether they approve; else they reject.
        approve: bool,
        /// What they write.
        remark: Option<String>,
    },
    /// Hands their task on.
    Transfer {
        /// To whom.
        to: Person,
        /// What they write.
        remark: Option<String>,
    },
    /// Has somebody else asked too.
    Add {
        /// Whom.
        to: Person,
        /// Where that person stands beside them.
        position: Position,
        /// What they write.
        remark: Option<String>,
    },
    /// Sends it back: this node and all after it are asked again.
    Return {
        /// The node's index.
        node: usize,
        /// What they write.
        remark: Option<String>,
    },
    /// Writes a remark that decides nothing.
    Comment {
        /// The remark.
        text: String,
    },
}

/// A node of a stage, by their indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The stage's.
    pub stage: usize,
    /// The node's.
    pub node: usize,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The person, with the account that stands in the plan.
    pub person: Person,
    /// Who acts in that person's name, if it is another.
    pub by: Option<Person>,
}

/// Why an act is refused. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The approval has ended.
    Ended,
    /// The stage whose turn it is runs on a platform.
    Elsewhere,
    /// It is not this person's turn.
    NotAssigned,
    /// This person has decided, and otherwise.
    DecidedOtherwise,
    /// A task is handed on to, or somebody is added who is, the same person.
    Oneself,
    /// The task has come from that person.
    Circle,
    /// That person is asked at this node already.
    AskedAlready,
    /// That person is the applicant.
    Applicant,
    /// The node would ask too many people, or the stage has too many tasks.
    TooMany,
    /// There is no such node before this one.
    NoSuchNode,
}

/// Whose turn it is: a seat of a node.
struct Turn {
    place: Place,
    /// The task, where it was given out; what the plan names is not, until somebody acts.
    task: Option<String>,
}

impl Approval {
    /// Applies what somebody does at `now` (milliseconds), at `place` where that is said. `Ok(false)` for what was done before.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn act(&mut self, actor: &Actor, act: Act, place: Option<Place>, now: i64) -> Result<bool, Refused> {
        let account = actor.person.account.clone().unwrap_or_default();
        let Some(turn) = self.turn(&account, place) else { return self.without_turn(&account, &act, place, now) };
        let Place { stage, node } = turn.place;
        let at = self.stages[stage].not_before_return(now);
        let events = match act {
            Act::Decide { approve, remark } => {
                let outcome = if approve { TaskOutcome::Approved } else { TaskOutcome::Rejected };
                vec![self.end_task(turn, actor, TaskEnd { outcome, at, remark, to: None })?]
            }
            Act::Transfer { to, remark } => {
                let heir = self.check_heir(turn.place, &account, &to)?;
                let end = TaskEnd { outcome: TaskOutcome::Transferred, at, remark, to: Some(heir.clone()) };
                let ended = self.end_task(turn, actor, end)?;
                let given = self.give(stage, node, heir, at, None, usize::from(opens(&ended, &self.stages[stage])))?;
                self.stages[stage].recognise(to);
                vec![ended, given]
            }
            Act::Add { to, position, remark } => {
                let heir = self.check_heir(turn.place, &account, &to)?;
                let (beside, opened) = self.own_task(turn, &account, at)?;
                let added = Box::new(Added { beside, position, by: account, remark });
                let given = self.give(stage, node, heir, at, Some(added), opened.iter().count())?;
                self.stages[stage].recognise(to);
                opened.into_iter().chain([given]).collect()
            }
            Act::Return { node: back, remark } => {
                if back >= node {
                    return Err(Refused::NoSuchNode);
                }
                let at = now.max(self.latest_of(stage) + 1).max(at);
                let to_node = u8::try_from(back).map_err(|_| Refused::NoSuchNode)?;
                vec![Event::RolledBack(Rollback { to_node, at, account: Some(account), remark })]
            }
            Act::Comment { text } => vec![Event::Commented(Comment { at, account, text })],
        };
        Ok(events.into_iter().fold(false, |changed, event| self.apply(stage, event) | changed))
    }

    /// What somebody does whose turn it is not: it was done before, or it is a remark, or it is refused.
    fn without_turn(&mut self, account: &str, act: &Act, place: Option<Place>, now: i64) -> Result<bool, Refused> {
        let done = self.done(account, place);
        match (act, done) {
            (Act::Decide { approve, .. }, Some((TaskOutcome::Approved | TaskOutcome::Rejected, _))) => {
                let approved = done.is_some_and(|(outcome, _)| outcome == TaskOutcome::Approved);
                return if *approve == approved { Ok(false) } else { Err(Refused::DecidedOtherwise) };
            }
            (Act::Transfer { to, .. }, Some((TaskOutcome::Transferred, heir))) if to.account.as_deref() == heir => {
                return Ok(false);
            }
            _ => {}
        }
        if self.closed.is_some() {
            return Err(Refused::Ended);
        }
        let current = self.current_stage().ok_or(Refused::Ended)?;
        if !self.stages[current].runs_here() {
            return Err(Refused::Elsewhere);
        }
        match act {
            Act::Comment { text } if self.has_part(account, |_| None) => {
                let at = self.stages[current].not_before_return(now);
                let comment = Comment { at, account: account.to_owned(), text: text.clone() };
                Ok(self.apply(current, Event::Commented(comment)))
            }
            _ => Err(Refused::NotAssigned),
        }
    }

    /// The accounts whose turn it is in the stage that runs here now, each with its node.
    #[must_use]
    pub fn turns(&self) -> Vec<(Place, String)> {
        let Some((stage, tasks)) = self.running_here() else { return Vec::new() };
        let turns = tasks.turns().into_iter();
        turns.filter_map(|(node, seat)| Some((Place { stage, node }, seat_account(seat)?.to_owned()))).collect()
    }

    /// The stage that runs now, with its tasks.
    pub(super) fn running(&self) -> Option<(usize, TasksByNode<'_>)> {
        if self.closed.is_some() {
            return None;
        }
        let stage = self.current_stage()?;
        self.stages[stage].instance.as_ref()?;
        Some((stage, TasksByNode::of(&self.stages[stage])))
    }

    /// The same, if it runs here.
    fn running_here(&self) -> Option<(usize, TasksByNode<'_>)> {
        self.running().filter(|(stage, _)| self.stages[*stage].runs_here())
    }

    fn turn(&self, account: &str, wanted: Option<Place>) -> Option<Turn> {
        let (stage, tasks) = self.running_here()?;
        let own =
            |seat: &Seat<'_>| seat_account(seat).is_some_and(|own| self.stages[stage].account_ids.same(own, account));
        let mut turns = tasks.turns().into_iter().filter(|(_, seat)| own(seat));
        let (node, seat) =
            turns.find(|(node, _)| wanted.is_none_or(|wanted| wanted == Place { stage, node: *node }))?;
        Some(Turn { place: Place { stage, node }, task: seat.tasks.last().map(|(id, _)| (*id).to_owned()) })
    }

    /// How this account's last task ended that counts, and to whom it went.
    fn done(&self, account: &str, wanted: Option<Place>) -> Option<(TaskOutcome, Option<&str>)> {
        let stages = self.stages.iter().enumerate().filter(|(_, stage)| stage.runs_here());
        let ends = stages.flat_map(|(index, stage)| {
            let nodes = TasksByNode::of(stage).nodes.into_iter().enumerate();
            let here = move |node: usize| wanted.is_none_or(|wanted| wanted == Place { stage: index, node });
            let seats = nodes.filter(move |(node, _)| here(*node)).flat_map(|(_, seats)| seats);
            let tasks = seats.flat_map(|seat| seat.tasks);
            let own = tasks.filter(move |(_, fact)| stage.account_ids.same(&fact.assignee, account));
            own.filter_map(move |(id, fact)| Some((index, id, fact.end.as_ref()?)))
        });
        let (_, _, end) = ends.max_by_key(|(stage, id, _)| (*stage, *id))?;
        Some((end.outcome, end.to.as_deref()))
    }

    /// Whoever a task is handed on to, or is added: another person, who is not asked at this node.
    fn check_heir(&self, place: Place, account: &str, to: &Person) -> Result<String, Refused> {
        let stage = &self.stages[place.stage];
        let heir = to.account.clone().ok_or(Refused::NotAssigned)?;
        if stage.account_ids.same(&heir, account) {
            return Err(Refused::Oneself);
        }
        let applicant = [self.applicant.member.as_deref(), stage.applicant.as_deref()];
        if applicant.into_iter().flatten().any(|applicant| stage.account_ids.same(applicant, &heir)) {
            return Err(Refused::Applicant);
        }
        let tasks = TasksByNode::of(stage);
        let seats = tasks.nodes.get(place.node).map_or(&[][..], Vec::as_slice);
        let same = |other: &str| stage.account_ids.same(other, &heir);
        for seat in seats {
            let planned = seat.planned.and_then(|person| person.account.as_deref());
            let holds = seat_account(seat).is_some_and(same);
            let held = seat.tasks.iter().any(|(_, fact)| same(&fact.assignee)) || planned.is_some_and(same);
            let own = seat_account(seat).is_some_and(|own| stage.account_ids.same(own, account));
            match (holds, held) {
                (true, _) => return Err(Refused::AskedAlready),
                (false, true) if own => return Err(Refused::Circle),
                (false, true) => return Err(Refused::AskedAlready),
                (false, false) => {}
            }
        }
        let asked: usize = seats.iter().map(|seat| seat.tasks.len().max(1)).sum();
        if asked >= MAX_SEATS { Err(Refused::TooMany) } else { Ok(heir) }
    }

    /// The end of the task whose turn it is; one that stood in the plan only is given out by it.
    fn end_task(&self, turn: Turn, actor: &Actor, end: TaskEnd) -> Result<Event, Refused> {
        let Place { stage, node } = turn.place;
        let task = match turn.task {
            Some(task) => task,
            None => self.stages[stage].new_task(0)?,
        };
        let assignee = actor.person.account.clone().unwrap_or_default();
        let (by, node) = (actor.by.clone().map(Box::new), u8::try_from(node).ok());
        Ok(Event::Task {
            task,
            fact: TaskFact { assignee, node, end: Some(end), by, read: true, ..TaskFact::default() },
        })
    }

    /// The task of whoever adds somebody; the event that gives it out where it stood in the plan only.
    fn own_task(&self, turn: Turn, account: &str, at: i64) -> Result<(String, Option<Event>), Refused> {
        if let Some(task) = turn.task {
            return Ok((task, None));
        }
        let Place { stage, node } = turn.place;
        let task = self.stages[stage].new_task(0)?;
        let (assignee, node) = (account.to_owned(), u8::try_from(node).ok());
        let fact = TaskFact { assignee, node, opened_at: Some(at), read: true, ..TaskFact::default() };
        Ok((task.clone(), Some(Event::Task { task, fact })))
    }

    /// Gives a task to somebody who is not in the plan; `beside` counts those that are given out with it.
    fn give(
        &self,
        stage: usize,
        node: usize,
        assignee: String,
        at: i64,
        added: Option<Box<Added>>,
        beside: usize,
    ) -> Result<Event, Refused> {
        let task = self.stages[stage].new_task(beside)?;
        let node = u8::try_from(node).ok();
        let fact = TaskFact { assignee, node, opened_at: Some(at), read: true, added, ..TaskFact::default() };
        Ok(Event::Task { task, fact })
    }
}

/// Whether the event gives out a task that was not known.
fn opens(event: &Event, stage: &Stage) -> bool {
    matches!(event, Event::Task { task, .. } if !stage.facts.tasks.contains_key(task))
}

/// Whose a seat is now.
pub(super) fn seat_account<'a>(seat: &Seat<'a>) -> Option<&'a str> {
    match seat.last() {
        Some(fact) => Some(&fact.assignee),
        None => seat.planned?.account.as_deref(),
    }
}

impl Stage {
    /// The id of a new task that comes after so many that are made with it: they sort in the order in which they were made.
    fn new_task(&self, beside: usize) -> Result<String, Refused> {
        let number = self.facts.tasks.len() + beside;
        if number >= MAX_TASKS { Err(Refused::TooMany) } else { Ok(format!("{number:03}")) }
    }

    /// A time that no return to an earlier node makes void.
    fn not_before_return(&self, now: i64) -> i64 {
        self.facts.rollbacks.iter().map(|rollback| rollback.at + 1).max().map_or(now, |after| now.max(after))
    }
}

impl<'a> TasksByNode<'a> {
    /// The seats whose turn it is, each with the index of its node.
    pub(super) fn turns(&self) -> Vec<(usize, &Seat<'a>)> {
        let open = self.open_node();
        let Some((node, seats)) = open.and_then(|node| Some((node, self.nodes.get(node)?))) else { return Vec::new() };
        let mode = self.mode(node);
        let mut turns = Vec::new();
        for root in seats.iter().filter(|seat| !seat.is_part(mode)) {
            let had = turns.len();
            root.turns(mode, seats, &mut turns);
            if mode == Mode::Sequential && turns.len() > had {
                break;
            }
        }
        turns.into_iter().map(|seat| (node, seat)).collect()
    }
}

impl<'a> Seat<'a> {
    /// Adds the seats whose turn it is of this one and those who were added beside it.
    fn turns<'s>(&'s self, mode: Mode, seats: &'s [Self], turns: &mut Vec<&'s Self>) {
        if self.say(mode, seats).is_some() {
            return;
        }
        let parts =
            |position: Position| self.parts(mode, seats).filter(move |(_, at)| *at == position).map(|(seat, _)| seat);
        let open_before: Vec<_> = parts(Position::Before).filter(|seat| seat.say(mode, seats).is_none()).collect();
        for seat in parts(Position::Parallel).chain(open_before.iter().copied()) {
            seat.turns(mode, seats, turns);
        }
        if !open_before.is_empty() {
            return;
        }
        match self.last().and_then(|fact| fact.end.as_ref()) {
            None => turns.push(self),
            Some(_) => parts(Position::After).for_each(|seat| seat.turns(mode, seats, turns)),
        }
    }
}

#[cfg(test)]
mod tests;
