//! Which of millions of networks hold this address? All of them, from the smallest to the largest.
//!
//! Networks only nest. So the line of addresses falls into stretches, each with its smallest network, and every network knows the
//! next larger one around it: one search, then a walk upwards.

use std::net::IpAddr;

use formats::value::Network;

const NONE: u32 = u32::MAX;

/// A network of a list.
#[derive(Clone, Copy, Debug)]
struct Node {
    network: Network,
    list: u32,
    /// The next larger network around it, or the same network of another list.
    around: u32,
}

/// Stretches of one family. Addresses are left-aligned, so that IPv4 and IPv6 are searched alike.
#[derive(Clone, Debug, Default)]
struct Stretches<A> {
    starts: Vec<A>,
    smallest: Vec<u32>,
    /// Where stretches begin whose address begins with these 16 bits: 65,537 places.
    index: Vec<u32>,
}

/// All networks of all lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Networks {
    nodes: Vec<Node>,
    v4: Stretches<u32>,
    v6: Stretches<u128>,
}

/// An address as a number.
trait Bits: Copy + Ord {
    fn top(self) -> usize;
    fn next(self) -> Option<Self>;
}

impl Bits for u32 {
    fn top(self) -> usize {
        (self >> 16) as usize
    }
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Bits for u128 {
    fn top(self) -> usize {
        (self >> 112) as usize
    }
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Networks {
    /// Takes networks with the number of their list.
    pub(super) fn new(mut all: Vec<(Network, u32)>) -> Self {
        // Smaller networks after the larger ones they lie in; IPv4 first.
        all.sort_unstable();
        all.dedup();
        let mut nodes: Vec<Node> = Vec::with_capacity(all.len());
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (network, list) in all {
            let number = nodes.len() as u32;
            nodes.push(Node { network, list, around: NONE });
            match (network.address(), network.last()) {
                (IpAddr::V4(first), IpAddr::V4(last)) => v4.push((first.to_bits(), last.to_bits(), number)),
                (IpAddr::V6(first), IpAddr::V6(last)) => v6.push((first.to_bits(), last.to_bits(), number)),
                _ => {}
            }
        }
        let (v4, v6) = (Stretches::new(&v4, &mut nodes), Stretches::new(&v6, &mut nodes));
        Self { nodes, v4, v6 }
    }

    /// Numbers of all networks that hold this one, the smallest first.
    pub(super) fn around(&self, network: Network) -> impl Iterator<Item = u32> + '_ {
        let smallest = match network.address() {
            IpAddr::V4(ip) => self.v4.smallest(ip.to_bits()),
            IpAddr::V6(ip) => self.v6.smallest(ip.to_bits()),
        };
        std::iter::successors(self.there(smallest), |number| self.there(self.nodes[*number as usize].around))
            .filter(move |number| self.nodes[*number as usize].network.length() <= network.length())
    }

    /// Numbers of all networks that lie inside this one or are it, by address.
    pub(super) fn inside(&self, network: Network) -> impl Iterator<Item = u32> + '_ {
        let from = self.nodes.partition_point(|node| node.network < network);
        let inside = move |node: &&Node| network.contains(node.network.address());
        self.nodes[from..].iter().take_while(inside).enumerate().map(move |(at, _)| (from + at) as u32)
    }

    /// The network and list of a number.
    pub(super) fn entry(&self, number: u32) -> (Network, u32) {
        let node = &self.nodes[number as usize];
        (node.network, node.list)
    }

    fn there(&self, number: u32) -> Option<u32> {
        (number != NONE).then_some(number)
    }

    pub(super) fn size_bytes(&self) -> usize {
        let stretches = |starts: usize, smallest: usize, index: usize| starts + 4 * (smallest + index);
        self.nodes.capacity() * size_of::<Node>()
            + stretches(self.v4.starts.capacity() * 4, self.v4.smallest.capacity(), self.v4.index.capacity())
            + stretches(self.v6.starts.capacity() * 16, self.v6.smallest.capacity(), self.v6.index.capacity())
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}

impl<A: Bits> Stretches<A> {
    /// Of ranges `(first, last, node)`, the larger before the smaller ones in it.
    fn new(ranges: &[(A, A, u32)], nodes: &mut [Node]) -> Self {
        if ranges.is_empty() {
            return Self { starts: Vec::new(), smallest: Vec::new(), index: Vec::new() };
        }
        let mut made =
            Self { starts: Vec::with_capacity(2 * ranges.len()), smallest: Vec::with_capacity(2 * ranges.len()), index: Vec::new() };
        let mut open: Vec<(A, u32)> = Vec::new();
        let close = |open: &mut Vec<(A, u32)>, made: &mut Self| {
            if let Some((last, _)) = open.pop()
                && let Some(next) = last.next()
            {
                made.put(next, open.last().map_or(NONE, |(_, node)| *node));
            }
        };
        for &(first, last, node) in ranges {
            while open.last().is_some_and(|(end, _)| *end < first) {
                close(&mut open, &mut made);
            }
            nodes[node as usize].around = open.last().map_or(NONE, |(_, around)| *around);
            made.put(first, node);
            open.push((last, node));
        }
        while !open.is_empty() {
            close(&mut open, &mut made);
        }
        made.starts.shrink_to_fit();
        made.smallest.shrink_to_fit();
        made.index = Vec::with_capacity(65_537);
        for top in 0..=65_536_usize {
            let from = made.index.last().map_or(0, |at| *at as usize);
            let more = made.starts[from..].partition_point(|start| start.top() < top);
            made.index.push((from + more) as u32);
        }
        made
    }

    /// From here on `node` is the smallest.
    fn put(&mut self, start: A, node: u32) {
        if self.starts.last() == Some(&start) {
            if let Some(last) = self.smallest.last_mut() {
                *last = node;
            }
        } else {
            self.starts.push(start);
            self.smallest.push(node);
        }
    }

    fn smallest(&self, at: A) -> u32 {
        let top = at.top();
        let (Some(from), Some(to)) = (self.index.get(top), self.index.get(top + 1)) else { return NONE };
        let (from, to) = (*from as usize, *to as usize);
        let upto = from + self.starts[from..to].partition_point(|start| *start <= at);
        if upto == 0 { NONE } else { self.smallest[upto - 1] }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network() -> impl Strategy<Value = Network> {
        // Close to each other, so that they nest.
        prop_oneof![
            (0_u32..4096, 0_u8..=32).prop_map(|(low, length)| Network::new(IpAddr::V4((low | 0xc000_0000).into()), length).unwrap()),
            (0_u32..4096, 20_u8..=32).prop_map(|(low, length)| Network::new(IpAddr::V4((low | 0xffff_f000).into()), length).unwrap()),
            (0_u128..4096, 0_u8..=128).prop_map(|(low, length)| Network::new(IpAddr::V6((low | 1 << 125).into()), length).unwrap()),
        ]
    }

    proptest! {
        #[test]
        fn every_network_around_is_found_and_no_other(
            all in prop::collection::vec((network(), 0_u32..4), 0..60),
            asked in prop::collection::vec(network(), 1..30),
        ) {
            let networks = Networks::new(all.clone());
            for asked in asked {
                let mut found: Vec<_> = networks.around(asked).map(|number| networks.entry(number)).collect();
                prop_assert!(found.is_sorted_by(|a, b| a.0.length() >= b.0.length()));
                found.sort_unstable();
                let mut want: Vec<_> =
                    all.iter().copied().filter(|(n, _)| n.length() <= asked.length() && n.contains(asked.address())).collect();
                want.sort_unstable();
                want.dedup();
                prop_assert_eq!(found, want);
            }
        }
    }
}
