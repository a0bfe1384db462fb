//! All that the platform knows, in memory and in files. Every change is in its file before anybody is answered.

use std::collections::BTreeMap;
use std::path::Path;

use countersign::clock::World;

use super::app::App;
use super::engine::{Happening, Ids};
use super::events;
use super::model::{Definition, Instance};
use crate::platform::app::Registered;
use crate::platform::desk::{Claim, Desk, Order};
use crate::platform::files::{Error, Folder, Shelf};
use crate::platform::text::random_name;

/// The first task id is beyond this: they have 19 digits.
const FIRST_ID: i64 = 7_310_082_318_364_393_475;
/// Permissions of which either lets the app have approval events.
const EVENT_SCOPES: [&str; 2] = ["approval:approval", "approval:approval:readonly"];
/// The permissions that the played app has, unless the faults take them away.
const GRANTED: &[&str] = &[
    "approval:approval",
    "approval:approval:readonly",
    "approval:approval.list:readonly",
    "contact:contact.base:readonly",
    "contact:department.base:readonly",
    "contact:department.organize:readonly",
    "contact:group:readonly",
    "contact:user.base:readonly",
    "contact:user.department:readonly",
    "contact:user.email:readonly",
    "contact:user.employee:readonly",
    "contact:user.employee_id:readonly",
    "contact:user.id:readonly",
    "contact:user.phone:readonly",
    "im:message:send_as_bot",
    "tenant:tenant:readonly",
];

/// The platform's memory.
pub(crate) struct State {
    /// The instances and the faults.
    pub(super) desk: Desk<Instance>,
    pub(super) app: Registered<App>,
    pub(super) definitions: Shelf<Definition>,
    /// When each API was called in the last minute. Not kept: a new start is a quiet minute.
    pub(super) calls: BTreeMap<String, Vec<i64>>,
    last_id: i64,
}

impl State {
    /// Reads everything back, or begins with an app and nothing else.
    pub(super) fn read(folder: &Path, world: World) -> Result<Self, Error> {
        let desk = Desk::open(folder.join("instances"), Order::Strict, world.clone())?;
        let last_id = desk.instances.values().map(highest_id).max().unwrap_or_default().max(FIRST_ID);
        Ok(Self {
            app: Registered::open(Folder::open(folder.to_owned())?, &world)?,
            desk,
            definitions: Shelf::open(folder.join("definitions"))?,
            calls: BTreeMap::new(),
            last_id,
        })
    }

    /// The time.
    pub(super) fn now(&self) -> i64 {
        self.desk.now()
    }

    /// Where ids of new tasks and comments come from.
    pub(super) fn ids(&self) -> Ids {
        Ids(self.last_id)
    }

    /// Whether the app has a permission.
    pub(super) fn granted(&self, scope: &str) -> bool {
        GRANTED.contains(&scope) && !self.desk.faults.missing_scopes.iter().any(|missing| missing == scope)
    }

    /// A random id in the shape of an upper-case UUID.
    pub(super) fn code(&self) -> String {
        let hex = random_name(&self.desk.world, b"0123456789ABCDEF", 32);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// Random hexadecimal digits.
    pub(super) fn hex(&self, length: usize) -> String {
        random_name(&self.desk.world, b"0123456789abcdef", length)
    }

    /// Keeps a definition.
    pub(super) fn put_definition(&mut self, definition: Definition) -> Result<(), Error> {
        self.definitions.put(definition)?;
        self.desk.version += 1;
        Ok(())
    }

    /// Keeps an instance together with the callbacks of what happened to it. A claim that comes back has to be delivered.
    pub(super) fn commit(&mut self, instance: Instance, happened: &[Happening]) -> Result<Option<Claim>, Error> {
        let told = happened.iter().map(|one| events::event(&instance, self, one)).collect();
        let definition = self.definitions.get(&instance.approval_code);
        let subscribed = self.app.url.is_some()
            && definition.is_some_and(|definition| definition.subscribed)
            && EVENT_SCOPES.iter().any(|scope| self.granted(scope));
        let highest = highest_id(&instance);
        let claim = self.desk.commit(instance, told, subscribed)?;
        self.last_id = self.last_id.max(highest);
        Ok(claim)
    }
}

fn highest_id(instance: &Instance) -> i64 {
    let tasks = instance.tasks.iter().map(|task| &task.id);
    let ids = tasks.chain(instance.comments.iter().map(|comment| &comment.id));
    ids.filter_map(|id| id.parse().ok()).max().unwrap_or_default()
}
