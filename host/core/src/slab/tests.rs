//! What keys find, and what a walk costs.

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
    let keys: Vec<Key> = (0..Slab::<usize>::CHUNK_SLOTS * 8).map(|n| slab.insert(n)).collect();
    for &key in &keys {
        slab.remove(key).unwrap();
    }
    let live = slab.chunks.iter().filter(|chunk| matches!(chunk, Chunk::Live(_))).count();
    assert_eq!((slab.len(), live), (0, 1));
    let again: Vec<Key> = (0..Slab::<usize>::CHUNK_SLOTS * 8).map(|n| slab.insert(n)).collect();
    assert!(keys.iter().all(|&key| slab.get(key).is_none()));
    assert!(again.iter().enumerate().all(|(n, &key)| slab.get(key) == Some(&n)));
}

#[test]
fn a_cursor_visits_every_value() {
    let mut slab = Slab::new();
    let keys: Vec<Key> = (0..1000).map(|n| slab.insert(n)).collect();
    for key in keys.iter().step_by(2) {
        slab.remove(*key);
    }
    let (mut seen, mut next) = (0, Some(0));
    while let Some(slot) = next {
        let mut walk = Walk::from_slot(slot, 10);
        while let Some(key) = slab.next_of(&mut walk) {
            assert_eq!(slab.get(key).unwrap() % 2, 1);
            seen += 1;
        }
        next = walk.rest();
    }
    assert_eq!(seen, 500);
}

/// One step once looked at all slots between two values, however many were vacant.
#[test]
fn a_part_of_a_walk_looks_at_a_bounded_number_of_slots() {
    let mut slab = Slab::new();
    let slots = Slab::<usize>::CHUNK_SLOTS as u32;
    let keys: Vec<Key> = (0..slots as usize * 100).map(|n| slab.insert(n)).collect();
    let last = keys[keys.len() - 1];
    for key in keys.iter().filter(|key| **key != last) {
        slab.remove(*key);
    }
    let (mut rests, mut found, mut next) = (Vec::new(), Vec::new(), Some(0));
    while let Some(slot) = next {
        let mut walk = Walk::from_slot(slot, 1);
        found.extend(slab.next_of(&mut walk));
        next = walk.rest();
        rests.extend(next);
    }
    assert_eq!(found, [last]);
    // One look for each chunk that is empty, and then one for each slot.
    assert_eq!(rests[..2], [16, 32].map(|chunk| chunk * slots));
    assert_eq!(rests[6..8], [99 * slots + 13, 99 * slots + 29]);
}
