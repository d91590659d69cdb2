//! By which literals can a pattern be found? By a set of which at least one must stand in what was seen for the pattern to match.
//!
//! An operand of AND is enough, of OR all are needed; of several ways the one is taken that the fewest others share.

use std::sync::Arc;

use super::compare::{Expressions, Like, Literal, Test, latin_bytes};
use super::network::{Network, masked};
use super::program::{Asked, Expression, KnownPath, Program, hash};
use super::search::Node;

/// Lengths of pieces by which LIKE and MATCHES are found, the most telling first.
pub(super) const PIECES: [usize; 3] = [8, 4, 2];
/// Windows of one literal that are considered.
const MOST_WINDOWS: usize = 256;

/// Something that must stand in what was seen.
#[derive(Clone, Debug)]
pub(super) struct Anchor<'p> {
    pub place: Place<'p>,
    pub key: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Place<'p> {
    /// A value equal to a literal.
    Equal(&'p Arc<KnownPath>),
    /// An address whose first bits are those of a network of this length.
    Prefix(&'p Arc<KnownPath>, Network),
    /// A network that has this one in it.
    Superset(&'p Arc<KnownPath>, Network),
    /// A text with a piece of this length (by its number in [`PIECES`]).
    Piece(&'p Arc<KnownPath>, usize),
    /// Any value at this path.
    Path(&'p Arc<KnownPath>),
    /// Any object of this type.
    Type,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Latin = 1,
    Text,
    Number,
    Bool,
    V4 = 0x100,
    V6 = 0x200,
    Piece = 0x300,
    Path = 0x400,
    Type = 0x500,
}

pub(super) fn text_key(path: &KnownPath, text: &str) -> u64 {
    match latin_bytes(text) {
        Some(bytes) => bytes_key(path, &bytes),
        None => hash(path.hash() ^ Kind::Text as u64, text.as_bytes()),
    }
}

pub(super) fn bytes_key(path: &KnownPath, bytes: &[u8]) -> u64 {
    hash(path.hash() ^ Kind::Latin as u64, bytes)
}

pub(super) fn number_key(path: &KnownPath, number: f64) -> u64 {
    // Zero is equal to minus zero.
    hash(path.hash() ^ Kind::Number as u64, &(number + 0.0).to_bits().to_le_bytes())
}

pub(super) fn bool_key(path: &KnownPath, yes: bool) -> u64 {
    hash(path.hash() ^ Kind::Bool as u64, &[u8::from(yes)])
}

pub(super) fn prefix_key(path: &KnownPath, v6: bool, bits: u128, length: u8) -> u64 {
    let kind = if v6 { Kind::V6 } else { Kind::V4 };
    hash(path.hash() ^ (kind as u64 + u64::from(length)), &masked(bits, length).to_le_bytes())
}

pub(super) fn piece_key(path: &KnownPath, tier: usize, piece: &[u8]) -> u64 {
    hash(path.hash() ^ (Kind::Piece as u64 + tier as u64), piece)
}

pub(super) fn path_key(path: &KnownPath) -> u64 {
    hash(path.hash() ^ Kind::Path as u64, &[])
}

pub(super) fn type_key(object_type: &str) -> u64 {
    hash(Kind::Type as u64, object_type.as_bytes())
}

/// Anchors with what it costs to be found by them: about how many patterns are asked in vain.
pub(super) type Cover<'p> = (u64, Vec<Anchor<'p>>);

/// Chooses for a program; `shared` says how many are found by a key already.
pub(super) struct Chooser<'i> {
    pub shared: &'i dyn Fn(u64) -> u64,
}

const ANY_VALUE: u64 = 10_000;
const ANY_OBJECT: u64 = 20_000;

impl Chooser<'_> {
    pub(super) fn cover<'p>(&self, program: &'p Program) -> Cover<'p> {
        self.node(program, &program.node)
    }

    fn node<'p>(&self, program: &'p Program, node: &'p Node) -> Cover<'p> {
        match node {
            Node::Leaf(leaf) => self.expression(&program.leaves[*leaf as usize].expression),
            Node::And(all) | Node::FollowedBy(all) => cheapest(all.iter().map(|one| self.node(program, one))),
            Node::Or(all) => together(all.iter().map(|one| self.node(program, one))),
            Node::Repeat(inner, _) | Node::Within(inner, _) => self.node(program, inner),
        }
    }

    fn expression<'p>(&self, expression: &'p Expression) -> Cover<'p> {
        match expression {
            Expression::Test(asked) => self.test(asked),
            Expression::And(all) => cheapest(all.iter().map(|one| self.expression(one))),
            Expression::Or(all) => together(all.iter().map(|one| self.expression(one))),
        }
    }

    fn test<'p>(&self, asked: &'p Asked) -> Cover<'p> {
        let Asked { path, negated, test } = asked;
        let anywhere = || (ANY_VALUE, vec![Anchor { place: Place::Path(path), key: path_key(path) }]);
        match (test, negated) {
            (Test::Exists, _) => {
                let object_type = path.path().object_type.as_str();
                (ANY_OBJECT, vec![Anchor { place: Place::Type, key: type_key(object_type) }])
            }
            (Test::Equal(literal), false) | (Test::NotEqual(literal), true) => self.literal(path, literal).unwrap_or_else(anywhere),
            (Test::In(literals), false) => {
                let all: Option<Vec<_>> = literals.iter().map(|literal| self.literal(path, literal)).collect();
                all.map_or_else(anywhere, |all| together(all.into_iter()))
            }
            (Test::Like(like), false) => match like {
                Like::Parts { parts, .. } => self.pieces(path, parts.iter().map(|part| &**part)),
                Like::Expression { literal, .. } => self.pieces(path, [&**literal].into_iter()),
            }
            .unwrap_or_else(anywhere),
            (Test::Matches(expressions), false) => {
                let Expressions { literal, .. } = &**expressions;
                self.pieces(path, [&**literal].into_iter()).unwrap_or_else(anywhere)
            }
            (Test::IsSubset(network), false) if network.length > 0 => {
                let key = prefix_key(path, network.v6, network.bits, network.length);
                let wide = if network.v6 { 128 - network.length } else { 32 - network.length };
                (2 + u64::from(wide) + (self.shared)(key), vec![Anchor { place: Place::Prefix(path, *network), key }])
            }
            (Test::IsSuperset(network), false) => (100, vec![Anchor { place: Place::Superset(path, *network), key: 0 }]),
            _ => anywhere(),
        }
    }

    fn literal<'p>(&self, path: &'p Arc<KnownPath>, literal: &'p Literal) -> Option<Cover<'p>> {
        let (key, cost) = match literal {
            Literal::Text(text) => (text_key(path, text), 1),
            Literal::Bytes(bytes) => (bytes_key(path, bytes), 1),
            // Small numbers are ports and counts, which many share.
            Literal::Int(number) => (number_key(path, *number as f64), 50),
            Literal::Float(number) => (number_key(path, *number), 50),
            Literal::Bool(yes) => (bool_key(path, *yes), 5_000),
            // Many texts name one moment.
            Literal::Time(_) => return None,
        };
        Some((cost + (self.shared)(key), vec![Anchor { place: Place::Equal(path), key }]))
    }

    /// The window that the fewest share, of the longest windows there are.
    fn pieces<'p, 't>(&self, path: &'p Arc<KnownPath>, literals: impl Iterator<Item = &'t str> + Clone) -> Option<Cover<'p>> {
        for (tier, length) in PIECES.into_iter().enumerate() {
            let windows = literals.clone().flat_map(|literal| literal.as_bytes().windows(length)).take(MOST_WINDOWS);
            let cost = |key: u64| [2, 20, 500][tier] + (self.shared)(key) * [1, 2, 4][tier];
            let best = windows.map(|window| piece_key(path, tier, window)).map(|key| (cost(key), key)).min();
            if let Some((cost, key)) = best {
                return Some((cost, vec![Anchor { place: Place::Piece(path, tier), key }]));
            }
        }
        None
    }
}

fn cheapest<'p>(covers: impl Iterator<Item = Cover<'p>>) -> Cover<'p> {
    covers.min_by_key(|(cost, _)| *cost).unwrap_or_default()
}

fn together<'p>(covers: impl Iterator<Item = Cover<'p>>) -> Cover<'p> {
    covers.fold((0, Vec::new()), |(sum, mut all), (cost, anchors)| {
        all.extend(anchors);
        (sum.saturating_add(cost), all)
    })
}
