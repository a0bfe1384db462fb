//! What of an approval is written into a platform's form, and under which labels.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
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
    let mut said = String::new();
    for (name, at) in [("开始 From", start.starts_at), ("结束 Until", start.ends_at)] {
        if let Some(time) = at.and_then(|at| in_zone(at, &start.time_zone)) {
            line(name, &shown(&time, &mut said));
        }
    }
    for (name, value) in &start.fields {
        line(name, &plain(value));
    }
    lines.join("\n")
}

fn in_zone(at: i64, zone: &TimeZone) -> Option<Zoned> {
    Timestamp::from_millisecond(at).ok().map(|at| at.to_zoned(zone.clone()))
}

/// A time as people read it, to the minute. Its offset from UTC is said once: where it is not the one that was `said` before.
fn shown(time: &Zoned, said: &mut String) -> String {
    let text = time.strftime("%Y-%m-%d %H:%M").to_string();
    let offset = offset(time.offset().seconds());
    if *said == offset {
        return text;
    }
    *said = offset;
    format!("{text} ({said})")
}

/// `UTC`, `UTC+8`, `UTC-3:30`.
fn offset(seconds: i32) -> String {
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs() / 60);
    match (minutes / 60, minutes % 60) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
    }
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
    use jiff::tz::TimeZone;

    use super::{Control, in_zone, offset, shown};

    #[test]
    fn times_are_of_the_time_zone_which_is_said_once() {
        let read = |zone: &str, times: &[i64]| {
            let (zone, mut said) = (TimeZone::posix(zone).unwrap_or(TimeZone::UTC), String::new());
            let times = times.iter().filter_map(|at| in_zone(*at, &zone));
            times.map(|time| shown(&time, &mut said)).collect::<Vec<_>>().join(" | ")
        };
        let (november, december, july) = (1_795_843_800_000, 1_798_435_800_000, 1_783_056_600_000);
        assert_eq!(read("CST-8", &[november, december]), "2026-11-28 13:30 (UTC+8) | 2026-12-28 13:30");
        let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
        assert_eq!(read(berlin, &[july, november]), "2026-07-03 07:30 (UTC+2) | 2026-11-28 06:30 (UTC+1)");
        assert_eq!(read("UTC0", &[november]), "2026-11-28 05:30 (UTC)");
        assert_eq!((offset(-12_600).as_str(), offset(20_700).as_str()), ("UTC-3:30", "UTC+5:45"));
    }

    #[test]
    fn labels_are_short_and_known_again() {
        for control in Control::ALL {
            assert!(control.label().chars().count() <= 20);
            assert!(control.is_called(&control.label()));
        }
        assert!(Control::Reference.is_called("reference") && Control::Title.is_called(" 标题 "));
    }
}
