//! Packages as npm lays them out: `node_modules/NAME/package.json` says which file is meant.

use rquickjs::{Ctx, Object, Value};

use crate::snow::host::source;

/// The conditions of `exports` that hold here.
const CONDITIONS: &[&str] = &["import", "module", "default"];

/// Returns the file that a package's name means in a file, both as paths in the guest's folder;
/// none if there is no such package.
///
/// # Errors
/// The package has no such file for others.
pub fn find(ctx: &Ctx<'_>, base: &str, name: &str) -> Result<Option<String>, String> {
    let (package, rest) = split(name);
    for folder in folders(base, package) {
        let Some(text) = source::find(&format!("{folder}/package.json")) else { continue };
        let manifest = ctx.json_parse(text).ok().and_then(Value::into_object);
        let Some(manifest) = manifest else {
            return Err(format!("{folder}/package.json is not JSON"));
        };
        let file =
            entry(&manifest, rest).ok_or(format!("{folder}/package.json exports no such file"))?;
        let path = format!("{folder}/{}", file.trim_start_matches("./"));
        let tries = [path.clone(), format!("{path}.js"), format!("{path}/index.js")];
        let found = tries.into_iter().find(|path| source::find(path).is_some());
        return Ok(Some(found.unwrap_or(path)));
    }
    Ok(None)
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
    use super::*;

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
