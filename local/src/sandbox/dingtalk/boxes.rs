//! The boxes below the inbox: work notices, the developer console, and the faults.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::BASE;
use super::directory::Account;
use super::model::Notice;
use super::state::State;
use crate::sandbox::platform::page::Esc;
use crate::sandbox::platform::text::beijing;

/// Work notices shown.
const MOST_NOTICES: usize = 10;

/// The latest work notices of a person; nothing when there are none.
pub(super) fn notices(state: &State, user: &Account) -> String {
    let own = state.notices.iter().rev().filter(|notice| notice.users.iter().any(|one| one == user.userid));
    let lines: String = own.take(MOST_NOTICES).map(notice).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!(
        "<div class=\"boxes\"><section class=\"card box\"><h2>Work notices <small>工作通知</small></h2>\
         <ol class=\"history\">{lines}</ol></section></div>"
    )
}

fn notice(notice: &Notice) -> String {
    let kind = notice.msg.get("msgtype").and_then(Value::as_str).unwrap_or_default();
    let content = notice.msg.get(kind).cloned().unwrap_or_default();
    let texts = ["title", "content", "text", "markdown"].iter().filter_map(|name| content.get(name)?.as_str());
    let text = texts.collect::<Vec<_>>().join("\n");
    let text = if text.is_empty() { content.to_string() } else { text };
    format!("<li><time>{}</time><blockquote>{}</blockquote></li>", beijing(notice.at, "%Y-%m-%d %H:%M:%S"), Esc(&text))
}

/// The developer console and the faults.
pub(super) fn boxes(state: &State, endpoint: &str) -> String {
    format!("<div class=\"boxes\">{}{}</div>", console(state, endpoint), faults(state))
}

fn console(state: &State, endpoint: &str) -> String {
    let app = &state.app;
    let subscription = &app.subscription;
    let key = |name: &str, value: &str| format!("<dt>{name}</dt><dd><code>{}</code></dd>", Esc(value));
    let keys: String = [
        key("API address", endpoint),
        key("AppKey", &app.app_key),
        key("AgentId", &app.agent_id.to_string()),
        key("CorpId", &app.corp_id),
    ]
    .concat();
    let secrets: String = [
        key("AppSecret", app.app_secret.expose_secret()),
        key("token", subscription.token.expose_secret()),
        key("aes_key", subscription.aes_key.expose_secret()),
    ]
    .concat();
    format!(
        "<section class=\"card box\"><h2>Developer console <small>开发者后台</small></h2><dl class=\"keys\">{keys}</dl>\
         <details id=\"secrets\"><summary>Secrets</summary><dl class=\"keys\">{secrets}</dl></details>\
         <form data-api=\"{BASE}/_/app\" data-method=\"PUT\" data-done=\"The URL answered the check. Saved.\">\
         <h3>Event subscription <small>事件订阅</small></h3>\
         <label>Callback URL <small>请求网址</small><input name=\"callback_url\" data-keep value=\"{url}\" placeholder=\"https://\" autocomplete=\"off\"></label>\
         <div class=\"fields\"><label>New signature token <small>签名 token</small><input name=\"token\" autocomplete=\"off\" placeholder=\"unchanged\"></label>\
         <label>New aes_key <small>加密 aes_key</small><input name=\"aes_key\" autocomplete=\"off\" placeholder=\"unchanged\"></label></div>\
         <div class=\"row\"><button class=\"main\">Save</button></div>\
         <p class=\"message\" role=\"status\">Saving sends <code>check_url</code> first, and keeps only a URL that answers it.</p></form></section>",
        url = Esc(subscription.url.as_deref().unwrap_or_default()),
    )
}

fn faults(state: &State) -> String {
    let faults = json!(state.desk.faults);
    let times = |name: &str, label: &str, more: &[(&str, &str)]| {
        let mut options = vec![("false", "off"), ("1", "the next one"), ("3", "the next 3"), ("true", "all")];
        options.extend_from_slice(more);
        let now = faults[name].to_string();
        let now = if now == "0" { "false".to_owned() } else { now };
        let known = options.iter().any(|(value, _)| *value == now);
        let mut html: String = options
            .iter()
            .map(|(value, text)| {
                let selected = if *value == now { " selected" } else { "" };
                format!("<option value=\"{}\"{selected}>{text}</option>", Esc(value))
            })
            .collect();
        if !known {
            html.push_str(&format!("<option value=\"{0}\" selected>the next {0}</option>", Esc(&now)));
        }
        format!("<label>{label}<select name=\"{name}\" data-json>{html}</select></label>")
    };
    let number = |name: &str, label: &str, most: u32| {
        let now = faults[name].as_u64().unwrap_or_default();
        format!(
            "<label>{label}<input type=\"number\" name=\"{name}\" min=\"0\" max=\"{most}\" value=\"{now}\" data-json></label>"
        )
    };
    let on = if state.desk.faults.any() { " <span class=\"pill bad\">on</span>" } else { "" };
    format!(
        "<section class=\"card box\"><h2>Faults{on}</h2><p class=\"soft\">What the platform does wrong, until it is told otherwise or started anew.</p>\
         <form data-api=\"{BASE}/_/faults\" data-done=\"Set.\" data-reload><div class=\"fields\">{throttle}{fail}{delay}{drop}{repeat}\
         <label class=\"check\"><input type=\"checkbox\" name=\"reorder_callbacks\"{reorder}> Callbacks last first</label></div>\
         <label>Permissions that the app lacks<input name=\"missing_scopes\" data-list value=\"{scopes}\" placeholder=\"Workflow.Form.Write\" autocomplete=\"off\"></label>\
         <div class=\"row\"><button class=\"main\">Set</button><button data-method=\"DELETE\">All is well again</button></div>\
         <p class=\"message\" role=\"status\"></p></form></section>",
        throttle = times("throttle", "Too many calls <small>403</small>", &[]),
        fail = times("fail", "Calls fail <small>500</small>", &[("\"after_effect\"", "next answer lost")]),
        delay = number("delay_ms", "Answers take, ms", 60_000),
        drop = times("drop_callbacks", "Callbacks lost", &[]),
        repeat = number("repeat_callbacks", "Extra copies", 20),
        reorder = if state.desk.faults.reorder_callbacks { " checked" } else { "" },
        scopes = Esc(&state.desk.faults.missing_scopes.join(", ")),
    )
}
