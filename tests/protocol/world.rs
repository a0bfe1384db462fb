//! The world around one approval of one stage: what is stored, what the platform has, and who is at it.

use countersign::approval::{Approval, DecidedBy, Effect, Event, Mode, Node, Outcome, Person, Stage, Withdrawal};

use super::process::{Fare, Process, takable};

/// How long a lease lasts, and at least as long as any other wait that is looked at here.
pub(crate) const LEASE: i64 = 60_000;
/// How often time passes so far that every lease has run out, how often a process may stop, and how many forms may be made.
const MAX_TICKS: u8 = 3;
const MAX_STOPS: u8 = 2;
const MAX_FORMS: usize = 3;

/// What a platform is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Platform {
    /// A start that is repeated with the same key makes no second form.
    pub(crate) has_key: bool,
    /// An effect may come when nobody waits for it any more.
    pub(crate) is_slow: bool,
    /// How long its list may not show what was made.
    pub(crate) lag: Lag,
}

/// How long a list may be behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lag {
    None,
    /// For less than a lease.
    Short,
    /// For longer than a lease.
    Long,
}

impl Platform {
    /// Whether nothing that we can do keeps it from having two forms of one stage.
    pub(crate) fn may_make_two(self) -> bool {
        !self.has_key && self.may_leave_one()
    }

    /// Whether a form may come to be, or to be seen, after it was looked for: then nobody of ours knows of it.
    pub(crate) fn may_leave_one(self) -> bool {
        self.is_slow || self.lag == Lag::Long
    }

    /// Since when what was made may not be seen yet at `now`.
    pub(crate) fn unseen_since(self, now: i64) -> Option<i64> {
        match self.lag {
            Lag::None => None,
            Lag::Short => Some(now),
            Lag::Long => Some(now - LEASE - 1),
        }
    }
}

/// A form on the platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Form {
    pub(crate) id: String,
    pub(crate) is_live: bool,
    pub(crate) made_at: i64,
}

/// What is stored; two are the same if they are stored as the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored(pub(crate) Approval);

impl std::hash::Hash for Stored {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        serde_json::to_string(&self.0).unwrap().hash(state);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) approval: Stored,
    pub(crate) now: i64,
    pub(crate) forms: Vec<Form>,
    /// Starts whose effect is still to come.
    pub(crate) late: u8,
    pub(crate) processes: [Process; 2],
    pub(crate) started_after_the_end: bool,
    ticks: u8,
    stops: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// A process takes up something that is owed.
    Take(usize, Effect),
    /// It calls the platform.
    Call(usize, Fare),
    /// It records what came of it.
    Record(usize),
    /// It stops where it is.
    Stop(usize),
    /// Every lease has run out, and whoever held one has been stopped long since.
    Wait,
    /// The effect of a start comes.
    Come,
    /// A person approves a form.
    Approve(String),
    /// Whoever asked takes it back.
    Withdraw { force: bool },
}

const FARES: [Fare; 6] = [Fare::Well, Fare::NotSent, Fare::AnswerLost, Fare::Late, Fare::Refused, Fare::Unseen];

impl World {
    /// An approval that was submitted just now, by a process that stopped before it began.
    pub(crate) fn submitted() -> Self {
        let node = Node::new("one", Mode::Any, vec![]);
        let stage = Stage::new("con_1".into(), "dingtalk".into(), DecidedBy::Platform, vec![node]);
        let mut approval = Approval::new(0, Person::default(), vec![stage], 0);
        approval.stages[0].lease_until = None;
        Self {
            approval: Stored(approval),
            now: 0,
            forms: Vec::new(),
            late: 0,
            processes: [Process::Idle, Process::Idle],
            started_after_the_end: false,
            ticks: 0,
            stops: 0,
        }
    }

