//! From routes to a running function.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use tracing_subscriber::filter::LevelFilter;

use super::app::App;
use super::trace;
use crate::clock::World;
use crate::config::env::Logging;
use crate::config::{Settings, clients};

/// Largest body that is read, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// Puts around these routes what every endpoint needs: trace ids, problems, the body limit, and an answer when a handler
/// panics. Routers that went through here can be merged.
pub fn ok_router(router: Router, world: &World) -> Router {
    router.layer(DefaultBodyLimit::max(MAX_BODY)).layer(from_fn_with_state(world.clone(), trace::layer))
}

/// Why a function could not run.
pub type Failure = lambda_http::Error;

/// Runs a function's routes on Lambda, with everything that the environment describes, until the runtime ends it.
///
/// # Errors
/// When a setting is missing, or the runtime cannot be reached.
pub async fn function(routes: impl FnOnce(App) -> Router) -> Result<(), Failure> {
    init_log();
    serve_lambda(routes(clients::app(Settings::from_env()?).await)).await
}

/// Runs routes as a Lambda function.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve_lambda(router: Router) -> Result<(), Failure> {
    lambda_http::run(router).await
}

/// Sets up the log: JSON where the function's configuration says so, at the level it says, else `INFO`. Amazon adds the
/// time. A level is all that can be asked for: filters by module bring a regular expression engine with them.
pub fn init_log() {
    let Logging { level, json } = Logging::from_env();
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let log = tracing_subscriber::fmt().with_target(false).without_time().with_max_level(level);
    // Only a second call could fail, and the first has done the work.
    _ = if json { log.json().try_init() } else { log.fmt_fields(super::log::fields()).try_init() };
}
