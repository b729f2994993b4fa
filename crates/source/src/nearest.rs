//! What a refusal says of a name that is not known: the one that was likely meant.

/// The hint `; did you mean "source"?` when one of the known names is near, else a list of them. Whoever reads what an
/// operator declares words its refusals by it too, so that all of them sound alike.
pub fn nearest(given: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&given.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min();
    match near {
        Some((_, name)) => format!("; did you mean \"{name}\"?"),
        None if known.is_empty() => String::new(),
        None => format!("; known are {}", known.join(", ")),
    }
}
