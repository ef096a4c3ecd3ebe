//! Finds what a guest imports.
//!
//! A module's name is its path from the guests folder, `hello/util.js` for a file of the folder
//! beside `hello.js`; that of a built-in one begins with `snow:`.

pub mod json;
pub mod kept;
pub mod missing;
mod packages;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Module, Result, Runtime};

use crate::failure::{Place, throw_at};
use crate::snow::host::source;
use crate::typescript;

/// The module that imports all other built-in ones.
pub const PRELUDE: &str = "snow:engine.js";

/// The module for guests, and the built-in one that it is.
const SDK: &str = "snow";
const SDK_TEXT: &str = "snow:index.js";

/// Bytes of a file's text. What is made of one takes several times as much of the instance's memory.
const TEXT_BYTES_MAX: usize = 16 << 20;

/// Bytes of a TypeScript text, whose syntax tree lies in memory while the types are taken out.
const TYPESCRIPT_BYTES_MAX: usize = 2 << 20;

/// Includes files of `js/`.
macro_rules! built_in {
    ($($file:literal),+ $(,)?) => {
        &[$((concat!("snow:", $file), include_str!(concat!("../js/", $file)))),+]
    };
}

const BUILT_IN: &[(&str, &str)] = built_in![
    "blob.js",
    "clone.js",
    "console.js",
    "cookies.js",
    "deployed.js",
    "engine.js",
    "failures.js",
    "fetch.js",
    "fields.js",
    "form.js",
    "globals.js",
    "headers.js",
    "index.js",
    "jobs.js",
    "json.js",
    "messages.js",
    "native.js",
    "pairs.js",
    "parsed.js",
    "performance.js",
    "random.js",
    "routes.js",
    "sessions.js",
    "settling.js",
    "signing.js",
    "sql.js",
    "store.js",
    "text.js",
    "timers.js",
    "url.js",
    "waiting.js",
];

/// Lets a runtime find modules, for the guest in this file. Without a guest there is no name, and
/// only what is built in can be found.
pub fn install(runtime: &Runtime, main: &str) {
    let folder = main.rsplit_once('.').map_or(main, |(stem, _)| stem).to_owned();
    let found = Rc::new(RefCell::new(None));
    let loader = Found { folder: folder.clone(), found: found.clone() };
    let known = RefCell::default();
    runtime.set_loader(Finder { main: main.to_owned(), folder, known, found }, loader);
}

/// Returns the text of the module that imports all other built-in ones.
pub fn prelude() -> &'static str {
    built_in(PRELUDE).unwrap_or_default()
}

fn built_in(name: &str) -> Option<&'static str> {
    let name = if name == SDK { SDK_TEXT } else { name };
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Makes a module of a file's text, according to the ending of its name, or of the code that was
/// made of the same text when the guest was loaded.
///
/// # Errors
/// The text is not UTF-8, or has an error in it; or it is in a language that is not supported.
pub fn declare<'js>(ctx: &Ctx<'js>, name: &str, text: Vec<u8>) -> Result<Module<'js, Declared>> {
    match kept::find(ctx, name) {
        Some(module) => Ok(module),
        None => compile(ctx, name, text).inspect(|module| kept::keep(ctx, name, module)),
    }
}

fn compile<'js>(ctx: &Ctx<'js>, name: &str, text: Vec<u8>) -> Result<Module<'js, Declared>> {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let bytes_max = match ending {
        "ts" | "mts" => TYPESCRIPT_BYTES_MAX,
        _ => TEXT_BYTES_MAX,
    };
    if text.len() > bytes_max {
        let length = text.len();
        let message = format!("the file is too large: {length} bytes of at most {bytes_max}");
        return Err(throw_at(ctx, "RangeError", &message, name, None));
    }
    let text = String::from_utf8(text).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let place = Place::of(&String::from_utf8_lossy(&error.as_bytes()[..valid]), valid);
        throw_at(ctx, "SyntaxError", "the file is not UTF-8", name, Some(place))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if let Some(at) = text.find('\0') {
        let message = "there is a NUL byte in the file";
        return Err(throw_at(ctx, "SyntaxError", message, name, Some(Place::of(text, at))));
    }
    match ending {
        "ts" | "mts" => {
            let script = typescript::strip(text).map_err(|error| {
                throw_at(ctx, "SyntaxError", &error.message, name, Some(error.place))
            })?;
            Module::declare(ctx.clone(), name, script)
        }
        "json" => Module::declare(ctx.clone(), name, json::script(ctx, name, text)?),
        "jsx" | "tsx" | "cjs" | "cts" => {
            let message = format!("files that end in .{ending} are not evaluated: bundle them");
            Err(throw_at(ctx, "SyntaxError", &message, name, None))
        }
        _ => Module::declare(ctx.clone(), name, text),
    }
}

/// A file that was found: its name, and its text until it is loaded.
type Text = Rc<RefCell<Option<(String, Vec<u8>)>>>;

/// Finds the module that a name means.
struct Finder {
    /// The guest's own file, `hello.js`.
    main: String,
    /// The folder of what it imports, `hello`.
    folder: String,
    /// Files that were found. The host copies a file for whoever asks for it, so none is asked for
    /// again that many others import.
    known: RefCell<BTreeSet<String>>,
    found: Text,
}

/// Loads the module that was found, as a rule just before.
struct Found {
    folder: String,
    found: Text,
}

impl Resolver for Finder {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        if base == SDK || base.starts_with("snow:") {
            return Ok(name.replacen("./", "snow:", 1));
        }
        if name == SDK {
            return Ok(SDK.to_owned());
        }
        let is_path = ["./", "../", "/"].iter().any(|start| name.starts_with(start));
        let found = if is_path { self.file(base, name) } else { self.package(ctx, base, name) };
        found.map_err(|why| self.refuse(ctx, base, name, &why))
    }
}

