//! What was asked for, or what to say instead.

use std::io::{Write, stdout};
use std::process::ExitCode;

use crate::shell::complain;

/// Reads the command line. Where that is a wish for help, or wrong, it is seen to, and the tool ends
/// with this status.
pub(crate) fn asked<O>(
    help: &str,
    parse: impl FnOnce(lexopt::Parser) -> Result<Option<O>, lexopt::Error>,
) -> Result<O, ExitCode> {
    match parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => Ok(options),
        // Not with `println`, which panics if nobody reads it.
        Ok(None) => Err(ExitCode::from(u8::from(
            writeln!(stdout(), "{help}").is_err(),
        ))),
        Err(error) => {
            complain(format_args!("{error} (see --help)"));
            Err(ExitCode::from(2))
        }
    }
}
