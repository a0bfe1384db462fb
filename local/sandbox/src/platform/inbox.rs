//! The page of a platform: an approval inbox on which one acts as a person.

use axum::extract::{Query, State as Shared};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::Platform;
use super::app::{App as _, Configurable as _};
use super::boxes;
use super::desk::Kept;
use super::files::Filed as _;
use super::host::{self, Host};
use super::lang::{Lang, Reader};
use super::page::{avatar, name_of, shell};
use super::people::Account;
use super::sheet::{self, Abilities, Badge, Sheet};
use super::text::beijing;

/// Most instances in a list.
const MAX_INSTANCES: usize = 100;

/// A list of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// What they have to decide.
    Todo,
    /// What they submitted.
    Submitted,
    /// What they decided or handed on.
    Handled,
    /// What they were copied on.
    Copied,
}

/// An instance as people and the sandbox's own endpoints see it.
pub(crate) trait Shown: Kept {
    /// A line of a list, for the endpoints.
    fn summary(&self) -> Value;

    /// Everything but the callbacks, for the endpoints.
    fn whole(&self) -> Value;

    /// Whether it stands in a list of a person.
    fn lists(&self, account: &str, list: List) -> bool;

    /// How many open tasks a person has in it.
    fn open_tasks(&self, account: &str) -> usize;

    /// Where it stands.
    fn badge(&self) -> Badge;

    /// The page's sheet.
    fn sheet(&self) -> Sheet;

    /// What a person may do with it.
    fn abilities(&self, account: &str) -> Abilities;
}

/// What the page is asked to show.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// Whose inbox.
    #[serde(default, rename = "as")]
    user: String,
    /// Which list.
    #[serde(default)]
    tab: String,
    /// Which instance.
    #[serde(default)]
    instance: String,
}

/// The lists: in an address, in English, in Chinese.
const TABS: [(List, &str, &str, &str); 4] = [
    (List::Todo, "todo", "To do", "待处理"),
    (List::Submitted, "submitted", "Submitted", "已发起"),
    (List::Handled, "handled", "Handled", "已处理"),
    (List::Copied, "copied", "Copied", "抄送"),
];

/// What is drawn: everybody, whose inbox, the instances newest first, and the list.
struct View<P: Platform> {
    lang: Lang,
    base: String,
    people: Vec<Account>,
    user: Account,
    all: Vec<P::Instance>,
    tab: &'static str,
    list: List,
}

/// `GET /sandbox/{platform}`.
pub(crate) async fn page<P: Platform>(
    reader: Reader,
    Shared(platform): Shared<Host<P>>,
    Query(shown): Query<Asked>,
) -> Response {
    let base = host::base::<P>();
    let lang = reader.lang;
    let (all, version, faults) = platform.desk(|desk| {
        let all: Vec<P::Instance> = desk.newest_first().into_iter().cloned().collect();
        (all, desk.version, desk.faults.clone())
    });
    let people = P::people();
    let asked = people.iter().find(|(_, account)| *account == shown.user);
    let Some(user) = asked.or_else(|| busiest::<P>(&people, &all)).or(people.first()).cloned() else {
        return shell(&reader, name_of(reader.lang, &base), &base, &html! { main {} });
    };
    let (list, tab, ..) = TABS.iter().find(|tab| tab.1 == shown.tab).unwrap_or(&TABS[0]);
    let view = View::<P> { lang, base, people, user, all, tab, list: *list };
    let listed = view.listed(view.list);
    let instance = view.all.iter().find(|one| one.key() == shown.instance).or_else(|| listed.first().copied());
    let notices = platform.state().notices(&view.user.1);
    let body = html! {
        main {
            div #live data-follow={ (view.base) "/_/version" } data-version=(version) {
                div.inbox { (view.people()) (view.list(&listed, instance)) (view.detail(instance)) }
                (boxes::notices(lang, &notices))
            }
            div.boxes { (console(lang, &view.base, &platform)) (boxes::faults(lang, &view.base, &faults, P::PERMISSION)) }
        }
    };
    shell(&reader, name_of(reader.lang, &view.base), &view.base, &body)
}

