//! Requests written out by hand from the platform's documentation: none of them was built by Countersign's own code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod acts;
mod calls;
mod harness;
mod pushes;
mod starts;
