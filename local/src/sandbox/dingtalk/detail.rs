//! One instance on the page: its form, what the person may do, its flow and history, and the callbacks it brought about.

use super::directory::{self, ACCOUNTS, Account, name};
use super::model::{Instance, Mode, Position, Record, Status, Task, TaskState};
use super::page::badge;
use super::{BASE, view};
use crate::sandbox::platform::outbox::{Callback, CallbackState};
use crate::sandbox::platform::page::{Esc, avatar};
use crate::sandbox::platform::text::beijing;

/// Date and time, in Beijing.
const MOMENT: &str = "%Y-%m-%d %H:%M:%S";

/// The instance as this person sees it.
pub(super) fn detail(instance: Option<&Instance>, user: &Account) -> String {
    let Some(instance) = instance else {
        return "<section class=\"card detail\"><p class=\"empty\">Nothing to show. Submit an approval to Countersign, with a flow \
                on the DingTalk connection, and it appears here with its approvers.</p></section>"
            .to_owned();
    };
    let (class, word, chinese) = badge(instance);
    let form: String = instance
        .form
        .iter()
        .map(|value| format!("<dt>{}</dt><dd>{}</dd>", Esc(&value.name), Esc(&value.value)))
        .collect();
    format!(
        "<section class=\"card detail\" aria-label=\"Approval\"><header>{avatar}<div><h1>{title}</h1>\
         <small>No. {business} · {time} Beijing time</small></div><span class=\"stamp {class}\">{word} <small>{chinese}</small></span></header>\
         <h3>Form</h3><dl class=\"form\">{form}</dl>{act}<h3>Flow</h3><ol class=\"flow\">{flow}</ol>\
         <h3>History</h3><ol class=\"history\">{history}</ol>{callbacks}</section>",
        avatar = avatar(name(&instance.originator)),
        title = Esc(&instance.title),
        business = Esc(&instance.business_id),
        time = beijing(instance.created_at, MOMENT),
        act = act(instance, user),
        flow = flow(instance),
        history = instance.records.iter().map(record).collect::<String>(),
        callbacks = callbacks(instance),
    )
}

/// What this person may do with the instance.
fn act(instance: &Instance, user: &Account) -> String {
    let running = instance.status == Status::Running;
    let task = instance.task_of(user.userid).filter(|_| running);
    let decides = task.is_some_and(|task| task.state == TaskState::Running);
    let mut buttons = String::new();
    if decides {
        buttons.push_str(
            "<button class=\"main\" name=\"action\" value=\"approve\" data-fields=\"user remark\">Approve <small>同意</small></button>\
             <button class=\"danger\" name=\"action\" value=\"reject\" data-fields=\"user remark\">Reject <small>拒绝</small></button>",
        );
    }
    buttons.push_str(
        "<button name=\"action\" value=\"comment\" data-fields=\"user remark\">Comment <small>评论</small></button>",
    );
    if running && instance.originator == user.userid && instance.withdrawable {
        buttons.push_str("<button name=\"action\" value=\"withdraw\" data-fields=\"user remark\">Withdraw <small>撤销</small></button>");
    }
    let others: String = ACCOUNTS
        .iter()
        .filter(|other| other.userid != user.userid)
        .map(|other| format!("<option value=\"{}\">{}</option>", Esc(other.userid), Esc(name(other.userid))))
        .collect();
    let hand_on = format!(
        "<div class=\"row\"><label>Another person<select name=\"to\">{others}</select></label>\
         <label>Decides<select name=\"position\"><option value=\"before\">before me 前加签</option>\
         <option value=\"after\">after me 后加签</option></select></label>\
         <button name=\"action\" value=\"transfer\" data-fields=\"user remark to\">Transfer <small>转交</small></button>\
         <button name=\"action\" value=\"add_approver\" data-fields=\"user remark to position\">Add approver <small>加签</small></button></div>"
    );
    let waits = task.is_some_and(|task| task.state == TaskState::Paused);
    format!(
        "<form class=\"act\" data-api=\"{BASE}/_/instances/{id}/act\" data-stay=\"{id}\"><input type=\"hidden\" name=\"user\" value=\"{user}\">\
         {waits}<label>Remark of {name}<textarea name=\"remark\" maxlength=\"1024\"></textarea></label>\
         <div class=\"row\">{buttons}</div>{hand_on}<p class=\"message\" role=\"status\"></p></form>",
        id = Esc(&instance.id),
        user = Esc(user.userid),
        name = Esc(name(user.userid)),
        waits =
            if waits { "<p class=\"soft\">This task waits for the approver who was added before it.</p>" } else { "" },
        hand_on = if decides { hand_on } else { String::new() },
    )
}

