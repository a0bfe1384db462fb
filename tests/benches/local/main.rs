//! What the local program carries: submits and callbacks a second from 8 callers, over 1,000 stored approvals and over many more
//! (`LOCAL_STORED`, 10,000 unless it says otherwise). The program, its callers, a DingTalk of a few lines and the receiver of
//! deliveries share this process and the machine; the figures are of all of them. Fails where the larger table is more than a fifth slower, or
//! an approval that was delivered takes more than 20 KB of file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod filling;
mod scene;

use std::time::{Duration, Instant};

use scene::Scene;

const FEW: usize = 1_000;
const MANY: usize = 10_000;
const CALLERS: usize = 8;
/// Approvals of one measurement, each decided by two callbacks: the task's, and the instance's.
const MEASURED: usize = 1_600;
const CALLBACKS: usize = 2;
/// Most bytes of file that an approval may take, and the least rates a second.
const MAX_BYTES: u64 = 20_000;
const MIN_RATE: f64 = 150.0;

struct Figures {
    submits: f64,
    callbacks: f64,
    bytes: u64,
}

fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

async fn measure(stored: usize) -> Figures {
    let scene = Scene::with(stored).await;
    let (begun, cpu) = (Instant::now(), processor());
    let instances = scene.submit(MEASURED, CALLERS).await;
    let (submits, submit_cpu) = (rate(MEASURED, begun.elapsed()), processor() - cpu);
    let (begun, cpu) = (Instant::now(), processor());
    scene.decide(instances, CALLERS).await;
    let (callbacks, decide_cpu) = (rate(MEASURED * CALLBACKS, begun.elapsed()), processor() - cpu);
    scene.all_delivered(MEASURED).await;
    let delivered = rate(MEASURED, begun.elapsed());
    if std::env::args().any(|argument| argument == "--idle") {
        scene.idle().await;
    }
    let bytes = scene.end().await / MEASURED as u64;
    let each = |cpu: Duration, count: usize| cpu.as_secs_f64() * 1e3 / count as f64;
    println!(
        "{stored:>7} stored: {submits:>5.0} submits a second ({:.1} ms of processor each), {callbacks:>5.0} callbacks ({:.1} ms), \
         {delivered:>5.0} delivered to the end, {bytes} bytes of file an approval",
        each(submit_cpu, MEASURED),
        each(decide_cpu, MEASURED * CALLBACKS),
    );
    Figures { submits, callbacks, bytes }
}

/// Processor time of this process so far.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: u64 = stat.split_whitespace().skip(13).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

#[tokio::main]
async fn main() {
    #[expect(clippy::disallowed_methods, reason = "how many is said by the one who measures")]
    let many = std::env::var("LOCAL_STORED").ok().and_then(|text| text.parse().ok()).unwrap_or(MANY);
    let (few, many) = (measure(FEW).await, measure(many).await);
    let mut failed = false;
    for (what, few, many) in [("submits", few.submits, many.submits), ("callbacks", few.callbacks, many.callbacks)] {
        if many < MIN_RATE || many < few * 0.8 {
            println!("{what}: {many:.0} a second, {few:.0} over few");
            failed = true;
        }
    }
    failed |= few.bytes.max(many.bytes) > MAX_BYTES;
    assert!(!failed, "the embedded DynamoDB does not carry that");
}
