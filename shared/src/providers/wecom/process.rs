//! What the nodes of a form tell: the same in an event's XML and in the detail's JSON, in an old list and a new one.
//!
//! One table for each field: the same number means different things in the form's status, in a node's and in the event.

use crate::approval::{Mode, Outcome, Rollback, TaskEnd, TaskFact, TaskOutcome};
use crate::providers::lenient::plausible;

/// `node_type`/`NodeType` of a node that decides. 2 is cc, 3 is a handler (办理人), who carries out what was decided.
const APPROVER_NODE: i64 = 1;
/// `sp_status`/`SpStatus` of a node that has passed.
const NODE_AGREED: i64 = 2;
/// `sp_status`/`SpStatus` of a node that was rejected.
const NODE_REJECTED: i64 = 3;
/// `apv_rel`/`ApvRel` of a node whose approvers are asked one after the other.
const IN_TURN: i64 = 3;

/// Most nodes that are read; the plan has a handful.
const MAX_NODES: usize = 64;

/// What a form's `sp_status` (`SpStatus`) says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormStatus {
    Open,
    Ended(Outcome),
    Unknown,
}

/// The table of the form's status. Withdrawn is 4 here and 6 among the changes.
pub(super) const fn form_status(code: i64) -> FormStatus {
    match code {
        1 => FormStatus::Open,
        // 10 is "paid": what was paid for had passed.
        2 | 10 => FormStatus::Ended(Outcome::Approved),
        3 => FormStatus::Ended(Outcome::Rejected),
        // By the applicant; deleted.
        4 | 7 => FormStatus::Ended(Outcome::Withdrawn),
        // Withdrawn after it had been approved.
        6 => FormStatus::Ended(Outcome::Revoked),
        _ => FormStatus::Unknown,
    }
}

/// What the state of one approver's piece says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PieceState {
    Open,
    Ended(TaskOutcome),
    SentBack,
    /// Somebody was asked as well, and the approver has not decided.
    Added,
    Unknown,
}

/// The table of `sp_yj` (`SpYj`) and of `sp_status` in the old list's details.
const fn piece_state(code: i64) -> PieceState {
    match code {
        // 0 is not documented: nobody has acted.
        0 | 1 => PieceState::Open,
        // 13: agreed, and added an approver.
        2 | 13 => PieceState::Ended(TaskOutcome::Approved),
        3 => PieceState::Ended(TaskOutcome::Rejected),
        // 4 转审, 15 转交.
        4 | 15 => PieceState::Ended(TaskOutcome::Transferred),
        11 => PieceState::SentBack,
        12 => PieceState::Added,
        // 14 (handled) is a handler's, whose nodes decide nothing.
        _ => PieceState::Unknown,
    }
}

/// The table of `apv_rel` in the nodes that we send; `None` for what WeCom has not.
pub(super) const fn apv_rel(mode: Mode) -> Option<i64> {
    match mode {
        Mode::All => Some(1),
        Mode::Any => Some(2),
        Mode::Sequential => Some(IN_TURN),
        Mode::AtLeast(_) => None,
    }
}

/// The table of `approverattr` (`ApproverAttr`) in the old list: any and all are numbered the other way round than in
/// `apv_rel`, and there is no "in turn".
pub(super) const fn apv_rel_of_attr(approver_attr: i64) -> Option<i64> {
    match approver_attr {
        1 => apv_rel(Mode::Any),
        2 => apv_rel(Mode::All),
        _ => None,
    }
}

/// One node of a form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct FormNode {
    /// `node_type`; absent in the old list, which holds nodes that decide only.
    pub(super) kind: Option<i64>,
    /// `sp_status`; absent in cc nodes.
    pub(super) status: Option<i64>,
    /// `apv_rel`, or what the old list's attribute means in its terms.
    pub(super) apv_rel: Option<i64>,
    pub(super) pieces: Vec<Piece>,
}

/// One approver's piece of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Piece {
    pub(super) user: String,
    /// `sp_yj`, or the old list's `sp_status`.
    pub(super) state: Option<i64>,
    /// When the approver acted, milliseconds.
    pub(super) at: Option<i64>,
    pub(super) remark: Option<String>,
}

/// What a form's nodes tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Told {
    pub(super) tasks: Vec<(String, TaskFact)>,
    pub(super) rollbacks: Vec<Rollback>,
    /// Codes that are in no table.
    pub(super) unknown: Vec<String>,
}

/// A time of WeCom's, whole seconds, in milliseconds; 0 stands for "not yet".
pub(super) fn time(seconds: i64) -> Option<i64> {
    seconds.checked_mul(1_000).and_then(plausible).filter(|at| *at > 0)
}

