//! What a condition may cost, told from its tree alone.
//!
//! Without loops a condition costs what its tree is large. Loops (`all`, `exists`, `exists_one`, `filter`, `map`) multiply: so
//! there are few of them, nested twice at the most, and nothing that a loop's variable can hold is larger than a part of
//! the request. That holds because a loop goes over a part of the request, over a list of parts and literals, or over
//! what `filter` and `map` make of these, and `map` only picks. So the steps over a request of known size are bounded
//! before they are taken: `Shape::steps`.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators};

use super::facts::{Size, VARIABLES};

/// Most nodes of a tree.
pub const MAX_NODES: usize = 400;
/// How deep a tree may be: evaluating it recurses, and an unoptimised build takes some 35 KB of the stack for each level.
const DEEPEST: usize = 24;
/// How deep loops may be nested.
const DEEPEST_LOOPS: usize = 2;
/// Most loops.
const MAX_LOOPS: usize = 10;
/// So many bytes a step looks at or copies (bytes).
const BYTES_A_STEP: u64 = 512;
/// Most bytes that may be copied into lists, maps and joined texts (bytes).
const MAX_COPIED: u64 = 4 * 1024 * 1024;

const OPERATORS: &[&str] = &[
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::IN,
    operators::NOT_STRICTLY_FALSE,
];
/// Operators that cost one step whatever they are given: they look at numbers, or choose between values.
const LIGHT: &[&str] = &[
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::NEGATE,
    operators::INDEX,
    operators::NOT_STRICTLY_FALSE,
];
/// Operators that cannot give true or false.
const NO_CONDITIONS: &[&str] = &[
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::NEGATE,
    "size",
    "string",
    "int",
    "uint",
    "double",
    "timestamp",
    "duration",
];
/// Functions that are called on nothing.
const FUNCTIONS: &[&str] = &["size", "string", "int", "uint", "double", "bool", "timestamp", "duration"];
/// Functions that are called on a value.
const METHODS: &[&str] = &[
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
];

/// Nodes at one level of loops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Level {
    /// All of them.
    nodes: u64,
    /// Those that look at or copy whole values.
    heavy: u64,
}

/// What a tree costs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Outside of loops; in a loop; in a loop over a part of another loop's variable; in any other loop in a loop.
    levels: [Level; 4],
    /// Values that are copied into lists, maps and joined texts.
    copies: u64,
    /// Entries of the longest list that the tree itself holds.
    longest: u64,
}

impl Shape {
    /// Measures a tree.
    ///
    /// # Errors
    /// What must not be in it, for its author.
    pub(super) fn of(tree: &IdedExpr) -> Result<Self, String> {
        let mut measure =
            Measure { shape: Self { longest: 1, ..Self::default() }, nodes: 0, loops: 0, scope: Vec::new() };
        if !may_be_condition(&tree.expr) {
            return Err("must give true or false".into());
        }
        measure.walk(tree, 0, 0)?;
        Ok(measure.shape)
    }

    /// Steps that it takes at most over a request of this size; `None` when it would copy too much of it.
    pub(super) fn steps(&self, size: &Size) -> Option<u64> {
        let longest = size.longest.max(self.longest);
        let rounds = [1, longest, (size.entries + self.longest).saturating_mul(2), longest.saturating_mul(longest)];
        let weight = 1 + size.bytes / BYTES_A_STEP;
        let costs = self.levels.iter().zip(rounds).map(|(level, rounds)| {
            let once = level.nodes.saturating_add(level.heavy.saturating_mul(weight));
            once.saturating_mul(rounds)
        });
        (self.copies.saturating_mul(size.bytes) <= MAX_COPIED).then(|| costs.fold(0, u64::saturating_add))
    }
}

/// A loop that a node stands in.
struct Loop {
    variable: String,
    /// Whether it goes over a part of a variable of ours, and not over a list of the condition's own.
    over_request: bool,
}

struct Measure {
    shape: Shape,
    nodes: usize,
    loops: usize,
    scope: Vec<Loop>,
}