impl Finder {
    /// Returns the name of a file that is imported by its path.
    fn file(&self, base: &str, name: &str) -> std::result::Result<String, String> {
        let folder = &self.folder;
        let path = join(base, name).ok_or(format!("what a guest imports lies in {folder}/"))?;
        if path == self.main {
            return Ok(path);
        }
        let Some(within) = below(folder, &path) else {
            return Err(format!("what a guest imports lies in {folder}/"));
        };
        if self.keep(&path, within) {
            return Ok(path);
        }
        let stem = path.rsplit_once('.').map_or(path.as_str(), |(stem, _)| stem);
        let files = source::files();
        let near = ["js", "ts", "mjs", "json"]
            .iter()
            .flat_map(|ending| [format!("{path}.{ending}"), format!("{stem}.{ending}")])
            .chain([format!("{path}/index.js"), format!("{path}/index.ts")])
            .find(|near| files.iter().any(|file| below(folder, near) == Some(file)));
        Err(match near {
            Some(near) => format!("there is no {path}, but {near}: imports have the whole name"),
            None => format!("there is no {path}"),
        })
    }

    /// Returns the name of a package's file.
    fn package(
        &self,
        ctx: &Ctx<'_>,
        base: &str,
        name: &str,
    ) -> std::result::Result<String, String> {
        if let Some(module) = name.strip_prefix("node:") {
            return Err(format!("{module} is a module of Node, and this is not Node"));
        }
        let folder = &self.folder;
        let within = below(folder, base).unwrap_or_default();
        let is_there = |file: &str| self.keep(&format!("{folder}/{file}"), file);
        let found = packages::find(ctx, within, name, source::find, is_there)?;
        let file = found.ok_or_else(|| {
            format!(
                "it is neither `snow` nor a package in {folder}/node_modules/ (a file's name \
                 begins with ./{folder}/)"
            )
        })?;
        Ok(format!("{folder}/{file}"))
    }

    /// Keeps a file's text for the loader, unless the file is known; false if there is none.
    fn keep(&self, path: &str, within: &str) -> bool {
        if self.known.borrow().contains(path) {
            return true;
        }
        let Some(text) = source::find(within) else { return false };
        self.known.borrow_mut().insert(path.to_owned());
        *self.found.borrow_mut() = Some((path.to_owned(), text));
        true
    }

    fn refuse(&self, ctx: &Ctx<'_>, base: &str, name: &str, why: &str) -> Error {
        let message = format!("can't import '{name}': {why}");
        throw_at(ctx, "TypeError", &message, base, self.import(base, name))
    }

    /// Returns where a file imports this name.
    fn import(&self, base: &str, name: &str) -> Option<Place> {
        let text = match base == self.main {
            true => source::main().text,
            false => source::find(below(&self.folder, base)?)?,
        };
        let text = String::from_utf8(text).ok()?;
        let quoted = ['\'', '"'].map(|quote| format!("{quote}{name}{quote}"));
        quoted.iter().find_map(|quoted| text.find(quoted)).map(|byte| Place::of(&text, byte))
    }
}

impl Loader for Found {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        if let Some(text) = built_in(name) {
            return Module::declare(ctx.clone(), name, text);
        }
        let text = match self.found.take() {
            Some((found, text)) if found == name => Some(text),
            // For instance one that has an error in it, and is imported once more.
            _ => below(&self.folder, name).and_then(source::find),
        };
        match text {
            Some(text) => declare(ctx, name, text),
            None => Err(throw_at(ctx, "TypeError", "there is no such module", name, None)),
        }
    }
}

/// Returns a path as from a folder; none for what lies elsewhere.
fn below<'p>(folder: &str, path: &'p str) -> Option<&'p str> {
    path.strip_prefix(folder)?.strip_prefix('/')
}

/// Returns the path that a relative path means in a file; none if it leads out of the folder.
fn join(base: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = match name.starts_with('/') {
        true => Vec::new(),
        false => base.split('/').collect(),
    };
    parts.pop();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_joined() {
        for (base, name, joined) in [
            ("hello.js", "./hello/a.js", Some("hello/a.js")),
            ("hello/a.js", "./b/c.js", Some("hello/b/c.js")),
            ("hello/b/c.js", "../../hello.js", Some("hello.js")),
            ("hello/a.js", "../../up.js", None),
            ("hello/a.js", "/hello/x.js", Some("hello/x.js")),
        ] {
            assert_eq!(join(base, name).as_deref(), joined, "{base} {name}");
        }
    }

    /// Returns the names of what a built-in module imports, or hands on.
    fn imports(name: &str) -> impl Iterator<Item = String> {
        let lines = built_in(name).expect("it is built in").lines();
        let named = lines.filter(|line| line.starts_with("import ") || line.contains(" from '"));
        named.filter_map(|line| Some(line.split('\'').nth(1)?.replacen("./", "snow:", 1)))
    }

    /// A module that is not reached is evaluated in each instance, and not when the engine is made.
    #[test]
    fn the_prelude_imports_all_other_modules() {
        let mut reached = BTreeSet::new();
        let mut left = vec![PRELUDE.to_owned()];
        while let Some(name) = left.pop() {
            if reached.insert(name.clone()) {
                left.extend(imports(&name));
            }
        }
        reached.remove(SDK);
        let all = BUILT_IN.iter().map(|(name, _)| *name).filter(|name| *name != SDK_TEXT);
        assert!(all.eq(reached.iter().map(String::as_str)), "{reached:?}");
    }
}
