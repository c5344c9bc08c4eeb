//! A command line, declared once: the help, the values and the errors all come from the declaration.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::time::Duration;

use lexopt::Arg;

use super::{failure, note, number, write_stdout};

/// The command line of a tool that reads its options into `O`.
pub(crate) struct Cli<O> {
    summary: &'static str,
    usage: &'static str,
    paragraphs: Vec<&'static str>,
    /// How many of the paragraphs stand before the options.
    before: usize,
    options: Vec<Opt<O>>,
    status: &'static str,
}

struct Opt<O> {
    /// As the help shows them: `-p, --threads`.
    names: &'static str,
    kind: Kind,
    /// One without a text is not shown.
    help: &'static str,
    default: Option<&'static str>,
    set: Set<O>,
}

type Set<O> = Box<dyn Fn(&mut O, &OsStr) -> Result<(), String>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    /// One option for each digit but 0.
    Digit,
    /// It takes a value in this unit.
    Value(&'static str),
}

/// How a value is read, and what the help calls it.
pub(crate) struct Unit<V> {
    name: &'static str,
    read: fn(&OsStr) -> Result<V, String>,
}

impl<V> Unit<V> {
    pub(crate) const fn new(name: &'static str, read: fn(&OsStr) -> Result<V, String>) -> Self {
        Self { name, read }
    }
}

const SIZE: &str = "BYTES";
const SIZES: &str = "BYTES may end in K, M, G or T (powers of 1024), or in KB, MB, GB or TB (powers of 1000), and may \
                     have decimals: 64K, 1.5M, 10MB.";

/// A number of bytes.
pub(crate) fn bytes<N: TryFrom<u64>>() -> Unit<N> {
    Unit::new(SIZE, |text| number::bytes(&text.to_string_lossy()))
}

/// A number of bytes that is not 0.
pub(crate) fn some_bytes<N: TryFrom<u64> + PartialEq + Default>() -> Unit<N> {
    Unit::new(SIZE, |text| number::some_bytes(&text.to_string_lossy()))
}

/// A number that is not 0.
pub(crate) const COUNT: Unit<usize> = Unit::new("N", |text| number::count(&text.to_string_lossy()));
/// A number.
pub(crate) const WHOLE: Unit<usize> = Unit::new("N", |text| number::whole(&text.to_string_lossy()));
pub(crate) const SECONDS: Unit<Duration> =
    Unit::new("SECONDS", |text| number::seconds(&text.to_string_lossy()));

/// Any text, called so in the help.
pub(crate) const fn text(name: &'static str) -> Unit<OsString> {
    Unit::new(name, |text| Ok(text.to_owned()))
}

