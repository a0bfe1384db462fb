//! The languages of the pages, and the one table of their texts. Platforms and pages write English; a page in Chinese looks
//! it up here.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE};
use axum::http::request::Parts;

/// The cookie that keeps the language which somebody chose.
const COOKIE_NAME: &str = "sandbox_lang";

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lang {
    En,
    Zh,
}

impl Lang {
    /// Its tag, as pages and `?lang=` name it.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }

    /// The one of two texts that is in this language.
    pub(crate) fn of<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Self::En => english,
            Self::Zh => chinese,
        }
    }

    /// An English text in this language; as it is where the table does not have it: names, and words of platforms.
    pub(crate) fn say(self, english: &str) -> &str {
        let known = TEXTS.iter().find(|(text, _)| *text == english);
        known.filter(|_| self == Self::Zh).map_or(english, |(_, chinese)| chinese)
    }

    /// The same for texts with ` · ` between them.
    pub(crate) fn say_each(self, english: &str) -> String {
        english.split(" · ").map(|part| self.say(part)).collect::<Vec<_>>().join(" · ")
    }

    fn named(tag: &str) -> Option<Self> {
        let main = tag.split('-').next().unwrap_or_default().trim();
        match main.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The language of an `Accept-Language` that is liked most.
    fn accepted(header: &str) -> Option<Self> {
        let liked = |range: &str| {
            let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
            Some((Self::named(tag)?, weight.trim().parse::<f32>().ok().filter(|weight| *weight > 0.0)?))
        };
        let first = |best: Option<(Self, f32)>, next: (Self, f32)| match best {
            Some(best) if best.1 >= next.1 => Some(best),
            _ => Some(next),
        };
        header.split(',').filter_map(liked).fold(None, first).map(|(lang, _)| lang)
    }
}

/// Who asks for a page.
#[derive(Debug)]
pub(crate) struct Reader {
    /// In which language: what `?lang=` names, else what was chosen before, else what the browser prefers, else English.
    pub(crate) lang: Lang,
    /// The same page in the other language, as the query of its address.
    pub(crate) other: String,
    /// What the browser is to keep, when the address named a language.
    pub(crate) cookie: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        let (chosen, rest): (Vec<&str>, Vec<&str>) =
            query.split('&').filter(|part| !part.is_empty()).partition(|part| part.starts_with("lang="));
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let named = chosen.last().and_then(|part| Lang::named(&part["lang=".len()..]));
        let kept = header(COOKIE)
            .split(';')
            .find_map(|pair| Lang::named(pair.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('=')?));
        let lang = named.or(kept).or_else(|| Lang::accepted(header(ACCEPT_LANGUAGE))).unwrap_or(Lang::En);
        let other = if lang == Lang::En { Lang::Zh } else { Lang::En };
        let other = std::iter::once(format!("lang={}", other.tag())).chain(rest.into_iter().map(str::to_owned));
        let other = format!("?{}", other.collect::<Vec<_>>().join("&"));
        let cookie = named.map(|lang| format!("{COOKIE_NAME}={}; Path=/sandbox; SameSite=Lax; HttpOnly", lang.tag()));
        Ok(Self { lang, other, cookie })
    }
}

