//! What guests in Python and in JavaScript do alike: the same routes in both languages, with the
//! same answers. What is particular to one of them stands in `python` and `javascript`.

mod jobs;
mod refused;
mod sql;

use crate::harness::{Server, Stage};

/// A guest in two languages: `shop.py` and `shop.js`.
struct Guest {
    python: &'static str,
    javascript: &'static str,
}

impl Guest {
    /// A folder for each language whose engine can be made here, with this manifest.
    fn stages(&self, manifest: &str) -> Vec<Stage> {
        let languages = [("python", "shop.py", self.python), ("js", "shop.js", self.javascript)];
        let stage =
            |(engine, name, text)| Stage::new(engine, &[(name, text), ("snow.toml", manifest)]);
        languages.into_iter().filter_map(stage).collect()
    }

    /// Does something with each language.
    fn each(&self, manifest: &str, mut test: impl FnMut(&Server)) {
        self.stages(manifest).into_iter().for_each(|stage| test(&stage.serve(1)));
    }
}

#[track_caller]
fn says(server: &Server, target: &str, text: &str) {
    let answer = server.get(target);
    assert_eq!((answer.status, answer.text()), (200, text), "{target}");
}
