//! File systems on which other machines may change files without an event of this kernel. They have
//! to be polled.

use rustix::fs::statfs;

use super::interest::Interest;

/// The types that `statfs` returns, from Linux' `magic.h` and the drivers' sources.
const SHARED: [(u32, &str); 20] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x517b, "SMB"),
    // Also virtiofs, by which container engines on other systems share folders.
    (0x6573_5546, "FUSE or virtiofs"),
    (0x0102_1997, "9p"),
    (0x786f_4256, "vboxsf"),
    (0xbacb_acbc, "vmhgfs"),
    (0x7c7c_6673, "prl_fs"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x4750_4653, "GPFS"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x1983_0326, "FhGFS"),
    (0xaad7_aaea, "PanFS"),
    (0xbeef_dead, "SNFS"),
];

/// Returns why the kernel can't report all changes of these directories. `None` if it can.
pub(super) fn why_unreported(interest: &Interest) -> Option<String> {
    if let Some(file) = &interest.mounted {
        return Some(format!("{} is mounted separately from its folder", file.display()));
    }
    interest.directories.iter().find_map(|directory| {
        // The field's type differs between architectures; the number has 32 bits on all of them.
        let number = statfs(&directory.path).ok()?.f_type as u32;
        let name = name(number)?;
        Some(format!(
            "{} is on a file system that other machines may write to ({name})",
            directory.path.display()
        ))
    })
}

fn name(number: u32) -> Option<&'static str> {
    SHARED.iter().find(|(shared, _)| *shared == number).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::folder::watch::interest::of_guests;

    #[test]
    fn local_file_systems_are_told_and_network_ones_are_not() {
        for local in [0xef53_u32, 0x0102_1994, 0x9123_683e, 0x5846_5342, 0x794c_7630, 0x2fc1_2fc1] {
            assert_eq!(name(local), None);
        }
        assert_eq!((name(0x6969), name(0xff53_4d42)), (Some("NFS"), Some("CIFS")));
    }

    #[test]
    fn a_directory_is_asked_for_its_own_file_system() {
        // Every Linux has /proc, and no other machine can write to it.
        assert_eq!(why_unreported(&of_guests(Path::new("/proc"))), None);
        let mut interest = Interest::default();
        interest.mounted = Some("/a.wasm".into());
        let why = why_unreported(&interest);
        assert_eq!(why.as_deref(), Some("/a.wasm is mounted separately from its folder"));
    }
}