fn flow(instance: &Instance) -> String {
    let mut steps = format!(
        "<li class=\"good\"><span class=\"step\">Submitted <small>发起</small></span>{}</li>",
        line(&instance.originator, "", "", None, beijing(instance.created_at, "%m-%d %H:%M"))
    );
    for (index, node) in instance.nodes.iter().enumerate() {
        let tasks: Vec<&Task> = instance.tasks.iter().filter(|task| task.node == index).collect();
        let class = match tasks.as_slice() {
            [] => "",
            tasks if tasks.iter().any(|task| task.state == TaskState::Refused) => "bad",
            tasks if tasks.iter().any(|task| task.state.open()) => "wait",
            _ if instance.status == Status::Terminated && index >= instance.current => "",
            _ => "good",
        };
        let people: String = match tasks.as_slice() {
            [] => node.users.iter().map(|user| line(user, "", "waiting for its turn", None, String::new())).collect(),
            tasks => tasks.iter().map(|each| task(each)).collect(),
        };
        let mode = match node.mode {
            Mode::And => "Approvers · all of them <small>会签</small>",
            Mode::Or => "Approvers · the first decides <small>或签</small>",
            Mode::None => "Approver <small>审批人</small>",
        };
        steps.push_str(&format!("<li class=\"{class}\"><span class=\"step\">{mode}</span>{people}</li>"));
    }
    if !instance.cc.is_empty() {
        let names: Vec<&str> = instance.cc.iter().map(|user| name(user)).collect();
        let names = names.join("、");
        steps.push_str(&format!("<li><span class=\"step\">Copied <small>抄送</small></span> {}</li>", Esc(&names)));
    }
    steps
}

fn task(task: &Task) -> String {
    let (class, word) = match task.state {
        TaskState::New => ("", "after the one who added"),
        TaskState::Running => ("wait", "to decide"),
        TaskState::Paused => ("", "waits for an added approver"),
        TaskState::Agreed => ("good", "approved"),
        TaskState::Refused => ("bad", "rejected"),
        TaskState::Redirected => ("on", "transferred"),
        TaskState::Cancelled => ("", "not needed any more"),
        TaskState::Terminated => ("", "withdrawn"),
    };
    let word = match task.added {
        Some(added) if task.state != TaskState::New => match added.position {
            Position::Before => format!("added before · {word}"),
            Position::After => format!("added after · {word}"),
        },
        _ => word.to_owned(),
    };
    let time = task.finished_at.map_or(String::new(), |at| beijing(at, "%m-%d %H:%M"));
    line(&task.user, class, &word, task.remark.as_deref(), time)
}

fn line(user: &str, class: &str, word: &str, remark: Option<&str>, time: String) -> String {
    let pill = if word.is_empty() { String::new() } else { format!(" <span class=\"pill {class}\">{word}</span>") };
    let remark = remark.map_or(String::new(), |remark| format!("<blockquote>{}</blockquote>", Esc(remark)));
    let name = directory::name(user);
    format!("<div class=\"task\">{}<div>{}{pill}{remark}</div><time>{time}</time></div>", avatar(name), Esc(name))
}

fn record(record: &Record) -> String {
    let what = match record.kind.as_str() {
        "START_PROCESS_INSTANCE" => "submitted",
        "EXECUTE_TASK_NORMAL" if record.result == "AGREE" => "approved",
        "EXECUTE_TASK_NORMAL" => "rejected",
        "REDIRECT_TASK" => "transferred the task to",
        "APPEND_TASK_BEFORE" => "asked somebody else to decide first:",
        "APPEND_TASK_AFTER" => "asked somebody else to decide as well, afterwards:",
        "ADD_REMARK" => "commented",
        "TERMINATE_PROCESS_INSTANCE" => "withdrew",
        "PROCESS_CC" => "copied",
        "FINISH_PROCESS_INSTANCE" => "finished it",
        other => other,
    };
    let others: Vec<&str> = record.others.iter().map(|user| name(user)).collect();
    let remark =
        record.remark.as_deref().map_or(String::new(), |text| format!("<blockquote>{}</blockquote>", Esc(text)));
    format!(
        "<li><time>{}</time><div>{} {} {}{remark}</div></li>",
        beijing(record.at, MOMENT),
        Esc(name(&record.user)),
        Esc(what),
        Esc(&others.join("、"))
    )
}

fn callbacks(instance: &Instance) -> String {
    let rows: String = instance.callbacks.iter().map(|callback| row(instance, callback)).collect();
    let rows = match instance.callbacks.as_slice() {
        [] => "<tr><td colspan=\"3\" class=\"soft\">none</td></tr>".to_owned(),
        _ => rows,
    };
    format!(
        "<h3>Callbacks sent <small>事件推送</small></h3><div class=\"scroll\"><table><thead><tr><th scope=\"col\">Event</th>\
         <th scope=\"col\">State</th><th scope=\"col\">Answers</th></tr></thead><tbody>{rows}</tbody></table></div>\
         <small>{mode}</small>",
        mode = Esc(&format!("Instance {} · template {}", instance.id, instance.process_code)),
    )
}

fn row(instance: &Instance, callback: &Callback) -> String {
    let (class, word) = match callback.state {
        CallbackState::Pending if callback.attempts.is_empty() => ("wait", "being sent"),
        CallbackState::Pending => ("wait", "sent again soon"),
        CallbackState::Delivered => ("good", "answered"),
        CallbackState::Failed => ("bad", "in the failed list"),
        CallbackState::Collected => ("on", "failed, collected"),
        CallbackState::Dropped => ("bad", "lost on purpose"),
        CallbackState::Unsubscribed => ("", "no callback URL"),
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
    let event = view::pretty(&callback.event);
    let task = view::staff(&callback.event).map(|user| format!(" <span class=\"soft\">{}</span>", Esc(name(&user))));
    format!(
        "<tr><td><details id=\"c-{id}-{number}\"><summary><code>{label}</code>{task}</summary><pre>{event}</pre></details></td>\
         <td><span class=\"pill {class}\">{word}</span></td><td>{attempts}</td></tr>",
        id = Esc(&instance.id),
        number = callback.number,
        label = Esc(&callback.label),
        task = task.unwrap_or_default(),
        event = Esc(&event),
    )
}
