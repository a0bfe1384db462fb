//! The people as DingTalk knows them.

use serde_json::{Value, json};

use crate::platform::people::{DEPARTMENTS, PEOPLE, Person};

/// A person's accounts in the played organisation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    key: &'static str,
    /// The account id. A text: it may look like a number and start with zeros.
    pub(super) userid: &'static str,
    /// The same person over all apps of one developer.
    pub(super) unionid: &'static str,
}

/// Everybody's accounts; the shapes are those that organisations have.
pub(super) const ACCOUNTS: &[Account] = &[
    Account { key: "zhang-wei", userid: "manager4220", unionid: "PiiWqzTNBe7yGsandboxZW1giEiE" },
    Account { key: "li-na", userid: "0123456789", unionid: "7tKsR2vLm0QsandboxLN2giEiE" },
    Account { key: "wang-fang", userid: "266752374326324", unionid: "a9XcUe4PhW-sandboxWF3giEiE" },
    Account { key: "chen-siyuan", userid: "024219523526217765", unionid: "Zr8bDq1JfY_sandboxCS4giEiE" },
    Account { key: "ouyang-xue", userid: "ouyang.xue", unionid: "kM5nTo6GwVasandboxOX5giEiE" },
];

impl Account {
    /// The person behind the account.
    pub(super) fn person(&self) -> Option<&'static Person> {
        PEOPLE.iter().find(|person| person.key == self.key)
    }
}

/// The account with this user id.
pub(super) fn account(userid: &str) -> Option<&'static Account> {
    ACCOUNTS.iter().find(|account| account.userid == userid)
}

/// The user id of a person.
pub(super) fn userid_of(key: &str) -> Option<&'static str> {
    ACCOUNTS.iter().find(|account| account.key == key).map(|account| account.userid)
}

/// A person's name; the id itself for somebody unknown.
pub(super) fn name(userid: &str) -> &str {
    account(userid).and_then(Account::person).map_or(userid, |person| person.name)
}

/// Whoever is asked when neither the caller nor the template names approvers: the manager, else an administrator.
pub(super) fn default_approver(originator: &str) -> Option<&'static str> {
    let manager = account(originator).and_then(Account::person).and_then(|person| person.manager);
    let admin = PEOPLE.iter().find(|person| person.admin).map(|person| person.key);
    manager.or(admin).and_then(userid_of)
}

/// The account of a person with this mobile number.
pub(super) fn by_mobile(mobile: &str) -> Option<&'static Account> {
    ACCOUNTS.iter().find(|account| account.person().is_some_and(|person| person.mobile == mobile))
}

/// The accounts directly in a department.
pub(super) fn members(department: i64) -> impl Iterator<Item = &'static Account> {
    ACCOUNTS.iter().filter(move |account| account.person().is_some_and(|person| person.department == department))
}

/// Whether there is such a department.
pub(super) fn has_department(id: i64) -> bool {
    DEPARTMENTS.iter().any(|department| department.id == id)
}

/// A user as `/topapi/v2/user/get` tells it.
pub(super) fn details(account: &Account) -> Option<Value> {
    let person = account.person()?;
    let mut user = json!({
        "userid": account.userid,
        "unionid": account.unionid,
        "name": person.name,
        "avatar": "",
        "state_code": "86",
        "mobile": person.mobile,
        "hide_mobile": false,
        "telephone": "",
        "job_number": "",
        "title": person.job_title,
        "email": person.email,
        "org_email": person.email,
        "work_place": "",
        "remark": "",
        "extension": "",
        "dept_id_list": [person.department],
        "dept_order_list": [{"dept_id": person.department, "order": 1}],
        "leader_in_dept": [{"dept_id": person.department, "leader": person.manager.is_none()}],
        "role_list": [],
        "active": true,
        "admin": person.admin,
        "boss": person.manager.is_none(),
        "senior": false,
        "real_authed": true,
        "exclusive_account": false,
    });
    if let (Some(manager), Some(map)) = (person.manager.and_then(userid_of), user.as_object_mut()) {
        map.insert("manager_userid".to_owned(), manager.into());
    }
    Some(user)
}
