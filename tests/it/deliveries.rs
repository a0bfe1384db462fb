//! Deliveries: in order, signed, repeated, and nobody waits for a receiver that is not his own.

mod api;
mod order;
mod receivers;
mod rotation;
mod scene;
mod tls;
