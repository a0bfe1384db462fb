//! A process may stop at any request that it makes: before the request had its effect, or after it.
//!
//! Each scenario is run once to count its requests, then once for every request and moment with the process stopped there. The
//! next process begins with nothing in memory. Whatever happens, there is one approval, one instance on the platform, one
//! decision, and every event of it arrives under one id.

mod directory;
mod gate;
mod model;
mod run;
mod stages;
mod world;

use std::sync::Arc;

use serde_json::json;

use gate::{Moment, Stop};
use run::{Act, Scenario, run};
use world::World;

/// Runs that share one table and one sandbox.
const RUNS: usize = 40;

/// Where a scenario is stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Everywhere, before and after.
    Requests,
    /// After each request that changes something, and before the first. A process that stops at a read, or before a change, has
    /// left what it left after the change before that.
    Changes,
    /// Nothing stops, but each request that changes something is refused, and then it has its effect and half of its answer is lost.
    Answers,
}

fn changes_nothing(step: &str) -> bool {
    matches!(step, "GetItem" | "Query" | "BatchGetItem") || step.starts_with("GET ")
}

/// The points at which a scenario is stopped.
fn points(steps: &[String], at: At) -> Vec<Stop> {
    let mut points = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let reads = changes_nothing(step);
        if at == At::Answers {
            let moments = [Moment::Refused, Moment::Broken];
            points.extend(moments.into_iter().filter(|_| !reads).map(|moment| Stop { step: index + 1, moment }));
            continue;
        }
        // The sweep asks shard after shard, and nothing happens in between.
        let again = index > 0 && steps[index - 1] == *step && step == "Query";
        if reads && (at == At::Changes || again) {
            continue;
        }
        if at == At::Requests || points.is_empty() {
            points.push(Stop { step: index + 1, moment: Moment::Before });
        }
        if !reads {
            points.push(Stop { step: index + 1, moment: Moment::After });
        }
    }
    points
}

/// Stops a scenario at every point once, and says how many there were.
async fn stopped(scenario: Scenario, at: At) {
    let mut world = World::new().await;
    let steps = run(&world, &scenario, "all well", None).await;
    let points = points(&steps, at);
    for (index, stop) in points.iter().enumerate() {
        if index % RUNS == RUNS - 1 {
            world = World::new().await;
        }
        let name = format!("stopped {:?} {} {}", stop.moment, stop.step, steps[stop.step - 1]);
        run(&world, &scenario, &name, Some(*stop)).await;
    }
    println!(
        "{} on {:?}: {} points, {} requests when nothing stops",
        scenario.status,
        scenario.kinds,
        points.len(),
        steps.len()
    );
}

fn scenario(
    kinds: &'static [&'static str],
    act: Act,
    status: &'static str,
    types: &'static [&'static str],
) -> Scenario {
    Scenario { kinds, act, status, types }
}

