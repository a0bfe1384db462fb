//! Dependencies point one way: between the modules of the shared crate, and between the crates.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::root;

/// What each module of the shared crate may use of the others.
const MAY_USE: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("ids", &["clock"]),
    ("ttl_map", &[]),
    ("backoff", &[]),
    ("approval", &[]),
    ("rules", &[]),
    ("crypto", &["clock", "ids"]),
    ("providers", &["approval", "backoff", "clock", "crypto", "ttl_map"]),
    ("store", &["approval", "clock", "crypto", "ids", "providers", "ttl_map"]),
    ("delivery", &["approval", "backoff", "store"]),
    ("sources", &["approval", "clock", "crypto", "delivery", "providers", "store"]),
    ("settings", &["clock", "crypto", "providers", "store"]),
    ("resources", &["approval", "clock", "crypto", "ids", "providers", "rules", "settings", "sources", "store"]),
    (
        "engine",
        &[
            "approval",
            "backoff",
            "clock",
            "crypto",
            "delivery",
            "ids",
            "providers",
            "resources",
            "rules",
            "settings",
            "sources",
            "store",
            "ttl_map",
        ],
    ),
    ("http", &["clock", "crypto", "engine", "ids", "providers", "resources", "settings", "store"]),
];

/// Where AWS types may be: the store, the clients, and the functions that Lambda calls with events of its own.
const MAY_USE_AWS: &[&str] = &[
    "shared/src/store/",
    "shared/src/settings/clients.rs",
    "shared/src/settings/sdk_http.rs",
    "functions/dispatch/src/",
];

/// Which modules answer no HTTP request: they have errors of their own, which `http` and the functions turn into answers.
const ANSWER_NOBODY: &[&str] = &["approval", "rules", "crypto", "store", "delivery", "sources", "resources", "engine"];

/// What the sandbox may use of the shared crate: the arithmetic of the envelopes, clock and randomness, and the HTTP client's cryptography.
const SANDBOX_MAY_USE: &[&str] = &["clock::", "crypto::envelope::", "crypto::tls::"];

pub(super) fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The code of a file: without comments and without its tests.
pub(super) fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let (code, _) = text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((&text, ""));
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.fold(String::new(), |text, line| text + line + "\n")
}

pub(super) fn shared() -> PathBuf {
    root().join("shared/src")
}

/// The modules of the crate that a module's code names.
fn used_by(module: &str) -> BTreeSet<String> {
    let mut files = Vec::new();
    let folder = shared().join(module);
    if folder.is_dir() {
        rust_files(&folder, &mut files);
    } else {
        files.push(shared().join(format!("{module}.rs")));
    }
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    let texts = files.iter().map(|file| code(file));
    let mut used: BTreeSet<String> =
        texts.flat_map(|text| text.split("crate::").skip(1).map(name).collect::<Vec<_>>()).collect();
    assert!(!used.contains(""), "{module}: `crate::` with something else than a module after it");
    used.remove(module);
    used
}

#[test]
fn every_module_has_its_place() {
    let lib = std::fs::read_to_string(shared().join("lib.rs")).unwrap();
    let there: BTreeSet<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(there, MAY_USE.iter().map(|(module, _)| *module).collect());
}

#[test]
fn modules_use_those_below_them() {
    for (module, allowed) in MAY_USE {
        let allowed: BTreeSet<String> = allowed.iter().map(|name| (*name).to_owned()).collect();
        let used = used_by(module);
        assert_eq!(used.difference(&allowed).collect::<Vec<_>>(), Vec::<&String>::new(), "{module} may not use");
        assert_eq!(allowed.difference(&used).collect::<Vec<_>>(), Vec::<&String>::new(), "{module} no longer uses");
    }
}

