#![doc = include_str!("docs.md")]

mod callback;
mod check;
mod client;
mod errors;
mod events;
mod form;
mod instance;
mod members;
mod settings;
mod sign_in;
mod snapshot;
mod template;

#[cfg(test)]
mod tests;

use std::pin::Pin;

use client::Api;

use super::directory::{self, Directory, Read, Step};
use super::sign_in::{Arrived, Begun, NotKnown, SignIn, Step as SignInStep};
use super::{Account, Call, CallbackError, Calls, Check, Error, Field, Opened, Provider, RawCallback, Start, Started};
use crate::approval::{Event, Mode};
use crate::clock::World;

/// DingTalk OA approvals, through an internal app of the organisation.
#[derive(Debug, Clone, Copy, Default)]
pub struct DingTalk;

impl Provider for DingTalk {
    fn kind(&self) -> &'static str {
        "dingtalk"
    }

    fn fields(&self) -> &'static [Field] {
        settings::FIELDS
    }

    /// The others only open callbacks.
    fn sends(&self, _: &str, secret: &str) -> bool {
        secret == "app_secret"
    }

    fn usual_address(&self, setting: &str) -> Option<&'static str> {
        settings::usual_address(setting)
    }

    /// Documented: of the standard edition, all apps of an organisation together.
    fn monthly_quota(&self) -> Option<u64> {
        Some(5_000)
    }

    fn generated_keys(&self) -> &'static [(&'static str, usize)] {
        // DingTalk takes letters and digits.
        &[("token", 32), ("aes_key", 43)]
    }

    fn refuses(&self, mode: Mode, approvers: usize) -> Option<&'static str> {
        instance::refuses(mode, approvers)
    }

    fn open(&self, account: &Account, callback: &RawCallback, world: &World) -> Result<Opened, CallbackError> {
        callback::open(account, callback, world)
    }

    fn start<'a>(&'a self, account: &'a Account, start: &'a Start, calls: &'a Calls<'a>) -> Call<'a, Started> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            instance::start(&api, account, start).await.map_err(|failure| api.error(failure))
        })
    }

    fn find<'a>(&'a self, account: &'a Account, start: &'a Start, calls: &'a Calls<'a>) -> Call<'a, Option<Started>> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            instance::find(&api, account, start).await.map_err(|failure| api.error(failure))
        })
    }

    fn fetch<'a>(&'a self, account: &'a Account, instance: &'a str, calls: &'a Calls<'a>) -> Call<'a, Event> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            let read = instance::read(&api, instance).await.map_err(|failure| api.error(failure))?;
            Ok(Event::Snapshot(snapshot::snapshot(&read, api.now())))
        })
    }

    fn cancel<'a>(
        &'a self,
        account: &'a Account,
        instance: &'a str,
        applicant: &'a str,
        reason: &'a str,
        calls: &'a Calls<'a>,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            instance::cancel(&api, instance, applicant, reason).await.map_err(|failure| api.error(failure))
        })
    }

    fn create_template<'a>(&'a self, account: &'a Account, _: &'a str, calls: &'a Calls<'a>) -> Call<'a, String> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            template::create(&api).await.map_err(|failure| api.error(failure))
        })
    }

    fn account_by_mobile<'a>(
        &'a self,
        account: &'a Account,
        mobile: &'a str,
        calls: &'a Calls<'a>,
    ) -> Call<'a, String> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            members::by_mobile(&api, mobile).await.map_err(|failure| api.error(failure))
        })
    }

    fn account_by_email<'a>(&'a self, _: &'a Account, _: &'a str, _: &'a Calls<'a>) -> Call<'a, String> {
        Box::pin(async { Err(Error::Unsupported { platform: "DingTalk", what: "find members by e-mail" }) })
    }

    fn test_connection<'a>(
        &'a self,
        account: &'a Account,
        calls: &'a Calls<'a>,
    ) -> Pin<Box<dyn Future<Output = Vec<Check>> + Send + 'a>> {
        Box::pin(check::run(account, calls))
    }
}

impl Directory for DingTalk {
    fn kind(&self) -> &'static str {
        "dingtalk"
    }

    fn read<'a>(&'a self, account: &'a Account, step: &'a Step, calls: &'a Calls<'a>) -> Call<'a, Read> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            directory::judge(step, members::read(&api, step).await, |failure| api.error(failure))
        })
    }
}

impl SignIn for DingTalk {
    fn kind(&self) -> &'static str {
        "dingtalk"
    }

    fn code_names(&self) -> &'static [&'static str] {
        sign_in::CODE
    }

    fn page(&self, account: &Account, begun: &Begun<'_>) -> Result<url::Url, Error> {
        sign_in::begin(&settings::Settings::of(account)?, begun)
    }

    fn account<'a>(
        &'a self,
        account: &'a Account,
        arrived: &'a Arrived<'a>,
        calls: &'a Calls<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<String, NotKnown>> + Send + 'a>> {
        Box::pin(async move {
            let api = Api::new(account, calls).map_err(|error| NotKnown::Failed(SignInStep::Code, error))?;
            sign_in::account(&api, arrived).await
        })
    }
}
