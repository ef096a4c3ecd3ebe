//! JavaScript and TypeScript: a guest is one source file, which the engine evaluates. Nothing is
//! built.
//!
//! What is bundled of packages has a build command in `snow.toml`, as any folder may.

mod new;

use std::io::Write;
use std::path::Path;

use super::Language;

/// JavaScript, or TypeScript: they differ in their files.
pub(super) struct Script {
    /// The name on the command line, and the ending of a guest's file.
    name: &'static str,
    about: &'static str,
    template: &'static str,
}

/// The language JavaScript.
pub(super) const JAVASCRIPT: Script = Script {
    name: "js",
    about: "a JavaScript file, which is served as it is",
    template: new::JAVASCRIPT,
};

/// The language TypeScript.
pub(super) const TYPESCRIPT: Script = Script {
    name: "ts",
    about: "a TypeScript file, which is served as it is, without its types",
    template: new::TYPESCRIPT,
};

impl Language for Script {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn source_ending(&self) -> Option<&'static str> {
        Some(self.name)
    }

    fn engine(&self) -> Option<&'static str> {
        Some("js")
    }

    fn write_new(&self, guests: &Path, name: &str, out: &mut dyn Write) -> anyhow::Result<()> {
        new::write(guests, name, self.name, self.template, out)
    }
}
