//! The event `sys_approval_change`: XML with the old and the new view of the flow. The envelope around it is in `push`.

use std::fmt::Write as _;

use super::forms::{acted_at, old_relation};
use super::model::{Change, Form, Kind, Node};

/// The application that events name: the Approval app of the system, as in the platform's sample, not the one that they
/// are sent to.
const APPROVAL_APP: i64 = 3_010_040;

/// Label and text of the event that tells of a change; `None` for what no event tells of.
///
/// Whether `SpStatus` is the state before or after the change is unconfirmed: here it is the one after.
pub(super) fn event(form: &Form, corp_id: &str, change: Change, now: i64) -> Option<(String, String)> {
    let code = change.code()?;
    let mut xml = String::with_capacity(2_048);
    let _ = write!(
        xml,
        "<xml><ToUserName>{}</ToUserName><FromUserName>{}</FromUserName><CreateTime>{}</CreateTime><MsgType>{}</MsgType>\
         <Event>{}</Event><AgentID>{APPROVAL_APP}</AgentID><ApprovalInfo><SpNoStr>{}</SpNoStr><SpNo>{}</SpNo>\
         <SpName>{}</SpName><SpStatus>{}</SpStatus><TemplateId>{}</TemplateId><ApplyTime>{}</ApplyTime>\
         <Applyer>{}<Party>{}</Party></Applyer>",
        cdata(corp_id),
        cdata("sys"),
        now / 1000,
        cdata("event"),
        cdata("sys_approval_change"),
        cdata(&form.sp_no),
        form.sp_no,
        cdata(&form.sp_name),
        form.status.code(),
        cdata(&form.template_id),
        form.created_at / 1000,
        user(&form.applicant),
        cdata(&form.party.to_string()),
    );
    form.nodes.iter().filter(|node| node.kind == Kind::Approver).for_each(|node| old_record(&mut xml, node));
    for copied in form.nodes.iter().filter(|node| node.kind == Kind::Copied).flat_map(|node| &node.people) {
        let _ = write!(xml, "<Notifyer>{}</Notifyer>", user(&copied.user));
    }
    xml.push_str("<ProcessList>");
    form.nodes.iter().for_each(|node| self::node(&mut xml, node));
    xml.push_str("</ProcessList>");
    for comment in &form.comments {
        let _ = write!(
            xml,
            "<Comments><CommentUserInfo>{}</CommentUserInfo><CommentTime>{}</CommentTime>\
             <CommentContent>{}</CommentContent><CommentId>{}</CommentId></Comments>",
            user(&comment.user),
            comment.at / 1000,
            cdata(&comment.content),
            cdata(&comment.id),
        );
    }
    let _ = write!(xml, "<StatuChangeEvent>{code}</StatuChangeEvent></ApprovalInfo></xml>");
    Some((format!("sys_approval_change {code} {}", label(change)), xml))
}

fn old_record(xml: &mut String, node: &Node) {
    let (status, attr) = (node.mark.code(), old_relation(node.relation));
    let _ = write!(xml, "<SpRecord><SpStatus>{status}</SpStatus><ApproverAttr>{attr}</ApproverAttr>");
    for asked in &node.people {
        let _ = write!(
            xml,
            "<Details><Approver>{}</Approver><Speech>{}</Speech><SpStatus>{}</SpStatus><SpTime>{}</SpTime></Details>",
            user(&asked.user),
            cdata(&asked.speech),
            asked.mark.code(),
            acted_at(asked),
        );
    }
    xml.push_str("</SpRecord>");
}

fn node(xml: &mut String, node: &Node) {
    let _ = write!(xml, "<NodeList><NodeType>{}</NodeType>", node.kind as i64);
    if node.kind != Kind::Copied {
        let (status, relation) = (node.mark.code(), node.relation as i64);
        let _ = write!(xml, "<SpStatus>{status}</SpStatus><ApvRel>{relation}</ApvRel>");
    }
    for asked in &node.people {
        let _ = write!(xml, "<SubNodeList><UserInfo>{}</UserInfo>", user(&asked.user));
        if node.kind != Kind::Copied {
            let _ = write!(
                xml,
                "<Speech>{}</Speech><SpYj>{}</SpYj><Sptime>{}</Sptime>",
                cdata(&asked.speech),
                asked.mark.code(),
                acted_at(asked),
            );
        }
        xml.push_str("</SubNodeList>");
    }
    xml.push_str("</NodeList>");
}

fn user(userid: &str) -> String {
    format!("<UserId>{}</UserId>", cdata(userid))
}

/// A text as character data, split where it would end early, without what XML cannot hold.
pub(super) fn cdata(text: &str) -> String {
    let can_stand = |one: &char| matches!(one, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{1_0000}'..);
    let text: String = text.chars().filter(can_stand).collect();
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

/// What a change is called on the page and in the history.
pub(super) fn label(change: Change) -> &'static str {
    match change {
        Change::Submitted => "submitted",
        Change::Agreed => "approved",
        Change::Rejected => "rejected",
        Change::Forwarded => "forwarded the task",
        Change::Urged => "urged",
        Change::Withdrawn => "withdrew",
        Change::WithdrawnAfterApproval => "withdrew after approval",
        Change::Commented => "commented",
        Change::SentBack => "sent it back",
        Change::Added => "asked somebody else to decide first",
        Change::AgreedAndAdded => "approved and asked somebody else as well",
        Change::Handled => "handled it",
        Change::HandedOver => "handed the task over",
        Change::Deleted => "deleted it",
        Change::Paid => "noted that it is paid",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_character_data() {
        assert_eq!(cdata("a]]>b]]>"), "<![CDATA[a]]]]><![CDATA[>b]]]]><![CDATA[>]]>");
        assert_eq!(cdata("x\u{0}y\u{b}\u{fffe}\n"), "<![CDATA[xy\n]]>");
    }
}
