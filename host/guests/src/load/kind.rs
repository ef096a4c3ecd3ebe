//! Kinds of files, by their first bytes, and kinds of WebAssembly, by its imports and exports. So a
//! message about a file that is no guest says what the file is, and what to do.

use std::fmt;
use std::path::Path;

use wasmparser::{Parser, Payload};

use crate::contract::HANDLER;

/// What binary WebAssembly begins with.
const MAGIC: &[u8] = b"\0asm";
/// How other kinds of binary files begin.
const OTHERS: &[(&[u8], &str)] = &[
    (b"\x7fELF", "a program, a library or compiled code for one kind of processor (ELF)"),
    (b"MZ", "a program for Windows"),
    (b"\xcf\xfa\xed\xfe", "a program for macOS"),
    (b"\xca\xfe\xba\xbe", "a program for macOS, or a class of Java"),
    (b"!<arch>\n", "a static library"),
    (b"BC\xc0\xde", "bitcode of LLVM"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
    (b"#!", "a script"),
];
/// How much of a text is looked at for its beginning.
const BEGINNING_BYTES: usize = 4 << 10;
/// Bytes that are shown of a file of an unknown kind.
const SHOWN_BYTES: usize = 4;

/// The kind of a file that may hold a guest. Displayed as what a file is that holds none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Binary WebAssembly, whatever is in it.
    Binary,
    /// WebAssembly as text, or at least meant to be.
    Text,
    /// A file without content.
    Empty,
    /// WebAssembly's first bytes and no more.
    CutOff,
    /// Binary WebAssembly of another version.
    Version,
    /// A text of something else.
    OtherText,
    /// A file of another known kind.
    Known(&'static str),
    /// A file of an unknown kind, with its first bytes.
    Unknown(Vec<u8>),
}

impl FileKind {
    /// Returns the kind of a file. Its name decides only about text.
    pub fn of(file: &Path, bytes: &[u8]) -> FileKind {
        if bytes.is_empty() {
            return FileKind::Empty;
        }
        if bytes.starts_with(MAGIC) {
            return match bytes.len() {
                0..8 => FileKind::CutOff,
                _ if Parser::is_component(bytes) || Parser::is_core_wasm(bytes) => FileKind::Binary,
                _ => FileKind::Version,
            };
        }
        if let Some((_, kind)) = OTHERS.iter().find(|(begins, _)| bytes.starts_with(begins)) {
            return FileKind::Known(kind);
        }
        let Some(text) = text(bytes) else {
            return FileKind::Unknown(bytes[..bytes.len().min(SHOWN_BYTES)].to_vec());
        };
        let is_meant = file.extension().is_some_and(|ending| ending == "wat");
        if is_meant || begins_as_wat(text) { FileKind::Text } else { FileKind::OtherText }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileKind::Binary => out.write_str("binary WebAssembly"),
            FileKind::Text => out.write_str("WebAssembly text"),
            FileKind::Empty => out.write_str("empty"),
            FileKind::CutOff => out.write_str("WebAssembly that ends within its first 8 bytes"),
            FileKind::Version => {
                out.write_str("WebAssembly of a version that this host does not know")
            }
            FileKind::OtherText => out.write_str("a text, but not one of WebAssembly"),
            FileKind::Known(kind) => out.write_str(kind),
            FileKind::Unknown(begins) => {
                let shown: Vec<String> = begins.iter().map(|byte| format!("{byte:02x}")).collect();
                write!(
                    out,
                    "not WebAssembly: it begins with the bytes {}, where WebAssembly has 00 61 73 6d",
                    shown.join(" ")
                )
            }
        }
    }
}

