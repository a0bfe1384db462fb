//! One instance on the page: its form, what the person may do, its flow and history, and the callbacks it brought about.

use super::desk::Kept;
use super::outbox::{Callback, CallbackState};
use super::page::{Esc, avatar};
use super::people::Person;
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
    pub(crate) ids: String,
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
pub(super) fn sheet<I: Kept>(instance: &I, sheet: &Sheet, badge: Badge, act: &str) -> String {
    let Badge(class, word, chinese) = badge;
    let form: String =
        sheet.form.iter().map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", Esc(name), Esc(value))).collect();
    format!(
        "<section class=\"card detail\" aria-label=\"Approval\"><header>{avatar}<div><h1>{title}</h1>\
         <small>No. {number} · {time} Beijing time</small></div><span class=\"stamp {class}\">{word} <small>{chinese}</small></span></header>\
         <h3>Form</h3><dl class=\"form\">{form}</dl>{act}<h3>Flow</h3><ol class=\"flow\">{flow}</ol>\
         <h3>History</h3><ol class=\"history\">{history}</ol>{callbacks}</section>",
        avatar = avatar(&sheet.applicant),
        title = Esc(&sheet.title),
        number = Esc(&sheet.number),
        time = beijing(instance.age().0, MOMENT),
        flow = sheet.steps.iter().map(step).collect::<String>(),
        history = sheet.records.iter().map(entry).collect::<String>(),
        callbacks = callbacks(instance, &sheet.ids),
    )
}

