//! The page: an approval inbox on which one acts as a person.

use axum::extract::{Query, State as Shared};
use axum::response::Response;
use serde::Deserialize;

use super::directory::{self, ACCOUNTS, Account};
use super::model::{Instance, Status, TaskState, Verdict};
use super::state::State;
use super::{BASE, DingTalk, boxes, detail};
use crate::sandbox::platform::page::{Esc, avatar, shell};
use crate::sandbox::platform::text::beijing;

/// Most instances in a list.
const MOST: usize = 100;

/// What the page shows.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shown {
    /// Whose inbox.
    #[serde(default, rename = "as")]
    user: String,
    /// Which list.
    #[serde(default)]
    tab: String,
    /// Which instance.
    #[serde(default)]
    instance: String,
}

/// The lists of a person.
const TABS: [(&str, &str, &str); 4] = [
    ("todo", "To do", "待处理"),
    ("submitted", "Submitted", "已发起"),
    ("handled", "Handled", "已处理"),
    ("copied", "Copied", "抄送"),
];

/// `GET /sandbox/dingtalk`.
pub(super) async fn page(Shared(platform): Shared<DingTalk>, Query(shown): Query<Shown>) -> Response {
    let state = platform.state();
    let user = directory::account(&shown.user).or_else(|| busiest(&state)).unwrap_or(&ACCOUNTS[0]);
    let tab = TABS.iter().find(|tab| tab.0 == shown.tab).unwrap_or(&TABS[0]).0;
    let listed = listed(&state, user, tab);
    let instance = state.desk.instances.get(&shown.instance).or_else(|| listed.first().copied());
    let body = format!(
        "<main><div id=\"live\" data-follow=\"{BASE}/_/version\" data-version=\"{version}\"><div class=\"inbox\">\
         {people}{list}{detail}</div>{notices}</div>{boxes}</main>",
        version = state.desk.version,
        people = people(&state, user),
        list = list(&state, user, tab, &listed, instance),
        detail = detail::detail(instance, user),
        notices = boxes::notices(&state, user),
        boxes = boxes::boxes(&state, &platform.inner.endpoint),
    );
    shell("DingTalk", BASE, &body)
}

/// Whoever has something to do comes first.
fn busiest(state: &State) -> Option<&'static Account> {
    ACCOUNTS.iter().filter(|account| open_tasks(state, account) > 0).max_by_key(|account| open_tasks(state, account))
}

fn open_tasks(state: &State, account: &Account) -> usize {
    let tasks = state.desk.instances.values().flat_map(|instance| &instance.tasks);
    tasks.filter(|task| task.user == account.userid && task.state == TaskState::Running).count()
}

/// The instances of a list, newest first.
fn listed<'a>(state: &'a State, user: &Account, tab: &str) -> Vec<&'a Instance> {
    let user = user.userid;
    let holds = |instance: &Instance, fits: fn(TaskState) -> bool| {
        instance.tasks.iter().any(|task| task.user == user && fits(task.state))
    };
    let belongs = |instance: &&Instance| match tab {
        "submitted" => instance.originator == user,
        "handled" => {
            holds(instance, |state| matches!(state, TaskState::Agreed | TaskState::Refused | TaskState::Redirected))
        }
        "copied" => instance
            .records
            .iter()
            .any(|record| record.kind == "PROCESS_CC" && record.others.iter().any(|other| other == user)),
        _ => holds(instance, |state| matches!(state, TaskState::Running | TaskState::Paused)),
    };
    state.desk.newest_first().into_iter().filter(belongs).take(MOST).collect()
}

fn people(state: &State, user: &Account) -> String {
    let line = |account: &'static Account| {
        let person = account.person()?;
        let open = open_tasks(state, account);
        let count =
            if open == 0 { String::new() } else { format!("<span class=\"count\" title=\"open tasks\">{open}</span>") };
        Some(format!(
            "<li><a href=\"{BASE}?as={id}\"{current}>{avatar}<span class=\"who\"><b>{name}</b>\
             <small>{pinyin} · {title}</small></span>{count}</a></li>",
            id = Esc(account.userid),
            current = if account.userid == user.userid { " aria-current=\"true\"" } else { "" },
            avatar = avatar(person.name),
            name = Esc(person.name),
            pinyin = Esc(person.pinyin),
            title = Esc(person.job_title),
        ))
    };
    let lines: String = ACCOUNTS.iter().filter_map(line).collect();
    format!("<nav class=\"card people\" aria-label=\"People\"><h2>Act as</h2><ul>{lines}</ul></nav>")
}

fn list(state: &State, user: &Account, tab: &str, listed: &[&Instance], chosen: Option<&Instance>) -> String {
    let id = Esc(user.userid);
    let tabs: String = TABS
        .iter()
        .map(|(name, english, chinese)| {
            let current = if *name == tab { " aria-current=\"true\"" } else { "" };
            let count = self::listed(state, user, name).len();
            format!("<a href=\"{BASE}?as={id}&amp;tab={name}\"{current} title=\"{chinese}\">{english} <small>{count}</small></a>")
        })
        .collect();
    let line = |instance: &&Instance| {
        let current = if chosen.is_some_and(|chosen| chosen.id == instance.id) { " aria-current=\"true\"" } else { "" };
        let first = instance.form.first().map_or(String::new(), |value| format!("{}: {}", value.name, value.value));
        let short: String = first.chars().take(120).collect();
        let (class, word, _) = badge(instance);
        format!(
            "<li><a href=\"{BASE}?as={id}&amp;tab={tab}&amp;instance={instance}\"{current}><span class=\"head\"><b>{title}</b>\
             <span class=\"pill {class}\">{word}</span></span><p>{short}</p><time>{time}</time></a></li>",
            instance = Esc(&instance.id),
            title = Esc(&instance.title),
            short = Esc(&short),
            time = beijing(instance.created_at, "%m-%d %H:%M"),
        )
    };
    let lines: String = listed.iter().map(line).collect();
    let lines = match listed {
        [] => "<p class=\"empty\">Nothing here.</p>".to_owned(),
        _ => format!("<ul>{lines}</ul>"),
    };
    format!("<section class=\"card list\" aria-label=\"Approvals\"><div class=\"tabs\">{tabs}</div>{lines}</section>")
}

/// Colour, English word and Chinese word of where an instance stands.
pub(super) fn badge(instance: &Instance) -> (&'static str, &'static str, &'static str) {
    match (instance.status, instance.result) {
        (Status::Running, _) => ("wait", "In progress", "审批中"),
        (Status::Terminated, _) => ("", "Withdrawn", "已撤销"),
        (Status::Completed, Some(Verdict::Refuse)) => ("bad", "Rejected", "审批拒绝"),
        (Status::Completed, _) => ("good", "Approved", "审批通过"),
    }
}
