//! The documentation says what the code does: endpoints, problem codes, environment variables; and its links lead somewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::root;

/// Every Markdown file of the repository.
fn pages() -> Vec<PathBuf> {
    let entries = |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = [".", "docs", "docs/adr", "docs/sources"].map(|folder| root().join(folder)).into();
    for formats in ["shared/src/providers", "shared/src/sources"] {
        folders.extend(entries(&root().join(formats)).filter(|path| path.is_dir()));
    }
    let mut found = Vec::new();
    for folder in folders {
        found.extend(entries(&folder).filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    assert!(found.len() > 10, "{found:?}");
    found
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between single backticks, code blocks left out.
fn spans(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.starts_with("    "));
    lines.flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// The Rust files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_endpoint_is_described_and_every_described_endpoint_is_there() {
    let code: BTreeSet<String> = [
        countersign_approvals::ROUTES,
        countersign_config::ROUTES,
        countersign_console::ROUTES,
        countersign_external_callback::ROUTES,
        countersign_provider_callback::ROUTES,
        countersign_submit::ROUTES,
    ]
    .into_iter()
    .flatten()
    .map(|(method, path)| format!("{method} {path}"))
    .collect();
    let text = read("docs/api.md");
    let described: BTreeSet<String> = spans(&text)
        .into_iter()
        .filter(|span| {
            let (method, path) = span.split_once(' ').unwrap_or_default();
            matches!(method, "GET" | "POST" | "PATCH" | "PUT" | "DELETE")
                && path.starts_with('/')
                && !path.starts_with("/sandbox")
        })
        .map(str::to_owned)
        .collect();
    assert_eq!(code.difference(&described).collect::<Vec<_>>(), Vec::<&String>::new(), "not in docs/api.md");
    assert_eq!(described.difference(&code).collect::<Vec<_>>(), Vec::<&String>::new(), "in docs/api.md only");
}

#[test]
fn every_problem_code_is_listed() {
    let (_, table) = text_after(&read("docs/api.md"), "## Problem codes");
    let listed: BTreeSet<String> = spans(&table).into_iter().map(str::to_owned).collect();
    let mut files = Vec::new();
    sources(&root().join("functions"), &mut files);
    sources(&root().join("shared/src"), &mut files);
    let mut made = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        for before in ["bad_request(\"", "bad_field(\"", "conflict(\"", "unprocessable(\""] {
            made.extend(text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
    // Errors that have a name of their own.
    let is_code = |text: &&str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let named = ["engine/submit", "providers", "store"].map(|part| read(format!("shared/src/{part}/error.rs")));
    let arms = named.iter().flat_map(|text| text.split("=> \"").skip(1)).filter_map(|rest| rest.split('"').next());
    made.extend(arms.filter(is_code).map(str::to_owned));
    assert!(["person_not_found", "in_use", "provider_cannot", "too_large"].iter().all(|code| made.contains(*code)));
    assert_eq!(made.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "not listed in docs/api.md");
}

fn text_after(text: &str, heading: &str) -> (String, String) {
    let (before, after) = text.split_once(heading).unwrap_or_else(|| panic!("no heading {heading}"));
    (before.to_owned(), after.to_owned())
}

#[test]
fn every_environment_variable_is_in_the_readme() {
    let code = read("shared/src/settings/env.rs") + &read("shared/src/settings/clients.rs");
    let named = |text: &str, prefix: &str| -> BTreeSet<String> {
        let plain = |c: char| c.is_ascii_uppercase() || c == '_';
        let rests = text.split(prefix).skip(1);
        rests.map(|rest| format!("{prefix}{}", rest.chars().take_while(|c| plain(*c)).collect::<String>())).collect()
    };
    let readme = read("README.md");
    let (_, table) = text_after(&readme, "## Configuration");
    for prefix in ["COUNTERSIGN_", "AWS_ENDPOINT_URL_", "AWS_LAMBDA_LOG_"] {
        let (ours, told) = (named(&code, prefix), named(&readme, prefix));
        assert!(!ours.is_empty());
        assert_eq!(ours, told, "{prefix}");
        assert!(ours.iter().all(|name| table.contains(&format!("| `{name}` |"))), "{prefix}: in the table");
    }
}

#[test]
fn every_flag_of_the_local_run_is_in_the_readme() {
    let (code, readme) = (read("local/src/cli.rs"), read("README.md"));
    let (_, arguments) = text_after(&code, "struct Arguments {");
    let (fields, _) = arguments.split_once("\n}").unwrap();
    let flags: Vec<String> = fields
        .lines()
        .filter_map(|line| line.trim().strip_suffix(',')?.split_once(": "))
        .filter(|(name, _)| *name != "command")
        .map(|(name, _)| format!("| `--{}` |", name.replace('_', "-")))
        .collect();
    assert_eq!(flags.len(), 4, "{flags:?}");
    assert!(flags.iter().all(|flag| readme.contains(flag)), "{flags:?}");
}

#[test]
fn every_flag_and_setting_of_dataphin_is_in_its_page() {
    let page = read("docs/sources/dataphin.md");
    let (_, arguments) = text_after(&read("local/src/sample.rs"), "pub struct Arguments {");
    let (fields, _) = arguments.split_once("\n}").unwrap();
    let flags: Vec<String> = fields
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": "))
        .map(|(name, _)| format!("`--{}", name.replace('_', "-")))
        .collect();
    assert_eq!(flags.len(), 8, "{flags:?}");
    let format = countersign::sources::by_kind("dataphin").unwrap();
    let settings = format.fields().iter().map(|field| format!("| `{}` |", field.name));
    let missing: Vec<String> = flags.into_iter().chain(settings).filter(|name| !page.contains(name)).collect();
    assert_eq!(missing, Vec::<String>::new());
}

/// The anchor that a heading gets on the usual hosts.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    let mut followed = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for rest in text.split("](").skip(1) {
            let Some((link, _)) = rest.split_once(')') else { continue };
            if link.contains("://") {
                continue;
            }
            followed += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let there = target.exists()
                && (heading.is_empty() || anchors(&std::fs::read_to_string(&target).unwrap()).contains(heading));
            if !there {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    assert!(followed > 20, "{followed}");
}

#[test]
fn modules_that_the_documentation_names_are_there() {
    let mut files = Vec::new();
    for folder in ["functions", "local", "scripts", "shared", "tests"] {
        sources(&root().join(folder), &mut files);
    }
    let mut missing = Vec::new();
    for page in pages() {
        let text = read(&page);
        let page = page.display();
        for span in spans(&text) {
            let is_path = ["shared/", "functions/", "local/", "tests/", "docs/", ".ci/", "scripts/"]
                .iter()
                .any(|folder| span.starts_with(folder));
            let is_file = span.ends_with(".rs") && files.iter().all(|file| !file.ends_with(span));
            if !span.contains(['<', '*', ' ']) && (is_file || (is_path && !root().join(span).exists())) {
                missing.push(format!("{page}: {span}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_repository_stands_alone() {
    let foreign =
        ["/work/", "/tmp/", "index.crates.io", "static.crates.io", "pypi.org/simple", "registry.npmjs", "proxy.golang"];
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for word in foreign {
            assert!(!text.contains(word), "{}: {word}", page.display());
        }
    }
}
