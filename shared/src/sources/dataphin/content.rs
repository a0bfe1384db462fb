//! The `content` of a form, as approvers read it: known parts with Chinese and English labels, everything else as `path: value`.
//! It comes as JSON in a text, as plain text, or as an object. Bounded, and nothing fails: a form is not refused for its content.

use serde_json::{Map, Value};

use super::inbound::cut;

/// Most lines that are shown.
const MAX_LINES: usize = 60;
/// Longest line, in characters.
const MAX_LINE: usize = 300;
/// Longest plain text, in characters.
const MAX_TEXT: usize = 4_000;
/// Texts in texts: how often a text that is JSON is read.
const MAX_WRAPS: usize = 2;

/// Both spellings of each `resourceType` (the interface's, the metadata's), and what it is.
const RESOURCE_TYPES: &[(&[&str], &str)] = &[
    (&["PhysicalTable", "PHYSICAL_TABLE"], "物理表 physical table"),
    (&["LogicTable", "LOGICAL_TABLE"], "逻辑表 logical table"),
    (&["MetaTable", "REALTIME_LOGICAL_TABLE"], "实时元表 real-time meta table"),
    (&["MirrorTable", "REALTIME_MIRROR_TABLE"], "镜像表 mirror table"),
    (&["Fun", "FUNCTION"], "函数 function"),
    (&["DataSource", "DATASOURCE"], "数据源 data source"),
    (&["FeatureConfig", "FEATURE"], "功能权限 feature permission"),
    (&["OSAPP"], "数据服务应用 data-service application"),
    (&["OSAPI"], "数据服务 API data-service API"),
    (&["OSLogicUnit"], "数据服务单元 data-service unit"),
    (&["OSDS"], "数据服务数据源 data-service data source"),
    (&["SECRET_KEY"], "密钥 secret key"),
    (&["GLOBAL_PARAM"], "全局变量 global variable"),
    (&["PHYSICAL_FIELD"], "物理表字段 physical table field"),
    (&["LOGICAL_FIELD"], "逻辑表字段 logical table field"),
    (&["LABEL_TABLE"], "标签表 label table"),
    (&["LABEL_FIELD"], "标签字段 label field"),
    (&["REALTIME_LOGICAL_FIELD"], "实时元表字段 real-time meta table field"),
    (&["REALTIME_MIRROR_FIELD"], "镜像表字段 mirror table field"),
    (&["PHYSICAL_VIEW"], "物理视图 physical view"),
    (&["LOGICAL_VIEW"], "逻辑视图 logical view"),
    (&["PHYSICAL_MATERIALIZED_VIEW"], "物化视图 materialised view"),
    (&["QD_SERVICE_FEATURE"], "服务功能 service feature"),
    (&["QD_ADVANCED_FEATURE"], "高级功能 advanced feature"),
    (&["QD_CLUSTER"], "集群 cluster"),
    (&["QD_EVENT"], "事件 event"),
    (&["QD_OFFLINE_SERVICE"], "离线服务 offline service"),
];

/// Each `type` of a form.
const KINDS: &[(&[&str], &str)] = &[
    (&["CODE_REVIEW"], "代码评审 code review"),
    (&["PUBLISH"], "发布管控 release control"),
    (&["BIZ_PLANNING"], "业务规划 business planning"),
    (&["AUTH"], "权限申请 permission request"),
    (&["DEFAULT"], "默认 default"),
    (&["STANDARD_APPROVAL"], "数据标准评审 data-standard review"),
];

