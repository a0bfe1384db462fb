//! What handlers share.

use std::sync::Arc;

use crate::clock::World;
use crate::config::Settings;
use crate::engine::callback::References;
use crate::engine::connections::Connections;
use crate::engine::deliver::Awake;
use crate::engine::deliver::receivers::Receivers;
use crate::engine::organizations::Organizations;
use crate::engine::rules::Rules;
use crate::engine::unreadable::Unread;
use crate::engine::usage::Tallies;
use crate::providers::outbound::Outbound;
use crate::providers::{Calls, TokenStore};
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
    /// Connections that were read lately.
    pub connections: Arc<Connections>,
    /// References that were read.
    pub references: Arc<References>,
    /// Organisations that were read lately.
    pub organizations: Arc<Organizations>,
    /// Rules that were read lately.
    pub rules: Arc<Rules>,
    /// Receivers of sources, and how they answered lately.
    pub receivers: Arc<Receivers>,
    /// Lanes that are known to rest.
    pub awake: Arc<Awake>,
    /// Calls to platforms that are not in the table yet.
    pub tallies: Arc<Tallies>,
    /// Callbacks that could not be read and are not in the table yet.
    pub unread: Arc<Unread>,
}

impl App {
    /// What handlers share, over this table.
    #[must_use]
    pub fn new(store: Store, data_key: DataKey, world: World, settings: Settings, outbound: Outbound) -> Self {
        let tokens = Arc::new(Tokens::new(store.clone(), data_key.clone(), world.clone()));
        let settings = Arc::new(settings);
        let (connections, receivers, awake) = (Arc::default(), Arc::default(), Arc::default());
        let (references, rules, tallies, unread) = (Arc::default(), Arc::default(), Arc::default(), Arc::default());
        let organizations = Arc::default();
        Self {
            store,
            data_key,
            world,
            settings,
            outbound,
            tokens,
            connections,
            references,
            organizations,
            rules,
            receivers,
            awake,
            tallies,
            unread,
        }
    }

    /// What providers need of the outside, for calls that no quota counts; else [`App::line`].
    #[must_use]
    pub fn calls(&self) -> Calls<'_> {
        Calls { http: &self.outbound, tokens: &*self.tokens, world: &self.world }
    }
}
