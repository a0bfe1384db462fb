//! Approvals whose forms were decided at Quick BI, or whose resource is gone there: nobody waits for our decision any more.
//!
//! Quick BI tells of neither. A form that no longer waits is looked for among those that were handled; only one that is found
//! there, or is marked as deleted, is certain.

use std::collections::{BTreeMap, BTreeSet};

use super::round::Turn;
use crate::approval::Person;
use crate::engine::Error;
use crate::engine::withdraw::withdraw;
use crate::sources::quick_bi::approvals::{QueryRefusal, Which};

/// Most pages of one person's handled forms that are looked through.
const MAX_PAGES: usize = 5;

const DECIDED: &str = "The form was decided at Quick BI";
const DELETED: &str = "What was asked for no longer exists at Quick BI";

impl Turn<'_> {
    /// Takes back the open approvals whose forms are certain to be over. The inner error says why Quick BI could not be asked.
    pub(super) async fn take_back(&mut self) -> Result<Result<(), QueryRefusal>, Error> {
        let mut over: Vec<(String, &'static str)> = Vec::new();
        for (application, wanted) in &self.listed {
            if wanted.form.is_deleted || wanted.form.is_handled {
                over.push((application.clone(), if wanted.form.is_deleted { DELETED } else { DECIDED }));
            }
        }
        let mut missing: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (application, person) in &self.poll.open {
            if self.complete.contains(person) && !self.listed.contains_key(application) {
                missing.entry(person.clone()).or_default().insert(application.clone());
            }
        }
        self.drop_closed(&mut missing).await?;
        let mut asked = Ok(());
        for (person, applications) in missing {
            match self.handled(&person, applications, &mut over).await {
                Ok(()) => {}
                Err(refusal) => {
                    asked = Err(refusal);
                    break;
                }
            }
        }
        self.withdraw(over).await?;
        Ok(asked)
    }

    /// Most forms that are missing are those that we decided.
    async fn drop_closed(&mut self, missing: &mut BTreeMap<String, BTreeSet<String>>) -> Result<(), Error> {
        let known = self.known(missing.values().flatten()).await?;
        for applications in missing.values_mut() {
            applications.retain(|application| match known.get(application) {
                // It cannot be read: it stays among the open ones.
                Some(None) => false,
                Some(Some(record)) if record.state.closed.is_none() => true,
                Some(Some(_)) | None => {
                    self.poll.open.remove(application);
                    false
                }
            });
        }
        missing.retain(|_, applications| !applications.is_empty());
        Ok(())
    }

    /// Looks for a person's missing forms among those that were handled.
    async fn handled(
        &mut self,
        person: &str,
        mut missing: BTreeSet<String>,
        over: &mut Vec<(String, &'static str)>,
    ) -> Result<(), QueryRefusal> {
        for number in 1..=MAX_PAGES {
            if missing.is_empty() || self.is_spent() {
                break;
            }
            let page = self.page(person, Which::Handled, number).await?;
            for form in page.forms.iter().filter(|form| form.is_handled || form.is_deleted) {
                if missing.remove(&form.application) {
                    over.push((form.application.clone(), if form.is_handled { DECIDED } else { DELETED }));
                }
            }
            if !page.has_more {
                break;
            }
        }
        Ok(())
    }

    /// A platform that cannot take an instance back does not keep ours open: its decision would have no effect.
    async fn withdraw(&mut self, over: Vec<(String, &'static str)>) -> Result<(), Error> {
        let known = self.known(over.iter().map(|(application, _)| application)).await?;
        for (application, reason) in over {
            let there = known.get(&application);
            if let Some(None) = there {
                continue;
            }
            self.poll.open.remove(&application);
            let open = there.and_then(Option::as_ref).filter(|record| record.state.closed.is_none());
            let Some(record) = open else { continue };
            let by = Person { name: Some("Quick BI".to_owned()), ..Person::default() };
            tracing::info!(source.id = %self.source.id, approval.id = %record.id, reason, "an approval is taken back");
            withdraw(self.app, &record.id, by, Some(reason.to_owned()), true).await?;
        }
        Ok(())
    }
}