const APPROVED: &[&str] = &["submitted", "started", "node_decided", "approved"];
const REJECTED: &[&str] = &["submitted", "started", "node_decided", "rejected"];
const WITHDRAWN: &[&str] = &["submitted", "started", "withdrawn"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_on_dingtalk_survives_every_stop() {
    stopped(scenario(&["dingtalk"], Act::Person("approve"), "approved", APPROVED), At::Requests).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_on_feishu_survives_every_stop() {
    stopped(scenario(&["feishu"], Act::Person("approve"), "approved", APPROVED), At::Changes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_on_wecom_survives_every_stop() {
    stopped(scenario(&["wecom"], Act::Person("approve"), "approved", APPROVED), At::Changes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_on_the_built_in_platform_survives_every_stop() {
    stopped(scenario(&["builtin"], Act::Person("approve"), "approved", APPROVED), At::Requests).await;
    stopped(scenario(&["builtin"], Act::Person("reject"), "rejected", REJECTED), At::Answers).await;
    stopped(scenario(&["builtin"], Act::Withdraw, "withdrawn", WITHDRAWN), At::Changes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stages_there_and_here_survive_every_stop() {
    const TYPES: &[&str] = &["submitted", "started", "node_decided", "node_decided", "approved"];
    for kinds in [&["builtin", "dingtalk"][..], &["dingtalk", "builtin"]] {
        stopped(scenario(kinds, Act::Person("approve"), "approved", TYPES), At::Changes).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_survives_every_refusal_and_every_broken_answer() {
    stopped(scenario(&["dingtalk"], Act::Person("approve"), "approved", APPROVED), At::Answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_across_two_platforms_survives_every_stop() {
    let types = &["submitted", "started", "node_decided", "node_decided", "approved"];
    stopped(scenario(&["wecom", "dingtalk"], Act::Person("approve"), "approved", types), At::Changes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejection_on_dingtalk_survives_every_stop() {
    stopped(scenario(&["dingtalk"], Act::Person("reject"), "rejected", REJECTED), At::Changes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_on_dingtalk_survives_every_stop() {
    stopped(scenario(&["dingtalk"], Act::Withdraw, "withdrawn", WITHDRAWN), At::Changes).await;
}

/// Everybody becomes a member once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_over_a_directory_survives_every_stop() {
    for (kind, at) in [("dingtalk", At::Requests), ("wecom", At::Changes), ("feishu", At::Changes)] {
        let mut world = World::new().await;
        let steps = directory::run(&world, kind, "all well", None).await;
        for (index, stop) in points(&steps, at).iter().enumerate() {
            if index % RUNS == RUNS - 1 {
                world = World::new().await;
            }
            let name = format!("stopped {:?} {} {}", stop.moment, stop.step, steps[stop.step - 1]);
            directory::run(&world, kind, &name, Some(*stop)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_undone_approval_left_open_is_taken_back_wherever_it_stops() {
    let types = &["submitted", "started", "node_decided", "revoked"];
    stopped(scenario(&["wecom", "dingtalk"], Act::Undo, "revoked", types), At::Changes).await;
}

/// A definition of Feishu can never be deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_that_many_processes_want_at_once_is_made_once() {
    let world = Arc::new(World::new().await);
    let path = format!("/v1/connections/{}/template", world.connection("feishu").await);
    world.forget_tokens().await;
    world.gate.arm(None);
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (world, path) = (Arc::clone(&world), path.clone());
            // Each finds nothing in memory.
            world.restart();
            tokio::spawn(async move { world.call("POST", &path, None, &json!({"nodes": ["all", "sequential"]})).await })
        })
        .collect();
    for call in calls {
        let answer = call.await.unwrap().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let steps = world.gate.steps();
    let asked =
        |path: &str| steps.iter().filter(|step| *step == &format!("POST /sandbox/feishu/open-apis{path}")).count();
    assert_eq!(asked("/approval/v4/approvals"), 1, "{steps:?}");
    assert_eq!(asked("/auth/v3/tenant_access_token/internal"), 1, "one fetches the token for all: {steps:?}");
}

/// Seeds of the schedules that always run. A seed that found something stays.
const SEEDS: std::ops::Range<u64> = 1..4;
/// Seeds of a longer look, which `scripts/long-tests` takes: 4 to 100, or as many of them as `COUNTERSIGN_SEEDS` says, as `4..20`.
#[expect(clippy::disallowed_methods, reason = "a test's own setting")]
fn more_seeds() -> std::ops::Range<u64> {
    let Ok(asked) = std::env::var("COUNTERSIGN_SEEDS") else { return 4..101 };
    let (from, to) = asked.split_once("..").unwrap();
    from.parse().unwrap()..to.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_an_approval_on_dingtalk_comes_to_what_people_decided() {
    model::schedules("dingtalk", SEEDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_an_approval_on_feishu_comes_to_what_people_decided() {
    model::schedules("feishu", SEEDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_an_approval_on_wecom_comes_to_what_people_decided() {
    model::schedules("wecom", SEEDS).await;
}

/// Two stages each: where the stages are, and what the deadline and the forms after their end may do.
const PAIRS: [[&str; 2]; 3] = [["dingtalk", "feishu"], ["feishu", "wecom"], ["wecom", "dingtalk"]];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_an_approval_of_two_stages_has_one_life() {
    for kinds in PAIRS {
        stages::schedules(kinds, 1..2).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn whatever_happens_in_many_more_schedules() {
    for kind in ["dingtalk", "feishu", "wecom"] {
        model::schedules(kind, more_seeds()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn whatever_happens_in_many_more_lives() {
    for kinds in PAIRS {
        stages::schedules(kinds, more_seeds()).await;
    }
}
