//! All that the platform knows, in memory and in files. Every change is in its file before anybody is answered.

use std::path::Path;

use countersign::clock::World;

use super::app::App;
use super::engine::{Happening, TaskIds};
use super::events;
use super::model::{Instance, Notice, Template};
use crate::platform::app::Registered;
use crate::platform::desk::{Claim, Desk, Order};
use crate::platform::files::{Error, Folder, Shelf};

/// Most work notices that are kept.
const MAX_NOTICES: usize = 200;
/// The first task id is beyond this: ids do not fit in 32 bits.
const FIRST_TASK: i64 = 80_000_000_000;

/// The platform's memory.
pub(crate) struct State {
    root: Folder,
    /// The instances and the faults.
    pub(super) desk: Desk<Instance>,
    pub(super) app: Registered<App>,
    pub(super) templates: Shelf<Template>,
    pub(super) notices: Vec<Notice>,
    last_task: i64,
}

impl State {
    /// Reads everything back, or begins with an app and nothing else.
    pub(super) fn read(folder: &Path, world: World) -> Result<Self, Error> {
        let root = Folder::open(folder.to_owned())?;
        let desk = Desk::open(folder.join("instances"), Order::Due, world.clone())?;
        let notices = root.read("notices.json")?.unwrap_or_default();
        let last_task = desk.instances.values().filter_map(highest_task).max().unwrap_or(FIRST_TASK);
        Ok(Self {
            app: Registered::open(root.clone(), &world)?,
            root,
            desk,
            templates: Shelf::open(folder.join("templates"))?,
            notices,
            last_task,
        })
    }

    /// The time.
    pub(super) fn now(&self) -> i64 {
        self.desk.now()
    }

    /// Where ids of new tasks come from.
    pub(super) fn task_ids(&self) -> TaskIds {
        TaskIds(self.last_task)
    }

    /// Keeps a template.
    pub(super) fn put_template(&mut self, template: Template) -> Result<(), Error> {
        self.templates.put(template)?;
        self.desk.version += 1;
        Ok(())
    }

    /// Keeps an instance together with the callbacks of what happened to it. A claim that comes back has to be delivered.
    pub(super) fn commit(&mut self, instance: Instance, happened: &[Happening]) -> Result<Option<Claim>, Error> {
        let now = self.now();
        let told = happened.iter().map(|one| events::event(&instance, &self.app.corp_id, one, now)).collect();
        let highest = highest_task(&instance).unwrap_or_default();
        let claim = self.desk.commit(instance, told, self.app.subscription.url.is_some())?;
        self.last_task = self.last_task.max(highest);
        Ok(claim)
    }

    /// Keeps a work notice, and forgets the oldest ones.
    pub(super) fn put_notice(&mut self, notice: Notice) -> Result<(), Error> {
        let mut notices = self.notices.clone();
        notices.push(notice);
        let surplus = notices.len().saturating_sub(MAX_NOTICES);
        notices.drain(..surplus);
        self.root.write("notices.json", &notices)?;
        self.notices = notices;
        self.desk.version += 1;
        Ok(())
    }
}

fn highest_task(instance: &Instance) -> Option<i64> {
    instance.tasks.iter().map(|task| task.id).max()
}
