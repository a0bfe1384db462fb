//! Taking over a directory, whatever stops on the way.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::gate::Stop;
use super::world::World;

/// How long until a lease that nobody gave back has run out, in milliseconds.
const LEASE: i64 = 61_000;
/// How often somebody who got no answer asks again.
const PATIENCE: usize = 5;

/// Takes the directory over for a new connection, and goes on until it is done. Answers with every request that was made.
pub(super) async fn run(world: &World, kind: &str, name: &str, stop: Option<Stop>) -> Vec<String> {
    let app = world.sandbox("GET", &format!("/sandbox/{kind}/_/app"), &Value::Null).await;
    let body = json!({"kind": kind, "name": "Again", "settings": app["settings"], "secrets": app["secrets"]});
    let made = world.call("POST", "/v1/connections", None, &body).await.unwrap().json;
    let connection = made["id"].as_str().unwrap();
    world.restart();
    world.gate.arm(stop);
    take_over(world, connection, name).await;
    let steps = world.gate.steps();
    world.gate.arm(None);

    let (mut accounts, mut cursor) = (Vec::new(), String::new());
    loop {
        let listed = world.ours("GET", &format!("/v1/members?limit=200{cursor}"), &Value::Null).await;
        let members = listed["items"].as_array().unwrap();
        accounts.extend(members.iter().filter_map(|member| member["accounts"][connection].as_str().map(str::to_owned)));
        let Some(next) = listed["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let once: BTreeSet<&String> = accounts.iter().collect();
    assert_eq!((accounts.len(), once.len()), (5, 5), "{kind}, {name}: {accounts:?}");
    steps
}

async fn take_over(world: &World, connection: &str, name: &str) {
    let (path, mut cursor) = (format!("/v1/connections/{connection}/members/sync"), Value::Null);
    for _ in 0..PATIENCE {
        let answer = world.call("POST", &path, None, &json!({"cursor": cursor})).await;
        let Some(answer) = answer.filter(|answer| answer.status == 200) else {
            world.clock.advance(LEASE);
            continue;
        };
        cursor = answer.json["next_cursor"].clone();
        if cursor.is_null() {
            assert_eq!(answer.json["found"], 5, "{name}: {}", answer.text);
            return;
        }
    }
    panic!("{name}: no end");
}