/// Returns the beginning of a text; `None` for anything else.
fn text(bytes: &[u8]) -> Option<&str> {
    let beginning = &bytes[..bytes.len().min(BEGINNING_BYTES)];
    let text = match str::from_utf8(beginning) {
        Ok(text) => text,
        // The last character may be cut off.
        Err(error) if error.error_len().is_none() && bytes.len() > beginning.len() => {
            str::from_utf8(&beginning[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

/// Returns whether a text begins as WebAssembly text does: with a parenthesis, perhaps behind white
/// space and comments.
fn begins_as_wat(text: &str) -> bool {
    let lines = text.lines().map(str::trim_start);
    let mut words = lines.filter(|line| !line.is_empty() && !line.starts_with(";;"));
    words.next().is_none_or(|first| first.starts_with('('))
}

/// What WebAssembly was built for, if not for this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A component that answers HTTP by the interface of WASI.
    WasiHttp,
    /// A program that is run once: a component or a module.
    WasiCommand,
    /// A library for WASI, as a module.
    WasiModule,
    /// A module for a page of a browser.
    Browser,
    /// A guest by another version of this host's contract.
    OtherVersion(String),
}

impl Purpose {
    /// Returns what WebAssembly was built for, by its imports and exports. `None` if it is a guest,
    /// or nothing that is known. Damaged WebAssembly is judged by what comes before the damage.
    pub(super) fn of(wasm: &[u8]) -> Option<Purpose> {
        let names = Names::of(wasm);
        let exports = |begins: &str| names.exports.iter().find(|name| name.starts_with(begins));
        let imports = |begins: &str| names.imports.iter().any(|name| name.starts_with(begins));
        if exports(HANDLER).is_some() {
            return None;
        }
        let interface = HANDLER.split('@').next().unwrap_or(HANDLER);
        if let Some(other) = exports(&format!("{interface}@")) {
            return Some(Purpose::OtherVersion(
                other.split('#').next().unwrap_or(other).to_owned(),
            ));
        }
        if exports("wasi:http/incoming-handler@").or(exports("wasi:http/handler@")).is_some() {
            return Some(Purpose::WasiHttp);
        }
        let is_wasi_module = imports("wasi_snapshot_preview1") || imports("wasi_unstable");
        if exports("wasi:cli/run@").is_some()
            || (is_wasi_module && names.exports.contains(&"_start"))
        {
            return Some(Purpose::WasiCommand);
        }
        if is_wasi_module {
            return Some(Purpose::WasiModule);
        }
        let is_of_browser =
            imports("__wbindgen") || imports("./") || imports("gojs") || imports("wbg");
        is_of_browser.then_some(Purpose::Browser)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Purpose::WasiHttp => {
                "a component of wasi:http, as `wasmtime serve` runs them; this host has an interface \
                 of its own"
            }
            Purpose::WasiCommand => {
                "a program for WASI, which is run once from its beginning to its end \
                 (wasi_snapshot_preview1 or wasi:cli); this host calls a guest for each request"
            }
            Purpose::WasiModule => {
                "a library for WASI (wasi_snapshot_preview1) that does not export what a guest does"
            }
            Purpose::Browser => "a module for JavaScript, which this host does not have",
            Purpose::OtherVersion(other) => {
                return write!(out, "a guest by another version of the contract: it exports `{other}`");
            }
        })
    }
}

/// The names of top-level imports and exports.
#[derive(Default)]
struct Names<'a> {
    imports: Vec<&'a str>,
    exports: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn of(wasm: &'a [u8]) -> Names<'a> {
        let (mut names, mut depth) = (Names::default(), 0);
        for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
            match payload {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                // What is nested is nobody else's business.
                _ if depth > 1 => {}
                payload => names.add(payload),
            }
        }
        names
    }

    fn add(&mut self, payload: Payload<'a>) {
        match payload {
            Payload::ImportSection(imports) => {
                let imports = imports.into_imports().map_while(Result::ok);
                self.imports.extend(imports.map(|import| import.module));
            }
            Payload::ExportSection(exports) => {
                self.exports.extend(exports.into_iter().map_while(Result::ok).map(|e| e.name));
            }
            Payload::ComponentImportSection(imports) => {
                let imports = imports.into_iter().map_while(Result::ok);
                self.imports.extend(imports.map(|import| import.name.name));
            }
            Payload::ComponentExportSection(exports) => {
                let exports = exports.into_iter().map_while(Result::ok);
                self.exports.extend(exports.map(|export| export.name.name));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str, bytes: &[u8]) -> FileKind {
        FileKind::of(Path::new(name), bytes)
    }

    #[test]
    fn files_are_told_apart() {
        assert_eq!(kind("a.wasm", b""), FileKind::Empty);
        assert_eq!(kind("a.wasm", b"\0asm"), FileKind::CutOff);
        assert_eq!(kind("a.wasm", b"\0asm\x01\0\0\0"), FileKind::Binary);
        assert_eq!(kind("a.wasm", b"\0asm\x0d\0\x01\0"), FileKind::Binary);
        assert_eq!(kind("a.wasm", b"\0asm\x07\0\0\0"), FileKind::Version);
        assert!(kind("a.wasm", b"\x7fELF\x02").to_string().contains("ELF"));
        assert!(kind("a.wasm", b"\xff\xfe\x07").to_string().contains("ff fe 07"));
        assert_eq!(kind("a.wasm", b"a\0b"), FileKind::Unknown(b"a\0b".to_vec()));
    }

    #[test]
    fn texts_are_told_apart() {
        for wat in
            ["(module)", " ;; a comment\n\n\t(component)", ";; only a comment", "(; block ;)"]
        {
            assert_eq!(kind("a.wasm", wat.as_bytes()), FileKind::Text, "{wat}");
        }
        for other in ["root:x:0:0:root:/root:/bin/sh\n", "milk", "const a = (1);"] {
            assert_eq!(kind("passwd", other.as_bytes()), FileKind::OtherText, "{other}");
            assert_eq!(kind("a.wat", other.as_bytes()), FileKind::Text, "by its name: {other}");
        }
        let long = format!("{}é and more", "x".repeat(BEGINNING_BYTES - 1));
        assert_eq!(kind("a", long.as_bytes()), FileKind::OtherText);
        assert_eq!(kind("a", b"caf\xe9"), FileKind::Unknown(b"caf\xe9".to_vec()));
    }

    #[test]
    fn purposes_are_told_apart() {
        let purpose = |wat: &str| Purpose::of(&wat::parse_str(wat).unwrap());
        let exports =
            |name: &str| format!("(component (instance $i) (export \"{name}\" (instance $i)))");
        assert_eq!(purpose("(component)"), None);
        assert_eq!(purpose(&exports("snow:host/handler@0.1.0")), None);
        assert_eq!(purpose(&exports("wasi:http/incoming-handler@0.2.3")), Some(Purpose::WasiHttp));
        assert_eq!(purpose(&exports("wasi:http/handler@0.3.0")), Some(Purpose::WasiHttp));
        assert_eq!(purpose(&exports("wasi:cli/run@0.2.0")), Some(Purpose::WasiCommand));
        let other = Purpose::OtherVersion("snow:host/handler@0.2.0".into());
        assert_eq!(purpose(&exports("snow:host/handler@0.2.0")), Some(other.clone()));
        assert_eq!(
            purpose("(module (func (export \"snow:host/handler@0.2.0#routes\")))"),
            Some(other)
        );
        let wasi = "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32)))";
        let start = "(func (export \"_start\"))";
        assert_eq!(purpose(&format!("(module {wasi} {start})")), Some(Purpose::WasiCommand));
        assert_eq!(purpose(&format!("(module {wasi})")), Some(Purpose::WasiModule));
        assert_eq!(purpose(&format!("(module {start})")), None);
        assert_eq!(
            purpose("(module (import \"__wbindgen_placeholder__\" \"a\" (func)))"),
            Some(Purpose::Browser)
        );
        assert_eq!(
            purpose(
                "(component (component (instance $i) (export \"wasi:cli/run@0.2.0\" (instance $i))))"
            ),
            None,
            "what is nested does not count"
        );
    }
}
