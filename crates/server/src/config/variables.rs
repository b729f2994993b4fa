//! `${NAME}` in the texts that hold secrets: the value of an environment variable, so that the file can be shown.

/// The text with each `${NAME}` replaced by what `variable` answers for it.
pub fn filled_in(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else {
            return Err(format!("\"${{{after}\" has no end; write it such as \"${{DATABASE_URL}}\""));
        };
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if name.is_empty() || !name.bytes().all(fits) {
            return Err(format!("\"${{{name}}}\" does not name an environment variable"));
        }
        filled.push_str(before);
        filled
            .push_str(&variable(name).ok_or_else(|| format!("the environment variable {name} is not set"))?);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::filled_in;

    #[test]
    fn names_are_replaced_and_mistakes_are_told() {
        let variable = |name: &str| match name {
            "USER" => Some("app".to_string()),
            "PASSWORD" => Some("${USER}$".to_string()),
            _ => None,
        };
        let filled = |text| filled_in(text, &variable);
        assert_eq!(filled("sqlite://posts.db").as_deref(), Ok("sqlite://posts.db"));
        assert_eq!(
            filled("postgres://${USER}:${PASSWORD}@db/$x").as_deref(),
            Ok("postgres://app:${USER}$@db/$x")
        );
        let wrong = filled("${HOST}");
        assert_eq!(wrong.unwrap_err(), "the environment variable HOST is not set");
        let wrong = filled("a${USER");
        assert_eq!(wrong.unwrap_err(), "\"${USER\" has no end; write it such as \"${DATABASE_URL}\"");
        let wrong = filled("${}");
        assert_eq!(wrong.unwrap_err(), "\"${}\" does not name an environment variable");
        let wrong = filled("${a b}");
        assert_eq!(wrong.unwrap_err(), "\"${a b}\" does not name an environment variable");
    }
}