#[test]
fn a_platform_does_not_know_another() {
    let names: Vec<String> = std::fs::read_dir(shared().join("providers"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("docs.md").exists())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert!(names.len() > 1, "{names:?}");
    for name in &names {
        let mut files = Vec::new();
        rust_files(&shared().join("providers").join(name), &mut files);
        for file in files {
            let text = code(&file);
            for other in names.iter().filter(|other| *other != name) {
                assert!(!text.contains(&format!("providers::{other}")), "{}: {other}", file.display());
            }
        }
    }
}

#[test]
fn aws_types_stay_where_they_belong() {
    let mut files = Vec::new();
    rust_files(&shared(), &mut files);
    rust_files(&root().join("functions"), &mut files);
    for file in files {
        let place = file.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        let allowed = place.ends_with("src/main.rs") || MAY_USE_AWS.iter().any(|start| place.starts_with(start));
        let text = code(&file);
        let is_aws =
            ["aws_config::", "aws_lambda_events::", "aws_sdk_", "aws_smithy_"].iter().any(|word| text.contains(word));
        assert!(allowed || !is_aws, "{place}");
    }
}

#[test]
fn below_http_nobody_knows_a_status_of_ours() {
    for module in ANSWER_NOBODY {
        let mut files = Vec::new();
        rust_files(&shared().join(module), &mut files);
        for file in files {
            let text = code(&file);
            let found = ["StatusCode", "axum::", "Problem"].into_iter().find(|word| text.contains(word));
            assert_eq!(found, None, "{}", file.display());
        }
    }
}

/// A JSON pointer begins with a slash, and so does a path: [`PATHS`] are those that the engine calls.
#[test]
fn the_engine_knows_no_json_pointer() {
    const PATHS: &[&str] = &["\"/health\""];
    let mut files = Vec::new();
    rust_files(&shared().join("engine"), &mut files);
    for file in files {
        let text = PATHS.iter().fold(code(&file), |text, path| text.replace(path, ""));
        let found = text.lines().find(|line| line.contains("\"/") || line.contains("FieldError"));
        assert_eq!(found, None, "{}", file.display());
    }
}

#[test]
fn functions_know_the_shared_crate_and_not_each_other() {
    for entry in std::fs::read_dir(root().join("functions")).unwrap() {
        let manifest = entry.unwrap().path().join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let (_, dependencies) = text.split_once("[dependencies]").unwrap();
        let ours = dependencies.lines().filter(|line| line.starts_with("countersign"));
        assert_eq!(ours.collect::<Vec<_>>(), ["countersign.workspace = true"], "{}", manifest.display());
    }
    let crates_in = |manifest: &str| {
        let text = std::fs::read_to_string(root().join(manifest)).unwrap();
        let (_, dependencies) = text.split_once("[dependencies]").unwrap();
        dependencies.lines().filter(|line| line.starts_with("countersign")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        crates_in("shared/Cargo.toml"),
        ["countersign-xml.workspace = true"],
        "the shared crate knows no function"
    );
    assert_eq!(crates_in("xml/Cargo.toml"), Vec::<String>::new(), "the reader of XML knows nothing of ours");
}

#[test]
fn the_sandbox_knows_nothing_but_the_envelopes() {
    let manifest = std::fs::read_to_string(root().join("local/sandbox/Cargo.toml")).unwrap();
    let ours = manifest.lines().filter(|line| line.starts_with("countersign"));
    assert_eq!(ours.collect::<Vec<_>>(), ["countersign.workspace = true"]);
    let mut files = Vec::new();
    rust_files(&root().join("local/sandbox/src"), &mut files);
    for file in files {
        let text = code(&file);
        for used in text.split("countersign::").skip(1) {
            let allowed = SANDBOX_MAY_USE.iter().any(|start| used.starts_with(start));
            assert!(allowed, "{}: {}", file.display(), used.lines().next().unwrap_or_default());
        }
    }
}

#[test]
fn time_and_environment_have_one_reader_each() {
    let mut files = Vec::new();
    rust_files(&shared(), &mut files);
    rust_files(&root().join("functions"), &mut files);
    for file in files {
        let text = code(&file);
        let (clock, environment) = (shared().join("clock.rs"), shared().join("settings/env.rs"));
        let now = ["SystemTime::now", "Timestamp::now", "Zoned::now", "Instant::now"];
        assert!(file == clock || !now.iter().any(|word| text.contains(word)), "{}: the clock", file.display());
        assert!(file == environment || !text.contains("env::var"), "{}: the environment", file.display());
    }
}

#[test]
fn one_library_has_the_cryptography_of_tls() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for other in ["aws-lc-rs", "aws-lc-sys", "native-tls", "openssl-sys"] {
        assert!(!lock.contains(&format!("name = \"{other}\"")), "{other} is brought by a feature of a dependency");
    }
}