/// The form with which a person acts.
pub(super) fn act(
    base: &str,
    instance: &str,
    user: &(&'static Person, String),
    people: &[(&'static Person, String)],
    can: &Abilities,
) -> String {
    let button = |action: &str, english: &str, chinese: &str, class: &str, more: &str| {
        format!(
            "<button class=\"{class}\" name=\"action\" value=\"{action}\" data-fields=\"user remark{more}\">{english} <small>{chinese}</small></button>"
        )
    };
    let mut buttons = String::new();
    if can.decide {
        buttons.push_str(&button("approve", "Approve", "同意", "main", ""));
        buttons.push_str(&button("reject", "Reject", "拒绝", "danger", ""));
    }
    buttons.push_str(&button("comment", "Comment", "评论", "", ""));
    if let Some(chinese) = can.withdraw {
        buttons.push_str(&button("withdraw", "Withdraw", chinese, "", ""));
    }
    for (action, english, chinese) in &can.more {
        buttons.push_str(&button(action, english, chinese, "", ""));
    }
    let options = |options: &mut dyn Iterator<Item = (&str, &str)>| {
        options
            .map(|(value, text)| format!("<option value=\"{}\">{}</option>", Esc(value), Esc(text)))
            .collect::<String>()
    };
    let mut rows = String::new();
    if can.decide {
        let mut others =
            people.iter().filter(|one| one.1 != user.1).map(|(person, account)| (account.as_str(), person.name));
        let others = options(&mut others);
        let positions = options(&mut can.positions.iter().copied());
        let transfer = button("transfer", "Transfer", "转交", "", " to");
        let (decides, add) = match can.positions {
            [] => (String::new(), String::new()),
            _ => (
                format!("<label>Decides<select name=\"position\">{positions}</select></label>"),
                button("add_approver", "Add approver", "加签", "", " to position"),
            ),
        };
        rows.push_str(&format!(
            "<div class=\"row\"><label>Another person<select name=\"to\">{others}</select></label>{decides}{transfer}{add}</div>"
        ));
    }
    let form = |inner: String| {
        format!(
            "<form class=\"act\" data-api=\"{base}/_/instances/{id}/act\" data-stay=\"{id}\"><input type=\"hidden\" name=\"user\" value=\"{user}\">\
             {inner}<p class=\"message\" role=\"status\"></p></form>",
            id = Esc(instance),
            user = Esc(&user.1),
        )
    };
    let back = if can.decide && !can.targets.is_empty() {
        let targets = options(&mut can.targets.iter().map(|(value, text)| (value.as_str(), text.as_str())));
        let back = button("roll_back", "Roll back", "退回", "", " to");
        form(format!("<div class=\"row\"><label>Back to<select name=\"to\">{targets}</select></label>{back}</div>"))
    } else {
        String::new()
    };
    let waits = "<p class=\"soft\">This task waits for the approver who was added before it.</p>";
    let main = form(format!(
        "{waits}<label>Remark of {name}<textarea name=\"remark\" maxlength=\"1024\"></textarea></label>\
         <div class=\"row\">{buttons}</div>{rows}",
        waits = if can.waits { waits } else { "" },
        name = Esc(user.0.name),
    ));
    main + &back
}

fn step(step: &Step) -> String {
    let lines: String = step.lines.iter().map(line).collect();
    let (english, chinese) = step.heading;
    format!("<li class=\"{}\"><span class=\"step\">{english} <small>{chinese}</small></span>{lines}</li>", step.class)
}

fn line(line: &Line) -> String {
    let Line { name, class, word, remark, at } = line;
    let pill =
        if word.is_empty() { String::new() } else { format!(" <span class=\"pill {class}\">{}</span>", Esc(word)) };
    let remark = quote(remark.as_deref());
    let time = at.map_or(String::new(), |at| beijing(at, "%m-%d %H:%M"));
    format!("<div class=\"task\">{}<div>{}{pill}{remark}</div><time>{time}</time></div>", avatar(name), Esc(name))
}

fn entry(entry: &Entry) -> String {
    format!(
        "<li><time>{}</time><div>{} {} {}{}</div></li>",
        beijing(entry.at, MOMENT),
        Esc(&entry.name),
        Esc(&entry.what),
        Esc(&entry.others.join("、")),
        quote(entry.remark.as_deref()),
    )
}

fn quote(remark: Option<&str>) -> String {
    remark.map_or(String::new(), |text| format!("<blockquote>{}</blockquote>", Esc(text)))
}

fn callbacks<I: Kept>(instance: &I, ids: &str) -> String {
    let rows: String = instance.callbacks().iter().map(|callback| row(instance.key(), callback)).collect();
    let rows = match instance.callbacks() {
        [] => "<tr><td colspan=\"3\" class=\"soft\">none</td></tr>".to_owned(),
        _ => rows,
    };
    format!(
        "<h3>Callbacks sent <small>事件推送</small></h3><div class=\"scroll\"><table><thead><tr><th scope=\"col\">Event</th>\
         <th scope=\"col\">State</th><th scope=\"col\">Answers</th></tr></thead><tbody>{rows}</tbody></table></div>\
         <small>{}</small>",
        Esc(ids)
    )
}

fn row(instance: &str, callback: &Callback) -> String {
    let (class, word) = match callback.state {
        CallbackState::Pending if callback.attempts.is_empty() => ("wait", "to be sent"),
        CallbackState::Pending => ("wait", "sent again later"),
        CallbackState::Delivered => ("good", "answered"),
        CallbackState::Failed => ("bad", "given up"),
        CallbackState::Collected => ("on", "failed, collected"),
        CallbackState::Dropped => ("bad", "lost on purpose"),
        CallbackState::Unsubscribed => ("", "not subscribed"),
    };
    let attempts: String = callback
        .attempts
        .iter()
        .map(|attempt| {
            let copy = if attempt.copy { " (extra copy)" } else { "" };
            let at = beijing(attempt.at, "%H:%M:%S");
            format!("<div>{at}{copy} {} <span class=\"soft\">{} ms</span></div>", Esc(&attempt.detail), attempt.took_ms)
        })
        .collect();
    let event = pretty(&callback.event);
    format!(
        "<tr><td><details id=\"c-{id}-{number}\"><summary><code>{label}</code></summary><pre>{event}</pre></details></td>\
         <td><span class=\"pill {class}\">{word}</span></td><td>{attempts}</td></tr>",
        id = Esc(instance),
        number = callback.number,
        label = Esc(&callback.label),
        event = Esc(&event),
    )
}

/// An event's JSON text, set out for reading; any other text as it is.
fn pretty(event: &str) -> String {
    let parsed =
        serde_json::from_str::<serde_json::Value>(event).and_then(|value| serde_json::to_string_pretty(&value));
    parsed.unwrap_or_else(|_| event.to_owned())
}
