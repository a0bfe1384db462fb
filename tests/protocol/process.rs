//! A process that carries out what is owed, step by step, as `engine/effects` does.

use countersign::approval::{Approval, Closed, Closure, Effect, LeftoverEnd, Purpose, effects};

use super::world::{Form, LEASE, Platform, World};

/// What a process is at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Process {
    /// Nothing.
    Idle,
    /// It has taken something, and what stands next is a call.
    Calling(Job, Call),
    /// The call is answered, and what came of it is to be recorded.
    Recording(Job, Answer),
}

/// What a process has taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Job {
    /// What is done, and what for.
    pub(crate) kind: Kind,
    /// The lease it holds, where it holds one.
    pub(crate) lease: Option<i64>,
    /// An earlier try may have reached the platform.
    pub(crate) tried: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Start,
    Find { to_end: bool },
    Cancel { form: String, to_end: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Find,
    Start,
    Cancel,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// The form that was made or found.
    Form(String),
    /// There is none.
    Nothing,
    /// It is done.
    Done,
    /// It had no effect, and may pass later.
    Later,
    /// It may have had its effect.
    Unknown,
    /// It is refused for good.
    Never,
}

/// How a call fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fare {
    Well,
    /// It does not reach the platform.
    NotSent,
    /// It has its effect, and the answer is lost.
    AnswerLost,
    /// Nobody answers, and the effect comes later.
    Late,
    /// The platform refuses it.
    Refused,
    /// The list does not show what was made just now.
    Unseen,
}

/// What may be taken up now.
pub(crate) fn takable(world: &World) -> Vec<Effect> {
    let mut owed = effects(&world.approval.0, world.now);
    owed.retain(|effect| !matches!(effect, Effect::Read { .. }));
    owed
}

impl World {
    /// A process takes up one of what is owed: a conditional write, so that two never take the same lease.
    pub(crate) fn take(&mut self, process: usize, effect: &Effect) -> Option<()> {
        let (now, approval) = (self.now, &mut self.approval.0);
        let tried = approval.stages[0].may_be_there();
        let (kind, call) = match effect {
            Effect::Start { .. } => (Kind::Start, if tried { Call::Find } else { Call::Start }),
            Effect::Find { purpose, .. } => (Kind::Find { to_end: *purpose == Purpose::End }, Call::Find),
            Effect::Cancel { instance, purpose, .. } => {
                (Kind::Cancel { form: instance.clone(), to_end: *purpose == Purpose::End }, Call::Cancel)
            }
            Effect::Read { .. } => return None,
        };
        let lease = match kind {
            Kind::Start | Kind::Find { to_end: true } => {
                approval.take_lease(0, now, now + LEASE).then_some(())?;
                Some(now + LEASE)
            }
            Kind::Find { to_end: false } | Kind::Cancel { to_end: false, .. } => {
                approval.take_due_cancels(now);
                None
            }
            Kind::Cancel { to_end: true, .. } => None,
        };
        self.settle();
        self.processes[process] = Process::Calling(Job { kind, lease, tried }, call);
        Some(())
    }

    /// A process calls the platform.
    pub(crate) fn call(&mut self, platform: Platform, process: usize, fare: Fare) -> Option<()> {
        let Process::Calling(job, call) = self.processes[process].clone() else { return None };
        let answer = match call {
            Call::Find => self.find(platform, fare)?,
            Call::Start => {
                self.started_after_the_end |= self.approval.0.closed.is_some();
                self.start(platform, fare)?
            }
            Call::Cancel => {
                let Kind::Cancel { form, .. } = &job.kind else { return None };
                self.cancel(form, fare)?
            }
        };
        let goes_on = job.kind == Kind::Start && call == Call::Find && answer == Answer::Nothing;
        self.processes[process] =
            if goes_on { Process::Calling(job, Call::Start) } else { Process::Recording(job, answer) };
        Some(())
    }

