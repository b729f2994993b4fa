//! Whether some text can be made by a template and taken by a pattern: what a feed calls a row, and what is a key.

/// A set of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteClass {
    /// One byte.
    Byte(u8),
    /// What a whole number begins with.
    Sign,
    /// A decimal digit.
    Digit,
    /// A hexadecimal digit in lower case.
    Hex,
    /// Any.
    Any,
}

/// One byte of a class, or any number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Exactly one.
    One(ByteClass),
    /// None, one, or more.
    Many(ByteClass),
}

impl ByteClass {
    fn has(self, byte: u8) -> bool {
        match self {
            ByteClass::Byte(own) => own == byte,
            ByteClass::Sign => byte == b'-' || byte.is_ascii_digit(),
            ByteClass::Digit => byte.is_ascii_digit(),
            ByteClass::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            ByteClass::Any => true,
        }
    }

    fn meets(self, other: ByteClass) -> bool {
        match (self, other) {
            (ByteClass::Byte(byte), class) | (class, ByteClass::Byte(byte)) => class.has(byte),
            // All of the others have the digits.
            _ => true,
        }
    }
}

/// A literal text.
pub fn literal(text: &[u8]) -> impl Iterator<Item = Step> + '_ {
    text.iter().map(|byte| Step::One(ByteClass::Byte(*byte)))
}

/// The same steps without regard to case.
pub fn lower(steps: &[Step]) -> Vec<Step> {
    let lower = |class| match class {
        ByteClass::Byte(byte) => ByteClass::Byte(byte.to_ascii_lowercase()),
        other => other,
    };
    let one = |step: &Step| match step {
        Step::One(class) => Step::One(lower(*class)),
        Step::Many(class) => Step::Many(lower(*class)),
    };
    steps.iter().map(one).collect()
}

/// Whether both can make the same text.
pub fn meet(one: &[Step], other: &[Step]) -> bool {
    let width = other.len() + 1;
    let mut seen = vec![false; (one.len() + 1) * width];
    let mut open = vec![(0, 0)];
    while let Some((a, b)) = open.pop() {
        if std::mem::replace(&mut seen[a * width + b], true) {
            continue;
        }
        let (left, right) = (one.get(a), other.get(b));
        if left.is_none() && right.is_none() {
            return true;
        }
        if let Some(Step::Many(_)) = left {
            open.push((a + 1, b));
        }
        if let Some(Step::Many(_)) = right {
            open.push((a, b + 1));
        }
        if let (Some(left), Some(right)) = (left, right) {
            let ((one, next_a), (other, next_b)) = (after(*left, a), after(*right, b));
            if one.meets(other) {
                open.push((next_a, next_b));
            }
        }
    }
    false
}

/// What a step takes, and which step is next then.
fn after(step: Step, at: usize) -> (ByteClass, usize) {
    match step {
        Step::One(class) => (class, at + 1),
        Step::Many(class) => (class, at),
    }
}

#[cfg(test)]
mod tests {
    use super::{lower, meet};
    use crate::syntax::{Pattern, Template};

    #[test]
    fn a_template_meets_a_pattern_when_some_value_makes_a_key_of_it() {
        let meets = |template: &str, pattern: &str| {
            meet(&Template::parse(template).unwrap().steps(), &Pattern::parse(pattern).unwrap().steps())
        };
        for (template, pattern, expected) in [
            ("post:{id}", "post:{id:int}", true),
            ("posts:{id}", "post:{id:int}", false),
            ("posts:{id}", "p:{id}", false),
            ("Post:{id}", "post:{id}", false),
            ("post:{kind}:{id}", "post:{id}", true),
            ("post:{kind}:{id}", "post:{id:int}", false),
            ("post:7", "post:{id:int}", true),
            ("post:-7", "post:{id:int}", true),
            ("post:x{id}", "post:{id:int}", false),
            ("post:{id}", "post:{id}:body", true),
            ("post:{id}:title", "post:{id}:body", false),
            ("post:", "post:{id}", false),
            ("{any}", "config", true),
            ("u:{id}", "u:{id:uuid}", true),
            ("u:7{id}", "u:{id:uuid}", true),
            ("u:x{id}", "u:{id:uuid}", false),
            ("u:{id}-1", "u:{id:uuid}", false),
        ] {
            assert_eq!(meets(template, pattern), expected, "{template} {pattern}");
        }
        let steps = |text: &str| lower(&Template::parse(text).unwrap().steps());
        assert!(meet(&steps("Post:{id}"), &steps("post:{x}")));
        assert!(!meet(&steps("Post:{id}"), &steps("posts:{x}")));
    }
}
