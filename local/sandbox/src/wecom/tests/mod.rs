#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! Requests written out by hand from the platform's documentation, against the played platform.

mod acts;
mod calls;
mod harness;
mod pushes;
mod starts;
