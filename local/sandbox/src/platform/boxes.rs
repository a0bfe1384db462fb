//! The boxes below the inbox: the developer console and the faults.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::faults::Faults;
use super::page::both;

/// What a platform's developer console shows.
pub(crate) struct Console {
    /// Names and values that anybody may see.
    pub(crate) keys: Vec<(&'static str, String)>,
    /// Names and values that are folded away.
    pub(crate) secrets: Vec<(&'static str, String)>,
    /// What may be entered anew: the field, its name and its Chinese name.
    pub(crate) entries: &'static [(&'static str, &'static str, &'static str)],
    /// What saving does.
    pub(crate) note: Markup,
}

/// The developer console of the platform whose addresses are below `base`; `url` is where its callbacks go.
pub(super) fn console(base: &str, url: Option<&str>, console: &Console) -> Markup {
    let list = |keys: &[(&str, String)]| {
        html! {
            dl.keys {
                @for (name, value) in keys { dt { (name) } dd { code { (value) } } }
            }
        }
    };
    html! {
        section.card.box {
            h2 { (both("Developer console", "开发者后台")) }
            (list(&console.keys))
            details #secrets { summary { "Secrets" } (list(&console.secrets)) }
            form data-api={ (base) "/_/app" } data-method="PUT" data-done="The URL answered the check. Saved." {
                h3 { (both("Event subscription", "事件订阅")) }
                label {
                    (both("Callback URL", "请求网址"))
                    input name="callback_url" data-keep value=[url] placeholder="https://" autocomplete="off";
                }
                div.fields {
                    @for (field, name, chinese) in console.entries {
                        label {
                            "New " (both(name, chinese))
                            input name=(field) autocomplete="off" placeholder="unchanged";
                        }
                    }
                }
                div.row { button.main { "Save" } }
                p.message role="status" { (console.note) }
            }
        }
    }
}

/// The latest messages of a person, as pairs of time and text; nothing when there are none.
pub(crate) fn messages(heading: (&str, &str), messages: &[(String, String)]) -> Markup {
    html! {
        @if !messages.is_empty() {
            div.boxes {
                section.card.box {
                    h2 { (both(heading.0, heading.1)) }
                    ol.history {
                        @for (time, text) in messages { li { time { (time) } blockquote { (text) } } }
                    }
                }
            }
        }
    }
}

/// What a fault that strikes some calls may be set to: its JSON and its text.
const TIMES: [(&str, &str); 4] = [("false", "off"), ("1", "the next one"), ("3", "the next 3"), ("true", "all")];

/// A field for a fault that strikes some calls, which is at `now`; `more` can be chosen as well.
fn times(name: &str, label: &str, now: &Value, more: &[(&str, &str)]) -> Markup {
    let now = now.to_string();
    let now = if now == "0" { "false" } else { now.as_str() };
    let known = TIMES.iter().chain(more).any(|(value, _)| *value == now);
    html! {
        label {
            (label)
            select name=(name) data-json {
                @for (value, text) in TIMES.iter().chain(more) {
                    option value=(value) selected[*value == now] { (text) }
                }
                @if !known { option value=(now) selected { "the next " (now) } }
            }
        }
    }
}

/// A field for a number that is at `now`.
pub(crate) fn number(name: &str, label: &str, now: Option<u64>, (min, max): (u32, u32)) -> Markup {
    html! {
        label { (label) input type="number" name=(name) min=(min) max=(max) value=[now] data-json; }
    }
}

/// The heading of a box of faults, and the buttons that set and end them.
pub(crate) fn faults_box(api: &str, on: bool, about: &Markup, fields: &Markup) -> Markup {
    html! {
        section.card.box {
            h2 { "Faults" @if on { " " span.pill.bad { "on" } } }
            (about)
            form data-api=(api) data-done="Set." data-reload {
                (fields)
                div.row { button.main { "Set" } button data-method="DELETE" { "All is well again" } }
                p.message role="status" {}
            }
        }
    }
}

/// The faults; `permission` is an example of one.
pub(super) fn faults(base: &str, faults: &Faults, permission: &str) -> Markup {
    let now = json!(faults);
    let about = html! { p.soft { "What the platform does wrong, until it is told otherwise or started anew." } };
    let fields = html! {
        div.fields {
            (times("throttle", "Too many calls", &now["throttle"], &[]))
            (times("quota", "Quota used up", &now["quota"], &[]))
            (times("fail", "Calls fail", &now["fail"], &[("\"after_effect\"", "next answer lost")]))
            (number("delay_ms", "Answers take, ms", Some(faults.delay_ms), (0, 60_000)))
            (times("drop_callbacks", "Callbacks lost", &now["drop_callbacks"], &[]))
            (number("repeat_callbacks", "Extra copies", Some(faults.repeat_callbacks.into()), (0, 20)))
            label.check {
                input type="checkbox" name="reorder_callbacks" checked[faults.reorder_callbacks];
                " Callbacks last first"
            }
        }
        label {
            "Permissions that the app lacks"
            input name="missing_scopes" data-list value=(faults.missing_scopes.join(", ")) placeholder=(permission) autocomplete="off";
        }
    };
    faults_box(&format!("{base}/_/faults"), faults.any(), &about, &fields)
}
