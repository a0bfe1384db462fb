#![doc = include_str!("docs.md")]

mod callback;
mod check;
mod client;
mod errors;
mod events;
mod form;
mod instance;
mod members;
mod names;
mod process;
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
use super::{
    ANY_LAYOUT, Account, Call, CallbackError, Calls, Check, Error, Field, Opened, Provider, RawCallback, Reply, Start,
    Started,
};
use crate::approval::{AccountIds, Event, Mode};
use crate::clock::World;

/// WeCom approvals (企业微信审批), through a self-built app of the corporation.
#[derive(Debug, Clone, Copy, Default)]
pub struct WeCom;

impl Provider for WeCom {
    fn kind(&self) -> &'static str {
        "wecom"
    }

    fn fields(&self) -> &'static [Field] {
        settings::FIELDS
    }

    fn account_ids(&self) -> AccountIds {
        // Documented; calls are made with the id as it was written.
        AccountIds::KnowNoCase
    }

    /// The others only open callbacks.
    fn sends(&self, _: &str, secret: &str) -> bool {
        secret == "app_secret"
    }

    fn usual_address(&self, setting: &str) -> Option<&'static str> {
        settings::usual_address(setting)
    }

    fn generated_keys(&self) -> &'static [(&'static str, usize)] {
        // WeCom takes letters and digits, at most 32 of them as a token.
        &[("token", 32), ("aes_key", 43)]
    }

    fn refuses(&self, mode: Mode, approvers: usize) -> Option<&'static str> {
        instance::refuses(mode, approvers)
    }

    fn open(&self, account: &Account, callback: &RawCallback, world: &World) -> Result<Opened, CallbackError> {
        callback::open(account, callback, world)
    }

    fn reject(&self, error: CallbackError) -> Reply {
        callback::reject(error)
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

    fn cancel<'a>(&'a self, _: &'a Account, _: &'a str, _: &'a str, _: &'a str, _: &'a Calls<'a>) -> Call<'a, ()> {
        Box::pin(async { Err(Error::Unsupported { platform: "WeCom", what: "withdraw an approval" }) })
    }

    fn create_template<'a>(&'a self, account: &'a Account, _: &'a str, calls: &'a Calls<'a>) -> Call<'a, String> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            template::create(&api, account.template(ANY_LAYOUT)).await.map_err(|failure| api.error(failure))
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

    fn account_by_email<'a>(&'a self, account: &'a Account, email: &'a str, calls: &'a Calls<'a>) -> Call<'a, String> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            members::by_email(&api, email).await.map_err(|failure| api.error(failure))
        })
    }

    fn test_connection<'a>(
        &'a self,
        account: &'a Account,
        calls: &'a Calls<'a>,
    ) -> Pin<Box<dyn Future<Output = Vec<Check>> + Send + 'a>> {
        Box::pin(check::run(account, calls))
    }
}

impl Directory for WeCom {
    fn kind(&self) -> &'static str {
        "wecom"
    }

    /// WeCom says the same of both, `60111`.
    fn tells_gone_from_hidden(&self) -> bool {
        false
    }

    fn read<'a>(&'a self, account: &'a Account, step: &'a Step, calls: &'a Calls<'a>) -> Call<'a, Read> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            directory::judge(step, members::read(&api, step).await, |failure| api.error(failure))
        })
    }
}

impl SignIn for WeCom {
    fn kind(&self) -> &'static str {
        "wecom"
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
