mod ends;
mod examples;
mod known;
mod platform;
mod properties;
mod shown;
mod steps;
mod tasks_by_node;

/// A property's cases: so many, or as many as `PROPTEST_CASES` says.
#[expect(clippy::disallowed_methods, reason = "a test's own setting, and proptest's name for it")]
pub(in crate::approval) fn cases(usual: u32) -> proptest::test_runner::Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok());
    proptest::test_runner::Config { cases: asked.unwrap_or(usual), ..Default::default() }
}
