//! Acting as a person in the client: the only way to decide or take back a form.

use super::directory::administers;
use super::engine::Obstacle;
use super::model::{Change, Form};
use super::state::State;
use crate::platform::control::{Action, By, Deed, Position};
use crate::platform::desk::Claim;
use crate::platform::http::Refused;
use crate::platform::text::random_name;

/// Does what a person does with a form.
pub(super) fn perform(state: &mut State, id: &str, deed: &Deed) -> Result<Option<Claim>, Refused> {
    let found = state.desk.instances.get(id).cloned();
    let mut form = found.ok_or_else(|| Refused::missing("there is no such instance"))?;
    let by = deed.by(state.now());
    let comment = format!("67{}", random_name(&state.desk.world, b"0123456789", 17));
    let change = apply(&mut form, deed, by, comment)?;
    Ok(state.commit(form, change)?)
}

fn apply(form: &mut Form, deed: &Deed, by: By<'_>, comment: String) -> Result<Change, Refused> {
    let change = match deed.action {
        Action::Approve => form.agree(by),
        Action::Reject => form.reject(by),
        Action::Transfer => form.hand_on(deed.other()?, by),
        Action::Withdraw => form.withdraw(by),
        Action::Comment => form.comment(comment, by),
        Action::Urge => form.urge(by),
        Action::AddApprover => match deed.position {
            None | Some(Position::Before) => form.add_before(deed.other()?, by),
            Some(Position::After) => form.agree_and_add(deed.other()?, by),
            Some(Position::Parallel) => return Err(Refused::bad("WeCom adds before or after")),
        },
        Action::RollBack => {
            let number = deed.to.as_deref().and_then(|to| to.parse::<usize>().ok()?.checked_sub(1));
            form.send_back(number.ok_or_else(|| Refused::bad("`to` is the number of a node, from 1"))?, by)
        }
        Action::Delete => {
            administrator(by.user, "deletes a form")?;
            form.delete(by)
        }
        Action::Pay => {
            administrator(by.user, "notes that a form is paid")?;
            form.pay(by)
        }
    };
    change.map_err(|obstacle| refused(obstacle, form, by.user))
}

fn administrator(user: &str, does: &str) -> Result<(), Refused> {
    if administers(user) { Ok(()) } else { Err(Refused::conflict(format!("only an administrator {does}"))) }
}

fn refused(obstacle: Obstacle, form: &Form, user: &str) -> Refused {
    Refused::conflict(match obstacle {
        Obstacle::Ended => format!("the form is {}", form.status.word().replace('_', " ")),
        Obstacle::NotAsked => format!("{user} has no open task in this instance"),
        Obstacle::Waits => format!("the task of {user} waits for somebody else's"),
        Obstacle::NotApplicant => format!("only the applicant {} may", form.applicant),
        Obstacle::Handler => "whoever handles a form cannot reject it, add to it or send it back".to_owned(),
        Obstacle::NoNode => "there is no earlier node of this number with approvers".to_owned(),
        Obstacle::NotApproved => "the form is not approved".to_owned(),
        Obstacle::Deleted => "the form is deleted".to_owned(),
    })
}
