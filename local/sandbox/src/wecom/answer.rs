//! How the platform refuses: HTTP 200, a code, and a text that may change at any time.

use std::borrow::Cow;
use std::net::IpAddr;

use countersign::clock::World;
use serde_json::{Map, Value, json};

use crate::platform::files;
use crate::platform::text::random_name;

/// A refusal.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: i64,
    text: Cow<'static, str>,
    /// The body was understood in part only.
    wrong_json: bool,
    /// What the answer carries besides.
    with: Map<String, Value>,
}

impl Refusal {
    /// A refusal by its code.
    pub(super) fn new(code: i64, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into(), wrong_json: false, with: Map::new() }
    }

    /// A required field is absent or empty: 40063 as documented.
    pub(super) fn missing() -> Self {
        Self::new(40_063, "some parameters are empty")
    }

    /// A field makes no sense: 40058 as documented.
    pub(super) fn invalid() -> Self {
        Self::new(40_058, "invalid Request Parameter")
    }

    /// A field is of another type than the platform reads.
    pub(super) fn mistyped() -> Self {
        Self::invalid().after_wrong_json()
    }

    /// 301025 without detail: there is no flow.
    pub(super) fn no_flow() -> Self {
        Self::new(301_025, "get approval param error")
    }

    /// 301025 with its detail.
    pub(super) fn approval(detail: &str) -> Self {
        Self::new(301_025, format!("get approval param error:{detail}"))
    }

    /// The same, where the body could not be read as JSON.
    pub(super) fn after_wrong_json(mut self) -> Self {
        self.wrong_json = true;
        self
    }

    /// The same with another field in the answer.
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.with.insert(name.to_owned(), value);
        self
    }

    /// The answer's body.
    pub(super) fn body(self, world: &World, from: IpAddr) -> Value {
        let code = self.code;
        let warning = if self.wrong_json { "Warning: wrong json format. " } else { "" };
        let text = format!(
            "{warning}{}, hint: [{}], from ip: {from}, more info at https://open.work.weixin.qq.com/devtool/query?e={code}",
            self.text,
            hint(world),
        );
        let mut body = self.with;
        body.insert("errcode".to_owned(), json!(code));
        body.insert("errmsg".to_owned(), text.into());
        body.into()
    }
}

fn hint(world: &World) -> String {
    format!("{}{}", world.now() / 1000, random_name(world, b"0123456789", 12))
}

impl From<files::Error> for Refusal {
    fn from(error: files::Error) -> Self {
        tracing::error!(%error, "the WeCom sandbox cannot keep its state");
        Self::new(-1, "system busy")
    }
}
