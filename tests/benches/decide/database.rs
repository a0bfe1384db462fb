//! The embedded DynamoDB in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use countersign_tests::embedded;

/// What tells this program to be the database.
pub(crate) const ARGUMENT: &str = "serve-dynamodb";

/// A running database. It ends when this is dropped.
pub(crate) struct Database {
    process: Child,
    /// Where it is.
    pub(crate) endpoint: String,
}

impl Database {
    /// Starts this program again as the database and waits until it says where it is.
    pub(crate) fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut endpoint = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut endpoint).unwrap();
        Self { process, endpoint: endpoint.trim().to_owned() }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until whoever started this process is gone.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    println!("{}", runtime.block_on(embedded()));
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
