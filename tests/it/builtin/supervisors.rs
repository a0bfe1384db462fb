//! Approvers who are named by how far they are above the applicant.

use countersign_tests::http::Answer;
use serde_json::{Value, json};

use super::Office;

async fn put_above(office: &Office, who: &str, above: &Value) -> Answer {
    let path = format!("/v1/members/{}", office.id(who));
    office.desk.client.call("PATCH", &path, &json!({ "supervisor": above })).await
}

/// Who is asked for a request of `who` to somebody so many levels above; else the refusal.
async fn asked(office: &Office, who: &str, levels: u8, more: &Value) -> Result<String, Answer> {
    let node = json!({"name": "N", "mode": "any", "approvers": [{"supervisor": levels}]});
    let mut flow = json!({"name": "F", "stages": [{"nodes": [node]}]});
    flow.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = office.desk.client.call("POST", "/v1/flows", &flow).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let body = json!({"title": "T", "flow": made.json["id"], "applicant": {"member": office.id(who)}});
    let made = office.desk.client.call("POST", "/v1/approvals", &body).await;
    if made.status != 201 {
        return Err(made);
    }
    Ok(made.json["stages"][0]["nodes"][0]["tasks"][0]["assignee"]["name"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn whoever_is_so_many_levels_above_is_asked() {
    let office = Office::new(&["boss", "lead", "dev"]).await;
    for (who, above) in [("dev", "lead"), ("lead", "boss")] {
        let answer = put_above(&office, who, &json!(office.id(above))).await;
        assert_eq!((answer.status, &answer.json["supervisor"]), (200, &json!(office.id(above))), "{}", answer.text);
    }
    for (levels, name) in [(1, "lead"), (2, "boss")] {
        assert_eq!(asked(&office, "dev", levels, &json!({})).await.unwrap(), name);
    }
    for (who, levels, why) in [("dev", 3, "nobody is above \\\"boss\\\""), ("boss", 1, "nobody is above \\\"boss\\\"")]
    {
        let refused = asked(&office, who, levels, &json!({})).await.unwrap_err();
        assert_eq!((refused.status, refused.code()), (422, "person_not_found"), "{}", refused.text);
        assert!(refused.text.contains(why), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_circle_of_whatever_length_ends_and_is_named() {
    let office = Office::new(&["a", "b", "c", "d"]).await;
    let own = put_above(&office, "a", &json!(office.id("a"))).await;
    assert_eq!((own.status, own.pointers()), (400, vec!["/supervisor"]), "{}", own.text);
    for (who, above) in [("d", "a"), ("a", "b"), ("b", "c"), ("c", "a")] {
        assert_eq!(put_above(&office, who, &json!(office.id(above))).await.status, 200);
    }
    let refused = asked(&office, "d", 7, &json!({})).await.unwrap_err();
    assert_eq!((refused.status, refused.code()), (422, "person_not_found"), "{}", refused.text);
    for name in ["a", "b", "c", "d"] {
        assert!(refused.text.contains(&format!("\\\"{name}\\\"")), "{}", refused.text);
    }
    assert_eq!(asked(&office, "d", 3, &json!({})).await.unwrap(), "c", "before it closes, there is somebody");
}

#[tokio::test]
async fn a_supervisor_is_a_member_of_the_organisation_who_may_be_deleted() {
    let office = Office::new(&["lead", "dev"]).await;
    for unknown in [json!("mem_01m8hek812p77qa0peazdecjnx"), json!("me"), json!(7)] {
        let answer = put_above(&office, "dev", &unknown).await;
        assert_eq!(answer.status, 400, "{unknown}: {}", answer.text);
    }
    assert_eq!(put_above(&office, "dev", &json!(office.id("lead"))).await.status, 200);
    let path = format!("/v1/members/{}", office.id("lead"));
    assert_eq!(office.desk.client.call("DELETE", &path, &Value::Null).await.status, 204);
    let path = format!("/v1/members/{}", office.id("dev"));
    let renamed = office.desk.client.call("PATCH", &path, &json!({"name": "D"})).await;
    assert_eq!(renamed.status, 200, "who is gone stands in nobody's way");
    let refused = asked(&office, "dev", 1, &json!({})).await.unwrap_err();
    assert_eq!((refused.status, refused.code()), (422, "person_not_found"), "{}", refused.text);
    assert_eq!(put_above(&office, "dev", &Value::Null).await.json["supervisor"], Value::Null);
}
