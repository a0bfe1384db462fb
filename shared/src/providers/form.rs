//! What of an approval is written into a platform's form, and under which labels.

use jiff::Timestamp;
use serde_json::Value;

use super::Start;

/// One control of our form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    Title,
    Reason,
    Details,
    Link,
    /// Carries [`reference`], by which an instance is found again.
    Reference,
}

impl Control {
    pub(super) const ALL: [Self; 5] = [Self::Title, Self::Reason, Self::Details, Self::Link, Self::Reference];

    /// Its name in Chinese and English.
    pub(super) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Title => ("标题", "Title"),
            Self::Reason => ("原因", "Reason"),
            Self::Details => ("详情", "Details"),
            Self::Link => ("链接", "Link"),
            Self::Reference => ("来源编号", "Reference"),
        }
    }

    /// Its label: both names, at most 20 characters.
    pub(super) fn label(self) -> String {
        let (chinese, english) = self.names();
        format!("{chinese} {english}")
    }

    /// Whether a customer's label means this control: ours, or its Chinese or English half.
    pub(super) fn is_called(self, label: &str) -> bool {
        let (chinese, english) = self.names();
        let label = label.trim();
        label == chinese || label.eq_ignore_ascii_case(english) || label == self.label()
    }

    /// Whether it holds several lines.
    pub(super) const fn is_long(self) -> bool {
        matches!(self, Self::Reason | Self::Details)
    }

    /// Whether an instance cannot be without it.
    pub(super) const fn is_required(self) -> bool {
        matches!(self, Self::Title | Self::Reference)
    }

    /// Its value; `None` when it is empty.
    pub(super) fn value(self, start: &Start) -> Option<String> {
        let value = match self {
            Self::Title => start.title.clone(),
            Self::Reason => start.reason.clone().unwrap_or_default(),
            Self::Details => details(start),
            Self::Link => start.resource.as_ref().and_then(|resource| resource.url.clone()).unwrap_or_default(),
            Self::Reference => reference(start),
        };
        (!value.is_empty()).then_some(value)
    }
}

/// The value for a control of a customer's template: one that is labelled as ours are, or as a submitted field is
/// named.
pub(super) fn value_for(label: &str, start: &Start) -> Option<String> {
    match Control::ALL.into_iter().find(|known| known.is_called(label)) {
        Some(known) => known.value(start),
        None => start.fields.get(label).map(plain),
    }
}

/// What stands in the Reference control: our approval id, and the stage where it is not the first. Two stages of one
/// approval may run on one connection.
pub(super) fn reference(start: &Start) -> String {
    match start.stage {
        0 => start.approval.clone(),
        stage => format!("{}/{}", start.approval, stage + 1),
    }
}

/// Applicant, resource, time and submitted fields, a line each.
fn details(start: &Start) -> String {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: &str| lines.push(format!("{name}: {value}"));
    if let Some(name) = &start.applicant_details.name {
        line("申请人 Applicant", name);
    }
    if let Some(resource) = &start.resource {
        line("资源 Resource", &resource.name);
    }
    for (name, at) in [("开始 From", start.starts_at), ("结束 Until", start.ends_at)] {
        if let Some(time) = at.and_then(|at| Timestamp::from_millisecond(at).ok()) {
            line(name, &time.to_string());
        }
    }
    for (name, value) in &start.fields {
        line(name, &plain(value));
    }
    lines.join("\n")
}

/// A submitted field as people read it: texts without quotes, all else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::Control;

    #[test]
    fn labels_are_short_and_known_again() {
        for control in Control::ALL {
            assert!(control.label().chars().count() <= 20);
            assert!(control.is_called(&control.label()));
        }
        assert!(Control::Reference.is_called("reference") && Control::Title.is_called(" 标题 "));
    }
}
