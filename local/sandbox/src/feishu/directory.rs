//! The people and departments as Feishu knows them.

use crate::platform::people::{DEPARTMENTS, Department, PEOPLE, Person};

/// A person's accounts in the played tenant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    key: &'static str,
    /// Per app. It is the account that connections know.
    pub(super) open_id: &'static str,
    /// Per tenant.
    pub(super) user_id: &'static str,
    /// Per developer.
    pub(super) union_id: &'static str,
}

/// Everybody's accounts; the shapes are the documented ones.
pub(super) const ACCOUNTS: &[Account] = &[
    Account {
        key: "zhang-wei",
        open_id: "ou_7d8a6e6df7621556ce0d21922b676706",
        user_id: "e33ggbyz",
        union_id: "on_94a1ee5551019f18cd73d9f111898cf2",
    },
    Account {
        key: "li-na",
        open_id: "ou_3cda9c969f737aaa05e6915dce306cb9",
        user_id: "b85s39b1",
        union_id: "on_8ed6aa67826108097d9ee14381634501",
    },
    Account {
        key: "wang-fang",
        open_id: "ou_5ad573a6411d72b8305fda3a9c15c70e",
        user_id: "f7cb567e",
        union_id: "on_1c0f4a2be3d54967a8b9c0d1e2f30415",
    },
    Account {
        key: "chen-siyuan",
        open_id: "ou_40c6f1f6c0a9d2b7384e5d6c7b8a9f01",
        user_id: "chensiyuan",
        union_id: "on_62b3d4c5e6f708192a3b4c5d6e7f8091",
    },
    Account {
        key: "ouyang-xue",
        open_id: "ou_9f0e1d2c3b4a59687786a5b4c3d2e1f0",
        user_id: "4g8dd2ea",
        union_id: "on_0a9b8c7d6e5f4031221304f5e6d7c8b9",
    },
];

/// The ids of a department: `open_department_id` and `department_id`. The root is `0` in both.
const DEPARTMENT_IDS: &[(i64, &str, &str)] = &[
    (1, "0", "0"),
    (905_123_401, "od-4e6ac4d14bcd5071a37a39de902c7141", "D401"),
    (905_123_402, "od-2fba0c3d8e9f41a6b7c8d9e0f1a2b3c4", "D402"),
    (905_123_403, "od-8a1b2c3d4e5f60718293a4b5c6d7e8f9", "D403"),
    (905_123_404, "od-c5d6e7f8091a2b3c4d5e6f7081929304", "D404"),
];

impl Account {
    /// The person behind the account.
    pub(super) fn person(&self) -> Option<&'static Person> {
        PEOPLE.iter().find(|person| person.key == self.key)
    }

    /// The id of this type; `None` for a type that does not exist.
    pub(super) fn id(&self, kind: &str) -> Option<&'static str> {
        match kind {
            "open_id" => Some(self.open_id),
            "user_id" => Some(self.user_id),
            "union_id" => Some(self.union_id),
            _ => None,
        }
    }
}

/// The account with this id of this type.
pub(super) fn by_id(kind: &str, id: &str) -> Option<&'static Account> {
    ACCOUNTS.iter().find(|account| account.id(kind) == Some(id))
}

/// The account with this `open_id`.
pub(super) fn account(open_id: &str) -> Option<&'static Account> {
    by_id("open_id", open_id)
}

/// A person's name; the id itself for somebody unknown.
pub(super) fn name(open_id: &str) -> &str {
    account(open_id).and_then(Account::person).map_or(open_id, |person| person.name)
}

/// The `user_id` of a person.
pub(super) fn user_id(open_id: &str) -> &'static str {
    account(open_id).map_or("", |account| account.user_id)
}

/// The `open_id` of whoever is so many levels above a person; nobody is above the head of the organisation.
pub(super) fn manager(open_id: &str, levels: usize) -> Option<String> {
    let above = |key: &'static str| PEOPLE.iter().find(|person| person.key == key)?.manager;
    let mut key = account(open_id)?.key;
    for _ in 0..levels {
        key = above(key)?;
    }
    ACCOUNTS.iter().find(|account| account.key == key).map(|account| account.open_id.to_owned())
}

/// Both ids of a department.
pub(super) fn department_ids(id: i64) -> (&'static str, &'static str) {
    DEPARTMENT_IDS.iter().find(|ids| ids.0 == id).map_or(("", ""), |ids| (ids.1, ids.2))
}

/// The department with this id of this type.
pub(super) fn department(kind: &str, id: &str) -> Option<&'static Department> {
    let same = |ids: &&(i64, &str, &str)| if kind == "department_id" { ids.2 == id } else { ids.1 == id };
    let number = DEPARTMENT_IDS.iter().find(same)?.0;
    DEPARTMENTS.iter().find(|department| department.id == number)
}

/// The accounts directly in a department.
pub(super) fn members(department: i64) -> impl Iterator<Item = &'static Account> {
    ACCOUNTS.iter().filter(move |account| account.person().is_some_and(|person| person.department == department))
}
