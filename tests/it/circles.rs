//! No modules of the shared crate's larger parts import each other in a circle: worked out from their sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::layers::{code, rust_files, shared};

/// A module's path below its part: `["effects", "start"]`. The part itself is the empty path.
type Module = Vec<String>;

/// A module as others see it, or only what its own file holds: a `mod.rs` shows what its children make, and children may use
/// what it holds itself.
type Node = (Module, bool);

fn module_of(part: &Path, file: &Path) -> Module {
    let relative = file.strip_prefix(part).unwrap().with_extension("");
    let mut names: Module = relative.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

/// Each path of a `use` tree on its own: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn spread(tree: &str) -> Vec<String> {
    let Some((start, rest)) = tree.split_once('{') else { return vec![tree.trim().to_owned()] };
    let inner = rest.rsplit_once('}').unwrap().0;
    let (mut depth, mut branches) = (0, vec![String::new()]);
    for letter in inner.chars() {
        match letter {
            ',' if depth == 0 => branches.push(String::new()),
            other => {
                depth += i32::from(other == '{') - i32::from(other == '}');
                branches.last_mut().unwrap().push(other);
            }
        }
    }
    let branches = branches.into_iter().filter(|branch| !branch.trim().is_empty());
    branches.flat_map(|branch| spread(&format!("{}{}", start.trim(), branch.trim()))).collect()
}

/// What a file names: paths, and whether each is only shown to others.
fn named(code: &str) -> Vec<(String, bool)> {
    let (mut found, mut rest) = (Vec::new(), String::new());
    for statement in code.split_inclusive(';') {
        let line_start =
            statement.rfind("use ").filter(|at| statement[..*at].trim_end().lines().last().is_none_or(is_open));
        let Some(at) = line_start else {
            rest += statement;
            continue;
        };
        let is_shown = statement[..at].trim_end().lines().last().unwrap_or_default().trim().starts_with("pub");
        let tree = statement[at + 4..].trim_end_matches(';').replace(['\n', ' '], "");
        found.extend(spread(&tree).into_iter().map(|path| (path, is_shown)));
        rest += &statement[..at];
    }
    for start in ["crate::", "super::"] {
        let path = |(at, _): (usize, &str)| {
            let is_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
            rest[at..].split(|c| !is_path(c)).next().unwrap().to_owned()
        };
        found.extend(rest.match_indices(start).map(path).map(|path| (path, false)));
    }
    found
}

/// Whether a `use` may follow this line's end.
fn is_open(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.ends_with([';', '}', '{']) || line.starts_with("pub") || line.starts_with("#[")
}

/// The absolute path below a part that a path in a module means; `None` where it leads elsewhere.
fn absolute(part: &str, here: &Module, path: &str) -> Option<Module> {
    let mut names = path.split("::").map(str::to_owned).peekable();
    match names.next()?.as_str() {
        "crate" => (names.next()? == part).then(|| names.collect()),
        "super" => {
            let mut base = here.clone();
            base.pop()?;
            while names.next_if(|name| name == "super").is_some() {
                base.pop()?;
            }
            Some(base.into_iter().chain(names).collect())
        }
        "self" => Some(here.iter().cloned().chain(names).collect()),
        first => Some(here.iter().cloned().chain([first.to_owned()]).chain(names).collect()),
    }
}

/// Which modules of a part use which.
fn graph(part: &str) -> BTreeMap<Node, BTreeSet<Node>> {
    let folder = shared().join(part);
    let mut files = Vec::new();
    rust_files(&folder, &mut files);
    let named: BTreeMap<Module, Vec<(String, bool)>> =
        files.iter().map(|file| (module_of(&folder, file), named(&code(file)))).collect();
    let is_module = |names: &[String]| named.contains_key(names);
    // Names that a module shows, and the child that makes each.
    let shown = |module: &Module, name: &str| {
        let mut paths = named[module].iter().filter(|(_, is_shown)| *is_shown);
        paths.find_map(|(path, _)| {
            let target = absolute(part, module, path)?;
            (target.last().is_some_and(|last| last == name)).then_some(target)
        })
    };
    let mut graph: BTreeMap<Node, BTreeSet<Node>> = BTreeMap::new();
    for (module, paths) in &named {
        graph.entry((module.clone(), true)).or_default().insert((module.clone(), false));
        for (path, is_shown) in paths {
            let Some(mut names) = absolute(part, module, path) else { continue };
            let (mut target, mut name) = (names.clone(), String::new());
            loop {
                while !is_module(&target) {
                    name = target.pop().unwrap();
                }
                let is_inside = module.len() > target.len() && module.starts_with(&target);
                // What a child takes of what its folder shows comes from whoever makes it.
                match shown(&target, &name).filter(|_| is_inside) {
                    Some(made_by) if made_by != names => (names, target) = (made_by.clone(), made_by),
                    _ => break,
                }
            }
            let is_inside = module.starts_with(&target);
            if target != *module {
                graph.entry((module.clone(), *is_shown)).or_default().insert((target, !is_inside));
            }
        }
    }
    graph
}

/// A circle that leads from a node back to it, if there is one.
fn circle(graph: &BTreeMap<Node, BTreeSet<Node>>, from: &Node) -> Option<Vec<Node>> {
    let (mut seen, mut ways) = (BTreeSet::new(), vec![vec![from.clone()]]);
    while let Some(way) = ways.pop() {
        for next in graph.get(way.last().unwrap()).into_iter().flatten() {
            let mut longer = way.clone();
            longer.push(next.clone());
            if next == from {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                ways.push(longer);
            }
        }
    }
    None
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    for part in ["approval", "engine"] {
        let graph = graph(part);
        assert!(
            graph.values().map(BTreeSet::len).sum::<usize>() > 2 * graph.len() / 2,
            "{part}: nothing was understood"
        );
        for node in graph.keys() {
            let found = circle(&graph, node);
            let names: Option<Vec<String>> =
                found.map(|way| way.iter().map(|(module, _)| format!("{part}/{}", module.join("/"))).collect());
            assert_eq!(names, None, "{part}");
        }
    }
}

#[test]
fn a_circle_is_seen() {
    let text = "use super::b::{C, d::E};\npub use f::G;\nfn x() -> crate::engine::h::I { super::j::k() }\n";
    let found = named(text);
    for (path, is_shown) in [
        ("super::b::C", false),
        ("super::b::d::E", false),
        ("f::G", true),
        ("crate::engine::h::I", false),
        ("super::j::k", false),
    ] {
        assert!(found.contains(&(path.to_owned(), is_shown)), "{path}: {found:?}");
    }
    let node = |name: &str| (vec![name.to_owned()], true);
    let graph = BTreeMap::from([
        (node("a"), BTreeSet::from([node("b")])),
        (node("b"), BTreeSet::from([node("c")])),
        (node("c"), BTreeSet::from([node("b")])),
    ]);
    assert!(circle(&graph, &node("b")).is_some() && circle(&graph, &node("a")).is_none());
}
