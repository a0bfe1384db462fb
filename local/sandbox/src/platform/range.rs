//! Which part of the organisation a platform shows to the app, and who is no longer there. A fault, so that a new start is a whole
//! organisation that the app sees.

use serde::{Deserialize, Serialize};

use super::people::{DEPARTMENTS, Person, ROOT};

/// In `scope`: the one group that the platforms with groups have. It holds a person and a department.
pub(crate) const GROUP: &str = "group";
/// Who is in the group.
pub(crate) const GROUP_PERSON: &str = "wang-fang";
/// Which department is.
pub(crate) const GROUP_DEPARTMENT: i64 = 905_123_404;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Range {
    /// Numbers of departments, accounts of people, and [`GROUP`]; everything where it is absent.
    pub(crate) scope: Option<Vec<String>>,
    /// Numbers of departments that the app cannot read although they are in its scope.
    hidden: Vec<String>,
    /// Accounts of people who have left.
    left: Vec<String>,
}

impl Range {
    /// Whether anything differs from a whole organisation.
    pub(crate) fn any(&self) -> bool {
        *self != Self::default()
    }

    /// The departments that were chosen: the root where all is seen.
    pub(crate) fn departments(&self) -> Vec<i64> {
        let Some(scope) = &self.scope else { return vec![ROOT] };
        DEPARTMENTS.iter().map(|one| one.id).filter(|id| scope.contains(&id.to_string())).collect()
    }

    /// Whether somebody was chosen by name.
    pub(crate) fn names(&self, account: &str) -> bool {
        self.scope.as_ref().is_some_and(|scope| scope.iter().any(|entry| entry == account))
    }

    /// Whether the group was chosen.
    pub(crate) fn has_group(&self) -> bool {
        self.names(GROUP)
    }

    /// Whether a department is in range: itself, or one above it, was chosen.
    fn covers(&self, department: i64) -> bool {
        let mut chosen = self.departments();
        chosen.extend(self.has_group().then_some(GROUP_DEPARTMENT));
        let mut next = Some(department);
        while let Some(id) = next {
            if chosen.contains(&id) {
                return true;
            }
            next = DEPARTMENTS.iter().find(|one| one.id == id).and_then(|one| one.parent);
        }
        false
    }

    /// Whether the app may read a department.
    pub(crate) fn shows_department(&self, id: i64) -> bool {
        self.covers(id) && !self.hidden.contains(&id.to_string())
    }

    /// Whether the app may see somebody, should they be there.
    pub(crate) fn shows(&self, person: &Person, account: &str) -> bool {
        let in_group = self.has_group() && person.key == GROUP_PERSON;
        self.names(account) || in_group || self.shows_department(person.department)
    }

    /// Whether somebody has left.
    pub(crate) fn has_left(&self, account: &str) -> bool {
        self.left.iter().any(|left| left == account)
    }
}
