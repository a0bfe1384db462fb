//! Forms as the sandbox's own endpoints tell them.

use serde_json::{Value, json};

use super::directory::name;
use super::model::{Asked, Form, Kind, Mark};
use crate::platform::text::rfc3339;

/// A line of a list.
pub(super) fn summary(form: &Form) -> Value {
    json!({
        "id": form.sp_no,
        "title": form.sp_name,
        "template": form.template_id,
        "status": form.status.word(),
        "sp_status": form.status.code(),
        "applicant": person(&form.applicant),
        "created_at": rfc3339(form.created_at),
        "open": open(form).map(|asked| asked.user.as_str()).collect::<Vec<_>>(),
    })
}

/// Those who may act now.
pub(super) fn open(form: &Form) -> impl Iterator<Item = &Asked> {
    let node = form.current();
    let people =
        node.into_iter().flat_map(|node| form.nodes[node].people.iter().enumerate().map(move |one| (node, one)));
    people.filter(|(node, (place, _))| form.turn((*node, *place))).map(|(_, (_, asked))| asked)
}

/// Everything but the callbacks.
pub(super) fn whole(form: &Form) -> Value {
    let mut value = summary(form);
    let nodes = form.nodes.iter().map(|node| {
        json!({
            "type": node.kind,
            "mode": node.relation,
            "status": node.mark,
            "users": node.people.iter().map(|asked| asked_of(asked, node.kind)).collect::<Vec<_>>(),
        })
    });
    let records = form.records.iter().map(|record| {
        json!({
            "at": rfc3339(record.at),
            "user": person(&record.user),
            "change": record.change,
            "remark": record.remark,
            "other": record.other,
        })
    });
    value["nodes"] = nodes.collect();
    value["form"] =
        form.contents.iter().map(|one| json!({"id": one.id, "title": one.title, "value": one.value})).collect();
    value["summary"] = json!(form.summary);
    value["records"] = records.collect();
    value
}

fn asked_of(asked: &Asked, kind: Kind) -> Value {
    json!({
        "user": asked.user,
        "name": name(&asked.user),
        "status": Some(asked.mark).filter(|_| kind != Kind::Copied),
        "remark": Some(&asked.speech).filter(|speech| !speech.is_empty()),
        "acted_at": asked.at.map(rfc3339),
    })
}

fn person(user: &str) -> Value {
    json!({"user": user, "name": name(user)})
}

/// Whether somebody has acted for good.
pub(super) fn acted(mark: Mark) -> bool {
    mark != Mark::Open
}
