//! Engines, made once for all tests by the program's own command.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::{collections::BTreeMap, fs};

use super::guests::Folder;
use super::program;
use super::server::Server;

/// Guests that are source files, and the engine that evaluates them.
pub struct Stage {
    pub folder: Folder,
    /// The folder of engines.
    engines: PathBuf,
}

impl Stage {
    /// A folder with these files, of guests in a language of this engine. `None`, and a line that
    /// says so, if the engine can't be made here; where `CI` is set that is a failure.
    pub fn new(engine: &str, files: &[(&str, &str)]) -> Option<Stage> {
        installed(engine)?;
        Some(Stage::with(folder(), files))
    }

    /// A folder with these files, and the engines of another folder.
    pub fn with(engines: PathBuf, files: &[(&str, &str)]) -> Stage {
        let stage = Stage { folder: Folder::new(), engines };
        for (name, text) in files {
            stage.write(name, text);
        }
        stage
    }

    /// Writes a file, in a folder that may not be there yet.
    pub fn write(&self, name: &str, text: &str) {
        let file = self.folder.path().join(name);
        fs::create_dir_all(file.parent().expect("it has one")).expect("it can be made");
        fs::write(file, text).expect("it can be written");
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.folder.path().join(name)).expect("it is there");
    }

    /// Serves the folder.
    #[track_caller]
    pub fn serve(self, workers: u16) -> Server {
        let mut command = command(&self.engines);
        command.arg("run").arg(self.folder.path()).args(["--listen", "127.0.0.1:0"]);
        command.args(["--workers", &workers.to_string()]);
        Server::spawn(command.stdin(Stdio::null()), self.folder)
    }

    /// Runs a command of the program on the folder, or on a file of it.
    #[track_caller]
    pub fn run(&self, command: &str, file: &str) -> Output {
        let path = self.folder.path().join(file);
        let mut program = self::command(&self.engines);
        program.arg(command).arg(path).output().expect("the program can be started")
    }

    /// The program, with the engines that are made for tests.
    pub fn command() -> Command {
        command(&folder())
    }
}

/// The program, with the engines of a folder.
pub fn command(engines: &Path) -> Command {
    let mut command = Command::new(program::program());
    command.env("SNOW_HOST_ENGINES", engines).stdin(Stdio::null());
    program::keep_in_target(&mut command);
    command
}

/// Where they are kept, from one test to the next and to the next run.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("engines")
}

/// Makes an engine, unless it is made, and compiles it, which takes longer than a server may take
/// to listen; `None` if it can't be made here.
pub fn installed(engine: &str) -> Option<()> {
    static INSTALLED: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());
    let mut installed = INSTALLED.lock().expect("no test ends while it makes an engine");
    if !installed.contains_key(engine) {
        let mut install = Stage::command();
        install.args(["engine", "install", engine, "--to"]).arg(folder());
        let output = install.output().expect("the program can be started");
        let why = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            let ending = if engine == "python" { "py" } else { engine };
            let empty = format!("empty.{ending}");
            Stage::with(folder(), &[(&empty, "")]).run("check", &empty);
        } else {
            assert!(env::var_os("CI").is_none(), "the engine {engine} can't be made:\n{why}");
            eprintln!("SKIPPED: tests of the engine {engine}, which can't be made here:\n{why}");
        }
        installed.insert(engine.to_owned(), output.status.success());
    }
    installed[engine].then_some(())
}
