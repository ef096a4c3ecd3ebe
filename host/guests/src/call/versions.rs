//! The versions of guests that one worker needs: those that serve, and older ones for as long as a
//! request needs them.

use std::sync::Arc;

use snow_runtime::VersionId;

use crate::deploy::share::Member;

/// A version, for as long as this worker needs it.
pub(super) struct HeldVersion {
    /// The version and its permit. This worker's thread alone changes the reference count: with the
    /// deployment's own, each call would take that cache line from the other workers.
    pub member: Arc<Member>,
    /// Requests of this worker that are queued, running or suspended with this version.
    requests: usize,
    /// Whether the version is in the newest deployment.
    is_current: bool,
    /// Whether nothing may be suspended for this version any more.
    pub is_expelled: bool,
}

impl HeldVersion {
    fn is_needed(&self) -> bool {
        self.is_current || self.requests > 0
    }

    /// Whether an instance may be kept for another call of this version.
    pub(super) fn keeps_instances(&self) -> bool {
        self.is_current && self.member.permit.quota.reuses()
    }
}

/// The versions that one worker needs, by their ids.
#[derive(Default)]
pub(super) struct Versions(Vec<Option<HeldVersion>>);

impl Versions {
    /// Makes the table of a worker's first deployment.
    pub(super) fn new(current: Vec<Member>) -> Versions {
        let mut versions = Versions::default();
        current.into_iter().for_each(|member| versions.admit(member));
        versions
    }

    /// Returns a version, if it is needed here.
    pub(super) fn get(&self, version: VersionId) -> Option<&HeldVersion> {
        self.0.get(version.index())?.as_ref()
    }

    /// Returns a version, if it is needed here.
    pub(super) fn get_mut(&mut self, version: VersionId) -> Option<&mut HeldVersion> {
        self.0.get_mut(version.index())?.as_mut()
    }

    /// Counts one more request of a version.
    pub(super) fn hold(&mut self, version: VersionId) {
        if let Some(held) = self.get_mut(version) {
            held.requests += 1;
        }
    }

    /// Counts one request less. Returns the version if it is not needed any more.
    pub(super) fn let_go(&mut self, version: VersionId) -> Option<Arc<Member>> {
        let held = self.get_mut(version)?;
        held.requests -= 1;
        let unneeded = self.0[version.index()].take_if(|held| !held.is_needed())?;
        Some(unneeded.member)
    }

    /// Takes up a deployment. `older` are versions outside of it: those that still have a request
    /// here are granted what the newest manifest says, too. Returns the versions that are not
    /// needed any more.
    pub(super) fn adopt(&mut self, current: Vec<Member>, older: Vec<Member>) -> Vec<Arc<Member>> {
        for held in self.0.iter_mut().flatten() {
            held.is_current = false;
        }
        current.into_iter().for_each(|member| self.admit(member));
        for member in older {
            if let Some(held) = self.get_mut(member.version.id) {
                held.member = Arc::new(member);
            }
        }
        let unneeded = self.0.iter_mut().filter_map(|held| held.take_if(|held| !held.is_needed()));
        unneeded.map(|held| held.member).collect()
    }

    /// Adds a version of the newest deployment. It may be here already, with an older permit.
    fn admit(&mut self, member: Member) {
        let index = member.version.id.index();
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        let member = Arc::new(member);
        match &mut self.0[index] {
            Some(held) => (held.member, held.is_current) = (member, true),
            none => {
                *none =
                    Some(HeldVersion { member, requests: 0, is_current: true, is_expelled: false })
            }
        }
    }
}
