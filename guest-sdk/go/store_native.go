//go:build !wasip1

package snow

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A native test has buckets in memory, one by each name, which begin empty and last as long as the
// process. There is nobody to tell of changes.

// memory is guarded by memoryLock: tests may run beside one another.
var (
	memory     = map[string]memoryBucket{}
	memoryLock sync.Mutex
	// lastVersion is the version that was given last, in whichever bucket.
	lastVersion Version
)

// memoryBucket is a bucket in memory.
type memoryBucket map[string]memoryEntry

type memoryEntry struct {
	Entry
	// expires is when it is gone; zero for never.
	expires time.Time
}

func hostOpenBucket(name string) (bucketHost, error) {
	if name == "" {
		return nil, Denied
	}
	memoryLock.Lock()
	defer memoryLock.Unlock()
	if memory[name] == nil {
		memory[name] = memoryBucket{}
	}
	return memory[name], nil
}

// held returns a copy of what a key holds; nil if it does not exist.
func (b memoryBucket) held(key string) *Entry {
	entry, ok := b[key]
	if !ok || !entry.expires.IsZero() && !time.Now().Before(entry.expires) {
		return nil
	}
	return &Entry{bytes.Clone(entry.Value), entry.Version}
}

// check returns a [Conflict] if a condition does not hold.
func (b memoryBucket) check(key string, only Only) error {
	held := b.held(key)
	if only.absent && held != nil || only.version != nil && (held == nil || held.Version != *only.version) {
		return &Conflict{held}
	}
	return nil
}

// put sets a key until a time; a zero time is never.
func (b memoryBucket) put(key string, value []byte, expires time.Time) Version {
	lastVersion++
	b[key] = memoryEntry{Entry{bytes.Clone(value), lastVersion}, expires}
	return lastVersion
}

func (b memoryBucket) get(key string) (*Entry, error) {
	memoryLock.Lock()
	defer memoryLock.Unlock()
	return b.held(key), nil
}

func (b memoryBucket) set(key string, value []byte, options SetOptions) (Version, error) {
	memoryLock.Lock()
	defer memoryLock.Unlock()
	if err := b.check(key, options.Only); err != nil {
		return 0, err
	}
	var expires time.Time
	if options.Expires != 0 {
		expires = time.Now().Add(options.Expires)
	}
	return b.put(key, value, expires), nil
}

func (b memoryBucket) remove(key string, only Only) (bool, error) {
	memoryLock.Lock()
	defer memoryLock.Unlock()
	if err := b.check(key, only); err != nil {
		return false, err
	}
	held := b.held(key)
	delete(b, key)
	return held != nil, nil
}

func (b memoryBucket) increment(key string, by int64) (int64, error) {
	memoryLock.Lock()
	defer memoryLock.Unlock()
	var number int64
	var expires time.Time
	if held := b.held(key); held != nil {
		var err error
		number, err = strconv.ParseInt(held.Text(), 10, 64)
		if err != nil || held.Text()[0] == '+' {
			return 0, ErrNotAnInteger
		}
		expires = b[key].expires
	}
	if by > 0 && number > math.MaxInt64-by || by < 0 && number < math.MinInt64-by {
		return 0, ErrNotAnInteger
	}
	b.put(key, strconv.AppendInt(nil, number+by, 10), expires)
	return number + by, nil
}

func (b memoryBucket) list(prefix string, after *string) ([]string, *string, error) {
	memoryLock.Lock()
	defer memoryLock.Unlock()
	var keys []string
	for key := range b {
		if strings.HasPrefix(key, prefix) && b.held(key) != nil {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, nil, nil
}

func (memoryBucket) changed(string, *Version) (*Pending, error) { return nil, Denied }
