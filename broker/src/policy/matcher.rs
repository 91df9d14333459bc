//! Rules compiled into a trie of path components, so that a decision costs one walk along the path.
//!
//! Every component that some rule spells out has a number. A path's component is looked up once; each live node of the trie
//! then steps by number. `**` is a node that steps to itself on everything.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use smallvec::SmallVec;

use super::glob::Glob;
use super::pattern::{Component, Pattern};
use super::rules::{Effect, Rule};
use super::verdict::Access;

/// Index of a node.
type NodeId = u32;
/// Index of a rule in the policy's list.
pub(super) type RuleId = u32;

/// The rules of one policy, compiled.
#[derive(Debug)]
pub(super) struct Matcher {
    names: HashMap<Box<[u8]>, u32, BuildHasherDefault<Fnv>>,
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// By number of the component, rising.
    literal: Vec<(u32, NodeId)>,
    globs: Vec<(Glob, NodeId)>,
    /// The `**` below this node; live whenever this node is.
    deep: Option<NodeId>,
    /// Whether this is a `**`.
    stays: bool,
    /// What rules that end here allow, together.
    allow: Access,
    /// The first deny that ends here.
    deny: Option<RuleId>,
    /// The first hide that ends here.
    hide: Option<RuleId>,
    /// An allowed pattern goes on from here: it may be looked at.
    on_the_way: Option<RuleId>,
    /// A deny or hide goes on from here and would not hold any more were this directory renamed.
    above_refusal: Option<RuleId>,
    /// A deny or hide ends here or below.
    refusal_below: bool,
    /// Allowing rules that end here.
    allowing: Vec<RuleId>,
}

/// What the rules say of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Said {
    pub(super) allow: Access,
    pub(super) deny: Option<RuleId>,
    pub(super) hide: Option<RuleId>,
    pub(super) above_refusal: Option<RuleId>,
}

/// FNV-1a. The table holds names of the policy alone, so a guest cannot fill it with collisions.
#[derive(Debug)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Live nodes; more than these on the stack only with many `**` in one policy.
type Live = SmallVec<[NodeId; 24]>;

