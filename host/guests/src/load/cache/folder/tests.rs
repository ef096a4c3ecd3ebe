use std::os::unix::fs::symlink;

use super::*;
use crate::load::cache::tests::scratch;

/// Opens the code with this name, whatever it holds.
fn code(folder: &Folder, name: &str) -> io::Result<OwnCode> {
    folder.code(name, CodeHash::of(b""))
}

#[test]
fn a_new_folder_is_private() {
    let scratch = scratch();
    let path = scratch.path().join("a/b");
    Folder::open(&path).unwrap();
    for folder in ["a", "a/b"] {
        assert_eq!(std::fs::metadata(scratch.path().join(folder)).unwrap().mode() & 0o777, 0o700);
    }
    assert!(Folder::open(&path).is_ok(), "it is opened again");
}

#[test]
fn a_folder_that_is_not_private_is_refused() {
    let scratch = scratch();
    let folder = scratch.path().join("folder");
    Folder::open(&folder).unwrap();
    for mode in [0o777, 0o750, 0o701, 0o720, 0o1777] {
        std::fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
        let error = Folder::open(&folder).err().unwrap();
        assert!(matches!(error, UnusableFolder::Mode { mode: found } if found == mode), "{error}");
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }
    std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();

    let link = scratch.path().join("link");
    symlink(&folder, &link).unwrap();
    assert!(matches!(Folder::open(&link), Err(UnusableFolder::Link)));
    symlink(scratch.path().join("nowhere"), scratch.path().join("dangling")).unwrap();
    assert!(matches!(Folder::open(&scratch.path().join("dangling")), Err(UnusableFolder::Link)));

    std::fs::write(scratch.path().join("file"), "").unwrap();
    assert!(matches!(Folder::open(&scratch.path().join("file")), Err(UnusableFolder::Io(_))));
    assert!(matches!(Folder::open(&scratch.path().join("file/below")), Err(UnusableFolder::Io(_))));
}

#[test]
fn another_users_folder_is_refused() {
    let scratch = scratch();
    let folder = scratch.path().join("folder");
    Folder::open(&folder).unwrap();
    // Only root can give a folder away. Other users look at `/`, which belongs to root.
    let other = if std::os::unix::fs::chown(&folder, Some(12_345), None).is_ok() {
        folder
    } else {
        "/".into()
    };
    let error = Folder::open(&other).err().unwrap();
    assert!(matches!(error, UnusableFolder::Owner { .. }), "{error}");
}

#[test]
fn only_own_plain_files_are_code() {
    let scratch = scratch();
    let folder = Folder::open(&scratch.path().join("folder")).unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("code"), "code").unwrap();
    assert_eq!(code(&folder, "code").unwrap().read().unwrap(), b"code");
    std::fs::set_permissions(at("code"), Permissions::from_mode(0o620)).unwrap();
    assert!(code(&folder, "code").is_err(), "its group may write it");
    std::fs::set_permissions(at("code"), Permissions::from_mode(0o600)).unwrap();
    symlink(at("code"), at("link")).unwrap();
    assert!(code(&folder, "link").is_err());
    std::fs::create_dir(at("below")).unwrap();
    assert!(code(&folder, "below").is_err());
    assert!(code(&folder, "nothing").is_err());
}

/// Files are opened in the folder that was checked, not in the one that has its name now.
#[test]
fn a_folder_put_in_its_place_is_not_looked_at() {
    let scratch = scratch();
    let (path, aside) = (scratch.path().join("folder"), scratch.path().join("aside"));
    let folder = Folder::open(&path).unwrap();
    folder.keep_text("note", "mine").unwrap();
    std::fs::rename(&path, &aside).unwrap();
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("note"), "forged").unwrap();
    assert_eq!(folder.text("note", 100).unwrap(), "mine");
    folder.keep_text("other", "mine").unwrap();
    assert!(aside.join("other").exists() && !path.join("other").exists());
}

#[test]
fn a_draft_is_kept_whole_or_vanishes() {
    let scratch = scratch();
    let folder = Folder::open(&scratch.path().join("folder")).unwrap();
    drop(folder.draft().unwrap());
    assert!(folder.list().unwrap().is_empty());

    let first = folder.draft().unwrap();
    first.file().write_all(b"first").unwrap();
    first.keep("code").unwrap();
    let mapped = code(&folder, "code").unwrap();
    let second = folder.draft().unwrap();
    second.file().write_all(b"second").unwrap();
    second.keep("code").unwrap();
    assert_eq!(mapped.read().unwrap(), b"first", "who has the old file keeps it");
    assert_eq!(code(&folder, "code").unwrap().read().unwrap(), b"second");
    assert_eq!(std::fs::metadata(folder.path().join("code")).unwrap().mode() & 0o777, 0o400);
    assert_eq!(folder.list().unwrap().len(), 1);
}

#[test]
fn a_temporary_folder_leaves_nothing() {
    let folder = Folder::temporary().unwrap();
    let path = folder.path().to_owned();
    folder.keep_text("note", "x").unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    drop(folder);
    assert!(!path.exists());
}
