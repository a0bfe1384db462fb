//! What the sandbox platforms share: the people, files, faults, callbacks on their way out, and pages.

pub(crate) mod faults;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod outbox;
pub(crate) mod page;
pub(crate) mod people;
pub(crate) mod text;