    pub(crate) fn actions(&self, platform: Platform, actions: &mut Vec<Action>) {
        for (index, process) in self.processes.iter().enumerate() {
            match process {
                // Which of two idle ones acts makes no difference.
                Process::Idle if index == 1 && self.processes[0] == Process::Idle => continue,
                Process::Idle => actions.extend(takable(self).into_iter().map(|effect| Action::Take(index, effect))),
                Process::Calling(..) => actions.extend(FARES.map(|fare| Action::Call(index, fare))),
                Process::Recording(..) => actions.push(Action::Record(index)),
            }
            if *process != Process::Idle && self.stops < MAX_STOPS {
                actions.push(Action::Stop(index));
            }
        }
        if self.ticks < MAX_TICKS {
            actions.push(Action::Wait);
        }
        if self.late > 0 && platform.is_slow {
            actions.push(Action::Come);
        }
        let approval = &self.approval.0;
        let waited_for = approval.stages[0].instance.as_ref().filter(|_| approval.closed.is_none());
        let live = self.forms.iter().filter(|form| form.is_live && Some(&form.id) == waited_for);
        actions.extend(live.map(|form| Action::Approve(form.id.clone())));
        if approval.closed.is_none() {
            actions.extend([false, true].map(|force| Action::Withdraw { force }));
        }
    }

    /// What an action makes of it; `None` where it changes nothing, or is none of this platform's.
    pub(crate) fn after(&self, platform: Platform, action: &Action) -> Option<Self> {
        let mut next = self.clone();
        match action {
            Action::Take(process, effect) => next.take(*process, effect)?,
            Action::Call(process, fare) => next.call(platform, *process, *fare)?,
            Action::Record(process) => next.record(*process)?,
            Action::Stop(process) => {
                next.processes[*process] = Process::Idle;
                next.stops += 1;
            }
            Action::Wait => {
                next.processes = [Process::Idle, Process::Idle];
                next.now += LEASE + 1;
                next.ticks += 1;
            }
            Action::Come => {
                next.late -= 1;
                next.make(platform);
            }
            Action::Approve(form) => {
                next.forms.iter_mut().filter(|known| known.id == *form).for_each(|known| known.is_live = false);
                next.approval.0.apply(0, Event::Finished { outcome: Outcome::Approved, at: next.now });
                next.settle();
            }
            Action::Withdraw { force } => {
                let asked = Withdrawal { at: next.now, by: Person::default(), reason: None, force: *force };
                next.approval.0.ask_withdrawal(asked).then_some(())?;
                next.settle();
            }
        }
        (next.forms.len() <= MAX_FORMS && next != *self).then_some(next)
    }

    /// What every write does besides its change.
    pub(crate) fn settle(&mut self) {
        self.approval.0.end_what_runs_nowhere(self.now);
        self.approval.0.owe_cancels(self.now);
    }

    /// The platform makes a form, or finds the one that it has made for the same key.
    pub(crate) fn make(&mut self, platform: Platform) -> String {
        if platform.has_key
            && let Some(known) = self.forms.first()
        {
            return known.id.clone();
        }
        let id = format!("form-{}", self.forms.len());
        self.forms.push(Form { id: id.clone(), is_live: true, made_at: self.now });
        id
    }

    pub(crate) fn live(&self) -> Vec<&Form> {
        self.forms.iter().filter(|form| form.is_live).collect()
    }

    pub(crate) fn has_ended_as(&self, how: &str) -> bool {
        let closure = self.approval.0.closed.as_ref();
        closure.is_some_and(|closure| serde_json::to_value(closure.how).unwrap() == how)
    }

    /// Forms that are open and that nobody of ours will hear of: not the stage's, not owed an end, not looked for, in no process's
    /// hands.
    pub(crate) fn forgotten(&self) -> Vec<&Form> {
        let approval = &self.approval.0;
        let is_looked_for = approval.owed().iter().any(|owed| match &owed.effect {
            Effect::Find { .. } => true,
            Effect::Start { .. } => approval.stages[0].may_be_there(),
            Effect::Cancel { .. } | Effect::Read { .. } => false,
        });
        if is_looked_for || self.processes.iter().any(|process| *process != Process::Idle) {
            return Vec::new();
        }
        let is_known = |form: &&Form| {
            let own = approval.stages[0].instance.as_ref() == Some(&form.id) && approval.closed.is_none();
            own || approval.left_open(0).any(|left| left.instance.as_ref() == Some(&form.id))
        };
        self.live().into_iter().filter(|form| !is_known(form)).collect()
    }
}
