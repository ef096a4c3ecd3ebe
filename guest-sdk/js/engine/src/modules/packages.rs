//! Packages as npm lays them out: `node_modules/NAME/package.json` says which file is meant.

use rquickjs::{Ctx, Object, Value};

use super::json::{self, NotJson};
use crate::failure::Place;

/// The conditions of `exports` that hold here.
const CONDITIONS: &[&str] = &["import", "module", "default"];

/// Returns the file that a package's name means in a file, both as paths in the guest's folder;
/// none if there is no such package.
///
/// `read` returns what a file holds, and `is_there` whether there is one.
///
/// # Errors
/// The package has no such file for others.
pub fn find(
    ctx: &Ctx<'_>,
    base: &str,
    name: &str,
    read: impl Fn(&str) -> Option<Vec<u8>>,
    mut is_there: impl FnMut(&str) -> bool,
) -> Result<Option<String>, String> {
    let (package, rest) = split(name);
    for folder in folders(base, package) {
        let manifest = format!("{folder}/package.json");
        let Some(text) = read(&manifest) else { continue };
        let object = parse(ctx, &text).map_err(|why| format!("{manifest}{why}"))?;
        let file = entry(&object, rest).ok_or(format!("{manifest} exports no such file"))?;
        let path = format!("{folder}/{}", file.trim_start_matches("./"));
        let tries = [path.clone(), format!("{path}.js"), format!("{path}/index.js")];
        let found = tries.into_iter().find(|path| is_there(path));
        return found.map(Some).ok_or(format!("{manifest} names {path}, which is not there"));
    }
    Ok(None)
}

/// Returns the object of a `package.json`.
///
/// # Errors
/// It holds none: the text goes on after the file's name.
fn parse<'js>(ctx: &Ctx<'js>, text: &[u8]) -> Result<Object<'js>, String> {
    let value =
        json::parse(ctx, &String::from_utf8_lossy(text)).map_err(|NotJson { why, place }| {
            let place = place.map(|Place { line, column }| format!(":{line}:{column}"));
            format!("{} is not JSON: {why}", place.unwrap_or_default())
        })?;
    value.into_object().ok_or(" is not an object".to_owned())
}

/// Splits `@scope/name/lib/file.js` into the package's name and the rest.
fn split(name: &str) -> (&str, &str) {
    let mut slashes = name.match_indices('/').map(|(at, _)| at);
    let end = if name.starts_with('@') { slashes.nth(1) } else { slashes.next() };
    end.map_or((name, ""), |end| (&name[..end], &name[end + 1..]))
}

/// Returns where a package may lie for a file: in `node_modules` of its folder, or of one above.
fn folders(base: &str, package: &str) -> Vec<String> {
    let mut above: Vec<&str> = base.split('/').collect();
    let mut folders = Vec::new();
    while !above.is_empty() {
        above.pop();
        if above.last() != Some(&"node_modules") {
            let prefix = above.iter().map(|part| format!("{part}/")).collect::<String>();
            folders.push(format!("{prefix}node_modules/{package}"));
        }
    }
    folders
}

/// Returns the file of a package, as its `package.json` has it.
fn entry(manifest: &Object<'_>, rest: &str) -> Option<String> {
    let text = |name: &str| manifest.get::<_, String>(name).ok();
    let exports: Value = manifest.get("exports").ok()?;
    if exports.is_undefined() || exports.is_null() {
        return match rest {
            "" => text("module").or_else(|| text("main")).or(Some("index.js".to_owned())),
            rest => Some(rest.to_owned()),
        };
    }
    let wanted = if rest.is_empty() { ".".to_owned() } else { format!("./{rest}") };
    let of_paths = exports
        .as_object()
        .filter(|object| object.keys::<String>().flatten().any(|key| key.starts_with('.')));
    let Some(paths) = of_paths else {
        return if rest.is_empty() { target(&exports) } else { None };
    };
    if let Ok(found) = paths.get::<_, Value>(wanted.as_str())
        && !found.is_undefined()
    {
        return target(&found);
    }
    paths.props::<String, Value>().flatten().find_map(|(pattern, found)| {
        let (before, after) = pattern.split_once('*')?;
        let middle = wanted.strip_prefix(before)?.strip_suffix(after)?;
        Some(target(&found)?.replace('*', middle))
    })
}

/// Returns the file that a target of `exports` means: a path, conditions, or a list of them.
fn target(value: &Value<'_>) -> Option<String> {
    if let Some(text) = value.as_string() {
        return text.to_string().ok();
    }
    if let Some(list) = value.as_array() {
        return list.iter::<Value>().flatten().find_map(|value| target(&value));
    }
    value.as_object()?.props::<String, Value>().flatten().find_map(|(condition, value)| {
        CONDITIONS.contains(&condition.as_str()).then(|| target(&value)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use rquickjs::{Context, Runtime};

    use super::*;

    /// Returns what a name means among these files, and which files were read and looked for.
    fn found(files: &[(&str, &str)], name: &str) -> (Result<Option<String>, String>, Vec<String>) {
        let files: BTreeMap<&str, &str> = files.iter().copied().collect();
        let asked = RefCell::new(Vec::new());
        let context = Context::full(&Runtime::new().unwrap()).unwrap();
        let found = context.with(|ctx| {
            let read = |path: &str| {
                asked.borrow_mut().push(path.to_owned());
                files.get(path).map(|text| text.as_bytes().to_vec())
            };
            find(&ctx, "lib/a.js", name, read, |path| read(path).is_some())
        });
        (found, asked.into_inner())
    }

    #[test]
    fn each_file_is_asked_for_once() {
        let manifest = "node_modules/half/package.json";
        let files = [(manifest, "{\"main\": \"./lib\"}"), ("node_modules/half/lib/index.js", "1")];
        let (path, asked) = found(&files, "half");
        assert_eq!(path, Ok(Some("node_modules/half/lib/index.js".to_owned())));
        assert_eq!(
            asked,
            [
                "lib/node_modules/half/package.json",
                manifest,
                "node_modules/half/lib",
                "node_modules/half/lib.js",
                "node_modules/half/lib/index.js",
            ]
        );
        assert_eq!(found(&files, "whole").0, Ok(None));
    }

    #[test]
    fn a_manifest_that_is_wrong_is_named_with_its_place() {
        let manifest = "node_modules/half/package.json";
        for (text, words) in [
            ("{\n  main }", ":2:3 is not JSON: "),
            ("[]\n]", ":2:1 is not JSON: "),
            ("7", " is not an object"),
            ("{\"exports\": {}}", " exports no such file"),
            ("{}", " names node_modules/half/index.js, which is not there"),
        ] {
            let why = found(&[(manifest, text)], "half").0.unwrap_err();
            assert!(why.starts_with(&format!("{manifest}{words}")), "{text}: {why}");
        }
    }

    #[test]
    fn names_are_split_after_the_package() {
        assert_eq!(split("zod"), ("zod", ""));
        assert_eq!(split("zod/v4/core"), ("zod", "v4/core"));
        assert_eq!(split("@scope/name"), ("@scope/name", ""));
        assert_eq!(split("@scope/name/x.js"), ("@scope/name", "x.js"));
    }

    #[test]
    fn packages_are_looked_for_from_the_inside() {
        assert_eq!(folders("", "b"), ["node_modules/b"]);
        let folders = folders("node_modules/a/lib/x.js", "b");
        assert_eq!(
            folders,
            [
                "node_modules/a/lib/node_modules/b",
                "node_modules/a/node_modules/b",
                "node_modules/b"
            ]
        );
    }
}
