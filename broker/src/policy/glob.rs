//! Stars within one path component.

/// A component with at least one star: the bytes before the first, between, and behind the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob {
    head: Box<[u8]>,
    middle: Box<[Vec<u8>]>,
    tail: Box<[u8]>,
}

impl Glob {
    /// From the pieces around the stars; the one piece itself if there is no star.
    pub(super) fn new(mut pieces: Vec<Vec<u8>>) -> Result<Self, Box<[u8]>> {
        let tail = pieces.pop().unwrap_or_default();
        if pieces.is_empty() {
            return Err(tail.into());
        }
        let head = pieces.remove(0);
        pieces.retain(|piece| !piece.is_empty());
        Ok(Self { head: head.into(), middle: pieces.into(), tail: tail.into() })
    }

    /// Whether it is a star alone, which matches every component.
    pub(super) fn is_star(&self) -> bool {
        self.head.is_empty() && self.middle.is_empty() && self.tail.is_empty()
    }

    /// Whether `name` has this form.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        if name.len() < self.head.len() + self.tail.len()
            || !name.starts_with(&self.head)
            || !name.ends_with(&self.tail)
        {
            return false;
        }
        // The leftmost place for each piece leaves the most room for the next, so no going back is needed.
        let mut rest = &name[self.head.len()..name.len() - self.tail.len()];
        self.middle.iter().all(|piece| {
            let found = rest.windows(piece.len()).position(|window| window == piece.as_slice());
            found.inspect(|at| rest = &rest[at + piece.len()..]).is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> Glob {
        Glob::new(text.split('*').map(|piece| piece.as_bytes().to_vec()).collect()).unwrap()
    }

    #[test]
    fn stars_stand_for_any_bytes() {
        assert!(glob("*").is_star() && glob("*").matches(b".hidden"));
        assert!(glob("a*").matches(b"a") && glob("*a").matches(b"a"));
        assert!(glob("lib*.so*").matches(b"libc.so.6"));
        assert!(glob("a*b*c").matches(b"a-b-b-c") && !glob("a*b*c").matches(b"acb"));
        assert!(!glob("ab*ba").matches(b"aba"), "head and tail do not share bytes");
        assert!(glob("a*").matches(b"a\n\xFF"));
        assert!(!glob("A*").matches(b"a"));
    }
}