/// Texts of the pages, in English and in Chinese.
const TEXTS: &[(&str, &str)] = &[
    ("Sign in", "登录"),
    (
        "Who are you? On the platform one would scan a QR code, or be known already.",
        "您是谁？在真实平台上，这里需要扫码，或者已经登录。",
    ),
    // Every page.
    ("Sandbox", "沙箱"),
    ("sandbox", "沙箱"),
    ("Played locally: nothing here reaches the real platforms.", "本机模拟：这里的一切都不会到达真实平台。"),
    ("Working…", "处理中…"),
    ("Done.", "已完成。"),
    // The first page.
    (
        "Platforms to try approvals on without an account anywhere, and a receiver for the decisions. What happens here stays in the data folder.",
        "无需任何账号即可试用审批的模拟平台，以及接收审批结果的接收端。这里发生的一切只保存在数据目录中。",
    ),
    (
        "Act as the people of 云杉科技: approve, reject, transfer, withdraw. The encrypted callbacks go out as the platform's would.",
        "以云杉科技员工的身份操作：同意、拒绝、转交、撤销。加密回调与真实平台一样发出。",
    ),
    (
        "The same people on Feishu and Lark: also send a task back. Events go out encrypted, signed and in order.",
        "同一批人在飞书上：还可以退回任务。事件加密、签名并按顺序发出。",
    ),
    (
        "The same people on WeCom, where only a person in the client can decide or withdraw, and callbacks may be lost.",
        "同一批人在企业微信上：只有客户端里的人可以审批或撤销，回调可能丢失。",
    ),
    (
        "The decisions as a program receives them, and whether their signatures hold.",
        "程序收到的审批结果，以及签名是否有效。",
    ),
    // The inbox.
    ("People", "人员"),
    ("Act as", "操作身份"),
    ("open tasks", "待处理任务"),
    ("Approvals", "审批列表"),
    ("Nothing here.", "这里没有内容。"),
    (
        "Nothing to show. Submit an approval to Countersign, with a flow on this platform's connection, and it appears here with its approvers.",
        "暂无内容。向 Countersign 提交一个审批，其流程使用此平台的连接，它就会连同审批人显示在这里。",
    ),
    // An approval.
    ("Approval", "审批"),
    ("No.", "编号"),
    ("Beijing time", "北京时间"),
    ("Form", "表单"),
    ("Flow", "流程"),
    ("History", "记录"),
    ("Instance", "实例"),
    ("template", "模板"),
    ("definition", "定义"),
    ("This task waits for the approver who was added before it.", "此任务在等待前加签的审批人。"),
    ("Remark of", "备注："),
    ("Another person", "其他人"),
    ("Decides", "审批时机"),
    ("Back to", "退回到"),
    ("before me", "在我之前（前加签）"),
    ("after me", "在我之后（后加签）"),
    ("beside me", "与我同时（并加签）"),
    // Where somebody in the flow stands.
    ("waiting", "等待中"),
    ("waiting for its turn", "等待轮到"),
    ("waiting for their turn", "等待轮到"),
    ("after the one who added", "在加签人之后"),
    ("to decide", "待审批"),
    ("waits for an added approver", "等待加签人"),
    ("approved", "已同意"),
    ("rejected", "已拒绝"),
    ("transferred", "已转交"),
    ("forwarded", "已转审"),
    ("not needed any more", "不再需要"),
    ("withdrawn", "已撤销"),
    ("rolled back", "已退回"),
    ("sent back", "已退回"),
    ("added", "加签"),
    ("added before", "前加签"),
    ("added after", "后加签"),
    ("added an approver", "已加签"),
    ("approved, added an approver", "已同意并加签"),
    ("handled", "已办理"),
    ("handed over", "已转交办理"),
    // What somebody did.
    ("submitted", "发起"),
    ("transferred the task to", "将任务转交给"),
    ("asked somebody else to decide first:", "前加签："),
    ("asked somebody else to decide as well, afterwards:", "后加签："),
    ("approved and asked somebody else to decide as well:", "同意并后加签："),
    ("asked somebody else to decide as well:", "并加签："),
    ("commented", "评论"),
    ("withdrew", "撤销"),
    ("took it back", "撤回"),
    ("copied", "抄送"),
    ("finished it", "结束"),
    ("passed by itself", "自动通过"),
    ("sent it back", "退回"),
    ("forwarded the task", "转审"),
    ("forwarded the task:", "转审给："),
    ("reminded those who are asked", "催办"),
    ("withdrew after approval", "通过后撤销"),
    ("asked somebody else to decide first", "前加签"),
    ("approved and asked somebody else as well", "同意并加签"),
    ("approved and asked somebody else as well:", "同意并加签："),
    ("handled it", "办理"),
    ("handed the task over", "转交办理"),
    ("handed the task over:", "转交办理给："),
    ("deleted it", "删除"),
    ("noted that it is paid", "标记已支付"),
    // Callbacks.
    ("Event", "事件"),
    ("State", "状态"),
    ("Answers", "应答"),
    ("none", "无"),
    ("to be sent", "待发送"),
    ("sent again later", "稍后重发"),
    ("answered", "已应答"),
    ("given up", "已放弃"),
    ("failed, collected", "失败，已取走"),
    ("lost on purpose", "按设置丢弃"),
    ("not subscribed", "未订阅"),
    ("(extra copy)", "（重复推送）"),
    // The developer console.
    ("API address", "接口地址"),
    ("Secrets", "密钥"),
    ("New", "新的"),
    ("unchanged", "不变"),
    ("Save", "保存"),
    ("The URL answered the check. Saved.", "网址通过校验，已保存。"),
    (
        "Saving sends check_url first, and keeps only a URL that answers it.",
        "保存前会先发送 check_url，只保存应答正确的网址。",
    ),
    (
        "Saving sends a challenge first, and keeps only a URL that gives it back within a second.",
        "保存前会先发送 challenge，只保存一秒内原样返回的网址。",
    ),
    (
        "Saving sends a GET with echostr first, and keeps only a URL that answers it within a second.",
        "保存前会先发送带 echostr 的 GET 请求，只保存一秒内正确应答的网址。",
    ),
    // Faults.
    ("Faults", "故障"),
    ("on", "已开启"),
    ("Set", "设置"),
    ("Set.", "已设置。"),
    ("All is well again", "恢复正常"),
    (
        "What the platform does wrong, until it is told otherwise or started anew.",
        "平台出现的故障，直到重新设置或重新启动。",
    ),
    ("off", "关"),
    ("the next one", "下一次"),
    ("the next 3", "接下来 3 次"),
    ("all", "全部"),
    ("the next", "接下来"),
    ("next answer lost", "下一次应答丢失"),
    ("Too many calls", "调用过多（限流）"),
    ("Quota used up", "额度用完"),
    ("Calls fail", "调用失败"),
    ("Answers take, ms", "应答耗时（毫秒）"),
    ("Callbacks lost", "回调丢失"),
    ("Extra copies", "重复推送次数"),
    ("Callbacks last first", "回调倒序"),
    ("Permissions that the app lacks", "应用缺少的权限"),
    // The receiver.
    ("Receiver", "接收端"),
    (
        "What POST /sandbox/receiver received, newest first. Signatures (Standard Webhooks) are checked by the crate standardwebhooks; trusted secrets:",
        "POST /sandbox/receiver 收到的内容，最新的在前。签名（Standard Webhooks）由 standardwebhooks 库校验；受信任的密钥数：",
    ),
    (
        "Nothing has arrived yet. Decisions of approvals appear here as soon as they are delivered.",
        "尚未收到任何内容。审批结果送达后会立即显示在这里。",
    ),
    ("Received", "收到时间"),
    ("Type", "类型"),
    ("Status", "状态"),
    ("Signature holds", "签名有效"),
    ("Answered", "应答"),
    ("Delivery", "投递"),
    ("yes", "是"),
    ("no", "否"),
    ("no id", "无编号"),
    ("again", "重复"),
    ("Trust another source", "信任其他来源"),
    ("Trusted from now on.", "从现在起信任。"),
    ("Webhook secret", "Webhook 密钥"),
    ("Trust", "信任"),
    ("Answer with HTTP status", "应答的 HTTP 状态码"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::http::Request;

    use super::*;

    /// The text literals that come right after `start` in a source.
    fn literals<'a>(source: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
        source.split(start).skip(1).filter_map(|rest| rest.split('"').next())
    }

    #[test]
    fn every_text_is_there_in_chinese() {
        let pages = [
            include_str!("boxes.rs"),
            include_str!("inbox.rs"),
            include_str!("page.rs"),
            include_str!("sheet.rs"),
            include_str!("../index.rs"),
            include_str!("../receiver/page.rs"),
        ];
        let platforms =
            [include_str!("../dingtalk/page.rs"), include_str!("../feishu/page.rs"), include_str!("../wecom/page.rs")];
        let starts = ["(\"\", \"", "(\"good\", \"", "(\"bad\", \"", "(\"wait\", \"", "(\"on\", \""];
        let of_pages = pages.iter().flat_map(|page| literals(page, "say(\""));
        // Badges begin with a capital letter, and name their Chinese words themselves.
        let of_platforms = platforms.iter().flat_map(|page| starts.iter().flat_map(|start| literals(page, start)));
        let of_platforms = of_platforms.filter(|text| text.starts_with(char::is_lowercase));
        let texts: Vec<&str> = of_pages.chain(of_platforms).collect();
        assert!(texts.len() > 80, "{}", texts.len());
        for text in texts {
            assert!(TEXTS.iter().any(|(english, _)| *english == text), "{text}");
        }
    }

    async fn reader(address: &str, headers: &[(&str, &str)]) -> Reader {
        let mut request = Request::get(address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let Ok(reader) = Reader::from_request_parts(&mut parts, &()).await;
        reader
    }

    #[tokio::test]
    async fn the_address_comes_before_the_choice_and_the_choice_before_the_browser() {
        let browser = ("accept-language", "fr, en;q=0.5, zh-CN;q=0.8");
        let cookie = ("cookie", "a=b; sandbox_lang=en");
        assert_eq!(reader("/sandbox", &[]).await.lang, Lang::En);
        assert_eq!(reader("/sandbox", &[browser]).await.lang, Lang::Zh);
        assert_eq!(reader("/sandbox", &[browser, cookie]).await.lang, Lang::En);
        let named = reader("/sandbox/wecom?as=LiNa&lang=zh-CN&tab=todo", &[cookie]).await;
        assert_eq!((named.lang, named.other.as_str()), (Lang::Zh, "?lang=en&as=LiNa&tab=todo"));
        assert!(named.cookie.unwrap().starts_with("sandbox_lang=zh-CN;"));
        let strange = reader("/sandbox?lang=%22%3E", &[("accept-language", "*, xx;q=2")]).await;
        assert_eq!((strange.lang, strange.cookie), (Lang::En, None));
    }
}
