//! Measures the resident memory of the functions while DingTalk calls back: `scripts/measure-memory` builds what is
//! needed and runs this with the folder of the release binaries.
//!
//! It is a small cloud on one machine. The functions are the binaries that are deployed, each behind a stand-in for the
//! Lambda Runtime API; an HTTP gateway turns requests into their events; DynamoDB is the embedded one, KMS a stand-in, and
//! DingTalk the sandbox. Approvals are submitted and approved until the platform has called back often enough.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod function;
mod gateway;
mod scenario;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use countersign::clock::World;
use countersign::store::create_table;
use countersign_sandbox::{Sandbox, SandboxConfig};
use countersign_tests::kms::FakeKms;
use countersign_tests::{client, embedded};
use tokio::net::TcpListener;

use function::Function;
use scenario::Scenario;

/// How often DingTalk calls back before the memory is read.
const CALLBACKS: usize = 1_000;
/// What the function that is called back may take at most, bytes.
const LIMIT: u64 = 24_000_000;
/// The function that is called back.
const CALLED_BACK: &str = "provider-callback";

/// Name of the table.
const TABLE: &str = "countersign";
/// The owner's first key, as the deployment's parameter sets it.
const OWNER_KEY: &str = "csk_memory_0123456789abcdefghij";

#[tokio::main]
async fn main() -> ExitCode {
    let Some(binaries) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: measure_memory <folder of the release binaries>");
        return ExitCode::from(2);
    };
    let work = std::env::temp_dir().join(format!("countersign-memory-{}", std::process::id()));
    std::fs::create_dir_all(&work).unwrap();
    println!("logs of the functions: {}", work.display());

    let sandbox = start_sandbox(&work).await;
    let (api, functions) = start_functions(&binaries, &work).await;
    let called_back = functions.iter().find(|function| function.name() == CALLED_BACK).unwrap();

    let scenario = Scenario::prepare(&api, &sandbox, OWNER_KEY).await;
    let mut approvals = 0;
    while called_back.calls() < CALLBACKS {
        scenario.approve_one().await;
        approvals += 1;
        assert!(called_back.calls() >= approvals, "DingTalk does not call back");
    }

    println!("{approvals} approvals submitted, approved and read back");
    for function in &functions {
        let (now, peak) = function.memory();
        println!(
            "{:<18} {:>5} calls {now:>10} bytes resident, {peak:>10} at most; ready {:.1?} after its start",
            function.name(),
            function.calls(),
            function.ready_after().unwrap_or_default(),
        );
    }
    let (_, peak) = called_back.memory();
    if peak >= LIMIT {
        eprintln!("{CALLED_BACK} took {peak} bytes; the limit is {LIMIT}");
        return ExitCode::FAILURE;
    }
    std::fs::remove_dir_all(&work).unwrap();
    ExitCode::SUCCESS
}

/// Starts the platform and says where it is.
async fn start_sandbox(work: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let config = SandboxConfig { data_dir: work.to_owned(), public_url: address.clone() };
    let sandbox = Sandbox::open(&config, World::system()).unwrap();
    serve(listener, sandbox.router());
    sandbox.resume();
    address
}

/// Starts the functions that this needs, behind the gateway, and says where that is.
async fn start_functions(binaries: &Path, work: &Path) -> (String, Vec<Arc<Function>>) {
    let dynamodb = embedded().await;
    create_table(&client(&dynamodb), TABLE).await.unwrap();
    let (kms, _) = FakeKms::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let variables = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.as_str()),
        ("AWS_ENDPOINT_URL_KMS", kms.as_str()),
        ("COUNTERSIGN_TABLE", TABLE),
        ("COUNTERSIGN_KMS_KEY", "k"),
        ("COUNTERSIGN_PUBLIC_URL", address.as_str()),
        ("COUNTERSIGN_ALLOW_PRIVATE_ENDPOINTS", "*"),
        ("COUNTERSIGN_OWNER_KEY", OWNER_KEY),
    ];
    let mut functions = Vec::new();
    let mut gateway = Router::new();
    for (name, routes) in [
        ("config", countersign_config::ROUTES),
        ("submit", countersign_submit::ROUTES),
        (CALLED_BACK, countersign_provider_callback::ROUTES),
        ("approvals", countersign_approvals::ROUTES),
    ] {
        let function = Arc::new(Function::start(name, binaries, work, &variables).await);
        gateway = gateway.merge(gateway::routes(function.clone(), routes));
        functions.push(function);
    }
    serve(listener, gateway);
    (address, functions)
}

fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await });
}
