//! The page of the example `parcels` in a real browser: two tabs show each change once, in order.
//!
//! Node drives the system's Chromium, by the package of `tests/browser`.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::harness::{can, serve, workspace};

/// Changes that both tabs see.
const CHANGES: usize = 200;

/// Returns the browser, and the folder with what drives it; `None` if this machine has not all of
/// it.
fn browser() -> Option<(PathBuf, PathBuf)> {
    static FOUND: OnceLock<Option<(PathBuf, PathBuf)>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let folder = workspace().join("tests/browser");
        let chromium =
            ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(|name| {
                let path = env::var_os("PATH")?;
                env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
            });
        let named = chromium.clone().unwrap_or_else(|| "chromium".into());
        let mut version = Command::new(&named);
        let mut install = Command::new("npm");
        install.current_dir(&folder);
        install.args(["ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]);
        let is_there = can("a browser (apt-get install chromium)", version.arg("--version"))
            && can("the driver of tests/browser (it needs Node and npm)", &mut install);
        is_there.then_some((named, folder))
    });
    found.clone()
}

/// Returns what both tabs show of [`CHANGES`] changes, and of a last one; `None` if there is no
/// browser.
fn tabs(fault: Option<&str>) -> Option<[Vec<String>; 2]> {
    let (chromium, folder) = browser()?;
    let server = serve(&["parcels"])?;
    let mut node = Command::new("node");
    node.current_dir(folder).arg("two_tabs.js").arg(chromium);
    node.arg(format!("http://{}", server.address)).arg(CHANGES.to_string()).args(fault);
    let output = node.output().expect("npm is there, so Node is");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let lines: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let of = |tab: usize| -> Vec<String> {
        let lines = lines[tab].as_array().expect("both tabs have lines");
        lines.iter().map(|line| line.as_str().expect("a line is text").to_owned()).collect()
    };
    Some([of(0), of(1)])
}

/// The lines of a tab that has seen each change once, in order.
fn wanted() -> Vec<String> {
    let changes = (2..=CHANGES + 1).map(|number| format!("p: status {number} ({number})"));
    changes.chain([format!("p: the last one ({})", CHANGES + 2)]).collect()
}

#[test]
fn two_tabs_see_each_change_once_and_in_order() {
    let Some([one, other]) = tabs(None) else { return };
    assert_eq!(one, wanted());
    assert_eq!(other, wanted());
}

/// Shows that the test above can fail: one tab is told less, more, or in another order.
#[test]
fn a_tab_that_misses_a_change_is_found() {
    for fault in ["skip", "repeat", "swap"] {
        let Some([one, other]) = tabs(Some(fault)) else { return };
        assert_eq!(one, wanted(), "{fault}: only the other tab is tampered with");
        let lines = other.len().cmp(&wanted().len());
        let expected = match fault {
            "skip" => std::cmp::Ordering::Less,
            "repeat" => std::cmp::Ordering::Greater,
            _ => std::cmp::Ordering::Equal,
        };
        assert_eq!(lines, expected, "{fault}: {other:?}");
        assert_ne!(other, wanted(), "{fault} is not found");
    }
}
