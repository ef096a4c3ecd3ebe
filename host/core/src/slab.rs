//! A chunked slab: slots that never move, keys that never name a later tenant.
//!
//! Why not a `Vec` or a hash map: both double by copying everything they hold, which would stop the loop in
//! proportion to the number of held requests. Here a growth step allocates one chunk of at most 14 KiB, and
//! a chunk that empties is given back, so that memory falls after a wave.

use std::collections::BTreeSet;

/// How large a chunk is at most: the largest of jemalloc's small sizes, so that nothing is lost to rounding. Larger
/// blocks are moved about by up to a page for the cache's sake, which costs a quarter of a 16 KiB one.
const CHUNK_BYTES: usize = 14 << 10;
/// How many slots it has at most: their numbers within it are bytes.
const CHUNK_SLOTS_MAX: usize = 256;

/// Names one tenancy of one slot: a key is never valid again after its value was removed, until a slot's
/// 32-bit generation wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which slot.
    pub slot: u32,
    /// Which tenancy of it.
    pub generation: u32,
}

impl Key {
    /// The key as one word, for an event source's token.
    pub fn to_bits(self) -> u64 {
        u64::from(self.slot) | u64::from(self.generation) << 32
    }

    /// The key that [`Key::to_bits`] made.
    pub fn from_bits(bits: u64) -> Key {
        Key { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// Values in slots that never move. See the module's text.
pub struct Slab<T> {
    chunks: Vec<ChunkState<T>>,
    /// Chunks with a free slot; the lowest is filled first, so that the highest empty.
    roomy: BTreeSet<u32>,
    /// Chunks that were given back.
    freed: BTreeSet<u32>,
    /// Empty chunks that are kept: at most one, against allocating and freeing at a chunk's edge.
    empty: Option<u32>,
    len: usize,
}

enum ChunkState<T> {
    /// Given back. New entries start at this generation, later than any that was handed out.
    Freed {
        generation: u32,
    },
    Live(Box<Chunk<T>>),
}

struct Chunk<T> {
    entries: Box<[Entry<T>]>,
    free_head: Option<u8>,
    used: u16,
}

struct Entry<T> {
    generation: u32,
    content: Content<T>,
}

enum Content<T> {
    Vacant { next: Option<u8> },
    Occupied(T),
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { chunks: Vec::new(), roomy: BTreeSet::new(), freed: BTreeSet::new(), empty: None, len: 0 }
    }
}

impl<T> Slab<T> {
    /// What room for one value takes.
    pub const SLOT_BYTES: usize = size_of::<Entry<T>>();
    /// Slots in a chunk.
    const CHUNK: usize = {
        let fit = CHUNK_BYTES / Self::SLOT_BYTES;
        match fit {
            0 => 1,
            1..CHUNK_SLOTS_MAX => fit,
            _ => CHUNK_SLOTS_MAX,
        }
    };

    /// An empty slab. Allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts a value in. The cost is bounded: at worst one chunk is allocated.
    pub fn insert(&mut self, value: T) -> Key {
        let index = self.chunk_with_room();
        let ChunkState::Live(chunk) = &mut self.chunks[index as usize] else { unreachable!("a roomy chunk is live") };
        let at = chunk.free_head.expect("a roomy chunk has a free slot");
        let entry = &mut chunk.entries[usize::from(at)];
        let Content::Vacant { next } = entry.content else { unreachable!("the free list holds vacant slots") };
        entry.content = Content::Occupied(value);
        chunk.free_head = next;
        chunk.used += 1;
        let key = Key { slot: index * Self::CHUNK as u32 + u32::from(at), generation: entry.generation };
        if chunk.free_head.is_none() {
            self.roomy.remove(&index);
        }
        if self.empty == Some(index) {
            self.empty = None;
        }
        self.len += 1;
        key
    }

    /// The value of a key, if it is still there.
    pub fn get(&self, key: Key) -> Option<&T> {
        match self.entry(key.slot)? {
            Entry { generation, content: Content::Occupied(value) } if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// The value of a key, to change.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let ChunkState::Live(chunk) = self.chunks.get_mut(key.slot as usize / Self::CHUNK)? else { return None };
        match &mut chunk.entries[key.slot as usize % Self::CHUNK] {
            Entry { generation, content: Content::Occupied(value) } if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// The key of the value that lies in a slot now, if one does: for who knows that its tenant has not changed.
    pub fn key_at(&self, slot: u32) -> Option<Key> {
        match self.entry(slot)? {
            Entry { generation, content: Content::Occupied(_) } => Some(Key { slot, generation: *generation }),
            Entry { .. } => None,
        }
    }

    /// Takes a value out; its key is stale from now on.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let index = key.slot / Self::CHUNK as u32;
        let at = (key.slot as usize % Self::CHUNK) as u8;
        let ChunkState::Live(chunk) = &mut self.chunks[index as usize] else { return None };
        let entry = &mut chunk.entries[usize::from(at)];
        entry.generation = entry.generation.wrapping_add(1);
        let vacant = Content::Vacant { next: chunk.free_head };
        let Content::Occupied(value) = std::mem::replace(&mut entry.content, vacant) else { return None };
        let was_full = chunk.free_head.replace(at).is_none();
        chunk.used -= 1;
        self.len -= 1;
        if chunk.used == 0 {
            self.give_back(index);
        } else if was_full {
            self.roomy.insert(index);
        }
        Some(value)
    }

    /// The key of the first value at `slot` or after it: a cursor that survives changes between two steps.
    pub fn next_from(&self, slot: u32) -> Option<Key> {
        let mut slot = slot as usize;
        while let Some(state) = self.chunks.get(slot / Self::CHUNK) {
            let ChunkState::Live(chunk) = state else {
                slot = (slot / Self::CHUNK + 1) * Self::CHUNK;
                continue;
            };
            let entry = &chunk.entries[slot % Self::CHUNK];
            if matches!(entry.content, Content::Occupied(_)) {
                return Some(Key { slot: slot as u32, generation: entry.generation });
            }
            slot += 1;
        }
        None
    }

    fn entry(&self, slot: u32) -> Option<&Entry<T>> {
        match self.chunks.get(slot as usize / Self::CHUNK)? {
            ChunkState::Live(chunk) => chunk.entries.get(slot as usize % Self::CHUNK),
            ChunkState::Freed { .. } => None,
        }
    }

    fn chunk_with_room(&mut self) -> u32 {
        if let Some(&index) = self.roomy.first() {
            return index;
        }
        let index = self.freed.pop_first().unwrap_or_else(|| {
            self.chunks.push(ChunkState::Freed { generation: 0 });
            self.chunks.len() as u32 - 1
        });
        let state = &mut self.chunks[index as usize];
        let ChunkState::Freed { generation } = *state else { unreachable!("a freed chunk is not live") };
        *state = ChunkState::Live(Box::new(Chunk::new(Self::CHUNK, generation)));
        self.roomy.insert(index);
        index
    }

    /// A chunk has emptied: it is freed if another empty one is kept already.
    fn give_back(&mut self, index: u32) {
        self.roomy.insert(index);
        let Some(other) = self.empty.replace(index) else { return };
        // The lower one is kept: it is the one that is filled next.
        let freed = other.max(index);
        self.empty = Some(other.min(index));
        self.roomy.remove(&freed);
        self.freed.insert(freed);
        let state = &mut self.chunks[freed as usize];
        if let ChunkState::Live(chunk) = state {
            let generation = chunk.entries.iter().map(|entry| entry.generation).max().unwrap_or(0);
            *state = ChunkState::Freed { generation };
        }
    }
}

impl<T> Chunk<T> {
    fn new(slots: usize, generation: u32) -> Chunk<T> {
        let entries = (0..slots).map(|at| Entry {
            generation,
            content: Content::Vacant { next: (at + 1 < slots).then_some((at + 1) as u8) },
        });
        Chunk { entries: entries.collect(), free_head: Some(0), used: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut slab = Slab::new();
        let first = slab.insert("a");
        assert_eq!(slab.remove(first), Some("a"));
        let second = slab.insert("b");
        assert_eq!(first.slot, second.slot);
        assert_eq!((slab.get(first), slab.get(second)), (None, Some(&"b")));
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.len(), 1);
    }

    #[test]
    fn chunks_are_given_back_and_generations_survive_it() {
        let mut slab = Slab::new();
        let keys: Vec<Key> = (0..Slab::<usize>::CHUNK * 8).map(|n| slab.insert(n)).collect();
        for &key in &keys {
            slab.remove(key).unwrap();
        }
        let live = slab.chunks.iter().filter(|state| matches!(state, ChunkState::Live(_))).count();
        assert_eq!((slab.len(), live), (0, 1));
        let again: Vec<Key> = (0..Slab::<usize>::CHUNK * 8).map(|n| slab.insert(n)).collect();
        assert!(keys.iter().all(|&key| slab.get(key).is_none()));
        assert!(again.iter().enumerate().all(|(n, &key)| slab.get(key) == Some(&n)));
    }

    #[test]
    fn a_cursor_visits_what_is_there() {
        let mut slab = Slab::new();
        let keys: Vec<Key> = (0..1000).map(|n| slab.insert(n)).collect();
        for key in keys.iter().step_by(2) {
            slab.remove(*key);
        }
        let (mut seen, mut cursor) = (0, 0);
        while let Some(key) = slab.next_from(cursor) {
            assert_eq!(slab.get(key).unwrap() % 2, 1);
            (seen, cursor) = (seen + 1, key.slot + 1);
        }
        assert_eq!(seen, 500);
    }
}
