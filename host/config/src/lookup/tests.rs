use std::{env, process};

use super::*;
use crate::manifest::parse_with_places;

mod properties;

/// A folder with these files, which is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = env::temp_dir().join(format!("snow-lookup-{}-{name}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What is looked up for a manifest: the values of its guest `shop`, or the problems.
fn look_up(text: &str, dotenv: Option<PathBuf>) -> (Result<ConfigValues, Vec<String>>, NamedFiles) {
    let (mut manifest, places) = parse_with_places(text, "snow.toml").expect(text);
    let variable = |name: &str| {
        let pairs = [("GREETING", "hello"), ("TOKEN", "s3cret"), ("EMPTY", "")];
        pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    };
    let mut lookup = Lookup {
        manifest_file: "snow.toml",
        places: &places,
        variable: &variable,
        dotenv,
        files: NamedFiles::default(),
        problems: Vec::new(),
    };
    lookup.all(&mut manifest, &mut ConfigValues::default());
    let Lookup { files, problems, .. } = lookup;
    let found = match problems.is_empty() {
        true => Ok(manifest.guests.remove("shop").and_then(|shop| shop.config).unwrap_or_default()),
        false => Err(problems.iter().map(Problem::to_string).collect()),
    };
    (found, files)
}

fn texts(values: &ConfigValues) -> Vec<(&str, &str)> {
    values.iter().map(|(name, value)| (name, value.text().expect("it is found"))).collect()
}

#[test]
fn values_are_found_where_the_manifest_says() {
    let folder = Folder::new("found");
    let (plain, lines) = (folder.file("plain", "p\n"), folder.file("lines", "a\nb\r\n"));
    let text = format!(
        "[guest.shop.config]\na = 'text'\nb = {{ env = 'GREETING' }}\nc = {{ file = '{}' }}\n\
         d = {{ secret = {{ env = 'TOKEN' }} }}\ne = {{ secret = 'x' }}\nf = {{ env = 'EMPTY' }}\n\
         g = {{ secret = {{ file = '{}' }} }}\n",
        plain.display(),
        lines.display()
    );
    let (values, files) = look_up(&text, None);
    let values = values.unwrap();
    let all = [
        ("a", "text"),
        ("b", "hello"),
        ("c", "p"),
        ("d", "s3cret"),
        ("e", "x"),
        ("f", ""),
        ("g", "a\nb"),
    ];
    assert_eq!(texts(&values), all);
    let secrets: Vec<_> =
        values.iter().filter(|(_, value)| value.is_secret).map(|(name, _)| name).collect();
    assert_eq!(secrets, ["d", "e", "g"]);
    assert_eq!(files.print(), files.print_now());
    folder.file("plain", "another\n");
    assert_ne!(files.print(), files.print_now());
    assert!(look_up("[guest.shop.config]\na = 'b'\n", None).1.is_empty());
}

#[test]
fn what_is_not_found_is_said_with_its_line() {
    let folder = Folder::new("missing");
    let (large, odd) = (folder.file("large", vec![b'a'; 65_537]), folder.file("odd", [0xff]));
    let text = format!(
        "[guest.shop.config]\na = {{ env = 'NO_SUCH' }}\n  b = {{ secret = {{ file = '{0}/gone' }} }}\n\
         c = {{ file = '{0}' }}\nd = {{ file = '{1}' }}\ne = {{ file = '{2}' }}\n",
        folder.0.display(),
        large.display(),
        odd.display()
    );
    let (problems, files) = look_up(&text, None);
    let problems = problems.unwrap_err();
    for (problem, wanted) in problems.iter().zip([
        "snow.toml:2:5: `a` of [guest.shop.config] names the environment variable NO_SUCH, which is not \
         set: set it where snow-host is started",
        "snow.toml:3:7: `b` of [guest.shop.config] names the file ",
        "snow.toml:4:5: ",
        "snow.toml:5:5: `d` of [guest.shop.config] has more than 65536 bytes, the most of a value \
         (config_value_bytes_max)",
        "snow.toml:6:5: ",
    ]) {
        assert!(problem.starts_with(wanted), "{problem:?} does not begin with {wanted:?}");
    }
    assert!(problems.len() == 5 && problems[1].ends_with("No such file or directory (os error 2)"));
    assert!(problems[2].ends_with("it is not a regular file"), "{problems:?}");
    assert_eq!(files.print(), files.print_now(), "what can't be read does not look changed");
    folder.file("gone", "here");
    assert_ne!(files.print(), files.print_now(), "a file that appears is noticed");
}

