//! Which file of the host may use what. The rules are what makes the parts replaceable and testable alone; the
//! compiler does not know them, so this test reads the source.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::workspace;

/// One rule. Files are named from `host/src`; a name that ends in `/` is a folder and all below it.
struct Rule {
    /// Where the words may not be.
    within: &'static [&'static str],
    /// Where they may.
    except: &'static [&'static str],
    words: &'static [&'static str],
    why: &'static str,
}

const ALL: &[&str] = &["./"];

/// Without I/O and without a clock.
const VALUES: &[&str] = &[
    "http/",
    "glob.rs",
    "limits.rs",
    "config.rs",
    "config/",
    "manifest.rs",
    "manifest/",
    "request_id.rs",
    "outcome.rs",
];

/// Handed the clock and randomness by the worker.
const MECHANISMS: &[&str] = &[
    "connection.rs",
    "connection/",
    "exchange.rs",
    "router.rs",
    "pending.rs",
    "pending/",
    "timers.rs",
    "settling.rs",
    "slab.rs",
    "fifo.rs",
    "inbox.rs",
    "gates.rs",
    "counters.rs",
    "sync.rs",
    "dev/queue.rs",
];

const WORLD: &[&str] = &[
    "crate::worker",
    "crate::server",
    "crate::admin",
    "crate::net",
    "crate::guest",
    "crate::cli",
    "crate::world",
    "crate::guests_folder",
    "crate::watch",
    "crate::settings",
];
const CLOCKS_AND_SOCKETS: &[&str] = &["Instant", "SystemTime", "TcpStream", "TcpListener", "UdpSocket", "getrandom"];

const RULES: &[Rule] = &[
    Rule {
        within: ALL,
        except: &["net.rs", "net/"],
        words: &["mio"],
        why: "one file decides how the loop meets the kernel, so another poll or a simulator can take its place",
    },
    Rule {
        within: ALL,
        except: &["guest/"],
        words: &["wasmtime", "wasmparser", "wit_component", "wit_parser", "wat::"],
        why: "one room knows how guests run, so an engine can be upgraded or a second one added there alone",
    },
    Rule {
        within: ALL,
        except: &["watch/notifier.rs"],
        words: &["notify"],
        why: "one file decides how changes of files are told, so that another library can take its place",
    },
    Rule {
        within: VALUES,
        except: &[],
        words: CLOCKS_AND_SOCKETS,
        why: "a value that reads a clock or a socket can't be tested with a table",
    },
    Rule {
        within: MECHANISMS,
        except: &[],
        words: CLOCKS_AND_SOCKETS,
        why: "mechanisms are handed time, bytes and randomness, so that a seed can drive them",
    },
    Rule {
        within: &["pending.rs", "pending/", "inbox.rs", "gates.rs"],
        except: &[],
        words: &["std::sync"],
        why: "what threads share is named in sync.rs alone, so that loom can take its place in `tests/races/`",
    },
    Rule { within: VALUES, except: &[], words: WORLD, why: "lower rooms know nothing of higher ones" },
    Rule { within: MECHANISMS, except: &[], words: WORLD, why: "lower rooms know nothing of higher ones" },
    Rule {
        within: &["new_guest/", "build_guests/"],
        except: &[],
        words: WORLD,
        why: "what makes guests needs neither the server nor its guests",
    },
    Rule {
        within: &["guest_test/"],
        except: &[],
        words: &["crate::worker", "crate::net", "crate::guest", "crate::cli", "crate::pending"],
        why: "cases meet a server as its clients do: by sockets, and what `Server` says of itself",
    },
    Rule {
        within: &["worker/"],
        except: &[],
        words: &[
            "crate::net",
            "crate::guest",
            "crate::admin",
            "crate::server",
            "crate::cli",
            "Instant",
            "SystemTime",
            "TcpStream",
        ],
        why: "the loop is generic over its world, so that a simulator can drive the very same loop",
    },
    Rule {
        within: &["admin/"],
        except: &[],
        words: &["crate::server", "crate::cli"],
        why: "the server hands the admin listener what it is to show",
    },
    Rule {
        within: &["admin/"],
        except: &["admin/mod.rs"],
        words: &["crate::net", "Instant", "TcpStream", "TcpListener"],
        why: "its pages are functions of what they are handed, so that the loop serves them as it serves guests",
    },
    Rule {
        within: ALL,
        except: &["guest/precompiled.rs"],
        words: &["unsafe", "unsafe_code"],
        why: "memory safety is the compiler's to prove; what an API makes unsafe is in one small file with its reasons",
    },
    Rule {
        within: ALL,
        except: &[
            "cli/",
            "server/",
            "guest/loader.rs",
            "guest/compiler.rs",
            "guest/encode.rs",
            "guest/module.rs",
            "build_guests/",
            "new_guest/",
            "guest_test/",
        ],
        words: &["anyhow"],
        why: "inside, an error is typed and maps to a status or to a word of the contract; at the edges people read it",
    },
    Rule {
        within: ALL,
        except: &[],
        words: &["tokio", "hyper", "async_std", "smol"],
        why: "a client's connection is never owned by an async runtime: that is what a held request would pay for",
    },
];

