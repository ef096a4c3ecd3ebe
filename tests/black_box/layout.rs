//! The walls that the compiler does not hold: which file may use what, how long a file may be, and
//! whether ARCHITECTURE.md shows the crates as their `Cargo.toml` files have them.
//!
//! What one crate may see of the others stands in its `Cargo.toml`. The rules here are about what
//! any crate could have without asking: clocks, sockets, std's locks; and about files within a
//! crate.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::workspace;

/// A rule about words in source files. Files are named from `host/`; a name that ends in `/` is a
/// folder with all below it.
struct Rule {
    within: &'static [&'static str],
    except: &'static [&'static str],
    words: &'static [&'static str],
    why: &'static str,
}

/// Lines that a source file may have.
const FILE_LINES_MAX: usize = 400;
/// Lines that the root of a crate may have.
const ROOT_LINES_MAX: usize = 150;

const CLOCKS_AND_SOCKETS: &[&str] =
    &["Instant", "SystemTime", "TcpStream", "TcpListener", "UdpSocket", "getrandom"];

const RULES: &[Rule] = &[
    Rule {
        within: &["server/"],
        except: &["server/src/net.rs", "server/src/net/"],
        words: &["mio"],
        why: "one room decides how the loop meets the kernel, so another poll or a simulator can take its place",
    },
    Rule {
        within: &["server/"],
        except: &["server/src/folder/watch/notifier.rs"],
        words: &["notify"],
        why: "one file decides how changes of files are told, so that another library can take its place",
    },
    Rule {
        within: &[
            "core/",
            "state/",
            "jobs/",
            "http/",
            "config/",
            "worker/",
            "tools/src/dev/queue.rs",
            "server/src/deploy/debounce.rs",
        ],
        except: &[],
        words: CLOCKS_AND_SOCKETS,
        why: "values and mechanisms are handed time, bytes and randomness, so that a table or a seed can drive them",
    },
    Rule {
        within: &["core/"],
        except: &["core/src/sync.rs", "core/src/counters.rs"],
        words: &["std::sync"],
        why: "what threads share is named in sync.rs alone, so that loom can take its place in tests/races/",
    },
    Rule {
        within: &["state/"],
        except: &["state/src/disk/redb.rs"],
        words: &["use redb"],
        why: "one file decides how entries lie in the database, so that another one can take its place",
    },
    Rule {
        within: &["state/", "jobs/"],
        except: &[],
        words: &["std::sync"],
        why: "what threads share is named in snow-core's sync alone, so that loom can take its place",
    },
    Rule {
        within: &["tools/src/test.rs", "tools/src/test/"],
        except: &[],
        words: &["snow_worker", "snow_guests"],
        why: "cases meet a server as its clients do: by sockets, and by what `Server` tells of itself",
    },
    Rule {
        within: &[
            "tools/src/languages.rs",
            "tools/src/languages/",
            "tools/src/new.rs",
            "tools/src/build.rs",
            "tools/src/build/",
        ],
        except: &[],
        words: &["snow_server"],
        why: "what makes guests needs neither the server nor its guests",
    },
    Rule {
        within: &["server/src/admin.rs", "server/src/admin/"],
        except: &[],
        words: &["crate::server"],
        why: "the server hands the admin listener what it is to show",
    },
    Rule {
        within: &["server/src/admin/"],
        except: &[],
        words: &["crate::net", "Instant", "TcpStream", "TcpListener"],
        why: "pages are functions of what they are handed, so that the loop serves them as it serves guests",
    },
    Rule {
        within: &["./"],
        except: &["guests/src/load/precompiled.rs"],
        words: &["unsafe", "allow(unsafe_code)"],
        why: "memory safety is the compiler's to prove; what an API makes unsafe is in one small file with its reasons",
    },
];

