//! `cargo run`.

#[tokio::main]
async fn main() -> std::process::ExitCode {
    countersign_local::cli::main().await
}
