//! The organisation that every sandbox platform plays: a few people and departments, the same on all of them.

/// The organisation's name.
pub(crate) const ORGANISATION: &str = "云杉科技";

/// The department above all others.
pub(crate) const ROOT: i64 = 1;

/// A department. The root is [`ROOT`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Department {
    /// Its number.
    pub(crate) id: i64,
    /// Its name.
    pub(crate) name: &'static str,
    /// The department above it.
    pub(crate) parent: Option<i64>,
}

/// Every department.
pub(crate) const DEPARTMENTS: &[Department] = &[
    Department { id: 1, name: ORGANISATION, parent: None },
    Department { id: 905_123_401, name: "研发部", parent: Some(1) },
    Department { id: 905_123_402, name: "数据平台部", parent: Some(905_123_401) },
    Department { id: 905_123_403, name: "财务部", parent: Some(1) },
    Department { id: 905_123_404, name: "安全合规部", parent: Some(1) },
];

/// A person, without the accounts that the platforms give.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// A short name that the platforms' folders know the person by.
    pub key: &'static str,
    /// The name.
    pub name: &'static str,
    /// The name in Latin letters.
    pub pinyin: &'static str,
    /// Mobile number.
    pub mobile: &'static str,
    /// E-mail address.
    pub email: &'static str,
    /// What the person does.
    pub job_title: &'static str,
    /// The number of the person's department.
    pub department: i64,
    /// Key of the person's manager.
    pub manager: Option<&'static str>,
    /// Whether the person administers the organisation.
    pub admin: bool,
}

/// A person and the account that a platform knows them by.
pub(crate) type Account = (&'static Person, String);

/// Everybody.
pub(crate) const PEOPLE: &[Person] = &[
    Person {
        key: "zhang-wei",
        name: "张伟",
        pinyin: "Zhang Wei",
        mobile: "13800000001",
        email: "zhang.wei@yunshan.example",
        job_title: "研发总监",
        department: 1,
        manager: None,
        admin: true,
    },
    Person {
        key: "li-na",
        name: "李娜",
        pinyin: "Li Na",
        mobile: "13800000002",
        email: "li.na@yunshan.example",
        job_title: "数据平台负责人",
        department: 905_123_402,
        manager: Some("zhang-wei"),
        admin: false,
    },
    Person {
        key: "wang-fang",
        name: "王芳",
        pinyin: "Wang Fang",
        mobile: "13800000003",
        email: "wang.fang@yunshan.example",
        job_title: "财务经理",
        department: 905_123_403,
        manager: Some("zhang-wei"),
        admin: false,
    },
    Person {
        key: "chen-siyuan",
        name: "陈思远",
        pinyin: "Chen Siyuan",
        mobile: "13800000004",
        email: "chen.siyuan@yunshan.example",
        job_title: "数据分析师",
        department: 905_123_402,
        manager: Some("li-na"),
        admin: false,
    },
    Person {
        key: "ouyang-xue",
        name: "欧阳雪",
        pinyin: "Ouyang Xue",
        mobile: "13800000005",
        email: "ouyang.xue@yunshan.example",
        job_title: "安全合规专员",
        department: 905_123_404,
        manager: Some("zhang-wei"),
        admin: false,
    },
];

/// The name of a department; empty for a number that is none.
#[must_use]
pub(crate) fn department_name(id: i64) -> &'static str {
    DEPARTMENTS.iter().find(|department| department.id == id).map_or("", |department| department.name)
}
