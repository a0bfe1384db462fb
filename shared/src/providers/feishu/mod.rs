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
use serde_json::{Map, Value};

use super::directory::{self, Directory, Read, Step};
use super::sign_in::{Arrived, Begun, NotKnown, SignIn, Step as SignInStep};
use super::{
    Account, Call, CallbackError, Calls, Check, Field, NodePlan, Opened, Provider, RawCallback, Reply, Start, Started,
    Warning,
};
use crate::approval::{Event, Mode};
use crate::clock::World;

/// Feishu and Lark approvals, through a custom app of the tenant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Feishu;

impl Provider for Feishu {
    fn kind(&self) -> &'static str {
        "feishu"
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

    /// Documented: of the free edition, all self-built apps of a tenant together.
    fn monthly_quota(&self) -> Option<u64> {
        Some(10_000)
    }

    fn generated_keys(&self) -> &'static [(&'static str, usize)] {
        // The administrator enters it in the console; the verification token is made there.
        &[("encrypt_key", 32)]
    }

    fn layout(&self, nodes: &[NodePlan]) -> String {
        template::layout(nodes)
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
            instance::find(&api, start).await.map_err(|failure| api.error(failure))
        })
    }

    fn fetch<'a>(&'a self, account: &'a Account, instance: &'a str, calls: &'a Calls<'a>) -> Call<'a, Event> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            let read = instance::read(&api, instance).await.map_err(|failure| api.error(failure))?;
            Ok(Event::Snapshot(snapshot::snapshot(&read, api.now())))
        })
    }

    /// The reason goes nowhere: the call has no field for it.
    fn cancel<'a>(
        &'a self,
        account: &'a Account,
        instance: &'a str,
        applicant: &'a str,
        _reason: &'a str,
        calls: &'a Calls<'a>,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            instance::cancel(&api, instance, applicant).await.map_err(|failure| api.error(failure))
        })
    }

    fn create_template<'a>(&'a self, account: &'a Account, layout: &'a str, calls: &'a Calls<'a>) -> Call<'a, String> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            template::create(&api, account, layout).await.map_err(|failure| api.error(failure))
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

    fn warnings(&self, _: &Map<String, Value>, has_secret: &dyn Fn(&str) -> bool) -> Vec<Warning> {
        check::warnings(has_secret)
    }

    fn test_connection<'a>(
        &'a self,
        account: &'a Account,
        calls: &'a Calls<'a>,
    ) -> Pin<Box<dyn Future<Output = Vec<Check>> + Send + 'a>> {
        Box::pin(check::run(account, calls))
    }
}

impl Directory for Feishu {
    fn kind(&self) -> &'static str {
        "feishu"
    }

    fn read<'a>(&'a self, account: &'a Account, step: &'a Step, calls: &'a Calls<'a>) -> Call<'a, Read> {
        Box::pin(async move {
            let api = Api::new(account, calls)?;
            directory::judge(step, members::read(&api, step).await, |failure| api.error(failure))
        })
    }
}

impl SignIn for Feishu {
    fn kind(&self) -> &'static str {
        "feishu"
    }

    fn page(&self, account: &Account, begun: &Begun<'_>) -> Result<url::Url, super::Error> {
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
