//! Asking a product for what it has not told: the forms that wait at Quick BI.
//!
//! A push only says that there is something, and is answered before anything is done about it: that the source is to be asked
//! now is one conditional write. The sweep asks, soon after a push and now and then without one, submits what is new, and takes
//! back what was decided over there. Everything may be repeated: a form has one approval, found by its id.

mod forms;
mod gone;
mod round;
mod watch;

pub use round::run;
pub use watch::{first, is_polled, pushed, watch};
