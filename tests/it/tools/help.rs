//! The help of each tool, and what it says of the options: that is also how they are read.

use highwater::mark::DEFAULT_BYTES;

use crate::tools::sizes::number;
use crate::tools::version::TOOLS;
use crate::tools::{run, said};

fn help(tool: &str) -> String {
    String::from_utf8(run(tool, &["--help"], 0).stdout).expect("it is text")
}

/// An option of a tool that takes a value: its long name, its unit, and the default if there is one.
struct Opt {
    name: String,
    unit: String,
    default: Option<String>,
}

/// Reads the options out of the help.
fn options(help: &str) -> Vec<Opt> {
    let (_, rest) = help.split_once("\noptions\n").expect("there are options");
    let (rows, _) = rest.split_once("\n\n").expect("a paragraph follows");
    let mut found: Vec<Opt> = Vec::new();
    for row in rows.lines() {
        if row == "  --help, --version" {
            continue;
        }
        if let Some(names) = row.strip_prefix("  -") {
            let (names, _) = names.split_once("  ").unwrap_or((names, ""));
            let (name, unit) = names.split_once(' ').unwrap_or((names, ""));
            let (name, unit) = match unit.split_once(' ') {
                Some((long, unit)) => (long.to_owned(), unit.to_owned()),
                None => (format!("-{name}"), unit.to_owned()),
            };
            let default = None;
            found.push(Opt {
                name,
                unit,
                default,
            });
        }
        let default = row.strip_suffix(']').and_then(|row| row.rsplit_once('['));
        if let (Some(last), Some((_, default))) = (found.last_mut(), default) {
            last.default = Some(default.to_owned());
        }
    }
    found.retain(|option| !option.unit.is_empty() && option.name.starts_with("--"));
    found
}

#[test]
fn every_value_is_read_in_the_unit_that_the_help_shows() {
    let mut sizes = 0;
    for tool in TOOLS {
        let help = help(tool);
        for Opt { name, unit, .. } in options(&help) {
            let (right, wrong): (&[&str], &[&str]) = match unit.as_str() {
                "BYTES" => {
                    sizes += 1;
                    let right = &["1", "64K", "1.5M", "10MB", "1T"];
                    (right, &["1.5X", "-1", "", "99999999999G"])
                }
                "N" => (&["1", "70"], &["1.5", "-1", "many"]),
                "SECONDS" => (&["1", "0.5"], &["soon", "-1", "NaN"]),
                "HOST:PORT" => (&["8080", "[::1]:80"], &["", "host", "99999"]),
                _ => (&["text"], &[]),
            };
            // What stands before `--help` is read first.
            for value in right {
                run(tool, &[&name, value, "--help"], 0);
            }
            for value in wrong {
                let said = said(&run(tool, &[&name, value, "--help"], 2));
                assert!(
                    said.starts_with(&format!("{tool}: {name}: `{value}` ")),
                    "{said}"
                );
                assert!(said.ends_with(" (see --help)\n"), "{said}");
            }
            let missing = said(&run(tool, &[&name], 2));
            assert!(missing.contains(&name), "{missing}");
        }
        let has_sizes = help.contains(" BYTES  ");
        assert_eq!(help.contains("K, M, G or T"), has_sizes, "{help}");
    }
    assert_eq!(sizes, 10);
}

#[test]
fn a_default_that_the_help_shows_can_be_given() {
    let mut defaults = 0;
    for tool in TOOLS {
        for Opt { name, default, .. } in options(&help(tool)) {
            // That of the low mark is half of the high one.
            if let Some(default) = default.filter(|default| !default.contains(' ')) {
                run(tool, &[&name, &default, "--help"], 0);
                defaults += 1;
            }
        }
    }
    assert!(defaults >= 15, "{defaults}");
    let high = options(&help("copy"))
        .into_iter()
        .find(|option| option.name == "--high");
    let high = high
        .and_then(|option| option.default)
        .expect("there is one");
    assert_eq!(number::bytes(&high), Ok(DEFAULT_BYTES));
}

#[test]
fn every_help_fits_into_a_hundred_columns_and_has_the_same_parts() {
    for tool in TOOLS {
        let help = help(tool);
        assert!(help.lines().all(|line| line.len() <= 100), "{help}");
        assert!(
            help.contains(&format!("\n\nusage: {tool} [options]")),
            "{help}"
        );
        for part in [
            "\noptions\n",
            "  --help, --version\n",
            "\nexit status: ",
            "130 after",
        ] {
            assert_eq!(help.matches(part).count(), 1, "{part:?}: {help}");
        }
        assert_eq!(help, String::from_utf8_lossy(&run(tool, &["-h"], 0).stdout));
    }
}

#[test]
fn at_0_nothing_would_move() {
    for (tool, option) in [
        ("copy", "--limit"),
        ("proxy", "--high"),
        ("proxy", "--limit"),
        ("proxy", "--connections"),
        ("serve", "--connections"),
        ("events", "--behind"),
        ("transfer", "--limit"),
    ] {
        let said = said(&run(tool, &[option, "0"], 2));
        let names = format!("{tool}: {option}: at 0 nothing would ever move");
        assert!(said.starts_with(&names), "{said}");
    }
}
