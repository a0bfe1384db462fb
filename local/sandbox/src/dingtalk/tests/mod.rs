//! The sandbox over HTTP, with requests written out as DingTalk's documentation has them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod acts;
mod calls;
mod harness;
mod pushes;
mod starts;