#[test]
fn every_file_keeps_to_its_room() {
    let root = workspace().join("host");
    let files = files(&root);
    assert!(files.len() > 20, "the host's source is in {}", root.display());
    let mut broken = Vec::new();
    for rule in RULES {
        let within =
            files.iter().filter(|file| is_in(file, rule.within) && !is_in(file, rule.except));
        for file in within {
            let text = fs::read_to_string(root.join(file)).expect("source is text");
            for (number, code) in code(&text) {
                let words = rule.words.iter().filter(|word| mentions(code, word));
                broken.extend(
                    words.map(|word| format!("{file}:{number} uses `{word}`: {}", rule.why)),
                );
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// A rule about a file that is gone protects nothing.
#[test]
fn every_rule_is_about_files_that_are_there() {
    let root = workspace().join("host");
    let files = files(&root);
    for name in RULES.iter().flat_map(|rule| rule.within.iter().chain(rule.except)) {
        assert!(
            files.iter().any(|file| is_in(file, &[name])) || root.join(name).exists(),
            "{name} is not there"
        );
    }
}

/// Grouped at the root of a crate, an import would hide from the rules: `use crate::{net, server}`.
#[test]
fn imports_are_written_so_that_they_can_be_found() {
    let root = workspace().join("host");
    for file in files(&root).iter().filter(|file| is_in(file, &["server/", "tools/"])) {
        let text = fs::read_to_string(root.join(file)).expect("source is text");
        for (number, code) in code(&text) {
            assert!(!code.contains("crate::{"), "{file}:{number}: {code}");
        }
    }
}

#[test]
fn files_are_short_and_roots_are_shorter() {
    let root = workspace().join("host");
    let mut long = Vec::new();
    for file in files(&root) {
        let lines = fs::read_to_string(root.join(&file)).expect("source is text").lines().count();
        let is_root = file.ends_with("/src/lib.rs") || file.ends_with("/src/main.rs");
        let most = if is_root { ROOT_LINES_MAX } else { FILE_LINES_MAX };
        if lines > most {
            long.push(format!("{file} has {lines} lines; at most {most} are allowed"));
        }
    }
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

/// The figure in ARCHITECTURE.md is a list of lines such as `snow-config -> snow-core snow-http`.
#[test]
fn architecture_shows_the_crates_as_they_are() {
    let text =
        fs::read_to_string(workspace().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let figure = text.split("<!-- the crates -->").nth(1).and_then(|rest| rest.split("```").nth(1));
    let figure = figure.expect("ARCHITECTURE.md has a fenced block after `<!-- the crates -->`");
    let shown: BTreeMap<String, Vec<String>> =
        figure.lines().filter_map(|line| line.split_once(" ->")).map(words).collect();
    let mut found = BTreeMap::new();
    for room in fs::read_dir(workspace().join("host")).expect("host/ can be read") {
        let manifest = room.expect("host/ can be read").path().join("Cargo.toml");
        let text = fs::read_to_string(&manifest)
            .unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
        let name = text.lines().find_map(|line| line.strip_prefix("name = "));
        let name = name.expect("a package has a name").trim_matches('"').to_owned();
        let dependencies = text.lines().filter_map(|line| line.strip_suffix(".workspace = true"));
        let own = dependencies
            .filter(|name| name.starts_with("snow-"))
            .map(str::to_owned)
            .collect::<Vec<_>>();
        found.insert(name, own);
    }
    assert_eq!(shown, found);
}

/// An async runtime that owned a client's connection would cost what a held request does not have
/// here, so one room has all of it.
#[test]
fn only_the_outside_has_an_async_runtime() {
    // Of these families, whichever crate it is.
    let families = ["tokio", "hyper", "h2", "hickory"];
    let has_one = |manifest: &Path| {
        let text = fs::read_to_string(manifest).expect("a room has a Cargo.toml");
        let mut keys = text.lines().filter_map(|line| line.split([' ', '.', '=']).next());
        keys.any(|key| families.iter().any(|family| key.split('-').next() == Some(*family)))
    };
    let rooms = fs::read_dir(workspace().join("host")).expect("host/ can be read");
    let rooms = rooms.map(|room| room.expect("host/ can be read").path());
    let found: Vec<_> = rooms.filter(|room| has_one(&room.join("Cargo.toml"))).collect();
    assert_eq!(found, [workspace().join("host/outside")]);
}

/// docs/vulnerabilities.md names the tests by which each kind is held.
#[test]
fn the_tests_that_docs_name_are_there() {
    let page = workspace().join("docs/vulnerabilities.md");
    let text = fs::read_to_string(page).expect("docs/vulnerabilities.md is there");
    let mut sources = String::new();
    for folder in ["host", "tests"] {
        for file in rust_files(&workspace().join(folder), |_| true) {
            let path = workspace().join(folder).join(file);
            sources += &fs::read_to_string(path).expect("the source can be read");
        }
    }
    // Words in backticks with underscores are functions or settings.
    let named = text.split('`').skip(1).step_by(2).filter(|word| {
        word.contains('_') && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
    });
    let names: Vec<&str> = named.collect();
    assert!(names.len() > 30, "{} names were found", names.len());
    let missing: Vec<_> = names.iter().filter(|name| !sources.contains(**name)).collect();
    assert!(missing.is_empty(), "no source has these: {missing:?}");
}

fn words((name, dependencies): (&str, &str)) -> (String, Vec<String>) {
    (name.to_owned(), dependencies.split_whitespace().map(str::to_owned).collect())
}

/// All source files of the host but those that are only tests, named from `host/`.
fn files(root: &Path) -> Vec<String> {
    rust_files(root, |stem| !["tests", "benches", "template"].contains(&stem))
}

/// All Rust files below a folder, named from there, whose own names and whose folders' are wanted.
fn rust_files(root: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut folders = vec![PathBuf::new()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).expect("the source can be read") {
            let entry = entry.expect("the source can be read");
            let path = folder.join(entry.file_name());
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let is_left_out = !stem.is_some_and(&is_wanted);
            match entry.path().is_dir() {
                _ if is_left_out => {}
                true => folders.push(path),
                false => files
                    .extend(path.to_str().filter(|path| path.ends_with(".rs")).map(str::to_owned)),
            }
        }
    }
    files.sort();
    files
}

fn is_in(file: &str, names: &[&str]) -> bool {
    let is = |name: &&str| {
        *name == "./" || file == *name || (name.ends_with('/') && file.starts_with(*name))
    };
    names.iter().any(is)
}

/// The lines of code with their numbers: without comments, and without the tests at a file's end.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().take_while(|(_, line)| *line != "#[cfg(test)]");
    lines.map(|(index, line)| {
        let comment = if line.trim_start().starts_with("//") {
            0
        } else {
            line.find(" // ").unwrap_or(line.len())
        };
        (index + 1, &line[..comment])
    })
}

/// Whether a word stands in a line of code as a word of its own, or as the beginning of a path.
fn mentions(code: &str, word: &str) -> bool {
    let is_part =
        |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        !is_part(before.chars().next_back())
            && (word.ends_with("::") || !is_part(after.chars().next()))
    })
}
