//! RESP2 and RESP3 for Clearwell: bytes in, values out, and THE table of commands.
//!
//! This crate turns a connection's bytes into commands and typed options, and answers into bytes. It does no I/O,
//! knows no engine, and takes the clock as an argument.
//!
//! The road of a request: [`Parser::next`] finds its arguments in the input, [`resolve`] finds its [`Command`] and
//! checks the arity, the types in [`options`] read the rest, and an [`Encoder`] writes the answer. [`Reader`] is the
//! client's side: it reads answers.
//!
//! ```
//! use clearwell_protocol::{Encoder, Limits, Parser, Resp, Step, resolve};
//!
//! let (input, mut parser, mut output) = (b"*2\r\n$3\r\nGET\r\n$6\r\npost:1\r\n", Parser::new(), Vec::new());
//! assert_eq!(parser.next(input, &Limits::default()), Ok(Step::Request { consumed: input.len() }));
//! let args = parser.args(input);
//! assert_eq!((resolve(args)?.name, &args[1]), ("get", b"post:1".as_slice()));
//! Encoder::new(&mut output, Resp::V3).bulk("Hello.");
//! assert_eq!(output, b"$6\r\nHello.\r\n");
//! # Ok::<(), clearwell_protocol::CommandError>(())
//! ```

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod args;
mod command;
mod command_id;
mod decimal;
mod docs;
mod error;
mod flags;
mod help;
mod inline;
pub mod introspect;
mod keys;
mod lookup;
mod number;
pub mod options;
mod parser;
mod protocol_error;
mod reader;
mod reply;
mod reply_end;
mod syntax;
pub mod table;
mod value;

pub use args::{Args, OwnedArgs};
pub use clearwell_words::parse_duration_ms;
pub use command::{Command, Group, KeyAccess, KeySpec};
pub use command_id::CommandId;
pub use decimal::add_floats;
pub use error::CommandError;
pub use flags::{Categories, Flags};
pub use keys::{KeyPositions, keys};
pub use lookup::{lookup, resolve};
pub use number::{parse_f64, parse_i64};
pub use parser::{Limits, Parser, Step};
pub use protocol_error::ProtocolError;
pub use reader::Reader;
pub use reply::{Encoder, Resp};
pub use reply_end::ReplyEnd;
pub use value::Value;
