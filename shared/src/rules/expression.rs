//! A condition in CEL: read, found within limits, evaluated.
//!
//! Of the crate only its Pratt parser and the evaluation of a tree are used. `cel::Program::compile`, `cel::Env::compile` and
//! `cel::parser::Parser` must not be named: they bring in the other parser, a generated one that makes each function that
//! carries rules 0.8 MB larger (1.22 MB against 0.42 MB), and functions have 8 MB.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use cel::common::types::CelBool;
use cel::parser::{ParseErrors, PrattParser};
use cel::{Context, Env, ExecutionError, IdedExpr, Value};

use super::facts::Facts;
use super::shape::{self, Shape};
use super::time;

/// Longest expression, in characters.
pub const MAX_EXPRESSION: usize = 2_000;
/// How deep brackets may be nested.
const MAX_BRACKET_DEPTH: u16 = 12;
/// Most question marks: each `? :` is a level of the parser's recursion that it does not count itself.
const MAX_QUESTIONS: usize = 12;
/// Longest reason of a failure that is kept, in characters.
const MAX_DETAIL: usize = 200;

/// Why a text is no condition: for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

/// A condition that was read and is within limits.
#[derive(Debug, Clone)]
pub struct Expression {
    tree: IdedExpr,
    shape: Shape,
}

impl Expression {
    /// Reads a condition.
    ///
    /// # Errors
    /// [`Invalid`] when it is too long, does not parse, names what is not there, or might cost too much.
    pub fn read(text: &str) -> Result<Self, Invalid> {
        let invalid = |why: String| Err(Invalid(why));
        if text.trim().is_empty() {
            return invalid("must not be empty".into());
        }
        if text.chars().count() > MAX_EXPRESSION {
            return invalid(format!("must have at most {MAX_EXPRESSION} characters"));
        }
        if text.matches('?').count() > MAX_QUESTIONS {
            return invalid(format!("must have at most {MAX_QUESTIONS} question marks"));
        }
        let parser =
            PrattParser::new().max_recursion_depth(MAX_BRACKET_DEPTH).max_expression_node_count(shape::MAX_NODES);
        // It should not panic; if it does, on what nobody has tried, that is the text's fault and not the process's end.
        let parsed = catch_unwind(AssertUnwindSafe(|| parser.parse(text)));
        let tree = match parsed {
            Ok(Ok(tree)) => tree,
            Ok(Err(errors)) => return invalid(told(&errors)),
            Err(_) => return invalid("cannot be read".into()),
        };
        let shape = Shape::of(&tree).map_err(Invalid)?;
        Ok(Self { tree, shape })
    }

    /// Whether the condition holds. `steps_left` is what it may cost at most, and is reduced by what it costs.
    ///
    /// # Errors
    /// Why it cannot be told, for an operator.
    pub fn holds(&self, facts: &Facts, steps_left: &mut u64) -> Result<bool, String> {
        let size = facts.size();
        let left = self.shape.steps(&size).and_then(|steps| steps_left.checked_sub(steps));
        *steps_left = left.ok_or("over a request of this size it would cost too much to evaluate")?;
        let mut context = Context::with_env(environment()?);
        facts.bind(&mut context);
        self.evaluate(&context)
    }

    /// Evaluates it with these variables.
    pub(super) fn evaluate(&self, context: &Context<'_, '_>) -> Result<bool, String> {
        let evaluated = catch_unwind(AssertUnwindSafe(|| {
            let value = Value::resolve_val(&self.tree, context)?;
            let truth = value.downcast_ref::<CelBool>().map(|truth| *truth.inner());
            Ok(truth.ok_or_else(|| format!("gives {}, and not true or false", value.get_type().name())))
        }));
        match evaluated {
            Ok(Ok(truth)) => truth,
            Ok(Err(error)) => Err(explain(&error)),
            Err(_) => Err("the evaluation broke off".to_owned()),
        }
    }

    /// Steps that evaluating it takes at most; `None` when it must not be tried.
    #[cfg(test)]
    pub(super) fn bound(&self, facts: &Facts) -> Option<u64> {
        self.shape.steps(&facts.size())
    }
}

/// The functions that conditions may call; made once.
pub(super) fn environment() -> Result<Arc<Env>, String> {
    static ENVIRONMENT: OnceLock<Option<Arc<Env>>> = OnceLock::new();
    let made = ENVIRONMENT.get_or_init(|| {
        let mut env = Env::default().with_optional_support(false).with_stdlib();
        time::declare(&mut env).ok().map(|()| Arc::new(env))
    });
    made.clone().ok_or_else(|| "the functions of conditions are not there".to_owned())
}

fn told(errors: &ParseErrors) -> String {
    let Some(error) = errors.errors.first() else { return "does not parse".to_owned() };
    let (line, column) = error.pos;
    cut(&if line > 0 { format!("line {line}, column {column}: {}", error.msg) } else { error.msg.clone() })
}

/// What went wrong. Most errors hold the values they met; they are not repeated, since they are the applicant's.
fn explain(error: &ExecutionError) -> String {
    use ExecutionError as E;
    let text = match error {
        E::NoSuchKey(key) => format!("no such key: `{key}`"),
        E::NoSuchOverload(overload) => overload.to_string(),
        E::UndeclaredReference(name) => format!("there is no `{name}`"),
        E::UnsupportedBinaryOperator(operator, left, right) => {
            format!("`{operator}` does not go with {:?} and {:?}", left.type_of(), right.type_of())
        }
        E::UnexpectedType { got, want } => format!("a value is {got} where {want} is wanted"),
        E::InvalidArgumentCount { expected, actual } => format!("takes {expected} arguments and got {actual}"),
        E::FunctionError { function, message } => format!("{function}: {message}"),
        E::DivisionByZero(_) | E::RemainderByZero(_) => "division by zero".to_owned(),
        E::Overflow(..) => "a number is too large".to_owned(),
        E::IndexOutOfBounds(_) => "an index is beyond the list".to_owned(),
        E::ValuesNotComparable(..) => "values cannot be compared".to_owned(),
        E::DuplicateKey(_) => "a map has a key twice".to_owned(),
        _ => "cannot be evaluated".to_owned(),
    };
    cut(&text)
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_DETAIL).collect()
}