impl<O: Default + 'static> Cli<O> {
    /// A tool: what it does, and what stands behind its name in a call.
    pub(crate) const fn new(summary: &'static str, usage: &'static str) -> Self {
        Self {
            summary,
            usage,
            paragraphs: Vec::new(),
            before: 0,
            options: Vec::new(),
            status: "",
        }
    }

    /// A paragraph of the help, before the options or behind them.
    pub(crate) fn about(mut self, paragraph: &'static str) -> Self {
        self.paragraphs.push(paragraph);
        if self.options.is_empty() {
            self.before = self.paragraphs.len();
        }
        self
    }

    /// The exit statuses that are not the same in every tool.
    pub(crate) const fn status(mut self, status: &'static str) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn flag(
        self,
        names: &'static str,
        help: &'static str,
        set: impl Fn(&mut O) + 'static,
    ) -> Self {
        self.option(names, Kind::Flag, help, move |options, _| {
            set(options);
            Ok(())
        })
    }

    /// The flag of a tool that has a progress bar.
    pub(crate) fn progress(self, set: impl Fn(&mut O) + 'static) -> Self {
        let help = "shows a bar, if standard error is a terminal";
        self.flag("--progress", help, set)
    }

    /// A flag that the help does not show: another name for one that it does.
    pub(crate) fn hidden(self, name: &'static str, set: fn(&mut O)) -> Self {
        self.flag(name, "", set)
    }

    /// One flag for each digit from 1 to 9.
    pub(crate) fn digits(
        self,
        names: &'static str,
        help: &'static str,
        set: fn(&mut O, u32),
    ) -> Self {
        self.option(names, Kind::Digit, help, move |options, digit| {
            let digit = number::whole(&digit.to_string_lossy())?;
            set(options, u32::try_from(digit).unwrap_or(1));
            Ok(())
        })
    }

    pub(crate) fn value<V: 'static>(
        self,
        names: &'static str,
        unit: Unit<V>,
        help: &'static str,
        set: impl Fn(&mut O, V) + 'static,
    ) -> Self {
        let read = unit.read;
        self.option(names, Kind::Value(unit.name), help, move |options, text| {
            set(options, read(text)?);
            Ok(())
        })
    }

    /// What the option declared last is set to if it is not given. It is read as if it was given.
    pub(crate) fn default(mut self, value: &'static str) -> Self {
        if let Some(option) = self.options.last_mut() {
            option.default = Some(value);
        }
        self
    }

    fn option(
        mut self,
        names: &'static str,
        kind: Kind,
        help: &'static str,
        set: impl Fn(&mut O, &OsStr) -> Result<(), String> + 'static,
    ) -> Self {
        self.options.push(Opt {
            names,
            kind,
            help,
            default: None,
            set: Box::new(set),
        });
        self
    }

    /// Reads the command line of this process, and works by it. `finish` gets the options, and the other
    /// arguments in their order. After a request for help or for the version, and after a wrong call,
    /// there is no work.
    pub(crate) fn run<P>(
        &self,
        finish: impl FnOnce(O, Vec<OsString>) -> Result<P, String>,
        work: impl FnOnce(P) -> ExitCode,
    ) -> ExitCode {
        let read = match self.parse(lexopt::Parser::from_env()) {
            Ok(Parsed::Options(options, others)) => finish(options, others),
            Ok(Parsed::Help) => return print(&self.help()),
            Ok(Parsed::Version) => return print(VERSION),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(options) => work(options),
            Err(error) => {
                note(format_args!("{error} (see --help)"));
                ExitCode::from(2)
            }
        }
    }

    fn parse(&self, mut args: lexopt::Parser) -> Result<Parsed<O>, lexopt::Error> {
        let mut options = O::default();
        for option in &self.options {
            if let Some(value) = option.default {
                option.apply(&mut options, value.as_ref())?;
            }
        }
        let mut others = Vec::new();
        while let Some(arg) = args.next()? {
            let name = match &arg {
                Arg::Long("help") | Arg::Short('h') => return Ok(Parsed::Help),
                Arg::Long("version") | Arg::Short('V') => return Ok(Parsed::Version),
                Arg::Long(name) => format!("--{name}"),
                Arg::Short(letter) => format!("-{letter}"),
                Arg::Value(value) => {
                    others.push(value.clone());
                    continue;
                }
            };
            let Some(option) = self.options.iter().find(|option| option.is_called(&name)) else {
                return Err(arg.unexpected());
            };
            let value = match option.kind {
                Kind::Value(_) => args.value()?,
                Kind::Flag | Kind::Digit => name[1..].to_owned().into(),
            };
            option.apply(&mut options, &value)?;
        }
        Ok(Parsed::Options(options, others))
    }

    fn help(&self) -> String {
        let tool = env!("CARGO_CRATE_NAME");
        let mut text = wrapped(self.summary, 0);
        text.push_str(&format!("\n\nusage: {tool} {}\n\n", self.usage));
        let (before, after) = self.paragraphs.split_at(self.before);
        for paragraph in before {
            text.push_str(&wrapped(paragraph, 0));
            text.push_str("\n\n");
        }
        text.push_str("options\n");
        let shown = self.options.iter().filter(|option| !option.help.is_empty());
        let rows: Vec<(String, String)> = shown.map(Opt::row).collect();
        let widest = rows.iter().map(|(names, _)| names.len()).max();
        let width = widest.unwrap_or(0);
        for (names, help) in &rows {
            let help = wrapped(help, width + 4);
            text.push_str(&format!("  {names:width$}  {help}\n"));
        }
        text.push_str("  --help, --version\n\n");
        let has_sizes = |option: &Opt<O>| option.kind == Kind::Value(SIZE);
        let sizes = self.options.iter().any(has_sizes).then_some(SIZES);
        for paragraph in sizes.iter().chain(after) {
            text.push_str(&wrapped(paragraph, 0));
            text.push_str("\n\n");
        }
        let status = format!("exit status: {}{}", self.status, SIGNALS);
        text.push_str(&wrapped(&status, 0));
        text
    }
}

