//! How the log's lines are written for people: one line for each event, whatever is in it.

use std::fmt::{Debug, Write};

use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Writes fields as `name=value`. Line breaks and other control characters in names of things, messages and errors are written as
/// escapes: what comes from outside cannot begin a line of its own.
pub fn fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    debug_fn(|writer: &mut Writer<'_>, field: &Field, value: &dyn Debug| match field.name() {
        "message" => write(writer, value),
        // Of events that come by way of the crate `log`.
        name if name.starts_with("log.") => Ok(()),
        name => {
            write!(writer, "{}=", name.strip_prefix("r#").unwrap_or(name))?;
            write(writer, value)
        }
    })
    .delimited(" ")
}

fn write(writer: &mut Writer<'_>, value: &dyn Debug) -> std::fmt::Result {
    write!(Escaped(writer), "{value:?}")
}

/// Escapes what could break a line or colour it.
struct Escaped<'a, 'w>(&'a mut Writer<'w>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for character in text.chars() {
            if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
                write!(self.0, "{}", character.escape_default())?;
            } else {
                self.0.write_char(character)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_from_outside_begins_a_line() {
        let (sink, forged) = (Sink::default(), "1\nINFO request{trace_id=1}: forged\r\u{1b}[2K\u{2028}x");
        let writer = sink.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).fmt_fields(fields());
        let log = log.with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(log, || {
            let span = tracing::info_span!("request", path = %forged);
            span.in_scope(|| tracing::info!(instance = %forged, error = forged, why = ?forged, "received {forged}"));
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(text.ends_with('\n') && !text.contains(['\r', '\u{1b}', '\u{2028}']), "{text}");
        assert!(text.contains("instance=1\\nINFO") && text.contains("received 1\\nINFO"), "{text}");
    }
}