impl Measure {
    fn walk(&mut self, node: &IdedExpr, level: usize, depth: usize) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > MAX_NODES || depth > DEEPEST {
            return Err("is too large: split it into several rules".into());
        }
        self.shape.levels[level].nodes += 1;
        let depth = depth + 1;
        match &node.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.known(name),
            Expr::Select(select) => {
                if let Expr::Ident(root) = &select.operand.expr {
                    self.known_field(root, &select.field)?;
                }
                self.walk(&select.operand, level, depth)
            }
            Expr::Call(call) => self.call(call, level, depth),
            Expr::List(list) => {
                self.list(list.elements.len());
                for element in &list.elements {
                    self.copied(element, level);
                    self.walk(element, level, depth)?;
                }
                Ok(())
            }
            Expr::Map(map) => {
                self.list(map.entries.len());
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { return Err("has a broken map".into()) };
                    self.copied(&entry.value, level);
                    self.walk(&entry.key, level, depth)?;
                    self.walk(&entry.value, level, depth)?;
                }
                Ok(())
            }
            Expr::Comprehension(looped) => self.comprehension(looped, level, depth),
            Expr::Struct(_) => Err("must not make messages".into()),
            Expr::Unspecified => Err("does not parse".into()),
        }
    }

    fn list(&mut self, entries: usize) {
        self.shape.longest = self.shape.longest.max(u64::try_from(entries).unwrap_or(u64::MAX));
    }

    /// Counts a value that is copied, if it may be large.
    fn copied(&mut self, value: &IdedExpr, level: usize) {
        if !matches!(value.expr, Expr::Literal(_)) {
            self.shape.copies += 1;
            self.shape.levels[level].heavy += 1;
        }
    }

    fn known(&self, name: &str) -> Result<(), String> {
        let ours = VARIABLES.iter().any(|(variable, _)| *variable == name);
        let looped = self.scope.iter().any(|looped| looped.variable == name);
        if ours || looped || (name == ACCUMULATOR && !self.scope.is_empty()) {
            return Ok(());
        }
        let names: Vec<_> = VARIABLES.iter().map(|(variable, _)| format!("`{variable}`")).collect();
        Err(format!("there is no `{name}`; there are {}", names.join(", ")))
    }

    fn known_field(&self, root: &str, field: &str) -> Result<(), String> {
        let fields = VARIABLES.iter().find(|(variable, _)| *variable == root).map_or(&[][..], |(_, fields)| fields);
        if fields.is_empty() || fields.contains(&field) {
            return Ok(());
        }
        Err(format!("`{root}` has no `{field}`; it has {}", fields.join(", ")))
    }

    fn call(&mut self, call: &CallExpr, level: usize, depth: usize) -> Result<(), String> {
        let name = call.func_name.as_str();
        let known = match &call.target {
            None => OPERATORS.contains(&name) || FUNCTIONS.contains(&name),
            Some(_) => METHODS.contains(&name),
        };
        if !known {
            return Err(format!("there is no function `{name}`, or not in this form"));
        }
        if !LIGHT.contains(&name) && !reads_little(call) {
            self.shape.levels[level].heavy += 1;
        }
        if name == operators::ADD {
            self.shape.copies += 1;
        }
        for part in call.target.iter().map(|target| &**target).chain(&call.args) {
            self.walk(part, level, depth)?;
        }
        Ok(())
    }

    fn comprehension(&mut self, looped: &ComprehensionExpr, level: usize, depth: usize) -> Result<(), String> {
        self.loops += 1;
        if self.loops > MAX_LOOPS {
            return Err(format!("must have at most {MAX_LOOPS} loops (all, exists, exists_one, filter, map)"));
        }
        if self.scope.len() >= DEEPEST_LOOPS {
            return Err(format!(
                "must not nest loops (all, exists, exists_one, filter, map) more than {DEEPEST_LOOPS} deep"
            ));
        }
        let variable = looped.iter_var.as_str();
        if looped.iter_var2.is_some() || self.known(variable).is_ok() {
            return Err(format!("a loop's variable cannot be called `{variable}` here"));
        }
        let root = self.range(&looped.iter_range, true)?;
        self.walk(&looped.iter_range, level, depth)?;
        // What a loop goes over is copied, entry by entry.
        self.shape.levels[level].heavy += 1;
        self.walk(&looped.accu_init, level, depth)?;
        let inner = match (level, root, self.scope.last()) {
            (0, ..) => 1,
            (_, Some(root), Some(outer)) if outer.over_request && root == outer.variable => 2,
            _ => 3,
        };
        self.scope.push(Loop { variable: variable.to_owned(), over_request: root.is_some() });
        picks_only(looped)?;
        for part in [&looped.loop_cond, &looped.loop_step, &looped.result] {
            self.walk(part, inner, depth)?;
        }
        self.scope.pop();
        Ok(())
    }

    /// Checks what a loop goes over; answers with the variable that it is a part of, if it is one.
    fn range<'e>(&self, range: &'e IdedExpr, lists: bool) -> Result<Option<&'e str>, String> {
        if let Some(root) = path(&range.expr) {
            return Ok(Some(root));
        }
        match &range.expr {
            Expr::List(list) if lists => {
                let plain = |entry: &IdedExpr| matches!(entry.expr, Expr::Literal(_)) || path(&entry.expr).is_some();
                if list.elements.iter().all(plain) {
                    return Ok(None);
                }
            }
            Expr::Call(call) if call.func_name == operators::CONDITIONAL => {
                for choice in call.args.iter().skip(1) {
                    self.range(choice, true)?;
                }
                return Ok(None);
            }
            Expr::Comprehension(inner) if makes_list(inner) => return self.range(&inner.iter_range, true),
            _ => {}
        }
        Err("a loop must go over a part of the request, a list of such parts and of literals, or a `filter` or `map` of these"
            .into())
    }
}

