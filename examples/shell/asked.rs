//! What was asked for, or what to say instead.

use std::process::ExitCode;

use crate::shell::{complain, end, say};

/// Reads the command line. Where that is a wish for help or for the version, or wrong, it is seen
/// to, and the tool ends with this status: 2 for a wrong call.
pub(crate) fn asked<O>(
    help: &str,
    parse: impl FnOnce(lexopt::Parser) -> Result<Option<O>, lexopt::Error>,
) -> Result<O, ExitCode> {
    let error = match parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => return Ok(options),
        Ok(None) => return Err(told(help)),
        Err(error) => error,
    };
    // No tool has an option of this name, so it comes back as one that is not known.
    match &error {
        lexopt::Error::UnexpectedOption(option) if option == "--version" || option == "-V" => {
            Err(told(VERSION))
        }
        _ => {
            complain(format_args!("{error} (see --help)"));
            Err(ExitCode::from(2))
        }
    }
}

const VERSION: &str = concat!(
    env!("CARGO_CRATE_NAME"),
    " (highwater ",
    env!("CARGO_PKG_VERSION"),
    ")"
);

fn told(text: &str) -> ExitCode {
    say(format!("{text}\n").as_bytes())
        .map_or_else(|error| end(&error, None), |()| ExitCode::SUCCESS)
}
