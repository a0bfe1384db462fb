//! One instance on the page: its form, what the person may do, its flow and history, and the callbacks it brought about.

use maud::{Markup, html};

use super::desk::Kept;
use super::lang::Lang;
use super::outbox::{Callback, CallbackState};
use super::page::avatar;
use super::people::Account;
use super::text::beijing;

/// Date and time, in Beijing.
const MOMENT: &str = "%Y-%m-%d %H:%M:%S";

/// Colour, English word and Chinese word of where an instance stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Badge(pub(crate) &'static str, pub(crate) &'static str, pub(crate) &'static str);

/// An instance as the page shows it.
pub(crate) struct Sheet {
    pub(crate) title: String,
    /// A number that people know it by.
    pub(crate) number: String,
    /// Name of whoever submitted it.
    pub(crate) applicant: String,
    /// Names and values.
    pub(crate) form: Vec<(String, String)>,
    pub(crate) steps: Vec<Step>,
    pub(crate) records: Vec<Entry>,
    /// Its ids, for those who look for it in a log.
    pub(crate) ids: Vec<(&'static str, String)>,
}

/// A step of the flow.
pub(crate) struct Step {
    /// Its colour.
    pub(crate) class: &'static str,
    /// In English and in Chinese.
    pub(crate) heading: (&'static str, &'static str),
    pub(crate) lines: Vec<Line>,
}

/// Somebody in a step, and how far they are.
#[derive(Default)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// The colour of the word.
    pub(crate) class: &'static str,
    pub(crate) word: String,
    pub(crate) remark: Option<String>,
    /// When they were done.
    pub(crate) at: Option<i64>,
}

/// A line of the history.
pub(crate) struct Entry {
    pub(crate) at: i64,
    pub(crate) name: String,
    /// What they did.
    pub(crate) what: String,
    /// The names of those they did it to.
    pub(crate) others: Vec<String>,
    pub(crate) remark: Option<String>,
}

/// What a person may do with an instance.
#[derive(Debug, Default)]
pub(crate) struct Abilities {
    /// Approve, reject, hand on.
    pub(crate) decide: bool,
    /// They will decide, but somebody who was added comes first.
    pub(crate) waits: bool,
    /// Take it back: the Chinese word.
    pub(crate) withdraw: Option<&'static str>,
    /// When an added person may decide: as in `position`, and for people.
    pub(crate) positions: &'static [(&'static str, &'static str)],
    /// Where a task may be rolled back to: as in `to`, and for people.
    pub(crate) targets: Vec<(String, String)>,
    /// What else: the action, its name and its Chinese name.
    pub(crate) more: Vec<(&'static str, &'static str, &'static str)>,
}

/// The instance; `act` is the form of [`act`].
pub(super) fn sheet<I: Kept>(lang: Lang, instance: &I, sheet: &Sheet, badge: Badge, act: &Markup) -> Markup {
    let Badge(class, word, chinese) = badge;
    html! {
        section.card.detail aria-label=(lang.say("Approval")) {
            header {
                (avatar(&sheet.applicant))
                div {
                    h1 { (sheet.title) }
                    small { (lang.say("No.")) " " (sheet.number) " · " (beijing(instance.age().0, MOMENT)) " " (lang.say("Beijing time")) }
                }
                span class={ "stamp " (class) } { (lang.of(word, chinese)) }
            }
            h3 { (lang.say("Form")) }
            dl.form {
                @for (name, value) in &sheet.form { dt { (name) } dd { (value) } }
            }
            (act)
            h3 { (lang.say("Flow")) }
            ol.flow {
                @for step in &sheet.steps {
                    li class=(step.class) {
                        span.step { (lang.of(step.heading.0, step.heading.1)) }
                        @for each in &step.lines { (line(lang, each)) }
                    }
                }
            }
            h3 { (lang.say("History")) }
            ol.history {
                @for entry in &sheet.records {
                    li {
                        time { (beijing(entry.at, MOMENT)) }
                        div {
                            (entry.name) " " (lang.say(&entry.what)) " " (entry.others.join("、"))
                            (quote(entry.remark.as_deref()))
                        }
                    }
                }
            }
            (callbacks(lang, instance, &sheet.ids))
        }
    }
}

/// A button that does something with the instance; of the form's fields it sends `user`, `remark` and `more`.
fn button(lang: Lang, action: &str, (english, chinese): (&str, &str), class: &str, more: &str) -> Markup {
    html! {
        button class=(class) name="action" value=(action) data-fields={ "user remark" (more) } { (lang.of(english, chinese)) }
    }
}

/// A choice: its name and what can be chosen, as values and texts.
fn select<'a>(lang: Lang, name: &str, label: &str, options: impl Iterator<Item = (&'a str, &'a str)>) -> Markup {
    html! {
        label {
            (lang.say(label))
            select name=(name) {
                @for (value, text) in options { option value=(value) { (lang.say(text)) } }
            }
        }
    }
}

