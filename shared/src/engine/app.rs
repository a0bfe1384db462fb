//! What a process carries from call to call: the engine's context, shared by its routines and by all handlers.

use std::sync::Arc;

use super::memory::Memory;
use crate::clock::World;
use crate::providers::outbound::{DEFAULT_TIMEOUT, Outbound};
use crate::providers::{Calls, TokenStore};
use crate::settings::{Settings, clients};
use crate::store::tokens::Tokens;
use crate::store::{DataKey, Store};

/// What handlers share; clones are cheap and share everything.
#[derive(Clone)]
pub struct App {
    /// The table.
    pub store: Store,
    /// Where the sealer of secrets comes from.
    pub data_key: DataKey,
    /// Clock and randomness.
    pub world: World,
    /// What the environment said.
    pub settings: Arc<Settings>,
    /// The one client for calls that leave us.
    pub outbound: Outbound,
    /// Access tokens of platforms.
    pub tokens: Arc<dyn TokenStore>,
    /// What this process knows from earlier calls.
    pub memory: Arc<Memory>,
}

impl App {
    /// The context that the environment's settings describe: the table, the data key, the clients.
    pub async fn open(settings: Settings) -> Self {
        let (store, data_key) = clients::table(&settings).await;
        let outbound = Outbound::new(settings.addresses.clone(), DEFAULT_TIMEOUT);
        Self::new(store, data_key, World::system(), settings, outbound)
    }

    /// The context over this table.
    #[must_use]
    pub fn new(store: Store, data_key: DataKey, world: World, settings: Settings, outbound: Outbound) -> Self {
        let tokens = Arc::new(Tokens::new(store.clone(), data_key.clone(), world.clone()));
        let settings = Arc::new(settings);
        Self { store, data_key, world, settings, outbound, tokens, memory: Arc::default() }
    }

    /// What providers need of the outside, for calls that no quota counts; else [`App::line`].
    #[must_use]
    pub fn calls(&self) -> Calls<'_> {
        Calls { http: &self.outbound, tokens: &*self.tokens, world: &self.world }
    }
}
