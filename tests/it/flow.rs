//! The way of an approval, through HTTP alone, as the public contract writes it.

mod decisions;
mod idempotency;
mod leftovers;
mod lost;
mod nodes;
mod people;
mod platforms;
mod refusals;
mod stages;
mod withdraw;
