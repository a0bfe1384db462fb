//! The boxes below the inbox: the developer console and the faults.

use serde_json::json;

use super::faults::Faults;
use super::page::Esc;

/// What a platform's developer console shows.
pub(crate) struct Console {
    /// Names and values that anybody may see.
    pub(crate) keys: Vec<(&'static str, String)>,
    /// Names and values that are folded away.
    pub(crate) secrets: Vec<(&'static str, String)>,
    /// What may be entered anew: the field, its name and its Chinese name.
    pub(crate) entries: &'static [(&'static str, &'static str, &'static str)],
    /// What saving does, as HTML.
    pub(crate) note: &'static str,
}

/// The developer console of the platform whose addresses are below `base`; `url` is where its callbacks go.
pub(super) fn console(base: &str, url: Option<&str>, console: &Console) -> String {
    let list = |keys: &[(&str, String)]| {
        keys.iter()
            .map(|(name, value)| format!("<dt>{name}</dt><dd><code>{}</code></dd>", Esc(value)))
            .collect::<String>()
    };
    let entries: String = console
        .entries
        .iter()
        .map(|(field, name, chinese)| {
            format!(
                "<label>New {name} <small>{chinese}</small><input name=\"{field}\" autocomplete=\"off\" placeholder=\"unchanged\"></label>"
            )
        })
        .collect();
    format!(
        "<section class=\"card box\"><h2>Developer console <small>开发者后台</small></h2><dl class=\"keys\">{keys}</dl>\
         <details id=\"secrets\"><summary>Secrets</summary><dl class=\"keys\">{secrets}</dl></details>\
         <form data-api=\"{base}/_/app\" data-method=\"PUT\" data-done=\"The URL answered the check. Saved.\">\
         <h3>Event subscription <small>事件订阅</small></h3>\
         <label>Callback URL <small>请求网址</small><input name=\"callback_url\" data-keep value=\"{url}\" placeholder=\"https://\" autocomplete=\"off\"></label>\
         <div class=\"fields\">{entries}</div><div class=\"row\"><button class=\"main\">Save</button></div>\
         <p class=\"message\" role=\"status\">{note}</p></form></section>",
        keys = list(&console.keys),
        secrets = list(&console.secrets),
        url = Esc(url.unwrap_or_default()),
        note = console.note,
    )
}

/// The latest messages of a person, as pairs of time and text; nothing when there are none.
pub(crate) fn messages(heading: (&str, &str), messages: &[(String, String)]) -> String {
    let lines: String = messages
        .iter()
        .map(|(time, text)| format!("<li><time>{}</time><blockquote>{}</blockquote></li>", Esc(time), Esc(text)))
        .collect();
    if lines.is_empty() {
        return lines;
    }
    format!(
        "<div class=\"boxes\"><section class=\"card box\"><h2>{} <small>{}</small></h2>\
         <ol class=\"history\">{lines}</ol></section></div>",
        heading.0, heading.1
    )
}

/// The faults; `permission` is an example of one.
pub(super) fn faults(base: &str, faults: &Faults, permission: &str) -> String {
    let on = if faults.any() { " <span class=\"pill bad\">on</span>" } else { "" };
    let reorder = if faults.reorder_callbacks { " checked" } else { "" };
    let scopes = faults.missing_scopes.join(", ");
    let faults = json!(faults);
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
    format!(
        "<section class=\"card box\"><h2>Faults{on}</h2><p class=\"soft\">What the platform does wrong, until it is told otherwise or started anew.</p>\
         <form data-api=\"{base}/_/faults\" data-done=\"Set.\" data-reload><div class=\"fields\">{throttle}{quota}{fail}{delay}{drop}{repeat}\
         <label class=\"check\"><input type=\"checkbox\" name=\"reorder_callbacks\"{reorder}> Callbacks last first</label></div>\
         <label>Permissions that the app lacks<input name=\"missing_scopes\" data-list value=\"{scopes}\" placeholder=\"{permission}\" autocomplete=\"off\"></label>\
         <div class=\"row\"><button class=\"main\">Set</button><button data-method=\"DELETE\">All is well again</button></div>\
         <p class=\"message\" role=\"status\"></p></form></section>",
        throttle = times("throttle", "Too many calls", &[]),
        quota = times("quota", "Quota used up", &[]),
        fail = times("fail", "Calls fail", &[("\"after_effect\"", "next answer lost")]),
        delay = number("delay_ms", "Answers take, ms", 60_000),
        drop = times("drop_callbacks", "Callbacks lost", &[]),
        repeat = number("repeat_callbacks", "Extra copies", 20),
        scopes = Esc(&scopes),
        permission = Esc(permission),
    )
}