    fn find(&self, platform: Platform, fare: Fare) -> Option<Answer> {
        let found = |mut forms: std::slice::Iter<'_, Form>, since: i64| {
            let first = forms.find(|form| form.made_at < since).map(|form| form.id.clone());
            first.map_or(Answer::Nothing, Answer::Form)
        };
        match fare {
            Fare::Well => Some(found(self.forms.iter(), i64::MAX)),
            Fare::NotSent => Some(Answer::Later),
            Fare::Unseen => {
                let since = platform.unseen_since(self.now)?;
                self.forms.iter().any(|form| form.made_at >= since).then(|| found(self.forms.iter(), since))
            }
            Fare::AnswerLost | Fare::Late | Fare::Refused => None,
        }
    }

    fn start(&mut self, platform: Platform, fare: Fare) -> Option<Answer> {
        match fare {
            Fare::Well => Some(Answer::Form(self.make(platform))),
            Fare::NotSent => Some(Answer::Later),
            Fare::AnswerLost => {
                self.make(platform);
                Some(Answer::Unknown)
            }
            Fare::Late if platform.is_slow && self.late == 0 => {
                self.late += 1;
                Some(Answer::Unknown)
            }
            // What was asked before under the same key is not refused.
            Fare::Refused if self.forms.is_empty() && self.late == 0 => Some(Answer::Never),
            _ => None,
        }
    }

    fn cancel(&mut self, form: &str, fare: Fare) -> Option<Answer> {
        let found = self.forms.iter_mut().find(|known| known.id == form)?;
        match fare {
            Fare::Well if found.is_live => {
                found.is_live = false;
                Some(Answer::Done)
            }
            Fare::AnswerLost if found.is_live => {
                found.is_live = false;
                Some(Answer::Unknown)
            }
            Fare::NotSent => Some(Answer::Later),
            Fare::Refused if !found.is_live => Some(Answer::Never),
            _ => None,
        }
    }

    /// A process records what its call came to: one conditional write on what is stored by now.
    pub(crate) fn record(&mut self, process: usize) -> Option<()> {
        let Process::Recording(job, answer) = std::mem::replace(&mut self.processes[process], Process::Idle) else {
            return None;
        };
        let now = self.now;
        let approval = &mut self.approval.0;
        match (&job.kind, answer) {
            (Kind::Start | Kind::Find { .. }, Answer::Form(form)) => approval.started(0, form, None, now),
            (Kind::Start, Answer::Never) => fail(approval, now),
            (Kind::Start, answer) => {
                let is_unknown = answer == Answer::Unknown;
                let again_at = if is_unknown { now + LEASE } else { now };
                // Whatever a search was refused for, the form may be there.
                approval.put_off(0, job.lease, again_at, !job.tried && !is_unknown);
            }
            (Kind::Find { to_end: true }, Answer::Nothing) => end(approval, now, LeftoverEnd::Done),
            (Kind::Find { to_end: false }, Answer::Nothing) => {
                approval.cancel_tried(0, None, Some(LeftoverEnd::Done), None);
            }
            (Kind::Cancel { to_end: true, .. }, Answer::Done) => end(approval, now, LeftoverEnd::Done),
            (Kind::Cancel { to_end: true, .. }, Answer::Never) => {
                let asked = approval.withdrawal.clone();
                if asked.as_ref().is_some_and(|asked| asked.force) {
                    end(approval, now, LeftoverEnd::Refused);
                } else {
                    approval.drop_withdrawal(asked.as_ref());
                }
            }
            (Kind::Cancel { form, to_end: false }, Answer::Done) => {
                approval.cancel_tried(0, Some(form), Some(LeftoverEnd::Done), None);
            }
            (Kind::Cancel { form, to_end: false }, Answer::Never) => {
                approval.cancel_tried(0, Some(form), Some(LeftoverEnd::Refused), None);
            }
            // It is owed still.
            (Kind::Find { .. } | Kind::Cancel { .. }, _) => {}
        }
        self.settle();
        Some(())
    }
}

fn end(approval: &mut Approval, now: i64, end: LeftoverEnd) {
    if approval.end(now, None) {
        approval.taken_back(0, end, None, now);
    }
}

fn fail(approval: &mut Approval, now: i64) {
    if approval.withdrawal.is_some() {
        approval.end_withdrawn(now, None);
    } else {
        approval.close(Closure { how: Closed::Failed, at: Some(now), by: None, remark: None });
    }
}