/// When the last one acted.
pub(super) fn last_act(nodes: &[FormNode]) -> Option<i64> {
    nodes.iter().filter_map(FormNode::last_act).max()
}

/// How a form that is gone had been decided before that, and when the last one acted: every node has passed, or one was
/// rejected. Whether WeCom still lists its nodes then is unconfirmed.
pub(super) fn decided(nodes: &[FormNode]) -> Option<(Outcome, i64)> {
    let statuses: Vec<Option<i64>> = deciding(nodes).map(|node| node.status).collect();
    let outcome = if statuses.contains(&Some(NODE_REJECTED)) {
        Outcome::Rejected
    } else if !statuses.is_empty() && statuses.iter().all(|status| *status == Some(NODE_AGREED)) {
        Outcome::Approved
    } else {
        return None;
    };
    Some((outcome, last_act(nodes)?))
}

/// How many have acted: grows with every change of a form.
pub(super) fn acts(nodes: &[FormNode]) -> usize {
    nodes.iter().flat_map(|node| &node.pieces).filter(|piece| piece.has_acted()).count()
}

/// The nodes whose people decide.
pub(super) fn deciding(nodes: &[FormNode]) -> impl Iterator<Item = &FormNode> {
    nodes.iter().filter(|node| node.kind.is_none_or(|kind| kind == APPROVER_NODE))
}

/// Reads the nodes of a form that was submitted at `applied_at` (milliseconds).
///
/// Only the nodes that decide are counted: the index of the first is 0, as in the plan, whatever cc and handler nodes
/// stand in between. WeCom lists the nodes to come as well; they say nothing until they are reached.
pub(super) fn told(nodes: &[FormNode], applied_at: Option<i64>) -> Told {
    let mut deciding: Vec<&FormNode> = deciding(nodes).collect();
    deciding.truncate((last_reached(&deciding) + 1).min(MAX_NODES));
    let mut told = Told { rollbacks: rollbacks(&deciding), ..Told::default() };
    let mut opened_at = applied_at;
    for (index, node) in (0_u8..).zip(deciding.iter().copied()) {
        let later: Vec<i64> = deciding[usize::from(index) + 1..].iter().flat_map(|node| node.returns()).collect();
        node.tell(index, opened_at, &later, &mut told);
        opened_at = opened_at.max(node.last_act());
    }
    told
}

/// The last node that has begun: all before it have passed, or somebody has acted in it.
fn last_reached(nodes: &[&FormNode]) -> usize {
    let passed = nodes.iter().take_while(|node| node.status == Some(NODE_AGREED)).count();
    let acted = nodes.iter().rposition(|node| node.pieces.iter().any(Piece::has_acted));
    passed.max(acted.unwrap_or(0))
}

/// The returns to earlier nodes. That the state 11 is that of whoever sent it back, and that the first node which has not
/// passed is the one that is asked again, is unconfirmed.
fn rollbacks(nodes: &[&FormNode]) -> Vec<Rollback> {
    let mut found = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let sent_back = node.pieces.iter().filter(|piece| piece.state() == PieceState::SentBack);
        let Some(at) = sent_back.filter_map(|piece| piece.at).max() else { continue };
        let target = nodes[..index].iter().position(|earlier| earlier.status != Some(NODE_AGREED));
        if let Some(to_node) = target.and_then(|target| u8::try_from(target).ok()) {
            found.push(Rollback::new(to_node, at));
        }
    }
    found
}

impl FormNode {
    fn last_act(&self) -> Option<i64> {
        self.pieces.iter().filter(|piece| piece.has_acted()).filter_map(|piece| piece.at).max()
    }

    /// When this node sent the form back.
    fn returns(&self) -> impl Iterator<Item = i64> {
        self.pieces.iter().filter(|piece| piece.state() == PieceState::SentBack).filter_map(|piece| piece.at)
    }

    /// The returns after which a piece was given out, from this node and from `later` ones. Whoever is asked again has a new
    /// task: what they decided before stays decided then.
    fn returns_before(&self, position: usize, later: &[i64]) -> Vec<i64> {
        let own = &self.pieces[position];
        let until = match (own.has_acted(), self.status) {
            (true, _) => own.at.unwrap_or_default(),
            // Nobody is asked any more.
            (false, Some(NODE_AGREED)) => self.last_act().unwrap_or(i64::MAX),
            (false, _) => i64::MAX,
        };
        let here = self
            .pieces
            .iter()
            .enumerate()
            .filter(|(other, piece)| *other != position && piece.state() == PieceState::SentBack);
        here.filter_map(|(_, piece)| piece.at).chain(later.iter().copied()).filter(|at| *at < until).collect()
    }

