//! Properties that hold for every `.env`: it never ends the program, no problem shows a line of it,
//! and what is written in it is found.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

/// A secret. It is so long that no message has it by chance.
const SECRET: &str = "s3cret";

/// The pieces of random files.
const PIECES: [&str; 22] = [
    "A=s3cret", "B=", "A", "s3cret", "=", "'", "\"", "#", " ", "\t", "\n", "\r", "\r\n", "\n\n",
    "export ", "export", "\u{85}", "\u{feff}", "ü", "\0", "\\n", "$A",
];

fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        30 => (0..PIECES.len()).prop_map(|at| PIECES[at].as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// A value of one line.
fn some_value() -> impl Strategy<Value = String> {
    let pieces = vec((0..PIECES.len()).prop_map(|at| PIECES[at]), 0..6);
    pieces.prop_map(|pieces| pieces.concat().replace(['\n', '\r'], ""))
}

/// How a line is written: before its name, around its `=`, around its value, and at its end.
fn some_style() -> impl Strategy<Value = [&'static str; 4]> {
    let one_of = |texts: [&'static str; 3]| (0..3_usize).prop_map(move |at| texts[at]);
    let quote = one_of(["'", "\"", "'"]);
    let styles =
        [one_of(["", "export ", "\t"]).boxed(), one_of(["", " ", "\t "]).boxed(), quote.boxed()];
    let [before, around, quote] = styles;
    (before, around, quote, one_of(["\n", "\r\n", "  \n\n# s3cret\n"]))
        .prop_map(|(before, around, quote, end)| [before, around, quote, end])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_file_ends_the_program_or_shows_a_secret(bytes in some_bytes()) {
        let folder = Folder::new("any");
        let dotenv = folder.file(".env", &bytes);
        let lines = bytes.split(|byte| *byte == b'\n').count();
        let (found, files) = look_up("[guest.shop.config]\na = { env = 'A' }\n", Some(dotenv.clone()));
        prop_assert!(!files.is_empty(), "it is noticed when it changes");
        match found {
            Ok(values) => {
                let texts = texts(&values);
                prop_assert_eq!(texts.len(), 1);
                prop_assert!(texts[0].1.len() <= bytes.len());
                prop_assert!(!texts[0].1.contains('\n'));
            }
            Err(problems) => {
                prop_assert!(problems.len() <= lines + 1);
                for problem in problems {
                    prop_assert!(!problem.contains(SECRET), "{problem}");
                    let Some(of_file) = problem.strip_prefix(&dotenv.display().to_string()) else {
                        continue;
                    };
                    if of_file.starts_with(": can't be read: ") {
                        continue;
                    }
                    let line = of_file[1..].split(':').next().and_then(|line| line.parse().ok());
                    let line: usize = line.expect("it names a line");
                    let named = bytes.split(|byte| *byte == b'\n').nth(line - 1).expect("it has it");
                    let named = String::from_utf8_lossy(named);
                    let is_wrong = !named.trim().is_empty() && !named.trim().starts_with('#');
                    prop_assert!(is_wrong, "{problem}: {named:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_found(
        variables in btree_map("[A-Z][A-Z0-9_]{0,5}", (some_value(), some_style()), 1..8),
    ) {
        let lines = variables.iter().map(|(name, (value, [before, around, quote, end]))| {
            format!("{before}{name}{around}={around}{quote}{value}{quote}{end}")
        });
        let text: String = lines.collect();
        // A name that the environment has is not looked for in the file.
        let names: Vec<&str> = variables
            .keys()
            .map(String::as_str)
            .filter(|name| !["GREETING", "TOKEN", "EMPTY"].contains(name))
            .collect();
        let keys = names.iter().map(|name| format!("{name} = {{ env = '{name}' }}\n"));
        let manifest = format!("[guest.shop.config]\n{}", keys.collect::<String>());
        let folder = Folder::new("written");
        let (found, _) = look_up(&manifest, Some(folder.file(".env", &text)));
        let found = found.unwrap_or_else(|problems| panic!("{problems:?} of {text:?}"));
        let wanted: Vec<(&str, &str)> =
            names.iter().map(|name| (*name, &*variables[*name].0)).collect();
        prop_assert_eq!(texts(&found), wanted);
    }
}

/// A reader with steps in the square of the bytes would not come to the end of these.
#[test]
fn the_steps_of_a_line_are_in_proportion_to_its_bytes() {
    for piece in ["=", "'", "\"", " ", "export ", "a", "\u{85}", "#"] {
        let line = piece.repeat((4 << 20) / piece.len());
        for line in [line.clone(), format!("A={line}"), format!("A='{line}'")] {
            let _ = variable_of(&line);
        }
    }
}

/// A file is not cut where it gets too large: what stands behind that would be missing in silence.
#[test]
fn a_file_that_is_too_large_is_told_whatever_it_has() {
    let folder = Folder::new("large");
    let text = "[guest.shop.config]\na = { env = 'A' }\n";
    let bytes_max = FILE_BYTES_MAX as usize;
    for filling in ["\n", "#", "ü", "\r\n"] {
        for beyond in 1..4 {
            let filled = filling.repeat(bytes_max / filling.len() + beyond);
            let (found, _) = look_up(text, Some(folder.file(".env", format!("{filled}\nA=1\n"))));
            let problems = found.expect_err("it is too large");
            let message = format!(".env: can't be read: it has more than {FILE_BYTES_MAX} bytes");
            assert!(problems[0].ends_with(&message), "{filling:?}: {problems:?}");
        }
    }
    let (found, _) =
        look_up(text, Some(folder.file(".env", format!("A=1\n{}", "\n".repeat(1_000)))));
    assert_eq!(texts(&found.unwrap()), [("a", "1")]);
}
