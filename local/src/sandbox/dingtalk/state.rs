//! All that the platform knows, in memory and in files. Every change is in its file before anybody is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use countersign::clock::World;

use super::app::{App, AppFile};
use super::engine::{Happening, TaskIds};
use super::events;
use super::model::{Instance, Notice, Template};
use crate::sandbox::platform::faults::Faults;
use crate::sandbox::platform::files::{Error, Folder};
use crate::sandbox::platform::outbox::{self, CallbackState};

/// Most work notices that are kept.
const MOST_NOTICES: usize = 200;
/// The first task id is beyond this: ids do not fit in 32 bits.
const FIRST_TASK: i64 = 80_000_000_000;

/// The platform's memory.
pub(super) struct State {
    root: Folder,
    template_files: Folder,
    instance_files: Folder,
    pub(super) world: World,
    pub(super) app: App,
    pub(super) templates: BTreeMap<String, Template>,
    pub(super) instances: BTreeMap<String, Instance>,
    pub(super) notices: Vec<Notice>,
    pub(super) faults: Faults,
    /// Callbacks that are being sent at this moment.
    pub(super) in_flight: BTreeSet<(String, u32)>,
    /// Counts changes, so that pages know when to look again.
    pub(super) version: u64,
    last_task: i64,
}

/// Callbacks of one change, in the order in which they go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) instance: String,
    pub(super) numbers: Vec<u32>,
}

impl State {
    /// Reads everything back, or begins with an app and nothing else.
    pub(super) fn open(folder: &Path, world: World) -> Result<Self, Error> {
        let root = Folder::open(folder.to_owned())?;
        let template_files = Folder::open(folder.join("templates"))?;
        let instance_files = Folder::open(folder.join("instances"))?;
        let app = match root.read::<AppFile>("app.json")? {
            Some(file) => App::from(file),
            None => {
                let app = App::new(&world);
                root.write("app.json", &AppFile::from(&app))?;
                app
            }
        };
        let templates = template_files.read_all::<Template>()?;
        let instances = instance_files.read_all::<Instance>()?;
        let notices = root.read("notices.json")?.unwrap_or_default();
        let last_task = instances.iter().filter_map(highest_task).max().unwrap_or(FIRST_TASK);
        Ok(Self {
            root,
            template_files,
            instance_files,
            world,
            app,
            templates: templates.into_iter().map(|template| (template.process_code.clone(), template)).collect(),
            instances: instances.into_iter().map(|instance| (instance.id.clone(), instance)).collect(),
            notices,
            faults: Faults::default(),
            in_flight: BTreeSet::new(),
            version: 0,
            last_task,
        })
    }

    /// The time.
    pub(super) fn now(&self) -> i64 {
        self.world.now()
    }

    /// Where ids of new tasks come from.
    pub(super) fn task_ids(&self) -> TaskIds {
        TaskIds(self.last_task)
    }

    /// Keeps the app as it is now.
    pub(super) fn put_app(&mut self, app: App) -> Result<(), Error> {
        self.root.write("app.json", &AppFile::from(&app))?;
        self.app = app;
        self.version += 1;
        Ok(())
    }

    /// Keeps a template.
    pub(super) fn put_template(&mut self, template: Template) -> Result<(), Error> {
        self.template_files.write(&format!("{}.json", template.process_code), &template)?;
        self.templates.insert(template.process_code.clone(), template);
        self.version += 1;
        Ok(())
    }

    /// Keeps an instance.
    pub(super) fn put_instance(&mut self, instance: Instance) -> Result<(), Error> {
        self.instance_files.write(&format!("{}.json", instance.id), &instance)?;
        self.last_task = self.last_task.max(highest_task(&instance).unwrap_or_default());
        self.instances.insert(instance.id.clone(), instance);
        self.version += 1;
        Ok(())
    }

    /// Keeps an instance together with the callbacks of what happened to it.
    pub(super) fn commit(&mut self, mut instance: Instance, happened: &[Happening]) -> Result<Batch, Error> {
        let now = self.now();
        let tell = |happening| events::event(&instance, &self.app.corp_id, happening, now);
        let told = happened.iter().map(tell).collect();
        let first = u32::try_from(instance.callbacks.len()).unwrap_or(u32::MAX);
        let subscribed = self.app.subscription.url.is_some();
        let callbacks = outbox::wrap(told, first, now, subscribed, &mut self.faults);
        let pending = callbacks.iter().filter(|callback| callback.state == CallbackState::Pending);
        let batch = Batch { instance: instance.id.clone(), numbers: pending.map(|callback| callback.number).collect() };
        instance.callbacks.extend(callbacks);
        self.put_instance(instance)?;
        Ok(batch)
    }

    /// Keeps a work notice, and forgets the oldest ones.
    pub(super) fn put_notice(&mut self, notice: Notice) -> Result<(), Error> {
        let mut notices = self.notices.clone();
        notices.push(notice);
        let surplus = notices.len().saturating_sub(MOST_NOTICES);
        notices.drain(..surplus);
        self.root.write("notices.json", &notices)?;
        self.notices = notices;
        self.version += 1;
        Ok(())
    }

    /// The instances, newest first.
    pub(super) fn newest_first(&self) -> Vec<&Instance> {
        let mut all: Vec<&Instance> = self.instances.values().collect();
        all.sort_by(|a, b| (b.created_at, &b.business_id).cmp(&(a.created_at, &a.business_id)));
        all
    }
}

fn highest_task(instance: &Instance) -> Option<i64> {
    instance.tasks.iter().map(|task| task.id).max()
}
