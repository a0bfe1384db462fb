//! Every order in which two processes, a platform and people can come to one approval: what the engine does with effects
//! (`engine/effects`) step by step, over the real state machine, explored whole.
//!
//! A process may stop between any two steps, a call may fail before or after its effect, a lease runs out. Platforms differ: some
//! take an idempotency key with a start, some are so slow that an effect comes when nobody waits for it, and the list of some does
//! not show at once what was made. What must hold everywhere, and what only some platforms make impossible, are properties here;
//! docs/reliability.md names the rest.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod process;
mod world;

use stateright::{Checker, Model, Property};

use process::Process;
use world::{Action, Lag, Platform, World};

impl Model for Platform {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::submitted()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.actions(*self, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let next = world.after(*self, &action)?;
        assert!(
            next.approval.0.follows(&world.approval.0),
            "{action:?}: {:?} became {:?}",
            world.approval,
            next.approval
        );
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::<Self>::always("an approval that is open is started, or owed a start or an end", |_, world| {
                let approval = &world.approval.0;
                approval.closed.is_some() || approval.stages[0].instance.is_some() || !approval.owed().is_empty()
            }),
            Property::<Self>::always("nothing that has ended is started", |_, world| !world.started_after_the_end),
            Property::<Self>::sometimes("it is approved", |_, world| world.has_ended_as("approved")),
            Property::<Self>::sometimes("it is withdrawn, and nothing is left open", |_, world| {
                world.has_ended_as("withdrawn")
                    && world.live().is_empty()
                    && world.processes == [Process::Idle, Process::Idle]
            }),
        ];
        properties.push(match self.may_make_two() {
            true => Property::<Self>::sometimes("two forms are open", |_, world| world.live().len() > 1),
            false => Property::<Self>::always("one form is open at the most", |_, world| world.live().len() < 2),
        });
        properties.push(match self.may_leave_one() {
            true => Property::<Self>::sometimes("a form is open that nobody of ours knows of", |_, world| {
                !world.forgotten().is_empty()
            }),
            false => Property::<Self>::always("what is open is waited for, or owed an end", |_, world| {
                world.forgotten().is_empty()
            }),
        });
        properties
    }
}

fn explore(platform: Platform) {
    let checker = platform.checker().threads(2).spawn_bfs().join();
    println!("{platform:?}: {} states", checker.unique_state_count());
    checker.assert_properties();
}

#[test]
fn a_platform_that_shows_what_it_made_never_has_two() {
    explore(Platform { has_key: false, is_slow: false, lag: Lag::None });
}

#[test]
fn a_list_that_lags_by_less_than_a_lease_makes_no_second_one() {
    explore(Platform { has_key: false, is_slow: false, lag: Lag::Short });
}

#[test]
fn a_platform_with_an_idempotency_key_never_has_two_however_late_and_unseen() {
    explore(Platform { has_key: true, is_slow: true, lag: Lag::Long });
}

#[test]
fn an_effect_that_comes_after_it_was_looked_for_may_be_a_second_one() {
    explore(Platform { has_key: false, is_slow: true, lag: Lag::None });
}

#[test]
fn a_list_that_lags_by_more_than_a_lease_may_let_a_second_one_be_made() {
    explore(Platform { has_key: false, is_slow: false, lag: Lag::Long });
}
