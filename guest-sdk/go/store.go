package snow

import (
	"errors"
	"fmt"
	"iter"
	"time"
)

// updatesMax is how often [Bucket.Update] tries.
const updatesMax = 1000

// Bucket is a bucket of keys, each with a value that outlives the call. It belongs to the call that
// opened it.
//
// Besides those that the methods name, the errors are [Denied], a [NotUTF8Error], a [LimitError], and
// an [UnavailableError]. When there is an error, nothing has changed.
type Bucket struct {
	host bucketHost
}

// bucketHost is what the host does with a bucket.
type bucketHost interface {
	get(key string) (*Entry, error)
	set(key string, value []byte, options SetOptions) (Version, error)
	remove(key string, only Only) (bool, error)
	increment(key string, by int64) (int64, error)
	list(prefix string, after *string) (keys []string, next *string, err error)
	changed(key string, since *Version) (*Pending, error)
}

// Version tells one content of a key from every other. A later version of a key is a higher number.
type Version = uint64

// Entry is what a key holds.
type Entry struct {
	Value   []byte
	Version Version
}

// Text returns the value as text; "" if there is no entry.
func (e *Entry) Text() string {
	if e == nil {
		return ""
	}
	return string(e.Value)
}

// Only is when a write is done. Without a value it is always done.
type Only struct {
	absent  bool
	version *Version
}

// Absent is the condition that a key does not exist.
func Absent() Only {
	return Only{absent: true}
}

// Is is the condition that a key has this version.
func Is(version Version) Only {
	return Only{version: &version}
}

// SetOptions is how [Bucket.SetWith] sets a key.
type SetOptions struct {
	// Expires is how long the entry exists; 0: until it is deleted.
	Expires time.Duration
	// Only is when it is set.
	Only Only
}

// Conflict is the error of a write whose condition does not hold.
type Conflict struct {
	// Entry is what the key holds; nil if it does not exist.
	Entry *Entry
}

// Error returns what the key holds, in words.
func (c *Conflict) Error() string {
	if c.Entry == nil {
		return "the key does not exist"
	}
	return fmt.Sprintf("the key has version %d by now", c.Entry.Version)
}

// LimitError is a limit of the host, in words that name it.
type LimitError struct {
	Words string
}

// Error returns the words.
func (e *LimitError) Error() string {
	return e.Words
}

// UnavailableError means that the disk takes no writes, or that a database can't be reached, in words.
// Buckets can still be read then.
type UnavailableError struct {
	Words string
}

// Error returns the words.
func (e *UnavailableError) Error() string {
	return e.Words
}

// ErrNotAnInteger means that the value is no integer, or that the sum does not fit into 64 bits.
var ErrNotAnInteger = errors.New("the value is no integer, or the sum does not fit into 64 bits")

// OpenBucket opens a bucket: "default", which is the guest's own; one whose name begins with the
// guest's own and a slash ("shop/orders"); or one of the buckets that snow.toml grants it. In a native
// test it is one in memory, which begins empty, lasts as long as the process, and tells nobody of
// changes.
func OpenBucket(name string) (*Bucket, error) {
	if err := checkText(name); err != nil {
		return nil, err
	}
	host, err := hostOpenBucket(name)
	if err != nil {
		return nil, err
	}
	return &Bucket{host}, nil
}

// Get returns what a key holds; nil if it does not exist.
func (b *Bucket) Get(key string) (*Entry, error) {
	if err := checkText(key); err != nil {
		return nil, err
	}
	return b.host.get(key)
}

// Set sets a key, until it is deleted, and returns its new version.
func (b *Bucket) Set(key string, value []byte) (Version, error) {
	return b.SetWith(key, value, SetOptions{})
}

// SetWith sets a key under a condition, or for a time, and returns its new version. The error may be
// a [Conflict].
func (b *Bucket) SetWith(key string, value []byte, options SetOptions) (Version, error) {
	if err := checkText(key); err != nil {
		return 0, err
	}
	return b.host.set(key, value, options)
}

// Update sets a key to what change makes of its entry, which is nil if the key does not exist, and
// tries again if another request was faster: no change is lost. It returns what was set, which has
// no expiry. The error is a [Conflict] if others were faster a thousand times, or that of change.
func (b *Bucket) Update(key string, change func(*Entry) ([]byte, error)) (*Entry, error) {
	entry, err := b.Get(key)
	if err != nil {
		return nil, err
	}
	for range updatesMax {
		value, err := change(entry)
		if err != nil {
			return nil, err
		}
		only := Absent()
		if entry != nil {
			only = Is(entry.Version)
		}
		version, err := b.SetWith(key, value, SetOptions{Only: only})
		if err == nil {
			return &Entry{value, version}, nil
		}
		var conflict *Conflict
		if !errors.As(err, &conflict) {
			return nil, err
		}
		entry = conflict.Entry
	}
	return nil, &Conflict{entry}
}

// Delete deletes a key, and returns whether it existed.
func (b *Bucket) Delete(key string) (bool, error) {
	return b.DeleteOnly(key, Only{})
}

// DeleteOnly deletes a key under a condition, and returns whether it existed. The error may be a
// [Conflict].
func (b *Bucket) DeleteOnly(key string, only Only) (bool, error) {
	if err := checkText(key); err != nil {
		return false, err
	}
	return b.host.remove(key, only)
}

// Increment adds to a key's value, an integer in decimal digits, and returns the sum. A key that does
// not exist counts as 0. The error may be [ErrNotAnInteger].
func (b *Bucket) Increment(key string, by int64) (int64, error) {
	if err := checkText(key); err != nil {
		return 0, err
	}
	return b.host.increment(key, by)
}

// Keys returns the keys that begin with a prefix, in the order of their bytes, page by page. They are
// not a snapshot: each page shows its moment. An error is the last thing that comes.
func (b *Bucket) Keys(prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := checkText(prefix); err != nil {
			yield("", err)
			return
		}
		var after *string
		for {
			keys, next, err := b.host.list(prefix, after)
			if err != nil {
				yield("", err)
				return
			}
			for _, key := range keys {
				if !yield(key, nil) {
					return
				}
			}
			if next == nil {
				return
			}
			after = next
		}
	}
}

// Changed creates a pending that is settled with the key's value once its version is no longer that
// of this entry; nil stands for a key that does not exist. If the key is deleted or expires, that is
// a [Failure] with the code deleted.
func (b *Bucket) Changed(key string, seen *Entry) (*Pending, error) {
	if err := checkText(key); err != nil {
		return nil, err
	}
	if seen == nil {
		return b.host.changed(key, nil)
	}
	return b.host.changed(key, &seen.Version)
}

// expiresMs returns a time in milliseconds, rounded up: nothing expires earlier than asked. It is nil
// for 0.
func expiresMs(expires time.Duration) *uint64 {
	if expires == 0 {
		return nil
	}
	whole := uint64(max(expires, 0) / time.Millisecond)
	if expires%time.Millisecond > 0 {
		whole++
	}
	return &whole
}