/// Values of `accountType`, `periodType` and `resourceEnv`: the first of each is documented, the others are expected.
const ACCOUNTS: &[(&[&str], &str)] = &[
    (&["PERSONAL"], "个人账号 personal account"),
    (&["PRODUCTION", "PROJECT"], "生产账号 production account"),
    (&["USER_GROUP", "GROUP"], "用户组 user group"),
];
const PERIODS: &[(&[&str], &str)] = &[
    (&["DAYS_30"], "30 天 30 days"),
    (&["DAYS_90"], "90 天 90 days"),
    (&["DAYS_180"], "180 天 180 days"),
    (&["LONG_TERM", "FOREVER"], "长期 long-term"),
    (&["CUSTOM"], "自定义 custom"),
];
const ENVIRONMENTS: &[(&[&str], &str)] =
    &[(&["PROD"], "生产环境 production"), (&["DEV"], "开发环境 development"), (&["BASIC"], "Basic")];

/// What a value is called; a value that is not listed stands for itself.
fn called(value: &str, known: &[(&[&str], &str)]) -> String {
    match known.iter().find(|(values, _)| values.contains(&value)) {
        Some((_, label)) => format!("{label} ({value})"),
        None => value.to_owned(),
    }
}

/// What the `type` of a form is called.
#[must_use]
pub fn kind(kind: &str) -> String {
    called(kind, KINDS)
}

/// What a form's content is to us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// What approvers read, a line for each part.
    pub text: String,
    /// `resourceType`, in the metadata's spelling where there is one: for rules.
    pub resource_type: Option<String>,
    /// `resourceEnv`: for rules.
    pub environment: Option<String>,
}

/// Reads a form's content.
#[must_use]
pub fn read(content: &Value) -> Content {
    let mut value = content.clone();
    for _ in 0..MAX_WRAPS {
        let Some(inner) = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()) else { break };
        // A number is a text like any other.
        if !matches!(inner, Value::Object(_) | Value::Array(_) | Value::String(_)) {
            break;
        }
        value = inner;
    }
    match value {
        Value::Null => Content::default(),
        Value::String(text) => Content { text: clip(&text), ..Content::default() },
        Value::Object(object) => structured(object),
        other => {
            let mut lines = Lines::default();
            flatten("", &other, &mut lines);
            Content { text: lines.text(), ..Content::default() }
        }
    }
}

/// A plain text with its lines, without other control characters.
fn clip(text: &str) -> String {
    let shown = text.trim().chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c });
    let clipped: String = shown.clone().take(MAX_TEXT).collect();
    if shown.count() > MAX_TEXT { format!("{clipped}…") } else { clipped }
}

fn structured(mut object: Map<String, Value>) -> Content {
    let mut lines = Lines::default();
    let resource = take_text(&mut object, "resourceType");
    if let Some(resource) = &resource {
        lines.add("资源类型 Resource type", &called(resource, RESOURCE_TYPES));
    }
    let environment = match object.remove("bpmsEnvironment") {
        Some(Value::Object(environment)) => self::environment(environment, &mut lines),
        other => {
            flatten_some("bpmsEnvironment", other.as_ref(), &mut lines);
            None
        }
    };
    match object.remove("grantToUsers") {
        Some(Value::Array(users)) => users.into_iter().for_each(|user| grantee(user, &mut lines)),
        other => flatten_some("grantToUsers", other.as_ref(), &mut lines),
    }
    // How the field of the operations is spelled in full is not documented.
    let operations: Vec<String> = object.keys().filter(|name| name.starts_with("operat")).cloned().collect();
    for name in operations {
        match object.remove(&name) {
            Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
                let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                lines.add("操作 Operations", &items.join(", "));
            }
            Some(Value::String(text)) => lines.add("操作 Operations", &text),
            other => flatten_some(&name, other.as_ref(), &mut lines),
        }
    }
    if let Some(reason) = take_text(&mut object, "reason") {
        lines.add("申请理由 Reason", &reason);
    }
    for (name, value) in &object {
        flatten(name, value, &mut lines);
    }
    Content { text: lines.text(), resource_type: resource.as_deref().map(spelled), environment }
}