const SIGNALS: &str = "; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP; 141 if nothing reads standard output \
                       any more";

const VERSION: &str = concat!(
    env!("CARGO_CRATE_NAME"),
    " (highwater ",
    env!("CARGO_PKG_VERSION"),
    ")"
);

enum Parsed<O> {
    Options(O, Vec<OsString>),
    Help,
    Version,
}

impl<O> Opt<O> {
    fn is_called(&self, name: &str) -> bool {
        match (self.kind, name.as_bytes()) {
            (Kind::Digit, digit) => matches!(digit, [b'-', b'1'..=b'9']),
            _ => self.names.split(", ").any(|own| own == name),
        }
    }

    /// Sets it. The error names the option.
    fn apply(&self, options: &mut O, value: &OsStr) -> Result<(), String> {
        let name = self.names.split(", ").last().unwrap_or(self.names);
        (self.set)(options, value).map_err(|why| format!("{name}: {why}"))
    }

    /// What the help shows of it.
    fn row(&self) -> (String, String) {
        let names = match self.kind {
            Kind::Value(unit) => format!("{} {unit}", self.names),
            Kind::Flag | Kind::Digit => self.names.to_owned(),
        };
        let help = match self.default {
            Some(value) => format!("{} [{value}]", self.help),
            None => self.help.to_owned(),
        };
        (names, help)
    }
}

/// Breaks the lines of a text before they are too long, and indents all but the first. A line that is
/// indented already, such as one of a table, stays as it is.
fn wrapped(text: &str, indent: usize) -> String {
    const WIDTH: usize = 100;
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with(' ') {
            lines.push(line.to_owned());
            continue;
        }
        lines.push(String::new());
        for word in line.split(' ') {
            match lines.last_mut() {
                Some(last) if last.is_empty() => last.push_str(word),
                Some(last) if indent + last.len() + 1 + word.len() <= WIDTH => {
                    last.push(' ');
                    last.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
    }
    lines.join(&format!("\n{:indent$}", ""))
}

fn print(text: &str) -> ExitCode {
    write_stdout(format!("{text}\n").as_bytes())
        .map_or_else(|error| failure(&error, None), |()| ExitCode::SUCCESS)
}

/// The two places that a tool works between.
pub(crate) fn two<T>(
    what: &str,
    others: Vec<OsString>,
    read: impl Fn(OsString) -> Result<T, String>,
) -> Result<[T; 2], String> {
    let [first, second] = <[OsString; 2]>::try_from(others)
        .map_err(|others| format!("{what} are wanted, {} given", others.len()))?;
    Ok([read(first)?, read(second)?])
}

/// The one place that a tool works in, if there is one.
pub(crate) fn at_most_one(others: Vec<OsString>) -> Result<Option<OsString>, String> {
    let mut others = others.into_iter();
    let first = others.next();
    others.next().map_or(Ok(first), |other| {
        Err(format!("unexpected argument {other:?}"))
    })
}