#[test]
fn a_folder_may_have_a_file_of_variables() {
    let folder = Folder::new("dotenv");
    let text =
        "[guest.shop.config]\na = { env = 'OWN' }\nb = { env = 'TOKEN' }\nc = { env = 'Q' }\n";
    let file =
        folder.file(".env", "# mine\n\nexport OWN = from the file\nTOKEN=x\nQ=\"a = 'b'\"\n");
    let (values, files) = look_up(text, Some(file.clone()));
    assert_eq!(
        texts(&values.unwrap()),
        [("a", "from the file"), ("b", "s3cret"), ("c", "a = 'b'")],
        "the environment wins"
    );
    assert!(!files.is_empty());
    folder.file(".env", "OWN=1\ns3cret\n = s3cret\n");
    let problems = look_up(text, Some(file.clone())).0.unwrap_err();
    assert!(problems[0].ends_with(".env:2:1: this line is not KEY=VALUE"), "{problems:?}");
    assert!(
        problems[1].ends_with(".env:3:1: this line has no name before its `=`"),
        "{problems:?}"
    );
    assert!(problems[2].contains("set it, or write Q=VALUE into "), "{problems:?}");
    assert!(!problems.concat().contains("s3cret"), "{problems:?}");
    fs::remove_file(&file).unwrap();
    assert!(look_up(text, Some(file)).0.is_err());
}

#[test]
fn values_have_limits() {
    let told = |limit: &str, values: &str| {
        let text = format!("[limits]\n{limit}\n[guest.shop.config]\n{values}");
        look_up(&text, None).0.unwrap_err().concat()
    };
    let many = told("guest_config_entries_max = 1", "a = ''\nb = ''\n");
    assert_eq!(
        many,
        "snow.toml: the `config` of \"shop\" has 2 values; at most 1 are allowed (guest_config_entries_max)"
    );
    assert!(
        told("config_value_bytes_max = 3", "a = 'four'\n").starts_with("snow.toml:4:5: `a` of")
    );
    assert!(
        told("guest_config_bytes_max = 4", "a = 'four'\n").ends_with("(guest_config_bytes_max)")
    );
    let all = told(
        "config_bytes_max = 4\nguest_config_bytes_max = 4",
        "a = 'two'\n[guest.b.config]\na = ''\n",
    );
    let wanted =
        "has 5 bytes, with the fields of `outbound`; at most 4 are allowed (config_bytes_max)";
    assert!(all.ends_with(wanted), "{all}");
}

/// The fields that the host adds to requests of `shop`, or what is wrong with them.
fn fields_of(text: &str) -> Result<Vec<String>, String> {
    let (mut manifest, places) = parse_with_places(text, "snow.toml").expect(text);
    let mut lookup = Lookup {
        manifest_file: "snow.toml",
        places: &places,
        variable: &|name| (name == "TOKEN").then(|| "s3cret".into()),
        dotenv: None,
        files: NamedFiles::default(),
        problems: Vec::new(),
    };
    lookup.all(&mut manifest, &mut ConfigValues::default());
    let problems: Vec<String> = lookup.problems.iter().map(Problem::to_string).collect();
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    let rules = manifest.guests.remove("shop").and_then(|shop| shop.outbound).unwrap();
    let field = |(_, field): (usize, &AddedField)| {
        format!("{}: {}", field.name(), &**field.text().expect("it is found"))
    };
    Ok(rules.fields().map(field).collect())
}

#[test]
fn fields_that_the_host_adds_are_found_and_checked() {
    let folder = Folder::new("fields");
    let (file, lines) = (folder.file("token", "of a file\n"), folder.file("lines", "a\nb"));
    let rule = |headers: &str| {
        format!(
            "[guest.shop]\noutbound = ['https://b.example',\n{{ url = 'https://a.example', \
             headers = {{ {headers} }} }}]\n"
        )
    };
    let good = rule(&format!(
        "Authorization = {{ secret = {{ env = 'TOKEN' }}, prefix = 'Bearer ' }}, \
         x-file = {{ file = '{}' }}, x-plain = 'text'",
        file.display()
    ));
    let all = ["authorization: Bearer s3cret", "x-file: of a file", "x-plain: text"];
    assert_eq!(fields_of(&good).unwrap(), all);
    let (nothing, long) = (folder.file("nothing", "\n"), folder.file("long", "x".repeat(8_190)));
    for (headers, words) in [
        ("x-a = { secret = { env = 'NO_SUCH' } }".to_owned(), "NO_SUCH, which is not set"),
        (format!("x-a = {{ file = '{}' }}", lines.display()), "has a control character"),
        (format!("X-A = {{ file = '{}' }}", nothing.display()), "is empty"),
        (format!("x-a = {{ file = '{}', prefix = 'abc' }}", long.display()), "has 8193 bytes"),
    ] {
        let wrong = fields_of(&rule(&headers)).unwrap_err();
        let place = "`headers.x-a` in `outbound` of [guest.shop] ";
        assert!(wrong.starts_with("snow.toml:3:") && wrong.contains(place), "{wrong}");
        assert!(wrong.contains(words), "{wrong}");
    }
    let limited = format!("[limits]\nguest_config_bytes_max = 10\n{}", rule("x-a = 'x y z 1 2'"));
    assert!(fields_of(&limited).unwrap_err().contains("(guest_config_bytes_max)"));
}