#[test]
fn every_file_keeps_to_its_room() {
    let root = workspace().join("host/src");
    let files = files(&root);
    assert!(files.len() > 20, "the host's source is in {}", root.display());
    let mut broken = Vec::new();
    for rule in RULES {
        let within = files.iter().filter(|file| is_in(file, rule.within) && !is_in(file, rule.except));
        for file in within {
            let text = fs::read_to_string(root.join(file)).expect("source is text");
            for (number, code) in code(&text) {
                let words = rule.words.iter().filter(|word| mentions(code, word));
                broken.extend(words.map(|word| format!("{file}:{number} uses `{word}`: {}", rule.why)));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// A rule about a file that is gone protects nothing.
#[test]
fn every_rule_is_about_files_that_are_there() {
    let root = workspace().join("host/src");
    let files = files(&root);
    for name in RULES.iter().flat_map(|rule| rule.within.iter().chain(rule.except)) {
        assert!(files.iter().any(|file| is_in(file, &[name])) || root.join(name).exists(), "{name} is not there");
    }
}

/// Grouped at the root of the crate, an import would hide from the rules: `use crate::{net, worker}`.
#[test]
fn imports_are_written_so_that_they_can_be_found() {
    let root = workspace().join("host/src");
    for file in files(&root) {
        let text = fs::read_to_string(root.join(&file)).expect("source is text");
        for (number, code) in code(&text) {
            assert!(!code.contains("crate::{"), "{file}:{number}: {code}");
            let climbs = code.contains("super::super") && is_in(&file, &["connection/", "http/", "pending/"]);
            assert!(!climbs, "{file}:{number}: {code}");
        }
    }
}

/// All of the host's files but those that are only tests, named from its root.
fn files(root: &Path) -> Vec<String> {
    let mut folders = vec![PathBuf::new()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).expect("the source can be read") {
            let entry = entry.expect("the source can be read");
            let path = folder.join(entry.file_name());
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
            match entry.path().is_dir() {
                _ if is_test => {}
                true => folders.push(path),
                false => files.extend(path.to_str().filter(|path| path.ends_with(".rs")).map(str::to_owned)),
            }
        }
    }
    files.sort();
    files
}

fn is_in(file: &str, names: &[&str]) -> bool {
    let is = |name: &&str| *name == "./" || file == *name || (name.ends_with('/') && file.starts_with(*name));
    names.iter().any(is)
}

/// The lines of code with their numbers: without comments, and without the tests at a file's end.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().take_while(|(_, line)| *line != "#[cfg(test)]");
    lines.map(|(index, line)| {
        let comment = if line.trim_start().starts_with("//") { 0 } else { line.find(" // ").unwrap_or(line.len()) };
        (index + 1, &line[..comment])
    })
}

/// Whether a word stands in a line of code as a word of its own, or as the beginning of a path.
fn mentions(code: &str, word: &str) -> bool {
    let is_part = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        !is_part(before.chars().next_back()) && (word.ends_with("::") || !is_part(after.chars().next()))
    })
}