/// The metadata's spelling of a resource type.
fn spelled(resource: &str) -> String {
    let known = RESOURCE_TYPES.iter().find(|(values, _)| values.contains(&resource));
    let last = known.and_then(|(values, _)| values.last().copied());
    cut(last.unwrap_or(resource), 64)
}

fn environment(mut object: Map<String, Value>, lines: &mut Lines) -> Option<String> {
    for (label, shown, name) in [
        ("项目 Project", "projectDisplayName", "projectName"),
        ("业务板块 Business unit", "bizUnitDisplayName", "bizUnitName"),
    ] {
        match (take_text(&mut object, shown), take_text(&mut object, name)) {
            (Some(shown), Some(name)) if shown != name => lines.add(label, &format!("{shown} ({name})")),
            (Some(one), _) | (None, Some(one)) => lines.add(label, &one),
            (None, None) => {}
        }
    }
    let environment = take_text(&mut object, "resourceEnv");
    if let Some(environment) = &environment {
        lines.add("环境 Environment", &called(environment, ENVIRONMENTS));
    }
    for (name, value) in &object {
        flatten(&format!("bpmsEnvironment.{name}"), value, lines);
    }
    environment.map(|environment| cut(&environment, 64))
}

/// One whom something is to be granted to: name, kind of account, for how long.
fn grantee(user: Value, lines: &mut Lines) {
    let Value::Object(mut user) = user else { return flatten("grantToUsers", &user, lines) };
    let mut parts = Vec::new();
    if let Some(Value::Object(account)) = user.get_mut("account") {
        let (name, id) = (take_text(account, "userName"), take_text(account, "userId"));
        parts.extend(match (name, id) {
            (Some(name), Some(id)) => Some(format!("{name} ({id})")),
            (one, other) => one.or(other),
        });
        parts.extend(take_text(account, "accountType").map(|kind| called(&kind, ACCOUNTS)));
    }
    if let Some(Value::Object(period)) = user.get_mut("period") {
        parts.extend(take_text(period, "periodType").map(|kind| called(&kind, PERIODS)));
        parts.extend(take_text(period, "periodEnd").map(|end| format!("至 until {end}")));
    }
    if !parts.is_empty() {
        lines.add("授权对象 Grant to", &parts.join(", "));
    }
    flatten("grantToUsers", &Value::Object(user), lines);
}

/// A field's text, taken out; what is none, or empty, stays.
fn take_text(object: &mut Map<String, Value>, name: &str) -> Option<String> {
    let text = object.get(name)?.as_str().filter(|text| !text.trim().is_empty())?.to_owned();
    object.remove(name);
    Some(text)
}

fn flatten_some(path: &str, value: Option<&Value>, lines: &mut Lines) {
    if let Some(value) = value {
        flatten(path, value, lines);
    }
}

/// Every value in it, a line each. Empty ones say nothing.
fn flatten(path: &str, value: &Value, lines: &mut Lines) {
    let within = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| flatten(&within(name), value, lines)),
        Value::Array(items) if items.iter().all(Value::is_string) && !items.is_empty() => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            lines.add(path, &items.join(", "));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| flatten(&format!("{path}[{index}]"), value, lines));
        }
        Value::Null => {}
        Value::String(text) => lines.add(path, text),
        Value::Number(_) | Value::Bool(_) => lines.add(path, &value.to_string()),
    }
}

/// What is shown, line by line, within its bounds.
#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    left_out: usize,
}

impl Lines {
    fn add(&mut self, label: &str, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        if self.lines.len() >= MAX_LINES {
            self.left_out += 1;
            return;
        }
        // A list of plain values has no name.
        let line = if label.is_empty() { text.to_owned() } else { format!("{label}: {text}") };
        self.lines.push(cut(&line, MAX_LINE));
    }

    fn text(mut self) -> String {
        if self.left_out > 0 {
            self.lines.push(format!("… 另有 {0} 项，见 Dataphin … {0} more, to be seen in Dataphin", self.left_out));
        }
        self.lines.join("\n")
    }
}
