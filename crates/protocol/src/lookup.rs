//! From a request's first words to its command.

use crate::args::Args;
use crate::command::Command;
use crate::error::CommandError;
use crate::table::{self, CHAPTERS};

/// A power of two, several times the number of commands, so that probes stay short.
const SLOTS: usize = 512;

/// Where each hash leads, by open addressing.
static INDEX: [Option<&Command>; SLOTS] = build_index();

#[allow(clippy::arithmetic_side_effects)] // Evaluated by the compiler, which would report an overflow.
const fn build_index() -> [Option<&'static Command>; SLOTS] {
    let mut index = [None; SLOTS];
    let mut chapter = 0;
    while chapter < CHAPTERS.len() {
        let mut place = 0;
        while place < CHAPTERS[chapter].len() {
            let command = &CHAPTERS[chapter][place];
            let mut slot = hash(command.name.as_bytes());
            while index[slot].is_some() {
                slot = (slot + 1) % SLOTS;
            }
            index[slot] = Some(command);
            place += 1;
        }
        chapter += 1;
    }
    index
}

/// The same for a name in any case. Only the first four and last four bytes and the length count: names are short.
#[inline]
const fn hash(name: &[u8]) -> usize {
    let (head, tail) = match name {
        [a, b, c, d, .., w, x, y, z] => ([*a, *b, *c, *d], [*w, *x, *y, *z]),
        [a, b, c, d, ..] => ([*a, *b, *c, *d], [*b, *c, *d, name[name.len().wrapping_sub(1)]]),
        [a, b, c] => ([*a, *b, *c, 0], [0; 4]),
        [a, b] => ([*a, *b, 0, 0], [0; 4]),
        [a] => ([*a, 0, 0, 0], [0; 4]),
        [] => ([0; 4], [0; 4]),
    };
    // Setting bit 5 makes letters lower case; what it does to other bytes only moves them to another slot.
    let head = (u32::from_le_bytes(head) | 0x2020_2020) as u64;
    let tail = (u32::from_le_bytes(tail) | 0x2020_2020) as u64;
    let mixed = (head | tail << 32).wrapping_add(name.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 55) as usize
}

/// The command of that name, in any case. Containers are found, subcommands are not: see [`resolve`].
#[inline]
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    let mut slot = hash(name);
    while let Some(command) = INDEX[slot] {
        if command.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(command);
        }
        slot = slot.wrapping_add(1) % SLOTS;
    }
    None
}

/// The command or subcommand that `args` ask for, its arity checked.
///
/// # Errors
/// Redis's texts for an unknown command, an unknown subcommand and a wrong number of arguments.
#[inline]
pub fn resolve(args: Args<'_>) -> Result<&'static Command, CommandError> {
    let name = args.get(0).unwrap_or(&[]);
    match lookup(name) {
        Some(command) if command.subcommands.is_empty() && command.check_arity(args.len()) => Ok(command),
        found => resolve_slow(found, args),
    }
}

/// Containers, and what is to be refused.
#[cold]
fn resolve_slow(found: Option<&'static Command>, args: Args<'_>) -> Result<&'static Command, CommandError> {
    let mut command = found.ok_or_else(|| unknown_command(args))?;
    if !command.subcommands.is_empty()
        && let Some(name) = args.get(1)
    {
        command = command.subcommand(name).ok_or_else(|| unknown_subcommand(command, name))?;
    }
    if command.check_arity(args.len()) { Ok(command) } else { Err(CommandError::wrong_arity(command.name)) }
}

/// The command of a name as COMMAND INFO takes it: `get`, `client|id`.
pub fn find(full_name: &[u8]) -> Option<&'static Command> {
    table::all_with_subcommands().find(|command| command.name.as_bytes().eq_ignore_ascii_case(full_name))
}

/// Bytes of a client's words that an error repeats.
const REPEATED: usize = 128;

fn unknown_command(args: Args<'_>) -> CommandError {
    let name = args.get(0).unwrap_or(&[]);
    let mut shown = Vec::new();
    for arg in args.from(1).iter() {
        if shown.len() >= REPEATED {
            break;
        }
        shown.push(b'\'');
        let room = REPEATED.saturating_sub(shown.len()).saturating_add(1);
        shown.extend_from_slice(printed(arg, room));
        shown.extend_from_slice(b"' ");
    }
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(printed(name, REPEATED));
    text.extend_from_slice(b"', with args beginning with: ");
    text.extend_from_slice(&shown);
    CommandError::new(text)
}

fn unknown_subcommand(container: &Command, name: &[u8]) -> CommandError {
    let mut text = b"ERR unknown subcommand '".to_vec();
    text.extend_from_slice(printed(name, REPEATED));
    text.extend_from_slice(format!("'. Try {} HELP.", container.name.to_uppercase()).as_bytes());
    CommandError::new(text)
}

/// What C's `%.*s` prints: at most `max` bytes, none from a NUL on.
fn printed(text: &[u8], max: usize) -> &[u8] {
    let text = text.get(..max).unwrap_or(text);
    text.split(|&byte| byte == 0).next().unwrap_or(text)
}
