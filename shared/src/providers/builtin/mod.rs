#![doc = include_str!("docs.md")]

use std::future::Future;
use std::pin::Pin;

use super::{Account, Call, CallbackError, Calls, Check, Error, Field, Opened, Provider, RawCallback, Start, Started};
use crate::approval::{DecidedBy, Event, Mode};
use crate::clock::World;

/// The platform's name.
pub const KIND: &str = "builtin";

/// The built-in platform.
#[derive(Debug)]
pub struct Builtin;

fn cannot<'a, T: Send + 'a>(what: &'static str) -> Call<'a, T> {
    Box::pin(async move { Err(Error::Unsupported { platform: "the built-in platform", what }) })
}

impl Provider for Builtin {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        &[]
    }

    fn has_callbacks(&self) -> bool {
        false
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Nodes
    }

    fn asks_members(&self) -> bool {
        true
    }

    fn refuses(&self, _: Mode, _: usize) -> Option<&'static str> {
        None
    }

    fn open(&self, _: &Account, _: &RawCallback, _: &World) -> Result<Opened, CallbackError> {
        Err(CallbackError::Malformed)
    }

    fn start<'a>(&'a self, _: &'a Account, _: &'a Start, _: &'a Calls<'a>) -> Call<'a, Started> {
        cannot("be called: what runs on it is in the table")
    }

    fn find<'a>(&'a self, _: &'a Account, _: &'a Start, _: &'a Calls<'a>) -> Call<'a, Option<Started>> {
        Box::pin(async { Ok(None) })
    }

    fn fetch<'a>(&'a self, _: &'a Account, _: &'a str, _: &'a Calls<'a>) -> Call<'a, Event> {
        cannot("be read: what runs on it is in the table")
    }

    fn cancel<'a>(&'a self, _: &'a Account, _: &'a str, _: &'a str, _: &'a str, _: &'a Calls<'a>) -> Call<'a, ()> {
        cannot("be called: what runs on it is in the table")
    }

    fn create_template<'a>(&'a self, _: &'a Account, _: &'a str, _: &'a Calls<'a>) -> Call<'a, String> {
        cannot("take a template: it needs none")
    }

    fn account_by_mobile<'a>(&'a self, _: &'a Account, _: &'a str, _: &'a Calls<'a>) -> Call<'a, String> {
        cannot("find anybody: its people are the members")
    }

    fn account_by_email<'a>(&'a self, _: &'a Account, _: &'a str, _: &'a Calls<'a>) -> Call<'a, String> {
        cannot("find anybody: its people are the members")
    }

    fn test_connection<'a>(
        &'a self,
        _: &'a Account,
        _: &'a Calls<'a>,
    ) -> Pin<Box<dyn Future<Output = Vec<Check>> + Send + 'a>> {
        Box::pin(async { vec![Check::passed("builtin", "it runs here: nothing has to be reached")] })
    }
}
