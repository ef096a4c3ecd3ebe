//! The source files of the engines, as this program contains them.

use super::EngineRecipe;

/// Includes files of this repository: each has a folder in the repository, and the path below it that
/// it is unpacked to. The contract is unpacked beside them, into `wit/`.
macro_rules! embedded {
    ($($folder:literal: $($path:literal),+ $(,)?;)+) => {
        &[
            $($(($path, include_str!(concat!("../../../../", $folder, "/", $path))),)+)+
            ("wit/engine.wit", include_str!("../../../../wit/engine.wit")),
            ("wit/snow.wit", include_str!("../../../../wit/snow.wit")),
        ]
    };
}

/// All engines. A unit test compares the lists with the repository.
pub(super) const ALL: &[EngineRecipe] = &[
    EngineRecipe {
        name: "js",
        languages: "JavaScript, TypeScript",
        files: JAVASCRIPT,
        is_to_be_started: true,
    },
    EngineRecipe { name: "python", languages: "Python", files: PYTHON, is_to_be_started: false },
];

const JAVASCRIPT: &[(&str, &str)] = embedded! {
    "guest-sdk/js/engine":
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "c/engine.c",
    "c/unwasi.h",
    "js/blob.js",
    "js/clone.js",
    "js/console.js",
    "js/cookies.js",
    "js/deployed.js",
    "js/engine.js",
    "js/failures.js",
    "js/fetch.js",
    "js/fields.js",
    "js/form.js",
    "js/globals.js",
    "js/headers.js",
    "js/index.js",
    "js/jobs.js",
    "js/json.js",
    "js/messages.js",
    "js/native.js",
    "js/pairs.js",
    "js/parsed.js",
    "js/performance.js",
    "js/random.js",
    "js/routes.js",
    "js/sessions.js",
    "js/settling.js",
    "js/signing.js",
    "js/sql.js",
    "js/store.js",
    "js/text.js",
    "js/timers.js",
    "js/url.js",
    "js/waiting.js",
    "make.py",
    "rust-toolchain.toml",
    "src/convert.rs",
    "src/deployed.rs",
    "src/engine.rs",
    "src/failure.rs",
    "src/fetch.rs",
    "src/jobs.rs",
    "src/lib.rs",
    "src/libc.rs",
    "src/modules.rs",
    "src/modules/json.rs",
    "src/modules/kept.rs",
    "src/modules/missing.rs",
    "src/modules/packages.rs",
    "src/native.rs",
    "src/pendings.rs",
    "src/signed.rs",
    "src/sql.rs",
    "src/store.rs",
    "src/text.rs",
    "src/typescript.rs",
    "src/typescript/tests.rs",
    "src/typescript/visit.rs",
    "src/url.rs",
    ;
};

const PYTHON: &[(&str, &str)] = embedded! {
    "guest-sdk/python/engine":
    "_snow_engine/__init__.py",
    "_snow_engine/engine.py",
    "_snow_engine/failure.py",
    "_snow_engine/folder.py",
    "_snow_engine/fresh_random.py",
    "_snow_engine/guest.py",
    "_snow_engine/kept_code.py",
    "_snow_engine/library.py",
    "_snow_engine/output.py",
    "make.py",
    "world.wit",
    ;
    "guest-sdk/python":
    "snow/__init__.py",
    "snow/_accept.py",
    "snow/_call.py",
    "snow/_config.py",
    "snow/_contract.py",
    "snow/_contract_sql.py",
    "snow/_cookies.py",
    "snow/_errors.py",
    "snow/_fetch.py",
    "snow/_form.py",
    "snow/_form_reader.py",
    "snow/_headers.py",
    "snow/_host.py",
    "snow/_http.py",
    "snow/_loop.py",
    "snow/_pending.py",
    "snow/_routing.py",
    "snow/_session.py",
    "snow/_signed.py",
    "snow/_store.py",
    "snow/_suspension.py",
    "snow/_toy.py",
    "snow/_toy_deployed.py",
    "snow/_toy_fetch.py",
    "snow/_toy_jobs.py",
    "snow/_toy_sql.py",
    "snow/_toy_store.py",
    "snow/_wsgi.py",
    "snow/classic.py",
    "snow/deployment.py",
    "snow/jobs.py",
    "snow/py.typed",
    "snow/sql.py",
    "snow/testing.py",
    "snow/tornado/__init__.py",
    "snow/tornado/arguments.py",
    "snow/tornado/concurrent.py",
    "snow/tornado/gen.py",
    "snow/tornado/httpclient.py",
    "snow/tornado/ioloop.py",
    "snow/tornado/web.py",
    ;
};

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Returns all files below a folder, without what tools write there.
    fn found(folder: &Path, prefix: &str, into: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = format!("{prefix}{name}");
            match entry.path().is_dir() {
                _ if ["wit", "target", "__pycache__"].contains(&&*name) => {}
                true => found(&entry.path(), &format!("{path}/"), into),
                false => into.push(path),
            }
        }
    }

    #[test]
    fn every_file_of_an_engine_is_embedded() {
        let sdk =
            Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("guest-sdk");
        for (files, folders) in [
            (JAVASCRIPT, &[("js/engine", "")][..]),
            (PYTHON, &[("python/engine", ""), ("python/snow", "snow/")][..]),
        ] {
            let mut expected = vec!["wit/engine.wit".to_owned(), "wit/snow.wit".to_owned()];
            folders
                .iter()
                .for_each(|(folder, prefix)| found(&sdk.join(folder), prefix, &mut expected));
            let mut embedded: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
            expected.sort();
            embedded.sort_unstable();
            assert_eq!(embedded, expected);
        }
    }
}