impl Matcher {
    /// Compiles rules; a [`RuleId`] is an index into them.
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut matcher = Self { names: HashMap::default(), nodes: vec![Node::default()] };
        for (id, rule) in (0..).zip(rules) {
            for pattern in rule.patterns() {
                matcher.insert(id, rule.effect, pattern);
            }
            if let Effect::Allow(_) = rule.effect {
                for link in &rule.links {
                    matcher.insert(id, Effect::Allow(Access::LOOK), link);
                }
            }
        }
        // A child always has a higher index than its parent.
        for id in (0..matcher.nodes.len()).rev() {
            let node = &matcher.nodes[id];
            let children = node.literal.iter().map(|child| child.1).chain(node.globs.iter().map(|child| child.1));
            let below = children.chain(node.deep).any(|child| matcher.nodes[child as usize].refusal_below);
            matcher.nodes[id].refusal_below = below || node.deny.is_some() || node.hide.is_some();
        }
        matcher
    }

    fn insert(&mut self, rule: RuleId, effect: Effect, pattern: &Pattern) {
        let allows = matches!(effect, Effect::Allow(_));
        // Wherever a directory goes, `/**/x` still matches beneath it.
        let bound_to_place = pattern.components.first() != Some(&Component::Deep);
        let mut fixed = true;
        let mut at = 0;
        for component in &pattern.components {
            let node = &mut self.nodes[at as usize];
            if allows && fixed {
                node.on_the_way.get_or_insert(rule);
            } else if !allows && bound_to_place {
                node.above_refusal.get_or_insert(rule);
            }
            fixed &= matches!(component, Component::Literal(_));
            at = self.child(at, component);
        }
        let node = &mut self.nodes[at as usize];
        match effect {
            Effect::Allow(access) => {
                node.allow |= access;
                node.allowing.push(rule);
            }
            Effect::Deny(_) => _ = node.deny.get_or_insert(rule),
            Effect::Hide => _ = node.hide.get_or_insert(rule),
        }
    }

    /// The child of `at` for `component`, made if there is none.
    fn child(&mut self, at: NodeId, component: &Component) -> NodeId {
        let new = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        let names = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let node = &mut self.nodes[at as usize];
        match component {
            Component::Literal(bytes) => {
                let name = *self.names.entry(bytes.clone()).or_insert(names);
                match node.literal.binary_search_by_key(&name, |child| child.0) {
                    Ok(known) => return node.literal[known].1,
                    Err(place) => node.literal.insert(place, (name, new)),
                }
            }
            Component::Glob(glob) => match node.globs.iter().find(|child| child.0 == *glob) {
                Some(known) => return known.1,
                None => node.globs.push((glob.clone(), new)),
            },
            Component::Deep => match node.deep {
                Some(known) => return known,
                None => node.deep = Some(new),
            },
        }
        self.nodes.push(Node { stays: *component == Component::Deep, ..Node::default() });
        new
    }

    fn add(&self, live: &mut Live, node: NodeId) {
        if !live.contains(&node) {
            live.push(node);
            if let Some(deep) = self.nodes[node as usize].deep {
                self.add(live, deep);
            }
        }
    }

    /// The nodes that `path` leads to; `None` if it is no resolved path (relative, or with `.`, `..` or empty components).
    fn walk(&self, path: &Path) -> Option<Live> {
        let path = path.as_os_str().as_bytes().strip_prefix(b"/")?;
        let mut live = Live::new();
        self.add(&mut live, 0);
        if path.is_empty() {
            return Some(live);
        }
        let mut next = Live::new();
        for name in path.split(|&byte| byte == b'/') {
            if matches!(name, b"" | b"." | b"..") {
                return None;
            }
            if live.is_empty() {
                continue;
            }
            let number = self.names.get(name);
            for &id in &live {
                let node = &self.nodes[id as usize];
                if node.stays {
                    self.add(&mut next, id);
                }
                if let Some(number) = number
                    && let Ok(child) = node.literal.binary_search_by_key(number, |child| child.0)
                {
                    self.add(&mut next, node.literal[child].1);
                }
                for (glob, child) in &node.globs {
                    if glob.matches(name) {
                        self.add(&mut next, *child);
                    }
                }
            }
            std::mem::swap(&mut live, &mut next);
            next.clear();
        }
        Some(live)
    }

    /// What the rules say of `path`; `None` if it is no resolved path.
    pub(super) fn say(&self, path: &Path) -> Option<Said> {
        let mut said = Said::default();
        let first = |a: Option<RuleId>, b: Option<RuleId>| a.into_iter().chain(b).min();
        for id in self.walk(path)? {
            let node = &self.nodes[id as usize];
            said.allow |= node.allow;
            if node.on_the_way.is_some() {
                said.allow |= Access::LOOK;
            }
            said.deny = first(said.deny, node.deny);
            said.hide = first(said.hide, node.hide);
            said.above_refusal = first(said.above_refusal, node.above_refusal);
        }
        Some(said)
    }

    /// The rules that allow something about `path`, and the one it is on the way to.
    pub(super) fn allowing(&self, path: &Path) -> Vec<RuleId> {
        let nodes = self.walk(path).unwrap_or_default();
        let rules = nodes.iter().map(|&id| &self.nodes[id as usize]);
        let mut rules: Vec<_> = rules.flat_map(|node| node.allowing.iter().copied().chain(node.on_the_way)).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    /// Whether rules alone allow `access` to `directory` and to all that is or will be beneath it.
    pub(super) fn allows_subtree(&self, directory: &Path, access: Access) -> bool {
        let Some(live) = self.walk(directory) else { return false };
        let nodes = || live.iter().map(|&id| &self.nodes[id as usize]);
        let deep = nodes().filter(|node| node.stays).fold(Access::empty(), |allow, node| allow | node.allow);
        deep.contains(access) && !nodes().any(|node| node.refusal_below)
    }
}
