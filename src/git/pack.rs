//! Many new objects written as one pack. A file for each is what takes the time of an import: of 50,000 objects, most of a
//! minute went into making files.

use super::command::Git;
use super::{GitError, Repo};
use gix::hash::io::Write as Hashed;
use gix::objs::Kind;
use gix::odb::pack::data::{Version, entry::Header, header};
use gix::zlib::{Compression, stream::deflate};
use std::io::Write as _;
use std::sync::Arc;

impl Repo {
    /// This repository, with what is written by it kept in memory until [`Repo::write_pack`]. Others do not see it before.
    pub(crate) fn packing(&self) -> Repo {
        let mut packing = self.clone();
        packing.gix.objects.enable_object_memory();
        packing.unsynced = Arc::default();
        packing
    }

    /// Writes what [`Repo::packing`] kept so far as one pack, which is on the disk then. git itself reads and indexes it, and
    /// refuses one that is not whole.
    ///
    /// # Errors
    /// Git refuses it, or the disk is full.
    pub(crate) fn write_pack(&self) -> Result<(), GitError> {
        let kept = self.gix.objects.reset_object_memory().unwrap_or_default();
        if kept.is_empty() {
            return Ok(());
        }
        let objects = kept.values().map(|(kind, data)| (*kind, data.as_slice()));
        let pack = pack_of(objects, kept.len(), self.gix.object_hash())?;
        let git = Git::on(self).config("core.fsync", "pack,pack-metadata").args(["index-pack", "--stdin"]);
        git.stdin(pack).output().map(drop)
    }
}

/// The bytes of a pack whose objects stand in it whole: they are small, and git's next `gc` finds what is alike.
fn pack_of<'a>(
    objects: impl Iterator<Item = (Kind, &'a [u8])>,
    count: usize,
    hash: gix::hash::Kind,
) -> Result<Vec<u8>, GitError> {
    let failed = || GitError::gix("write a pack");
    let too_many = |_| {
        GitError::gix("count the objects of a pack")(gix::hash::io::from_std_io(std::io::Error::other(
            "more than a pack can have",
        )))
    };
    let count = u32::try_from(count).map_err(too_many)?;
    let wrong = |error| failed()(gix::hash::io::from_std_io(error));
    let mut pack = Hashed::new(Vec::new(), hash);
    pack.write_all(&header::encode(Version::V2, count)).map_err(wrong)?;
    for (kind, data) in objects {
        let header = match kind {
            Kind::Blob => Header::Blob,
            Kind::Tree => Header::Tree,
            Kind::Commit => Header::Commit,
            Kind::Tag => Header::Tag,
        };
        header.write_to(data.len() as u64, &mut pack).map_err(wrong)?;
        let mut deflated = deflate::Write::new(&mut pack, Compression::BEST_SPEED);
        deflated.write_all(data).and_then(|()| deflated.flush()).map_err(wrong)?;
    }
    let end = pack.hash.try_finalize().map_err(failed())?;
    pack.inner.extend_from_slice(end.as_slice());
    Ok(pack.inner)
}

#[cfg(test)]
mod tests {
    use crate::git::objects::{NewCommit, TreeEdit};
    use crate::git::testing::{Sandbox, person};

    #[test]
    fn what_was_written_is_one_pack_that_git_takes_for_its_own() {
        let sandbox = Sandbox::new();
        let (repo, who) = (&sandbox.repo, person());
        let loose = |sandbox: &Sandbox| sandbox.git(&["count-objects"]).split(' ').next().unwrap().to_owned();
        let before = loose(&sandbox);
        let packing = repo.packing();
        let commits: Vec<_> = (0..50)
            .map(|number| {
                let bytes = format!("{number}\n").repeat(number * 40).into_bytes();
                let put = TreeEdit::Put { path: "a/b".to_owned(), bytes, executable: false };
                let tree = packing.edit_tree(None, &[put]).unwrap();
                let message = format!("Number {number}");
                let new =
                    NewCommit { tree: &tree, parents: &[], author: &who, committer: &who, message: &message };
                let commit = packing.commit(&new).unwrap();
                assert_eq!(packing.read_commit(&commit).unwrap().subject, message, "it reads its own");
                commit
            })
            .collect();
        assert!(!repo.has_object(&commits[0]).unwrap(), "nobody else sees it yet");
        packing.write_pack().unwrap();
        packing.write_pack().unwrap();
        assert_eq!(loose(&sandbox), before);
        assert!(sandbox.git(&["count-objects", "-v"]).contains("packs: 1\n"));
        for commit in &commits {
            assert_eq!(sandbox.git(&["fsck", "--strict", "--no-dangling", commit.as_str()]), "");
        }
        assert_eq!(repo.read_file(&commits[2], "a/b").unwrap().unwrap(), "2\n".repeat(80).into_bytes());
    }
}
