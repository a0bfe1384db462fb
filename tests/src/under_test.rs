//! The program as `cargo run` starts it, built with the tests so that one can start and kill it.

#[tokio::main]
async fn main() -> std::process::ExitCode {
    countersign_local::cli::main().await
}