fn console<P: Platform>(lang: Lang, base: &str, platform: &Host<P>) -> Markup {
    let mut app = platform.app();
    boxes::console(lang, base, app.url().clone().as_deref(), &app.console(&platform.endpoint))
}

/// Whoever has something to do comes first.
fn busiest<'a, P: Platform>(people: &'a [Account], all: &[P::Instance]) -> Option<&'a Account> {
    let open = |account: &Account| all.iter().map(|instance| instance.open_tasks(&account.1)).sum::<usize>();
    people.iter().filter(|account| open(account) > 0).max_by_key(|account| open(account))
}

impl<P: Platform> View<P> {
    /// The instances of a list, newest first.
    fn listed(&self, list: List) -> Vec<&P::Instance> {
        self.all.iter().filter(|instance| instance.lists(&self.user.1, list)).take(MAX_INSTANCES).collect()
    }

    fn people(&self) -> Markup {
        let lang = self.lang;
        html! {
            nav.card.people aria-label=(lang.say("People")) {
                h2 { (lang.say("Act as")) }
                ul {
                    @for (person, account) in &self.people {
                        @let open: usize = self.all.iter().map(|instance| instance.open_tasks(account)).sum();
                        li {
                            a href={ (self.base) "?as=" (account) } aria-current=[(*account == self.user.1).then_some("true")] {
                                (avatar(person.name))
                                span.who { b { (person.name) } small { (person.pinyin) " · " (person.job_title) } }
                                @if open > 0 { span.count title=(lang.say("open tasks")) { (open) } }
                            }
                        }
                    }
                }
            }
        }
    }

    fn list(&self, listed: &[&P::Instance], chosen: Option<&P::Instance>) -> Markup {
        let lang = self.lang;
        html! {
            section.card.list aria-label=(lang.say("Approvals")) {
                div.tabs {
                    @for (list, name, english, chinese) in TABS {
                        a href={ (self.base) "?as=" (self.user.1) "&tab=" (name) }
                            aria-current=[(list == self.list).then_some("true")] {
                            (lang.of(english, chinese)) " " small { (self.listed(list).len()) }
                        }
                    }
                }
                @if listed.is_empty() {
                    p.empty { (lang.say("Nothing here.")) }
                } @else {
                    ul {
                        @for instance in listed {
                            (self.line(instance, chosen.is_some_and(|chosen| chosen.key() == instance.key())))
                        }
                    }
                }
            }
        }
    }

    fn line(&self, instance: &P::Instance, chosen: bool) -> Markup {
        let sheet = instance.sheet();
        let first = sheet.form.first().map_or(String::new(), |(name, value)| format!("{name}: {value}"));
        let short: String = first.chars().take(120).collect();
        let Badge(class, word, chinese) = instance.badge();
        html! {
            li {
                a href={ (self.base) "?as=" (self.user.1) "&tab=" (self.tab) "&instance=" (instance.key()) }
                    aria-current=[chosen.then_some("true")] {
                    span.head { b { (sheet.title) } span class={ "pill " (class) } { (self.lang.of(word, chinese)) } }
                    p { (short) }
                    time { (beijing(instance.age().0, "%m-%d %H:%M")) }
                }
            }
        }
    }

    fn detail(&self, instance: Option<&P::Instance>) -> Markup {
        let Some(instance) = instance else {
            return html! {
                section.card.detail {
                    p.empty {
                        (self.lang.say("Nothing to show. Submit an approval to Countersign, with a flow on this platform's connection, and it appears here with its approvers."))
                    }
                }
            };
        };
        let abilities = instance.abilities(&self.user.1);
        let act = sheet::act(self.lang, &self.base, instance.key(), &self.user, &self.people, &abilities);
        sheet::sheet(self.lang, instance, &instance.sheet(), instance.badge(), &act)
    }
}
