//! Starts everything and stops it again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use countersign::clock::World;
use countersign::engine::App;
use countersign::http::{Problem, ok_router};
use countersign::providers::outbound::{AddressPolicy, Outbound};
use countersign::resources::{Bootstrapped, bootstrap};
use countersign::settings::{Settings, key_file};
use countersign::store::{DataKey, Store, create_table};
use countersign_sandbox::{Sandbox, SandboxClock, SandboxConfig};
use tokio::net::TcpListener;

use crate::dynamodb::Engine;
use crate::folder::DataFolder;
use crate::guard::{self, Guard};
use crate::server::{self, Limits};
use crate::ticks::Ticks;
use crate::{Error, banner, changes, dynamodb, seed, stream};

/// How the local run is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where data are kept.
    pub data_dir: PathBuf,
    /// Whether the sandbox runs.
    pub sandbox: bool,
    /// Names in `Host` that it answers to, beside addresses, `localhost` and the public address's.
    pub hosts: Vec<String>,
    /// The clock and the randomness of everything, sandbox included; with the sandbox, the clock is ahead by as much as it was moved.
    pub world: World,
}

/// A running server.
pub struct Running {
    /// Where it can be reached, with no slash at the end.
    pub url: String,
    /// What its functions share.
    pub app: App,
    /// What the first start made.
    pub bootstrapped: Bootstrapped,
    /// The kinds of the platforms that the sandbox plays, and their names for people.
    pub platforms: Vec<(&'static str, &'static str)>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    helpers: Vec<tokio::task::JoinHandle<()>>,
    _folder: DataFolder,
}

/// Starts everything. When this returns, requests are answered and the sandbox is set up. `shutdown` ends the server: it
/// takes no new connections then, and finishes what is under way.
///
/// # Errors
/// When the address is taken, the data cannot be opened, or a setting cannot be used.
pub async fn start(options: &Options, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<Running, Error> {
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| Error::new(format!("cannot listen on {}: {error}", options.listen)))?;
    let url = format!("http://{}", listener.local_addr()?);
    banner::step(&format!("data in {}", options.data_dir.display()));
    let folder = DataFolder::open(&options.data_dir)?;
    let table = Table::open(options).await?;
    let clock = if options.sandbox { Some(clock(options)?) } else { None };
    let world = clock.as_ref().map_or_else(|| options.world.clone(), |clock| clock.world(&options.world));
    let app = app(options, world, table.aws(), &url).await?;
    let owner_key = app.settings.owner_key.clone();
    let bootstrapped = bootstrap(&app.store, &app.world, owner_key.as_ref()).await.map_err(told)?;
    let sandbox = if options.sandbox { Some(sandbox(options, &app)?) } else { None };
    let ready = Arc::new(AtomicBool::new(false));
    let played = sandbox.as_ref().map(Sandbox::router).into_iter().chain(clock.as_ref().map(SandboxClock::router));
    let router = table.answer_after_writes(router(&app, played, Arc::clone(&ready)));
    let guard = Guard::new(&app.settings.public_url, &options.hosts);
    let router = router.layer(from_fn_with_state(guard, guard::check));
    let server = tokio::spawn(server::serve(listener, router, Limits::default(), shutdown));
    let mut helpers = table.help(&app, &options.data_dir.join("stream.json"), clock)?;
    if let Some(sandbox) = &sandbox {
        seed::seed(&app, sandbox, &bootstrapped.org, &options.data_dir).await?;
        helpers.push(sandbox.resume());
    }
    let platforms = sandbox.as_ref().map(Sandbox::kinds).unwrap_or_default();
    ready.store(true, Ordering::Release);
    Ok(Running { url, app, bootstrapped, platforms, server, helpers, _folder: folder })
}

impl Running {
    /// Waits until the server has stopped and all that was under way is done.
    ///
    /// # Errors
    /// When the server failed.
    pub async fn stopped(self) -> Result<(), Error> {
        let result = self.server.await.map_err(told)?;
        for helper in self.helpers {
            helper.abort();
        }
        Ok(result?)
    }
}

async fn app(options: &Options, world: World, aws: &aws_config::SdkConfig, url: &str) -> Result<App, Error> {
    let mut settings = Settings::local(url).map_err(told)?;
    if options.sandbox {
        allow_sandbox(&mut settings);
    }
    let store = Store::new(aws_sdk_dynamodb::Client::new(aws), settings.table.clone());
    let client = aws_sdk_dynamodb::Client::new(aws);
    create_table(&client, &settings.table)
        .await
        .map_err(|error| Error::new(format!("cannot make the table: {error}")))?;
    let sealer = key_file::open(&options.data_dir.join("data.key"), &world).map_err(told)?;
    let outbound = Outbound::new(settings.addresses.clone(), Duration::from_secs(5));
    Ok(App::new(store, DataKey::ready(sealer), world, settings, outbound))
}

