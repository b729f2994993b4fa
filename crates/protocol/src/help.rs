//! HELP of containers, made from the table.

use crate::command::Command;

/// The lines of `CLIENT HELP` and its like.
pub(crate) fn lines(container: &Command) -> Vec<String> {
    let name = container.name.to_uppercase();
    let mut lines = vec![format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")];
    if container.arity == -1 {
        lines.push("(no subcommand)".to_owned());
        lines.push(format!("    {}", container.summary));
    }
    for sub in container.subcommands {
        let usage = format!("{} {}", sub.short_name().to_uppercase(), sub.syntax);
        lines.push(usage.trim_end().to_owned());
        lines.push(format!("    {}", sub.summary));
    }
    lines
}
