//! The people and departments as WeCom knows them.

use serde_json::{Value, json};

use crate::platform::people::{DEPARTMENTS, PEOPLE, Person};

/// A person's account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    key: &'static str,
    /// The account id: letters of either case are the same to the platform.
    pub(super) userid: &'static str,
}

/// Everybody's accounts; the shapes are those that corporations have.
pub(super) const ACCOUNTS: &[Account] = &[
    Account { key: "zhang-wei", userid: "ZhangWei" },
    Account { key: "li-na", userid: "LiNa" },
    Account { key: "wang-fang", userid: "00042" },
    Account { key: "chen-siyuan", userid: "chen.siyuan@yunshan" },
    Account { key: "ouyang-xue", userid: "OuYangXue" },
];

impl Account {
    /// The person behind the account.
    pub(super) fn person(&self) -> Option<&'static Person> {
        PEOPLE.iter().find(|person| person.key == self.key)
    }

    /// The number of the person's department.
    pub(super) fn department(&self) -> i64 {
        self.person().map_or(ROOT, |person| department_number(person.department))
    }
}

/// The root department.
pub(super) const ROOT: i64 = 1;

/// Departments are numbered from 1 here.
pub(super) fn department_number(id: i64) -> i64 {
    let found = DEPARTMENTS.iter().position(|department| department.id == id);
    found.and_then(|index| i64::try_from(index + 1).ok()).unwrap_or(ROOT)
}

/// The organisation's number of a department that has this one here.
pub(super) fn own_number(number: i64) -> Option<i64> {
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    DEPARTMENTS.get(index).map(|department| department.id)
}

/// Number, name and parent of every department; the root's parent is 0.
pub(super) fn departments() -> impl Iterator<Item = (i64, &'static str, i64)> {
    DEPARTMENTS.iter().map(|department| {
        (department_number(department.id), department.name, department.parent.map_or(0, department_number))
    })
}

/// A department and all below it; nothing when there is no such one.
pub(super) fn tree(root: i64) -> Vec<(i64, &'static str, i64)> {
    let mut below = vec![root];
    // Parents stand before their children.
    departments()
        .filter(|(id, _, parent)| {
            let is_in = *id == root || below.contains(parent);
            if is_in {
                below.push(*id);
            }
            is_in
        })
        .collect()
}

/// The account with this user id, whatever the case of its letters.
pub(super) fn account(userid: &str) -> Option<&'static Account> {
    ACCOUNTS.iter().find(|account| account.userid.eq_ignore_ascii_case(userid))
}

/// A person's name; the id itself for somebody unknown.
pub(super) fn name(userid: &str) -> &str {
    account(userid).and_then(Account::person).map_or(userid, |person| person.name)
}

/// Whether somebody administers the corporation.
pub(super) fn administers(userid: &str) -> bool {
    account(userid).and_then(Account::person).is_some_and(|person| person.admin)
}

/// Whom the flow of a template asks that was made by the API: the superior, else an administrator.
pub(super) fn superior(userid: &str) -> Option<&'static str> {
    let manager = account(userid).and_then(Account::person).and_then(|person| person.manager);
    let administrator = PEOPLE.iter().find(|person| person.admin).map(|person| person.key);
    let key = manager.or(administrator)?;
    ACCOUNTS.iter().find(|account| account.key == key).map(|account| account.userid)
}

/// A member as `user/get` tells it. New apps get no mobile number, e-mail address, gender or picture.
pub(super) fn member(account: &Account) -> Option<Value> {
    let person = account.person()?;
    let leaders: Vec<&str> = person.manager.and_then(|_| superior(account.userid)).into_iter().collect();
    Some(json!({
        "userid": account.userid,
        "name": person.name,
        "department": [account.department()],
        "order": [0],
        "position": person.job_title,
        "is_leader_in_dept": [i64::from(person.manager.is_none())],
        "direct_leader": leaders,
        "telephone": "",
        "alias": person.pinyin,
        "main_department": account.department(),
        "extattr": {"attrs": []},
        "status": 1,
        "external_position": "",
    }))
}
