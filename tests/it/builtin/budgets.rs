//! What a built-in approval costs, as DynamoDB counts it: `--nocapture` shows the figures.

use serde_json::json;

use super::Office;

#[tokio::test]
async fn a_submit_and_a_decision_cost_one_write_of_the_state_each() {
    let office = Office::new(&["ann", "bob", "asker"]).await;
    let nodes = [office.node("First", &json!("any"), &["ann"]), office.node("Second", &json!("any"), &["bob"])];
    let flow = office.flow(&nodes).await;
    let store = office.desk.app.store.clone();
    let spent = || store.meter().spent();
    let before = spent();
    let approval = office.submit(&flow, "asker").await;
    let submitted = spent();
    let units = submitted.write_units - before.write_units;
    println!("submit: {} writes, {units} units", submitted.writes - before.writes);
    assert!(submitted.writes - before.writes <= 2 && units <= 8.0, "the request and the state: {units}");
    for who in ["ann", "bob"] {
        let before = spent();
        assert_eq!(office.decide(&approval, who, "approve").await.status, 200);
        let (writes, units) = (spent().writes - before.writes, spent().write_units - before.write_units);
        println!("decision: {writes} writes, {units} units, {} reads", spent().reads - before.reads);
        assert!(writes == 1 && units <= 3.0, "{writes} writes, {units} units");
    }
    let before = spent();
    assert_eq!(office.decide(&approval, "bob", "approve").await.status, 200);
    assert_eq!(spent().writes, before.writes, "a repeat writes nothing");
}