/// What the parser calls the variable in which a loop gathers its result; nobody can write it.
const ACCUMULATOR: &str = "@result";

/// The variable that a path (`a.b`, `a["b"]`, `a[0]`) begins with.
fn path(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Ident(name) => Some(name),
        Expr::Select(select) if !select.test => path(&select.operand.expr),
        Expr::Call(call) if call.func_name == operators::INDEX => path(&call.args.first()?.expr),
        _ => None,
    }
}

fn makes_list(looped: &ComprehensionExpr) -> bool {
    matches!(looped.accu_init.expr, Expr::List(_))
}

/// What `map` makes must be no larger than what it goes over: a part of it, a literal, or true or false.
fn picks_only(looped: &ComprehensionExpr) -> Result<(), String> {
    if !makes_list(looped) {
        return Ok(());
    }
    let step = match &looped.loop_step.expr {
        Expr::Call(call) if call.func_name == operators::CONDITIONAL => call.args.get(1),
        _ => Some(&looped.loop_step),
    };
    let made = step.and_then(|step| match &step.expr {
        Expr::Call(call) if call.func_name == operators::ADD => call.args.get(1),
        _ => None,
    });
    let entries = match made.map(|made| &made.expr) {
        Some(Expr::List(list)) => list.elements.as_slice(),
        _ => &[],
    };
    let picked = |entry: &IdedExpr| path(&entry.expr) == Some(looped.iter_var.as_str()) || is_small(&entry.expr);
    if entries.len() == 1 && entries.iter().all(picked) {
        return Ok(());
    }
    Err("`map` may only pick a part of its variable, or compare".into())
}

/// Whether an operator or function looks at no more of a value than a literal beside it is large.
fn reads_little(call: &CallExpr) -> bool {
    let literal = |arg: &IdedExpr| matches!(arg.expr, Expr::Literal(_));
    match call.func_name.as_str() {
        operators::EQUALS
        | operators::NOT_EQUALS
        | operators::LESS
        | operators::LESS_EQUALS
        | operators::GREATER
        | operators::GREATER_EQUALS
        | "startsWith"
        | "endsWith" => call.args.iter().any(literal),
        // Its literals are nodes, and counted.
        operators::IN => call.args.get(1).is_some_and(|list| match &list.expr {
            Expr::List(list) => list.elements.iter().all(literal),
            _ => false,
        }),
        _ => false,
    }
}

/// Whether a value is a literal, or true or false.
fn is_small(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_) => true,
        Expr::Call(call) => {
            let name = call.func_name.as_str();
            may_be_condition(expr) && !matches!(name, operators::CONDITIONAL | operators::INDEX)
        }
        Expr::Select(select) => select.test,
        _ => false,
    }
}

/// Whether it can give true or false.
fn may_be_condition(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(literal) => matches!(literal, LiteralValue::Boolean(_)),
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => false,
        Expr::Call(call) => !NO_CONDITIONS.contains(&call.func_name.as_str()) && !call.func_name.starts_with("get"),
        Expr::Comprehension(looped) => !makes_list(looped),
        Expr::Ident(name) => name != "now" && name != "request",
        _ => true,
    }
}