/// The form with which a person acts.
pub(super) fn act(
    lang: Lang,
    base: &str,
    instance: &str,
    user: &Account,
    people: &[Account],
    can: &Abilities,
) -> Markup {
    let form = |inner: &Markup| {
        html! {
            form.act data-api={ (base) "/_/instances/" (instance) "/act" } data-stay=(instance) data-done=(lang.say("Done.")) {
                input type="hidden" name="user" value=(user.1);
                (inner)
                p.message role="status" {}
            }
        }
    };
    let main = html! {
        @if can.waits { p.soft { (lang.say("This task waits for the approver who was added before it.")) } }
        label { (lang.say("Remark of")) " " (user.0.name) textarea name="remark" maxlength="1024" {} }
        div.row {
            @if can.decide {
                (button(lang, "approve", ("Approve", "同意"), "main", ""))
                (button(lang, "reject", ("Reject", "拒绝"), "danger", ""))
            }
            (button(lang, "comment", ("Comment", "评论"), "", ""))
            @if let Some(chinese) = can.withdraw { (button(lang, "withdraw", ("Withdraw", chinese), "", "")) }
            @for (action, english, chinese) in &can.more { (button(lang, action, (english, chinese), "", "")) }
        }
        @if can.decide { (others(lang, user, people, can)) }
    };
    let targets = can.targets.iter().map(|(value, text)| (value.as_str(), text.as_str()));
    let back = html! {
        div.row { (select(lang, "to", "Back to", targets)) (button(lang, "roll_back", ("Roll back", "退回"), "", " to")) }
    };
    html! {
        (form(&main))
        @if can.decide && !can.targets.is_empty() { (form(&back)) }
    }
}

/// What the person who decides can do with another one.
fn others(lang: Lang, user: &Account, people: &[Account], can: &Abilities) -> Markup {
    let others = people.iter().filter(|one| one.1 != user.1).map(|(person, account)| (account.as_str(), person.name));
    html! {
        div.row {
            (select(lang, "to", "Another person", others))
            @if !can.positions.is_empty() { (select(lang, "position", "Decides", can.positions.iter().copied())) }
            (button(lang, "transfer", ("Transfer", "转交"), "", " to"))
            @if !can.positions.is_empty() {
                (button(lang, "add_approver", ("Add approver", "加签"), "", " to position"))
            }
        }
    }
}

fn line(lang: Lang, line: &Line) -> Markup {
    let Line { name, class, word, remark, at } = line;
    html! {
        div.task {
            (avatar(name))
            div {
                (name)
                @if !word.is_empty() { " " span class={ "pill " (class) } { (lang.say_each(word)) } }
                (quote(remark.as_deref()))
            }
            time { @if let Some(at) = at { (beijing(*at, "%m-%d %H:%M")) } }
        }
    }
}

fn quote(remark: Option<&str>) -> Markup {
    html! { @if let Some(text) = remark { blockquote { (text) } } }
}

fn callbacks<I: Kept>(lang: Lang, instance: &I, ids: &[(&str, String)]) -> Markup {
    let callbacks = instance.callbacks();
    html! {
        h3 { (lang.of("Callbacks sent", "事件推送")) }
        div.scroll {
            table {
                thead { tr { @for heading in [lang.say("Event"), lang.say("State"), lang.say("Answers")] { th scope="col" { (heading) } } } }
                tbody {
                    @if callbacks.is_empty() { tr { td.soft colspan="3" { (lang.say("none")) } } }
                    @for callback in callbacks { (row(lang, instance.key(), callback)) }
                }
            }
        }
        small {
            @for (index, (name, id)) in ids.iter().enumerate() { @if index > 0 { " · " } (lang.say(name)) " " (id) }
        }
    }
}

fn row(lang: Lang, instance: &str, callback: &Callback) -> Markup {
    let (class, word) = match callback.state {
        CallbackState::Pending if callback.attempts.is_empty() => ("wait", "to be sent"),
        CallbackState::Pending => ("wait", "sent again later"),
        CallbackState::Delivered => ("good", "answered"),
        CallbackState::Failed => ("bad", "given up"),
        CallbackState::Collected => ("on", "failed, collected"),
        CallbackState::Dropped => ("bad", "lost on purpose"),
        CallbackState::Unsubscribed => ("", "not subscribed"),
    };
    html! {
        tr {
            td {
                details id={ "c-" (instance) "-" (callback.number) } {
                    summary { code { (callback.label) } }
                    pre { (pretty(&callback.event)) }
                }
            }
            td { span class={ "pill " (class) } { (lang.say_each(word)) } }
            td {
                @for attempt in &callback.attempts {
                    div {
                        (beijing(attempt.at, "%H:%M:%S")) @if attempt.copy { " " (lang.say("(extra copy)")) } " " (attempt.detail) " "
                        span.soft { (attempt.took_ms) " ms" }
                    }
                }
            }
        }
    }
}

/// An event's JSON text, set out for reading; any other text as it is.
fn pretty(event: &str) -> String {
    let parsed =
        serde_json::from_str::<serde_json::Value>(event).and_then(|value| serde_json::to_string_pretty(&value));
    parsed.unwrap_or_else(|_| event.to_owned())
}
