//! Timestamps and durations of CEL. Those of the interpreter want a time zone database, which is larger than all of it;
//! these are milliseconds, in UTC or at a fixed offset.

use std::any::Any;
use std::cmp::Ordering;

use cel::ExecutionError;
use cel::common::traits::{Adder, Comparer, Negator, Subtractor};
use cel::common::types::{CelInt, CelString, DURATION_TYPE, STRING_TYPE, TIMESTAMP_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{DeclarationError, Env};

static TIMESTAMP: Type = TIMESTAMP_TYPE;
static DURATION: Type = DURATION_TYPE;

/// What CEL lets be a timestamp: the years 1 to 9999, in milliseconds since the Unix epoch.
const EARLIEST: i64 = -62_135_596_800_000;
const LATEST: i64 = 253_402_300_799_999;

/// A moment, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timestamp(pub(super) i64);

/// A span of time, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Duration(pub(super) i64);

impl StaticVal for Timestamp {}
impl StaticVal for Duration {}

impl Val for Timestamp {
    fn get_type(&self) -> &Type {
        &TIMESTAMP
    }

    fn cel_type() -> &'static Type {
        &TIMESTAMP
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_comparer(&self) -> Option<&dyn Comparer> {
        Some(self)
    }

    fn as_subtractor<'b, 'v>(&'b self) -> Option<&'b (dyn Subtractor + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        other.downcast_ref::<Self>() == Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl Val for Duration {
    fn get_type(&self) -> &Type {
        &DURATION
    }

    fn cel_type() -> &'static Type {
        &DURATION
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_comparer(&self) -> Option<&dyn Comparer> {
        Some(self)
    }

    fn as_negator<'b, 'v>(&'b self) -> Option<&'b (dyn Negator + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_subtractor<'b, 'v>(&'b self) -> Option<&'b (dyn Subtractor + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        other.downcast_ref::<Self>() == Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

type Made<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn no_overload(operator: &str, left: &dyn Val, right: &dyn Val) -> ExecutionError {
    let types = [left, right].map(|value| value.get_type().name().to_owned());
    ExecutionError::no_such_overload(operator, types.to_vec())
}

fn timestamp<'b, 'v>(at: Option<i64>) -> Made<'b, 'v> {
    let at = at.filter(|at| (EARLIEST..=LATEST).contains(at));
    let at = at.ok_or_else(|| ExecutionError::function_error("timestamp", "out of range"))?;
    Ok(CowVal::owned(Timestamp(at)))
}

fn duration<'b, 'v>(span: Option<i64>) -> Made<'b, 'v> {
    let span = span.ok_or_else(|| ExecutionError::function_error("duration", "out of range"))?;
    Ok(CowVal::owned(Duration(span)))
}

impl Adder for Timestamp {
    fn add<'b, 'v>(&'b self, rhs: &(dyn Val + 'v)) -> Made<'b, 'v>
    where
        Self: 'v,
    {
        match rhs.downcast_ref::<Duration>() {
            Some(span) => timestamp(self.0.checked_add(span.0)),
            None => Err(no_overload("_+_", self, rhs)),
        }
    }
}

impl Subtractor for Timestamp {
    fn sub<'b, 'v>(&'b self, rhs: &(dyn Val + 'v)) -> Made<'b, 'v>
    where
        Self: 'v,
    {
        match (rhs.downcast_ref::<Self>(), rhs.downcast_ref::<Duration>()) {
            (Some(earlier), _) => duration(self.0.checked_sub(earlier.0)),
            (None, Some(span)) => timestamp(self.0.checked_sub(span.0)),
            (None, None) => Err(no_overload("_-_", self, rhs)),
        }
    }
}

impl Comparer for Timestamp {
    fn compare(&self, rhs: &dyn Val) -> Result<Ordering, ExecutionError> {
        rhs.downcast_ref::<Self>().map(|rhs| self.cmp(rhs)).ok_or_else(|| no_overload("_<_", self, rhs))
    }
}

impl Adder for Duration {
    fn add<'b, 'v>(&'b self, rhs: &(dyn Val + 'v)) -> Made<'b, 'v>
    where
        Self: 'v,
    {
        match (rhs.downcast_ref::<Self>(), rhs.downcast_ref::<Timestamp>()) {
            (Some(other), _) => duration(self.0.checked_add(other.0)),
            (None, Some(at)) => timestamp(at.0.checked_add(self.0)),
            (None, None) => Err(no_overload("_+_", self, rhs)),
        }
    }
}

impl Subtractor for Duration {
    fn sub<'b, 'v>(&'b self, rhs: &(dyn Val + 'v)) -> Made<'b, 'v>
    where
        Self: 'v,
    {
        match rhs.downcast_ref::<Self>() {
            Some(other) => duration(self.0.checked_sub(other.0)),
            None => Err(no_overload("_-_", self, rhs)),
        }
    }
}

impl Comparer for Duration {
    fn compare(&self, rhs: &dyn Val) -> Result<Ordering, ExecutionError> {
        rhs.downcast_ref::<Self>().map(|rhs| self.cmp(rhs)).ok_or_else(|| no_overload("_<_", self, rhs))
    }
}

impl Negator for Duration {
    fn negate<'v>(&self) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let span = self.0.checked_neg().ok_or_else(|| ExecutionError::function_error("-", "out of range"))?;
        Ok(Box::new(Self(span)))
    }
}

/// Declares `timestamp(…)`, `duration(…)`, `int(timestamp)`, and the parts of both.
pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload("timestamp", "string_to_timestamp", vec![STRING_TYPE], |args| {
        let at = text(&args, 0).and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let at = at.ok_or_else(|| ExecutionError::function_error("timestamp", "not a time as in 2026-09-21T14:00:00Z"));
        timestamp(Some(at?.as_millisecond()))
    })?;
    env.add_overload("duration", "string_to_duration", vec![STRING_TYPE], |args| {
        let span = text(&args, 0).and_then(read_duration);
        let wrong = || ExecutionError::function_error("duration", "not a duration as in 72h or 1h30m");
        Ok(CowVal::owned(Duration(span.ok_or_else(wrong)?)))
    })?;
    env.add_overload("int", "timestamp_to_int64", vec![TIMESTAMP_TYPE], |args| {
        let at = args.first().and_then(|value| value.downcast_ref::<Timestamp>()).map_or(0, |at| at.0);
        Ok(CowVal::owned(CelInt::from(at.div_euclid(1000))))
    })?;
    macro_rules! parts {
        ($($name:literal: $part:expr,)*) => {$(
            env.add_member_overload($name, concat!("timestamp_", $name), TIMESTAMP_TYPE, vec![], |args| {
                part(&args, $part)
            })?;
            env.add_member_overload($name, concat!("timestamp_at_", $name), TIMESTAMP_TYPE, vec![STRING_TYPE], |args| {
                part(&args, $part)
            })?;
        )*};
    }
    // As the specification counts: months, days of the year and of the month from 0, weekdays from Sunday, 0.
    parts! {
        "getFullYear": |at| at.year().into(),
        "getMonth": |at| i64::from(at.month()) - 1,
        "getDate": |at| at.day().into(),
        "getDayOfMonth": |at| i64::from(at.day()) - 1,
        "getDayOfWeek": |at| at.weekday().to_sunday_zero_offset().into(),
        "getDayOfYear": |at| i64::from(at.day_of_year()) - 1,
        "getHours": |at| at.hour().into(),
        "getMinutes": |at| at.minute().into(),
        "getSeconds": |at| at.second().into(),
        "getMilliseconds": |at| at.millisecond().into(),
    }
    macro_rules! spans {
        ($($name:literal: $unit:literal,)*) => {$(
            env.add_member_overload($name, concat!("duration_", $name), DURATION_TYPE, vec![], |args| {
                let span = args.first().and_then(|value| value.downcast_ref::<Duration>()).map_or(0, |span| span.0);
                Ok(CowVal::owned(CelInt::from(span / $unit)))
            })?;
        )*};
    }
    spans! { "getHours": 3_600_000, "getMinutes": 60_000, "getSeconds": 1_000, }
    Ok(())
}

fn text<'a>(args: &'a [CowVal<'_, '_>], index: usize) -> Option<&'a str> {
    args.get(index).and_then(|value| value.downcast_ref::<CelString<'_>>()).map(CelString::inner)
}

/// A part of a timestamp, in UTC or at the offset that the call names.
fn part<'b, 'v>(args: &[CowVal<'b, 'v>], part: impl Fn(jiff::civil::DateTime) -> i64) -> Made<'b, 'v> {
    let at = args.first().and_then(|value| value.downcast_ref::<Timestamp>()).map_or(0, |at| at.0);
    let minutes = match text(args, 1) {
        Some(offset) => offset_minutes(offset).ok_or_else(|| {
            ExecutionError::function_error("timestamp", "a time zone must be an offset as in +08:00, or UTC")
        })?,
        None => 0,
    };
    let moved = jiff::Timestamp::from_millisecond(at + minutes * 60_000);
    let moved = moved.map_err(|_| ExecutionError::function_error("timestamp", "out of range"))?;
    Ok(CowVal::owned(CelInt::from(part(jiff::tz::Offset::UTC.to_datetime(moved)))))
}

/// Minutes of an offset as in `+08:00`, `-05:30` or `UTC`.
fn offset_minutes(text: &str) -> Option<i64> {
    if matches!(text, "UTC" | "Z") {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => (1, text),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |text: &str, most: i64| {
        let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| plain && *number <= most)
    };
    Some(sign * (number(hours, 18)? * 60 + number(minutes, 59)?))
}

/// Milliseconds of a duration as in `72h`, `1h30m`, `1.5s`, `-200ms`.
fn read_duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    let mut millis = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let units = [("ms", 1.0), ("us", 1e-3), ("ns", 1e-6), ("h", 3_600_000.0), ("m", 60_000.0), ("s", 1_000.0)];
        let (unit, size) = units.into_iter().find(|(unit, _)| tail.starts_with(unit))?;
        millis += number.parse::<f64>().ok()? * size;
        rest = &tail[unit.len()..];
    }
    let millis = (sign * millis).round();
    // The span between the earliest and the latest timestamp.
    #[expect(clippy::cast_possible_truncation, reason = "it is within bounds")]
    let whole = (millis.abs() <= 315_537_897_599_999.0).then_some(millis as i64);
    whole
}