/// The sandbox is called where it is served, whichever other private addresses are.
fn allow_sandbox(settings: &mut Settings) {
    let own = url::Url::parse(&settings.public_url).ok();
    let own = own.and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?)));
    settings.addresses = match (std::mem::take(&mut settings.addresses), own) {
        (AddressPolicy::PublicOnly, Some(own)) => AddressPolicy::PublicAnd(vec![own]),
        (AddressPolicy::PublicAnd(listed), Some(own)) => AddressPolicy::PublicAnd([listed, vec![own]].concat()),
        (others, _) => others,
    };
}

/// An error of another part, for the person who started it.
fn told(error: impl std::fmt::Display) -> Error {
    Error::new(error.to_string())
}

fn sandbox(options: &Options, app: &App) -> Result<Sandbox, Error> {
    let config = SandboxConfig { data_dir: options.data_dir.clone(), public_url: app.settings.public_url.clone() };
    Sandbox::open(&config, app.world.clone()).map_err(of_sandbox)
}

fn clock(options: &Options) -> Result<SandboxClock, Error> {
    SandboxClock::open(&options.data_dir, &options.world).map_err(of_sandbox)
}

fn of_sandbox(error: countersign_sandbox::Error) -> Error {
    Error::new(format!("the sandbox: {error}"))
}

/// The routes of all functions, and the sandbox's.
fn router(app: &App, played: impl Iterator<Item = Router>, ready: Arc<AtomicBool>) -> Router {
    let functions = countersign_submit::routes(app.clone())
        .merge(countersign_provider_callback::routes(app.clone()))
        .merge(countersign_external_callback::routes(app.clone()))
        .merge(countersign_config::routes(app.clone()))
        .merge(countersign_approvals::routes(app.clone()))
        .merge(countersign_console::routes(app.clone()))
        .merge(ok_router(Router::new().fallback(async || Problem::not_found()), &app.world));
    played.fold(functions, Router::merge).layer(from_fn_with_state(ready, wait_until_ready))
}

/// `/health` answers 200 only once everything is set up.
async fn wait_until_ready(State(ready): State<Arc<AtomicBool>>, request: Request, next: Next) -> Response {
    if request.uri().path() == "/health" && !ready.load(Ordering::Acquire) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    next.run(request).await
}

/// Where the table is.
enum Table {
    /// Inside this process.
    Embedded(Engine, aws_config::SdkConfig),
    /// Where the environment names it, and its streams.
    Named(String, aws_config::SdkConfig),
}

impl Table {
    async fn open(options: &Options) -> Result<Self, Error> {
        if let Some(streams) = Settings::streams_of_named_dynamodb().map_err(told)? {
            return Ok(Self::Named(streams, dynamodb::named().await));
        }
        let engine = Engine::open(&options.data_dir.join(dynamodb::FILE))?;
        let aws = dynamodb::within(&engine);
        Ok(Self::Embedded(engine, aws))
    }

    fn aws(&self) -> &aws_config::SdkConfig {
        match self {
            Self::Embedded(_, aws) | Self::Named(_, aws) => aws,
        }
    }

    /// Nobody is answered before what the answer may tell is on the disk, also where it was written for somebody else.
    fn answer_after_writes(&self, router: Router) -> Router {
        match self {
            Self::Embedded(engine, _) => router.layer(from_fn_with_state(engine.clone(), settled)),
            Self::Named(..) => router,
        }
    }

    /// What goes on by itself. `file` says how far the stream was read; `clock` is the sandbox's.
    fn help(
        &self,
        app: &App,
        file: &std::path::Path,
        clock: Option<SandboxClock>,
    ) -> Result<Vec<tokio::task::JoinHandle<()>>, Error> {
        match self {
            Self::Embedded(engine, _) => {
                engine.take_over(app.store.table(), file)?;
                let reader = changes::Reader::new(app.clone(), engine.clone());
                let ticks = Ticks::new(app.clone(), Some(engine.clone()), clock);
                Ok(vec![tokio::spawn(reader.run()), tokio::spawn(ticks.run())])
            }
            Self::Named(streams, aws) => {
                let client = dynamodb::streams(aws, Some(streams.clone()));
                let reader = stream::Reader::new(app.clone(), client, file.to_owned());
                Ok(vec![tokio::spawn(reader.run()), tokio::spawn(Ticks::new(app.clone(), None, clock).run())])
            }
        }
    }
}

async fn settled(State(engine): State<Engine>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    match engine.settled().await {
        Ok(()) => answer,
        // Whatever the answer says may be gone after the next start.
        Err(error) => Problem::internal(error).into_response(),
    }
}
