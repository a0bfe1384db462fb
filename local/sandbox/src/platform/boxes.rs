//! The boxes below the inbox: the developer console and the faults.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::faults::Faults;
use super::lang::Lang;

/// What a platform's developer console shows.
pub(crate) struct Console {
    /// Names and values that anybody may see.
    pub(crate) keys: Vec<(&'static str, String)>,
    /// Names and values that are folded away.
    pub(crate) secrets: Vec<(&'static str, String)>,
    /// What may be entered anew: the field, its name and its Chinese name.
    pub(crate) entries: &'static [(&'static str, &'static str, &'static str)],
    /// What saving does.
    pub(crate) note: &'static str,
}

/// The developer console of the platform whose addresses are below `base`; `url` is where its callbacks go.
pub(super) fn console(lang: Lang, base: &str, url: Option<&str>, console: &Console) -> Markup {
    let list = |keys: &[(&str, String)]| {
        html! {
            dl.keys {
                @for (name, value) in keys { dt { (lang.say(name)) } dd { code { (value) } } }
            }
        }
    };
    html! {
        section.card.box {
            h2 { (lang.of("Developer console", "开发者后台")) }
            (list(&console.keys))
            details #secrets { summary { (lang.say("Secrets")) } (list(&console.secrets)) }
            form data-api={ (base) "/_/app" } data-method="PUT" data-done=(lang.say("The URL answered the check. Saved.")) {
                h3 { (lang.of("Event subscription", "事件订阅")) }
                label {
                    (lang.of("Callback URL", "请求网址"))
                    input name="callback_url" data-keep value=[url] placeholder="https://" autocomplete="off";
                }
                div.fields {
                    @for (field, name, chinese) in console.entries {
                        label {
                            (lang.say("New")) " " (lang.of(name, chinese))
                            input name=(field) autocomplete="off" placeholder=(lang.say("unchanged"));
                        }
                    }
                }
                div.row { button.main { (lang.say("Save")) } }
                p.message role="status" { (lang.say(console.note)) }
            }
        }
    }
}

/// The latest work notices of a person, as pairs of time and text; nothing when there are none.
pub(super) fn notices(lang: Lang, notices: &[(String, String)]) -> Markup {
    html! {
        @if !notices.is_empty() {
            div.boxes {
                section.card.box {
                    h2 { (lang.of("Work notices", "工作通知")) }
                    ol.history {
                        @for (time, text) in notices { li { time { (time) } blockquote { (text) } } }
                    }
                }
            }
        }
    }
}

/// What a fault that strikes some calls may be set to: its JSON and its text.
const TIMES: [(&str, &str); 4] = [("false", "off"), ("1", "the next one"), ("3", "the next 3"), ("true", "all")];

/// A field for a fault that strikes some calls, which is at `now`; `more` can be chosen as well.
fn times(lang: Lang, name: &str, label: &str, now: &Value, more: &[(&str, &str)]) -> Markup {
    let now = now.to_string();
    let now = if now == "0" { "false" } else { now.as_str() };
    let known = TIMES.iter().chain(more).any(|(value, _)| *value == now);
    html! {
        label {
            (lang.say(label))
            select name=(name) data-json {
                @for (value, text) in TIMES.iter().chain(more) {
                    option value=(value) selected[*value == now] { (lang.say(text)) }
                }
                @if !known { option value=(now) selected { (lang.say("the next")) " " (now) } }
            }
        }
    }
}

/// A field for a number that is at `now`.
pub(crate) fn number(lang: Lang, name: &str, label: &str, now: Option<u64>, (min, max): (u32, u32)) -> Markup {
    html! {
        label { (lang.say(label)) input type="number" name=(name) min=(min) max=(max) value=[now] data-json; }
    }
}

/// The heading of a box of faults, and the buttons that set and end them.
pub(crate) fn faults_box(lang: Lang, api: &str, on: bool, about: &Markup, fields: &Markup) -> Markup {
    html! {
        section.card.box {
            h2 { (lang.say("Faults")) @if on { " " span.pill.bad { (lang.say("on")) } } }
            (about)
            form data-api=(api) data-done=(lang.say("Set.")) data-reload {
                (fields)
                div.row { button.main { (lang.say("Set")) } button data-method="DELETE" { (lang.say("All is well again")) } }
                p.message role="status" {}
            }
        }
    }
}

/// The faults; `permission` is an example of one.
pub(super) fn faults(lang: Lang, base: &str, faults: &Faults, permission: &str) -> Markup {
    let now = json!(faults);
    let about =
        html! { p.soft { (lang.say("What the platform does wrong, until it is told otherwise or started anew.")) } };
    let fields = html! {
        div.fields {
            (times(lang, "throttle", "Too many calls", &now["throttle"], &[]))
            (times(lang, "quota", "Quota used up", &now["quota"], &[]))
            (times(lang, "fail", "Calls fail", &now["fail"], &[("\"after_effect\"", "next answer lost")]))
            (number(lang, "delay_ms", "Answers take, ms", Some(faults.delay_ms), (0, 60_000)))
            (times(lang, "drop_callbacks", "Callbacks lost", &now["drop_callbacks"], &[]))
            (number(lang, "repeat_callbacks", "Extra copies", Some(faults.repeat_callbacks.into()), (0, 20)))
            label.check {
                input type="checkbox" name="reorder_callbacks" checked[faults.reorder_callbacks];
                " " (lang.say("Callbacks last first"))
            }
        }
        label {
            (lang.say("Permissions that the app lacks"))
            input name="missing_scopes" data-list value=(faults.missing_scopes.join(", ")) placeholder=(permission) autocomplete="off";
        }
    };
    faults_box(lang, &format!("{base}/_/faults"), faults.any(), &about, &fields)
}
