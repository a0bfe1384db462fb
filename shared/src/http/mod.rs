//! What every endpoint has in common: problem answers, traces, authentication, and how requests are read.

pub mod answer;
pub mod auth;
pub mod duplicates;
pub mod extract;
pub mod form;
pub mod log;
pub mod patch;
pub mod peer;
pub mod problem;
pub mod resource;
pub mod serve;
pub mod session;
pub mod submit;
pub mod trace;

pub use answer::{Created, IfMatch, Listing, Tagged, time};
pub use auth::{Admin, Caller, DeploymentOwner, Owner, SignedIn, Submitter, Who};
pub use extract::{Id, Json, ListQuery, OptionalJson, Query};
pub use patch::Patch;
pub use peer::Peer;
pub use problem::Problem;
pub use serve::{MAX_BODY, ok_router, pasted};
pub use trace::TraceId;
