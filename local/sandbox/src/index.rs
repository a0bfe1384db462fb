//! The first page: what there is to try.

use axum::response::Response;
use maud::html;

use crate::platform::lang::Reader;
use crate::platform::page::shell;

/// A platform or the receiver: its path, its name, its Chinese name, and what is to be seen there.
const TILES: [(&str, &str, &str, &str); 4] = [
    (
        "/sandbox/dingtalk",
        "DingTalk",
        "钉钉 OA 审批",
        "Act as the people of 云杉科技: approve, reject, transfer, withdraw. The encrypted callbacks go out as the platform's would.",
    ),
    (
        "/sandbox/feishu",
        "Feishu",
        "飞书 审批",
        "The same people on Feishu and Lark: also send a task back. Events go out encrypted, signed and in order.",
    ),
    (
        "/sandbox/wecom",
        "WeCom",
        "企业微信审批",
        "The same people on WeCom, where only a person in the client can decide or withdraw, and callbacks may be lost.",
    ),
    (
        "/sandbox/receiver",
        "Receiver",
        "接收端",
        "The decisions as a program receives them, and whether their signatures hold.",
    ),
];

/// `GET /sandbox`.
pub(crate) async fn page(reader: Reader) -> Response {
    let lang = reader.lang;
    let body = html! {
        main {
            h1 { (lang.say("Sandbox")) }
            p.soft {
                (lang.say("Platforms to try approvals on without an account anywhere, and a receiver for the decisions. What happens here stays in the data folder."))
            }
            div.tiles {
                @for (path, name, chinese, about) in TILES {
                    a.card.tile href=(path) {
                        h2 { (lang.of(name, chinese)) }
                        p { (lang.say(about)) }
                    }
                }
            }
        }
    };
    shell(&reader, lang.say("Sandbox"), "", &body)
}