    /// Adds what this node tells. WeCom gives tasks no ids; ours are made of node, person, which of the person's pieces it is,
    /// and how often the form had come back. The position in the list is no part of it: others may be added in front.
    fn tell(&self, index: u8, opened_at: Option<i64>, later: &[i64], told: &mut Told) {
        // An earlier node is asked again first.
        let came_back_before = told.rollbacks.iter().any(|rollback| rollback.to_node < index);
        let mut seen: Vec<String> = Vec::with_capacity(self.pieces.len());
        for (position, piece) in self.pieces.iter().enumerate() {
            let waits = came_back_before && !piece.has_acted();
            if waits || self.waits_for_turn(position) || self.is_asked_again(position) {
                continue;
            }
            let user = piece.user.to_lowercase();
            let before = seen.iter().filter(|name| **name == user).count();
            let mut id = if before == 0 { format!("{index}/{user}") } else { format!("{index}/{user}/{}", before + 1) };
            let returns = self.returns_before(position, later);
            if !returns.is_empty() {
                id.push_str(&format!("#{}", returns.len() + 1));
            }
            let opened_at = opened_at.max(returns.into_iter().max());
            seen.push(user);
            if let PieceState::Unknown = piece.state() {
                told.unknown.push(format!("sp_yj/{}", piece.state.unwrap_or_default()));
            }
            let opened_at = opened_at.max(self.handed_on_before(position));
            let fact = TaskFact {
                assignee: piece.user.clone(),
                node: Some(index),
                opened_at,
                end: piece.end(opened_at),
                ..TaskFact::default()
            };
            told.tasks.push((id, fact));
        }
    }

    /// Whether somebody before this one is to decide first.
    fn waits_for_turn(&self, position: usize) -> bool {
        let is_open = |piece: &Piece| piece.state() == PieceState::Open;
        self.apv_rel == Some(IN_TURN)
            && !self.pieces[position].has_acted()
            && self.pieces[..position].iter().any(is_open)
    }

    /// Whether whoever added somebody, or sent the form back, has another piece further on: that one is the task.
    fn is_asked_again(&self, position: usize) -> bool {
        let own = &self.pieces[position];
        let is_same = |piece: &Piece| piece.user.eq_ignore_ascii_case(&own.user);
        matches!(own.state(), PieceState::Added | PieceState::SentBack)
            && self.pieces[position + 1..].iter().any(is_same)
    }

    /// When somebody else of this node last handed a piece on or added somebody, before this one acted: whoever was brought
    /// in was asked then. In a node whose approvers are asked in turn every act asks the next one.
    fn handed_on_before(&self, position: usize) -> Option<i64> {
        let own = &self.pieces[position];
        let until = if own.has_acted() { own.at.unwrap_or_default() } else { i64::MAX };
        let in_turn = self.apv_rel == Some(IN_TURN);
        let hands_on = |piece: &Piece| match piece.state() {
            PieceState::Added | PieceState::Ended(TaskOutcome::Transferred) => true,
            _ => in_turn || piece.state == Some(13),
        };
        let others = self.pieces.iter().enumerate().filter(|(other, piece)| *other != position && piece.has_acted());
        others.filter(|(_, piece)| hands_on(piece)).filter_map(|(_, piece)| piece.at).filter(|at| *at < until).max()
    }
}

impl Piece {
    fn state(&self) -> PieceState {
        self.state.map_or(PieceState::Open, piece_state)
    }

    fn has_acted(&self) -> bool {
        matches!(self.state(), PieceState::Ended(_) | PieceState::SentBack | PieceState::Added)
    }

