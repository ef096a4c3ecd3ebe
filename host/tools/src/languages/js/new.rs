//! Writes a new guest: a source file and its cases, and once for the folder what editors need to
//! know its types.

use std::borrow::Cow;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use crate::languages::CASES;
use crate::languages::files::Files;

// The template's files. `NAME` in them stands for the guest's name.
pub(super) const JAVASCRIPT: &str = include_str!("template/guest.js");
pub(super) const TYPESCRIPT: &str = include_str!("template/guest.ts");

/// Names files of guest-sdk/js, and includes them.
macro_rules! types {
    ($($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("../../../../../guest-sdk/js/", $file)))),+]
    };
}

/// The types of the module `snow`. The first file refers to the others.
const TYPES: &[(&str, &str)] = types![
    "snow.d.ts",
    "types/deployed.d.ts",
    "types/fetch.d.ts",
    "types/jobs.d.ts",
    "types/requests.d.ts",
    "types/sessions.d.ts",
    "types/sql.d.ts",
    "types/store.d.ts",
    "types/waiting.d.ts",
];

/// Where they lie in a guests folder: in a hidden folder, because a visible file in TypeScript is a
/// guest.
const TYPES_FOLDER: &str = ".snow";
const TYPES_FILE: &str = ".snow/snow.d.ts";

/// What tells editors about the types.
const CONFIG: &str = include_str!("template/tsconfig.json");
const CONFIG_FILES: [&str; 2] = ["tsconfig.json", "jsconfig.json"];

/// Writes `guests/NAME.js` or `guests/NAME.ts` from a template.
pub(super) fn write(
    guests: &Path,
    name: &str,
    ending: &str,
    template: &str,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    write_types(guests, out)?;
    let named = |text: &str| Cow::Owned::<str>(text.replace("NAME", name));
    let file = |ending: &str| Cow::Owned(format!("{name}.{ending}"));
    // The guest comes last, because the host serves it as soon as it is there.
    Files(vec![(file("test.toml"), named(CASES)), (file(ending), named(template))])
        .write_beside(guests)
}

/// Writes this program's types, and a configuration for editors unless the folder has one.
fn write_types(guests: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut is_changed = false;
    for (name, text) in TYPES {
        let file = guests.join(TYPES_FOLDER).join(name);
        if fs::read(&file).is_ok_and(|held| held == text.as_bytes()) {
            continue;
        }
        let folder = file.parent().expect("it is in a folder");
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&file, text));
        written.with_context(|| format!("can't write {}", file.display()))?;
        is_changed = true;
    }
    if is_changed {
        let types = guests.join(TYPES_FILE);
        writeln!(out, "wrote the types of the module `snow`: {}", types.display())?;
    }
    let present = CONFIG_FILES.iter().map(|name| guests.join(name)).find(|file| file.exists());
    let Some(present) = present else {
        let name = CONFIG_FILES[0];
        Files(vec![(name.into(), CONFIG.into())]).write_beside(guests)?;
        writeln!(out, "wrote {}, which tells editors of them", guests.join(name).display())?;
        return Ok(());
    };
    let text = fs::read_to_string(&present)
        .with_context(|| format!("can't read {}", present.display()))?;
    if !text.contains(TYPES_FILE) {
        writeln!(
            out,
            "{} is yours: add {TYPES_FILE:?} to its \"files\", and editors know the types",
            present.display()
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    #[test]
    fn types_are_written_once_and_a_configuration_of_the_user_is_left_alone() {
        let guests = env::temp_dir().join(format!("snow-host-new-js-{}", process::id()));
        fs::create_dir_all(&guests).unwrap();
        let write = |name: &str, ending: &str, template: &str| {
            let mut out = Vec::new();
            let written = write(&guests, name, ending, template, &mut out);
            (written.map_err(|error| error.to_string()), String::from_utf8(out).unwrap())
        };
        let (written, said) = write("one", "js", JAVASCRIPT);
        assert!(written.is_ok() && said.contains("snow.d.ts") && said.contains("tsconfig.json"));
        let text = fs::read_to_string(guests.join("one.js")).unwrap();
        assert!(text.contains("'/one/hello/") && !text.contains("NAME"), "{text}");
        assert_eq!(write("two", "ts", TYPESCRIPT), (Ok(()), String::new()));
        // What the first file refers to lies beside it, and is renewed with this program.
        let [(_, first), others @ ..] = TYPES else { panic!("there are types") };
        let reference =
            |line: &'static str| line.strip_prefix("/// <reference path=\"")?.strip_suffix("\" />");
        let referred: Vec<_> = first.lines().filter_map(reference).collect();
        assert_eq!(referred, others.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        let old = guests.join(TYPES_FOLDER).join(others[0].0);
        fs::write(&old, "old").unwrap();
        let (written, said) = write("newer", "js", JAVASCRIPT);
        assert!(written.is_ok() && said.contains("snow.d.ts"), "{said}");
        assert_eq!(fs::read_to_string(&old).unwrap(), others[0].1);
        let (refused, _) = write("two", "js", JAVASCRIPT);
        assert!(refused.unwrap_err().contains("two.test.toml"), "it has cases already");
        assert!(!guests.join("two.js").exists());

        fs::write(guests.join("tsconfig.json"), "{}").unwrap();
        let (written, said) = write("three", "ts", TYPESCRIPT);
        assert!(written.is_ok() && said.contains("is yours"), "{said}");
        assert_eq!(fs::read_to_string(guests.join("tsconfig.json")).unwrap(), "{}");
        fs::remove_dir_all(&guests).unwrap();
    }
}
