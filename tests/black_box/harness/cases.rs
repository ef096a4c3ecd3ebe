//! Cases that are played for a guest in JavaScript by the program's own command.

use super::engines::Stage;

/// A guest whose cases are played.
pub struct Played {
    /// Its name.
    pub name: &'static str,
    /// Its source, in JavaScript.
    pub source: &'static str,
    /// What `snow.toml` says.
    pub manifest: &'static str,
}

impl Played {
    /// Plays a file of cases. Returns what was printed, or `None` if there is no engine.
    pub fn play(&self, cases: &str) -> Option<String> {
        let (guest, file) = (format!("{}.js", self.name), format!("{}.test.toml", self.name));
        let files = [(&*guest, self.source), (&*file, cases), ("snow.toml", self.manifest)];
        let output = Stage::new("js", &files)?.run("test", &guest);
        Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    /// Plays one case of these steps, which passes.
    #[track_caller]
    pub fn passes(&self, steps: &str) {
        let Some(out) = self.play(&format!("[[case]]\nname = 'a'\n{steps}")) else { return };
        assert!(out.contains("1 passed, 0 failed"), "{out}");
    }

    /// Plays one case of these steps, which fails and says this.
    #[track_caller]
    pub fn fails(&self, steps: &str, words: &[&str]) {
        let Some(out) = self.play(&format!("[[case]]\nname = 'a'\n{steps}")) else { return };
        assert!(out.contains("0 passed, 1 failed"), "{out}");
        for words in words {
            assert!(out.contains(words), "{words:?} is not in {out}");
        }
    }
}