    fn end(&self, opened_at: Option<i64>) -> Option<TaskEnd> {
        let PieceState::Ended(outcome) = self.state() else { return None };
        Some(TaskEnd { outcome, at: self.at.or(opened_at).unwrap_or_default(), remark: self.remark.clone(), to: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_790_000_000_000;

    fn piece(user: &str, state: i64, at: i64) -> Piece {
        let at = (at > 0).then_some(AT + at);
        Piece { user: user.into(), state: Some(state), at, remark: None }
    }

    fn node(kind: i64, status: i64, apv_rel: i64, pieces: &[Piece]) -> FormNode {
        FormNode { kind: Some(kind), status: Some(status), apv_rel: Some(apv_rel), pieces: pieces.to_vec() }
    }

    fn read(nodes: &[FormNode]) -> Vec<(String, u8, Option<i64>, Option<TaskOutcome>)> {
        let told = told(nodes, Some(AT));
        let fact = |(id, fact): (String, TaskFact)| {
            let opened = fact.opened_at.map(|at| at - AT);
            (id, fact.node.unwrap_or(99), opened, fact.end.map(|end| end.outcome))
        };
        told.tasks.into_iter().map(fact).collect()
    }

    fn task(
        id: &str,
        node: u8,
        opened: i64,
        end: Option<TaskOutcome>,
    ) -> (String, u8, Option<i64>, Option<TaskOutcome>) {
        (id.into(), node, Some(opened), end)
    }

    #[test]
    fn every_status_of_a_form() {
        for (code, expected) in [
            (1, FormStatus::Open),
            (2, FormStatus::Ended(Outcome::Approved)),
            (3, FormStatus::Ended(Outcome::Rejected)),
            (4, FormStatus::Ended(Outcome::Withdrawn)),
            (6, FormStatus::Ended(Outcome::Revoked)),
            (7, FormStatus::Ended(Outcome::Withdrawn)),
            (10, FormStatus::Ended(Outcome::Approved)),
        ] {
            assert_eq!(form_status(code), expected, "{code}");
        }
        for code in [-1, 0, 5, 8, 9, 11, 12, 13, 14, 15, 99] {
            assert_eq!(form_status(code), FormStatus::Unknown, "{code}");
        }
    }

    #[test]
    fn every_state_of_a_piece() {
        use PieceState as S;
        for (code, expected) in [
            (0, S::Open),
            (1, S::Open),
            (2, S::Ended(TaskOutcome::Approved)),
            (3, S::Ended(TaskOutcome::Rejected)),
            (4, S::Ended(TaskOutcome::Transferred)),
            (11, S::SentBack),
            (12, S::Added),
            (13, S::Ended(TaskOutcome::Approved)),
            (15, S::Ended(TaskOutcome::Transferred)),
        ] {
            assert_eq!(piece_state(code), expected, "{code}");
        }
        for code in [-1, 5, 6, 7, 8, 9, 10, 14, 16, 99] {
            assert_eq!(piece_state(code), S::Unknown, "{code}");
        }
    }

    #[test]
    fn the_two_fields_number_any_and_all_the_other_way_round() {
        assert_eq!([Mode::All, Mode::Any, Mode::Sequential].map(apv_rel), [Some(1), Some(2), Some(3)]);
        assert_eq!(apv_rel(Mode::AtLeast(2)), None);
        assert_eq!(apv_rel_of_attr(1), apv_rel(Mode::Any));
        assert_eq!(apv_rel_of_attr(2), apv_rel(Mode::All));
        assert_eq!(apv_rel_of_attr(3), None, "“in turn” is no old attribute");
    }

    #[test]
    fn nodes_to_come_say_nothing() {
        let first = |status, state, at| node(1, status, 2, &[piece("A", state, at), piece("B", 1, 0)]);
        let second = node(1, 1, 1, &[piece("C", 1, 0)]);
        assert_eq!(
            read(&[first(1, 1, 0), second.clone()]),
            [task("0/a", 0, 0, None), task("0/b", 0, 0, None)],
            "the second node is listed, and not reached"
        );
        let passed = read(&[first(2, 2, 5_000), second]);
        let expected =
            [task("0/a", 0, 0, Some(TaskOutcome::Approved)), task("0/b", 0, 0, None), task("1/c", 1, 5_000, None)];
        assert_eq!(passed, expected);
    }

    #[test]
    fn cc_and_handler_nodes_shift_no_index() {
        let cc = FormNode { kind: Some(2), pieces: vec![piece("Z", 0, 0)], ..FormNode::default() };
        let handler = node(3, 14, 1, &[piece("H", 14, 3_000)]);
        let first = node(1, 2, 1, &[piece("A", 2, 1_000)]);
        let nodes = [cc.clone(), first, handler, cc, node(1, 1, 1, &[piece("B", 1, 0)])];
        let expected = [task("0/a", 0, 0, Some(TaskOutcome::Approved)), task("1/b", 1, 1_000, None)];
        assert_eq!(read(&nodes), expected);
        assert_eq!(told(&nodes, None).unknown, Vec::<String>::new());
    }

    #[test]
    fn whoever_a_piece_was_handed_to_was_asked_then() {
        for (state, pieces) in
            [(4, [piece("A", 4, 7_000), piece("D", 1, 0)]), (15, [piece("D", 1, 0), piece("A", 15, 7_000)])]
        {
            let mut tasks = read(&[node(1, 1, 1, &pieces)]);
            tasks.sort();
            let expected = [task("0/a", 0, 0, Some(TaskOutcome::Transferred)), task("0/d", 0, 7_000, None)];
            assert_eq!(tasks, expected, "{state}");
        }
        let added = [piece("A", 12, 7_000), piece("D", 2, 9_000)];
        let expected = [task("0/a", 0, 0, None), task("0/d", 0, 7_000, Some(TaskOutcome::Approved))];
        assert_eq!(read(&[node(1, 12, 1, &added)]), expected);
        // Whoever added somebody may be listed again behind them: that is the same task.
        let again = [piece("A", 12, 7_000), piece("D", 2, 9_000), piece("A", 2, 9_500)];
        let expected =
            [task("0/d", 0, 7_000, Some(TaskOutcome::Approved)), task("0/a", 0, 7_000, Some(TaskOutcome::Approved))];
        assert_eq!(read(&[node(1, 2, 1, &again)]), expected);
        let agreed = [piece("A", 13, 7_000), piece("D", 1, 0)];
        let expected = [task("0/a", 0, 0, Some(TaskOutcome::Approved)), task("0/d", 0, 7_000, None)];
        let nodes = [node(1, 13, 1, &agreed), node(1, 1, 1, &[piece("E", 1, 0)])];
        assert_eq!(read(&nodes), expected, "the node waits for D");
    }

    #[test]
    fn in_turn_one_is_asked_after_the_other() {
        let asked = |pieces: &[Piece]| read(&[node(1, 1, 3, pieces)]);
        let first = asked(&[piece("A", 1, 0), piece("B", 1, 0)]);
        assert_eq!(first, [task("0/a", 0, 0, None)]);
        let second = asked(&[piece("A", 2, 4_000), piece("B", 1, 0), piece("C", 1, 0)]);
        assert_eq!(second, [task("0/a", 0, 0, Some(TaskOutcome::Approved)), task("0/b", 0, 4_000, None)]);
    }

    #[test]
    fn ids_stay_when_others_are_added_in_front() {
        let ids = |pieces: &[Piece]| -> Vec<String> {
            read(&[node(1, 1, 1, pieces)]).into_iter().map(|(id, ..)| id).collect()
        };
        assert_eq!(ids(&[piece("A", 1, 0), piece("b", 1, 0)]), ["0/a", "0/b"]);
        assert_eq!(ids(&[piece("A", 4, 1), piece("D", 1, 0), piece("B", 1, 0)]), ["0/a", "0/d", "0/b"]);
        assert_eq!(ids(&[piece("A", 2, 1), piece("a", 1, 0)]), ["0/a", "0/a/2"]);
    }

    #[test]
    fn a_return_makes_void_what_came_before_it() {
        let nodes = [node(1, 1, 1, &[piece("A", 1, 0)]), node(1, 11, 1, &[piece("B", 11, 8_000)])];
        assert_eq!(told(&nodes, Some(AT)).rollbacks, [Rollback::new(0, AT + 8_000)]);
        assert_eq!(read(&nodes), [task("0/a#2", 0, 8_000, None), task("1/b", 1, 0, None)]);
        let listed_twice = [piece("B", 11, 8_000), piece("B", 1, 0)];
        let again = [node(1, 2, 1, &[piece("A", 2, 9_000)]), node(1, 11, 1, &listed_twice)];
        assert_eq!(
            read(&again),
            [task("0/a#2", 0, 8_000, Some(TaskOutcome::Approved)), task("1/b#2", 1, 9_000, None)],
            "the node that sent it back is asked again"
        );
        let nowhere = [node(1, 2, 1, &[piece("A", 2, 1_000)]), node(1, 11, 1, &[piece("B", 11, 8_000)])];
        assert_eq!(told(&nowhere, Some(AT)).rollbacks, [], "nobody is asked again yet");
    }

    #[test]
    fn more_nodes_than_a_plan_can_have_are_left_out() {
        let nodes = vec![node(1, 2, 1, &[piece("A", 2, 1_000)]); 600];
        assert_eq!(read(&nodes).len(), MAX_NODES);
    }

    #[test]
    fn codes_that_do_not_exist_decide_nothing() {
        let told = told(&[node(1, 99, 9, &[piece("A", 99, 1_000), piece("B", 14, 0)])], Some(AT));
        assert_eq!(told.unknown, ["sp_yj/99", "sp_yj/14"]);
        assert!(told.tasks.iter().all(|(_, fact)| fact.end.is_none()));
    }
}
