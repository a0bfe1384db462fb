#![allow(clippy::unwrap_used)]
use super::*;
use crate::approval::Person;

/// Settles for people of whom `a` is the applicant.
fn settled(own: OwnApprover, mode: Mode, people: &str, absent: bool, replaceable: bool) -> Settled<char> {
    settle(own, mode, people.chars().collect(), absent, replaceable, |person| *person == 'a')
}

fn ask(people: &str, without_applicant: bool) -> Settled<char> {
    Settled::Ask { people: people.chars().collect(), without_applicant }
}

const KNOW_CASE: AccountIds = AccountIds::KnowCase;
const NOBODY: Settled<char> = Settled::Nobody { without_applicant: false };
const ONLY_THE_APPLICANT: Settled<char> = Settled::Nobody { without_applicant: true };

#[test]
fn the_applicant_is_asked_left_out_or_refused() {
    use OwnApprover::{Allow, Refuse, Skip};
    for mode in [Mode::Any, Mode::All, Mode::Sequential] {
        for (own, people, expected) in [
            (Allow, "abc", ask("abc", false)),
            (Allow, "a", ask("a", false)),
            (Skip, "abc", ask("bc", true)),
            (Skip, "bc", ask("bc", false)),
            (Skip, "a", ONLY_THE_APPLICANT),
            (Refuse, "bc", ask("bc", false)),
            (Refuse, "ba", Settled::Own),
            (Refuse, "a", Settled::Own),
        ] {
            assert_eq!(settled(own, mode, people, false, false), expected, "{own:?} {people}");
            assert_eq!(settled(own, mode, people, false, true), expected, "{own:?} {people}, with a fallback");
        }
    }
}

#[test]
fn who_is_absent_is_done_without_only_where_somebody_else_would_be_asked() {
    use OwnApprover::{Allow, Refuse, Skip};
    for own in [Allow, Skip, Refuse] {
        assert_eq!(settled(own, Mode::Any, "bc", true, false), Settled::Absent);
        assert_eq!(settled(own, Mode::Any, "", true, false), Settled::Absent);
        assert_eq!(settled(own, Mode::Any, "bc", true, true), ask("bc", false));
        assert_eq!(settled(own, Mode::Any, "", true, true), NOBODY);
    }
    assert_eq!(settled(Skip, Mode::All, "a", true, true), ONLY_THE_APPLICANT);
    assert_eq!(settled(Skip, Mode::All, "a", true, false), Settled::Absent, "not left out: somebody else was named");
}

#[test]
fn so_many_must_be_left_as_have_to_agree() {
    use OwnApprover::{Allow, Skip};
    let two = Mode::AtLeast(2);
    assert_eq!(settled(Allow, two, "ab", false, false), ask("ab", false));
    assert_eq!(settled(Skip, two, "abc", false, false), ask("bc", true));
    assert_eq!(settled(Skip, two, "ab", false, false), Settled::Own, "two can no longer agree");
    assert_eq!(settled(Allow, two, "b", false, false), Settled::TooFew, "a role of one");
    assert_eq!(settled(Allow, two, "b", true, true), Settled::TooFew);
    assert_eq!(settled(Skip, two, "a", false, true), ONLY_THE_APPLICANT, "others are asked instead");
}

fn connection(id: &str) -> ConnectionId {
    id.parse().unwrap()
}

fn member(id: &str, accounts: &[(&str, &str)]) -> Member {
    Member {
        id: id.parse().unwrap(),
        org: "org_1".parse().unwrap(),
        name: "M".into(),
        mobile: None,
        email: None,
        accounts: accounts.iter().map(|(on, account)| (connection(on), (*account).to_owned())).collect(),
        source_ids: std::collections::BTreeMap::new(),
        roles: Vec::new(),
        workspaces: Vec::new(),
        supervisor: None,
        left: std::collections::BTreeMap::new(),
        access: crate::resources::Access::None,
        active: true,
        epoch: 0,
        created_at: 0,
    }
}

fn somebody(account: &str, member: Option<Member>) -> Candidate {
    let id = member.as_ref().map(|member| member.id.to_string());
    Candidate { person: Person { member: id, account: Some(account.to_owned()), name: None }, member }
}

#[test]
fn an_applicant_is_known_by_member_or_account() {
    let here = connection("con_1");
    let li = || member("mem_li", &[("con_1", "li"), ("con_2", "ou_li")]);
    let applicant = Identity::new(Some(&li()));
    assert!(
        applicant.is(&here, KNOW_CASE, &somebody("other", Some(member("mem_li", &[])))),
        "the same member, whatever the account"
    );
    assert!(applicant.is(&here, KNOW_CASE, &somebody("li", None)), "by their account");
    assert!(!applicant.is(&here, KNOW_CASE, &somebody("LI", None)), "another account, where ids know case");
    let anycase = |who: &str| applicant.is(&here, AccountIds::KnowNoCase, &somebody(who, None));
    assert!(anycase("LI") && !anycase("Lis"), "the same account, where ids know none");
    assert!(
        !applicant.is(&here, KNOW_CASE, &somebody("ou_li", None)),
        "an account of another platform is somebody else's"
    );
    assert!(!applicant.is(&here, KNOW_CASE, &somebody("han", Some(member("mem_han", &[("con_1", "han")])))));

    // Known by an account on one platform only, found again as a member on another.
    let mut applicant = Identity::new(None);
    assert!(!applicant.is(&here, KNOW_CASE, &somebody("li", Some(li()))));
    applicant.add(&connection("con_2"), "ou_li".to_owned());
    assert!(applicant.is(&here, KNOW_CASE, &somebody("li", Some(li()))));
    assert!(!applicant.is(&here, KNOW_CASE, &somebody("li", None)), "nothing says that this account is theirs");
}

#[test]
fn a_person_stands_in_a_node_once_and_as_a_member_if_they_are_one() {
    let found = vec![somebody("li", None), somebody("han", None), somebody("li", Some(member("mem_li", &[])))];
    let once = once_each(found, AccountIds::KnowCase);
    let seen: Vec<_> = once.iter().map(|c| (c.person.account.as_deref(), c.person.member.as_deref())).collect();
    assert_eq!(seen, [(Some("li"), Some("mem_li")), (Some("han"), None)]);
}

#[test]
fn two_spellings_of_an_account_are_one_person_where_ids_know_no_case() {
    let found = || vec![somebody("UserId01", None), somebody("userid01", Some(member("mem_li", &[])))];
    assert_eq!(once_each(found(), KNOW_CASE).len(), 2);
    let once = once_each(found(), AccountIds::KnowNoCase);
    assert_eq!((once.len(), once[0].person.member.as_deref()), (1, Some("mem_li")));
}
