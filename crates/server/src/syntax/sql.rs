//! What can be seen in an SQL text without a database: its parameters.

/// The named parameters (`:id`) of a statement, without their colon, each once, in order. Other kinds of parameters
/// are refused: what they are bound to could only be guessed.
pub fn parameters(sql: &str) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '\'' | '"' | '`' => quoted(rest, c),
            '[' => quoted(rest, ']'),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest[2..].find("*/").map_or(rest.len(), |at| at + 4),
            ':' if rest.starts_with("::") => 2,
            '@' if word(&rest[1..]).is_empty() => 1,
            ':' => {
                let name = word(&rest[1..]);
                if name.is_empty() {
                    return Err("a colon stands without a parameter's name behind it".into());
                }
                if !names.contains(&name) {
                    names.push(name);
                }
                1 + name.len()
            }
            '?' | '@' | '$' => {
                return Err(format!("parameters are written :name, not {c}{}", word(&rest[1..])));
            }
            c if c.is_alphanumeric() || c == '_' => name_length(rest),
            c => c.len_utf8(),
        };
        rest = &rest[skipped..];
    }
    Ok(names)
}

/// Length of a quoted text; its first character is the opening quote. A doubled quote is two quoted texts side by side.
fn quoted(text: &str, close: char) -> usize {
    text[1..].find(close).map_or(text.len(), |at| at + 2)
}

/// `$` is allowed within a name.
fn name_length(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(text.len())
}

fn word(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_outside_of_quotes_and_comments() {
        let sql = "SELECT ':no', \":no\", [:no], `:no` -- :no\n FROM t /* :no ' */ WHERE a = :id AND b=:id AND c = 'it''s :no' || :other";
        assert_eq!(parameters(sql), Ok(vec!["id", "other"]));
        assert_eq!(parameters("SELECT 'never closed :no"), Ok(vec![]));
        assert_eq!(parameters("SELECT ü$1, 'ü' /* ü"), Ok(vec![]));
    }

    #[test]
    fn other_parameters_are_refused() {
        assert_eq!(parameters("SELECT ?1"), Err("parameters are written :name, not ?1".into()));
        assert_eq!(parameters("SELECT @id"), Err("parameters are written :name, not @id".into()));
        assert_eq!(parameters("SELECT $id"), Err("parameters are written :name, not $id".into()));
        assert_eq!(
            parameters("SELECT a: text"),
            Err("a colon stands without a parameter's name behind it".into())
        );
    }

    #[test]
    fn casts_and_operators_are_no_parameters() {
        assert_eq!(parameters("SELECT a::text FROM t WHERE j @> :x::jsonb"), Ok(vec!["x"]));
    }
}
