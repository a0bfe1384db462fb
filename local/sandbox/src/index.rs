//! The first page: what there is to try.

use axum::response::Response;
use maud::html;

use crate::platform::page::{both, shell};

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
        "",
        "The decisions as a program receives them, and whether their signatures hold.",
    ),
];

/// `GET /sandbox`.
pub(crate) async fn page() -> Response {
    let body = html! {
        main {
            h1 { "Sandbox" }
            p.soft {
                "Platforms to try approvals on without an account anywhere, and a receiver for the decisions. What happens here stays \
                 in the data folder."
            }
            div.tiles {
                @for (path, name, chinese, about) in TILES {
                    a.card.tile href=(path) {
                        h2 { @if chinese.is_empty() { (name) } @else { (both(name, chinese)) } }
                        p { (about) }
                    }
                }
            }
        }
    };
    shell("Sandbox", "", &body)
}
