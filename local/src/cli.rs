//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use countersign::clock::World;

use crate::run::{Options, start};
use crate::sample::{self, Sample};
use crate::{Error, banner};

/// Countersign on this machine: every function, an embedded DynamoDB, and a sandbox that plays the platforms.
#[derive(Debug, Parser)]
#[command(name = "countersign", version)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Where data are kept.
    #[arg(long, default_value = ".countersign")]
    data_dir: PathBuf,
    /// Start without the sandbox.
    #[arg(long)]
    no_sandbox: bool,
    /// Another name in `Host` to answer to; may be given several times.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What is done instead of serving.
#[derive(Debug, Subcommand)]
enum Command {
    /// Prints a sample of what a product is sent, for a comparison.
    #[command(subcommand)]
    Sample(Sample),
}

/// Runs as the command line says, until SIGTERM or Ctrl-C. Success when all that was under way is done.
pub async fn main() -> ExitCode {
    let Arguments { listen, data_dir, no_sandbox, host, command } = Arguments::parse();
    if let Some(Command::Sample(sample)) = &command {
        return sample::main(sample);
    }
    banner::init_log();
    let options = Options { listen, data_dir, sandbox: !no_sandbox, hosts: host, world: World::system() };
    match serve(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("countersign: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: &Options) -> Result<(), Error> {
    let running = start(options, told_to_stop()).await?;
    banner::ready(&running, options.sandbox);
    running.stopped().await?;
    banner::step("stopped");
    Ok(())
}

/// Until SIGTERM or Ctrl-C.
async fn told_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        }
        return;
    }
    drop(interrupted.await);
}
