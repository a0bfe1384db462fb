//! Rules: what becomes of a request that names no flow, through HTTP.

use countersign::engine::organizations::KEEP;
use countersign::ids::RuleId;
use countersign::resources::{Rule, Then};
use countersign_tests::local::{APPLICANT, Local, id, instance, request};
use serde_json::{Value, json};

fn rule(position: u32, when: &str, then: &Value) -> Value {
    json!({"name": format!("at {position}"), "position": position, "when": when, "then": then})
}

fn asking(sensitivity: i64) -> Value {
    let mut body = request();
    body["fields"] = json!({"table": "orders", "sensitivity": sensitivity});
    body
}

fn actions(approval: &Value) -> Vec<&str> {
    approval["history"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect()
}

/// The source of the seed, on which the tests' requests come in.
async fn source(local: &Local) -> Value {
    local.get("/v1/sources").await.json["items"][0].clone()
}

#[tokio::test]
async fn a_rule_decides_at_once_and_the_source_hears_of_it_as_usual() {
    let local = Local::start().await;
    let low = local.make("/v1/rules", &rule(10, "request.fields.sensitivity <= 2", &json!({"approve": true}))).await;
    let high =
        local.make("/v1/rules", &rule(20, "request.fields.sensitivity > 4", &json!({"reject": "Ask legal."}))).await;
    let before = local.instances().await.len();

    let answer = local.submit_as("k1", &asking(2)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let approved = answer.json;
    assert_eq!(
        (&approved["status"], &approved["flow"], &approved["stages"]),
        (&json!("approved"), &Value::Null, &json!([]))
    );
    assert_eq!(approved["decided_at"], approved["created_at"]);
    let decider = json!({"id": low["id"], "name": "at 10", "outcome": "approved", "detail": null});
    assert_eq!(approved["rule"], decider);
    assert_eq!(actions(&approved), ["submitted", "approved"]);
    let last = &approved["history"][1];
    assert_eq!((&last["actor"], &last["node"]), (&Value::Null, &Value::Null));
    assert_eq!(last["remark"], format!("Rule \"at 10\" ({})", id(&low)));
    let told = local.wait_for_types(&approved, &["approval.submitted", "approval.approved"]).await;
    assert_eq!(told[1]["body"]["data"]["rule"], decider);
    assert!(told.iter().all(|delivery| delivery["signature_ok"] == true));

    let rejected = local.submit(&asking(5)).await.json;
    assert_eq!((&rejected["status"], &rejected["rule"]["id"]), (&json!("rejected"), &high["id"]));
    assert_eq!(rejected["rule"]["detail"], "Ask legal.");
    assert_eq!(actions(&rejected), ["submitted", "rejected"]);
    assert_eq!(rejected["history"][1]["remark"], format!("Ask legal.\nRule \"at 20\" ({})", id(&high)));
    local.wait_for_types(&rejected, &["approval.submitted", "approval.rejected"]).await;
    assert_eq!(local.instances().await.len(), before, "no platform was asked");

    // It is an approval like any other.
    let again = local.submit_as("k1", &asking(2)).await;
    assert_eq!((again.status, &again.json["id"]), (200, &approved["id"]));
    let withdrawn = local.call("POST", &format!("/v1/approvals/{}/withdraw", id(&approved)), &json!({})).await;
    assert_eq!((withdrawn.status, withdrawn.code()), (409, "already_ended"));
    let listed = local.get("/v1/approvals?status=approved").await.json;
    assert_eq!(listed["items"][0]["id"], approved["id"]);
}

#[tokio::test]
async fn a_rule_picks_the_flow_unless_the_request_names_one() {
    let local = Local::start().await;
    let (default, connection) = (local.flow().await, local.connection().await);
    let node = json!({"name": "Security", "mode": "any", "approvers": [{"account": APPLICANT}]});
    let flow = json!({"name": "Strict", "stages": [{"connection": connection, "nodes": [node]}]});
    let strict = local.make("/v1/flows", &flow).await;
    let path = format!("/v1/flows/{}", id(&strict));
    // Of the same position the one that was made first; what is switched off is not asked.
    let off = json!({"name": "off", "position": 1, "when": "true", "then": {"reject": "off"}, "enabled": false});
    let off = local.make("/v1/rules", &off).await;
    let picks =
        local.make("/v1/rules", &rule(5, "request.fields.table == 'orders'", &json!({"flow": id(&strict)}))).await;
    local.make("/v1/rules", &rule(5, "true", &json!({"flow": default}))).await;

    let approval = local.pending(&asking(3)).await;
    assert_eq!((&approval["flow"], &approval["stages"][0]["nodes"][0]["name"]), (&strict["id"], &json!("Security")));
    assert_eq!(approval["rule"], json!({"id": picks["id"], "name": "at 5", "outcome": "flow", "detail": null}));
    assert!(local.instance(instance(&approval)).await.is_object());
    let mut named = asking(3);
    named["flow"] = json!(default);
    let approval = local.pending(&named).await;
    assert_eq!((&approval["flow"], &approval["rule"]), (&json!(default), &Value::Null));

    let refused = local.call("DELETE", &path, &Value::Null).await;
    assert_eq!((refused.status, refused.code(), &refused.json["used_by"]), (409, "in_use", &picks["id"]));
    let on = local.call("PATCH", &format!("/v1/rules/{}", id(&off)), &json!({"enabled": true})).await;
    assert_eq!(on.json["enabled"], true);
    assert_eq!(local.submit(&asking(3)).await.json["status"], "rejected", "seen at once where it was changed");
    for rule in [&off, &picks] {
        assert_eq!(local.call("DELETE", &format!("/v1/rules/{}", id(rule)), &Value::Null).await.status, 204);
    }
    assert_eq!(local.call("DELETE", &path, &Value::Null).await.status, 204);
}

#[tokio::test]
async fn a_rule_that_fails_lets_none_behind_it_approve() {
    let local = Local::start().await;
    let default = local.flow().await;
    let blocks = rule(1, "request.fields.classification == 'secret'", &json!({"reject": "Never."}));
    let blocks = local.make("/v1/rules", &blocks).await;
    local.make("/v1/rules", &rule(2, "true", &json!({"approve": true}))).await;
    let approval = local.pending(&asking(1)).await;
    assert_eq!((&approval["status"], &approval["flow"]), (&json!("pending"), &json!(default)));
    let failed =
        json!({"id": blocks["id"], "name": "at 1", "outcome": "failed", "detail": "no such key: `classification`"});
    assert_eq!(approval["rule"], failed);
    assert_eq!(local.approval(&approval).await["rule"], failed, "operators see it later too");
    let mut secret = asking(1);
    secret["fields"]["classification"] = json!("secret");
    assert_eq!(local.submit(&secret).await.json["status"], "rejected");

    // A condition that is no condition fails too; without a default flow the sender is told.
    let path = format!("/v1/rules/{}", id(&blocks));
    let changed = local.call("PATCH", &path, &json!({"when": "request.fields.sensitivity"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(local.submit(&asking(1)).await.json["rule"]["detail"], "gives int, and not true or false");
    let bare = local.make("/v1/sources", &json!({"name": "Bare", "format": "native"})).await;
    let bare = local.with_key(bare["api_key"].as_str().unwrap());
    let refused = bare.submit(&asking(1)).await;
    assert_eq!((refused.status, refused.code()), (422, "no_flow"));
    assert!(refused.text.contains(id(&blocks)) && refused.text.contains("could not be evaluated"), "{}", refused.text);
    local.call("PATCH", &path, &json!({"when": "false"})).await;
    assert_eq!(bare.submit(&asking(1)).await.json["status"], "approved", "rules need no default flow");
    assert_eq!(local.get("/v1/approvals").await.json["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn rules_see_who_asks_for_what_and_where() {
    let local = Local::start().await;
    let source = source(&local).await;
    let member = json!({"name": "Zhang", "email": "zhang@corp.example", "roles": ["dba"]});
    let member = local.make("/v1/members", &member).await;
    let workspace = local.make("/v1/workspaces", &json!({"name": "Sales"})).await;
    let when = format!(
        "applicant.member == '{}' && 'dba' in applicant.roles && applicant.email.endsWith('@corp.example') \
         && !has(applicant.account) && source.id == '{}' && source.format == 'native' && workspace.name == 'Sales' \
         && request.title.startsWith('Read') && request.resource.name == 'orders' && !has(request.nodes) \
         && request.ends_at - request.starts_at == duration('48h') && request.ends_at > now - duration('1000000h')",
        id(&member),
        source["id"].as_str().unwrap()
    );
    local.make("/v1/rules", &rule(1, &when, &json!({"approve": true}))).await;
    let mut body = asking(9);
    body["applicant"] = json!({"member": member["id"]});
    body["workspace"] = workspace["id"].clone();
    body["resource"] = json!({"name": "orders"});
    body["starts_at"] = json!("2026-09-21T08:00:00+08:00");
    body["ends_at"] = json!("2026-09-23T00:00:00Z");
    let decided = local.submit(&body).await;
    assert_eq!(decided.json["status"], "approved", "{}", decided.text);
    body["applicant"] = request()["applicant"].clone();
    let tried = local.call("POST", "/v1/rules/try", &body).await.json;
    assert_eq!(tried["rules"][0]["result"], "not_matched", "{tried}");
    local.make("/v1/rules", &rule(0, "workspace == null && applicant.roles == []", &json!({"reject": "no"}))).await;
    assert_eq!(local.submit(&asking(1)).await.json["status"], "rejected");
}

#[tokio::test]
async fn a_trial_tells_everything_and_does_nothing() {
    let local = Local::start().await;
    let default = local.flow().await;
    let first =
        local.make("/v1/rules", &rule(1, "request.fields.sensitivity > 4", &json!({"reject": "Ask legal."}))).await;
    let second = local.make("/v1/rules", &rule(2, "request.fields.sensitivity <= 2", &json!({"approve": true}))).await;
    local.make("/v1/rules", &rule(3, "request.fields.missing", &json!({"approve": true}))).await;
    let off = json!({"name": "off", "position": 4, "when": "true", "then": {"approve": true}, "enabled": false});
    local.make("/v1/rules", &off).await;
    local.faults(&json!({"fail": true})).await;
    let attempt = async |body: &Value| {
        let answer = local.call("POST", "/v1/rules/try", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json
    };
    let results = |tried: &Value| -> Vec<String> {
        tried["rules"].as_array().unwrap().iter().map(|rule| rule["result"].as_str().unwrap().to_owned()).collect()
    };

    let tried = attempt(&asking(2)).await;
    assert_eq!((&tried["outcome"], &tried["by"], &tried["flow"]), (&json!("approved"), &json!("rule"), &Value::Null));
    assert_eq!(tried["rule"], json!({"id": second["id"], "name": "at 2", "outcome": "approved", "detail": null}));
    assert_eq!(
        tried["rules"][0],
        json!({"id": first["id"], "name": "at 1", "position": 1, "result": "not_matched", "detail": null})
    );
    assert_eq!(results(&tried), ["not_matched", "matched", "not_reached", "disabled"]);

    let tried = attempt(&asking(3)).await;
    assert_eq!((&tried["outcome"], &tried["by"], &tried["flow"]), (&json!("flow"), &json!("source"), &json!(default)));
    assert_eq!(results(&tried), ["not_matched", "not_matched", "error", "disabled"]);
    assert_eq!(tried["rules"][2]["detail"], "no such key: `missing`");
    assert_eq!(tried["rule"]["outcome"], "failed");

    let mut body = asking(3);
    body["flow"] = json!(default);
    let tried = attempt(&body).await;
    assert_eq!((&tried["outcome"], &tried["by"], &tried["rule"]), (&json!("flow"), &json!("request"), &Value::Null));
    assert_eq!(results(&tried), ["not_matched", "not_matched", "error", "disabled"]);

    // Rules that are not stored yet, in their order.
    let mut body = asking(3);
    body["source"] = source(&local).await["id"].clone();
    body["rules"] = json!([
        rule(9, "true", &json!({"approve": true})),
        rule(2, "false", &json!({"approve": true})),
        rule(9, "true", &json!({"reject": "later"}))
    ]);
    let tried = attempt(&body).await;
    assert_eq!((&tried["outcome"], &tried["rule"]["id"]), (&json!("approved"), &Value::Null));
    assert_eq!(results(&tried), ["not_matched", "matched", "not_reached"]);
    body["rules"] = json!([rule(1, "tru", &json!({"flow": "flow_x"}))]);
    let wrong = local.call("POST", "/v1/rules/try", &body).await;
    assert_eq!((wrong.status, wrong.pointers()), (400, vec!["/rules/0/when", "/rules/0/then/flow"]), "{}", wrong.text);
    body["rules"] = json!([{"name": "x"}]);
    assert_eq!(local.call("POST", "/v1/rules/try", &body).await.status, 400);
    let viewer = local.make("/v1/keys", &json!({"name": "v", "role": "viewer"})).await;
    let viewer = local.with_key(viewer["key"].as_str().unwrap());
    assert_eq!(viewer.call("POST", "/v1/rules/try", &asking(1)).await.status, 403);

    assert_eq!(local.get("/v1/approvals").await.json["items"], json!([]), "nothing was submitted");
    assert_eq!(local.instances().await.len(), 0);
    assert_eq!(local.get("/sandbox/receiver/_/deliveries").await.json["items"], json!([]));
}

#[tokio::test]
async fn a_rule_is_checked_when_it_is_saved() {
    let local = Local::start().await;
    let good = rule(1, "true", &json!({"approve": true}));
    for (name, value, pointer) in [
        ("name", json!(""), "/name"),
        ("position", json!(1_000_001), "/position"),
        ("position", json!(-1), "/position"),
        ("when", json!("request.fields.a =="), "/when"),
        ("when", json!("request.titel == 'x'"), "/when"),
        ("when", json!("'x'.matches('(a+)+$')"), "/when"),
        ("when", json!(format!("request.title == '{}'", "x".repeat(2_000))), "/when"),
        ("when", json!("size(request.fields.map(x, x)) > 1 && ".repeat(12) + "true"), "/when"),
        ("then", json!({"approve": false}), "/then/approve"),
        ("then", json!({"reject": ""}), "/then/reject"),
        ("then", json!({"flow": "flow_none"}), "/then/flow"),
        ("then", json!({}), "/then"),
        ("then", json!({"approve": true, "reject": "x"}), "/then"),
        ("colour", json!("red"), "/colour"),
    ] {
        let mut wrong = good.clone();
        wrong[name] = value.clone();
        let answer = local.call("POST", "/v1/rules", &wrong).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec![pointer]), "{name} {value}: {}", answer.text);
    }
    let made = local.make("/v1/rules", &good).await;
    let path = format!("/v1/rules/{}", id(&made));
    assert_eq!(local.get(&path).await.json, made);
    assert_eq!((&made["enabled"], &made["then"]), (&json!(true), &json!({"approve": true})));
    let stale = local.send("PATCH", &path, &[("if-match", "\"9\""), ("content-type", "application/json")], "{}").await;
    assert_eq!(stale.status, 412);
    let changed = local.call("PATCH", &path, &json!({"then": {"reject": "no"}, "position": 7})).await;
    assert_eq!((&changed.json["then"], &changed.json["position"]), (&json!({"reject": "no"}), &json!(7)));
    assert_eq!(local.call("PATCH", &path, &json!({"when": null})).await.status, 400);

    for position in 1..50 {
        local.make("/v1/rules", &rule(position, "false", &json!({"approve": true}))).await;
    }
    let full = local.call("POST", "/v1/rules", &good).await;
    assert_eq!((full.status, full.code()), (409, "too_many_rules"));
    assert_eq!(local.get("/v1/rules?limit=200").await.json["items"].as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn what_another_process_changes_counts_five_seconds_later_at_the_latest() {
    let local = Local::start().await;
    local.pending(&asking(1)).await;
    // As another process would: this one is not told.
    let rule = Rule {
        id: RuleId::new(&local.app.world),
        org: "org_default".parse().unwrap(),
        name: "From afar".into(),
        position: 1,
        when: "true".into(),
        then: Then::Approve(true),
        on_error: countersign::resources::OnError::DefaultFlow,
        enabled: true,
        created_at: local.app.world.now(),
    };
    let sources = local.app.store.list::<countersign::resources::Source>(&rule.org, 1, None).await.unwrap();
    assert_eq!(sources.items.len(), 1, "the organisation is the one of the tests");
    local.app.store.create(&rule).await.unwrap();
    assert_eq!(local.submit(&asking(1)).await.json["rule"], Value::Null, "what was read a moment ago is used");
    let tried = local.call("POST", "/v1/rules/try", &asking(1)).await.json;
    assert_eq!(tried["outcome"], "approved", "a trial sees what is stored");
    local.app.store.delete(&rule, 1).await.unwrap();
    assert_eq!(local.submit(&asking(1)).await.json["status"], "approved");
    local.clock.advance(KEEP);
    assert_eq!(local.submit(&asking(1)).await.json["rule"], Value::Null);
}

#[tokio::test]
async fn a_request_that_failed_and_is_sent_again_asks_the_rules_again() {
    let local = Local::start().await;
    local.faults(&json!({"missing_scopes": ["Workflow.Instance.Write"]})).await;
    let refused = local.submit_as("once", &asking(1)).await;
    assert_eq!((refused.status, refused.code()), (422, "provider_permission"), "{}", refused.text);
    local.make("/v1/rules", &rule(1, "true", &json!({"approve": true}))).await;
    let decided = local.submit_as("once", &asking(1)).await;
    assert_eq!((decided.status, &decided.json["status"]), (201, &json!("approved")), "{}", decided.text);
    local.wait_for_types(&decided.json, &["approval.submitted", "approval.failed", "approval.approved"]).await;
}

#[tokio::test]
async fn a_request_that_names_its_flow_is_rejected_all_the_same() {
    let local = Local::start().await;
    let flow = local.flow().await;
    local.make("/v1/rules", &rule(1, "request.fields.table == 'hr'", &json!({"approve": true}))).await;
    local.make("/v1/rules", &rule(2, "request.fields.sensitivity > 4", &json!({"reject": "Ask legal."}))).await;
    let mut body = asking(5);
    body["flow"] = json!(flow);
    let rejected = local.submit(&body).await.json;
    assert_eq!((&rejected["status"], &rejected["rule"]["detail"]), (&json!("rejected"), &json!("Ask legal.")));
    let tried = local.call("POST", "/v1/rules/try", &body).await.json;
    assert_eq!((&tried["outcome"], &tried["by"]), (&json!("rejected"), &json!("rule")), "{tried}");
    // What the rules would approve, or send elsewhere, follows the flow that it names.
    body["fields"] = json!({"table": "hr", "sensitivity": 5});
    let approval = local.pending(&body).await;
    assert_eq!((&approval["flow"], &approval["rule"]), (&json!(flow), &Value::Null));
}

#[tokio::test]
async fn a_source_whose_rules_are_asked_always_gets_what_they_say() {
    let local = Local::start().await;
    let (named, default) = (local.flow().await, source(&local).await);
    let path = format!("/v1/sources/{}", default["id"].as_str().unwrap());
    let node = json!({"name": "Security", "mode": "any", "approvers": [{"account": APPLICANT}]});
    let strict = json!({"name": "Strict", "stages": [{"connection": local.connection().await, "nodes": [node]}]});
    let strict = local.make("/v1/flows", &strict).await;
    let weak = json!({"name": "Weak", "stages": [{"connection": local.connection().await, "nodes": [node]}]});
    let weak = local.make("/v1/flows", &weak).await;
    local.make("/v1/rules", &rule(1, "request.fields.sensitivity > 4", &json!({"flow": id(&strict)}))).await;
    let changed = local.call("PATCH", &path, &json!({"rules": "always"})).await;
    assert_eq!((changed.status, &changed.json["rules"]), (200, &json!("always")), "{}", changed.text);
    let mut body = asking(5);
    body["flow"] = weak["id"].clone();
    let approval = local.pending(&body).await;
    assert_eq!((&approval["flow"], &approval["rule"]["outcome"]), (&strict["id"], &json!("flow")));
    // Where no rule decides, the named flow is followed.
    body["fields"]["sensitivity"] = json!(1);
    let approval = local.pending(&body).await;
    assert_eq!((&approval["flow"], &approval["rule"]), (&weak["id"], &Value::Null));
    // Not where one fails: the sender could have made it fail.
    body["fields"]["sensitivity"] = json!("5000");
    let approval = local.pending(&body).await;
    assert_eq!((&approval["flow"], &approval["rule"]["outcome"]), (&json!(named), &json!("failed")));
    for bad in [json!("never"), json!(true)] {
        assert_eq!(local.call("PATCH", &path, &json!({"rules": bad})).await.pointers(), ["/rules"]);
    }
}

#[tokio::test]
async fn a_source_uses_the_flows_that_it_may() {
    let local = Local::start().await;
    let (flow, source) = (local.flow().await, source(&local).await);
    let path = format!("/v1/sources/{}", source["id"].as_str().unwrap());
    let node = json!({"name": "N", "mode": "any", "approvers": [{"account": APPLICANT}]});
    let other = json!({"name": "Other", "stages": [{"connection": local.connection().await, "nodes": [node]}]});
    let other = local.make("/v1/flows", &other).await;
    let changed = local.call("PATCH", &path, &json!({"flows": [flow]})).await;
    assert_eq!((changed.status, &changed.json["flows"]), (200, &json!([flow])), "{}", changed.text);
    let mut body = asking(1);
    body["flow"] = other["id"].clone();
    for path in ["/v1/approvals", "/v1/rules/try"] {
        let refused = local.call("POST", path, &body).await;
        assert_eq!((refused.status, refused.code(), refused.pointers()), (422, "flow_not_allowed", vec!["/flow"]));
    }
    body["flow"] = json!(flow);
    local.pending(&body).await;
    let used = local.call("DELETE", &format!("/v1/flows/{flow}"), &Value::Null).await;
    assert_eq!((used.status, used.code()), (409, "in_use"));
    // A rule is the administrator's and may choose any.
    local.make("/v1/rules", &rule(1, "true", &json!({"flow": id(&other)}))).await;
    assert_eq!(local.pending(&asking(1)).await["flow"], other["id"]);
    for (bad, pointer) in [(json!(["flow_none"]), "/flows/0"), (json!([flow, flow]), "/flows/1")] {
        assert_eq!(local.call("PATCH", &path, &json!({"flows": bad})).await.pointers(), [pointer]);
    }
}

#[tokio::test]
async fn a_rule_says_what_its_failure_means() {
    let local = Local::start().await;
    let flow = local.flow().await;
    let guard = json!({"name": "guard", "position": 1, "when": "request.fields.sensitivity > 4",
        "then": {"reject": "Too much."}, "on_error": "reject"});
    let guard = local.make("/v1/rules", &guard).await;
    assert_eq!(guard["on_error"], "reject");
    let path = format!("/v1/rules/{}", id(&guard));
    let mut body = asking(1);
    body["fields"]["sensitivity"] = json!("5000");
    let reject = async |body: &Value| {
        let rejected = local.submit(body).await.json;
        assert_eq!((&rejected["status"], &rejected["rule"]["outcome"]), (&json!("rejected"), &json!("failed")));
        let remark = rejected["history"][1]["remark"].as_str().unwrap().to_owned();
        assert!(remark.contains("could not be checked") && remark.contains(id(&guard)), "{remark}");
    };
    reject(&body).await;
    let mut named = body.clone();
    named["flow"] = json!(flow);
    reject(&named).await;
    let tried = local.call("POST", "/v1/rules/try", &named).await.json;
    assert_eq!((&tried["outcome"], &tried["by"]), (&json!("rejected"), &json!("rule")), "{tried}");

    let node = json!({"name": "Security", "mode": "any", "approvers": [{"account": APPLICANT}]});
    let strict = json!({"name": "Strict", "stages": [{"connection": local.connection().await, "nodes": [node]}]});
    let strict = local.make("/v1/flows", &strict).await;
    let changed = local.call("PATCH", &path, &json!({"on_error": {"flow": id(&strict)}})).await;
    assert_eq!((changed.status, &changed.json["on_error"]), (200, &json!({"flow": strict["id"]})), "{}", changed.text);
    let approval = local.pending(&body).await;
    assert_eq!((&approval["flow"], &approval["rule"]["outcome"]), (&strict["id"], &json!("failed")));
    let used = local.call("DELETE", &format!("/v1/flows/{}", id(&strict)), &Value::Null).await;
    assert_eq!((used.status, used.code()), (409, "in_use"));

    let changed = local.call("PATCH", &path, &json!({"on_error": null})).await;
    assert_eq!(changed.json["on_error"], "default_flow");
    assert_eq!(local.pending(&body).await["flow"], json!(flow));
    for (bad, pointer) in [(json!("approve"), "/on_error"), (json!({"flow": "flow_none"}), "/on_error/flow")] {
        let answer = local.call("PATCH", &path, &json!({"on_error": bad})).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec![pointer]), "{}", answer.text);
    }
    // Equality of a text and a number is no failure, and does not hold.
    local.call("PATCH", &path, &json!({"when": "request.fields.sensitivity == 5000", "on_error": "reject"})).await;
    assert_eq!(local.pending(&body).await["rule"], Value::Null);
}
