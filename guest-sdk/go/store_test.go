package snow

import (
	"errors"
	"reflect"
	"strconv"
	"testing"
	"time"
)

// toyBucket is a bucket without a host. Another request is faster so many times.
type toyBucket struct {
	entry  *Entry
	faster int
	pages  [][]string
}

func (b *toyBucket) get(string) (*Entry, error) { return b.entry, nil }

func (b *toyBucket) set(_ string, value []byte, options SetOptions) (Version, error) {
	if b.faster > 0 {
		b.faster--
		b.entry = &Entry{[]byte("theirs" + strconv.Itoa(b.faster)), b.entry.next()}
	}
	only := options.Only
	if only.absent && b.entry != nil || only.version != nil && *only.version != b.entry.Version {
		return 0, &Conflict{b.entry}
	}
	b.entry = &Entry{value, b.entry.next()}
	return b.entry.Version, nil
}

func (e *Entry) next() Version {
	if e == nil {
		return 1
	}
	return e.Version + 1
}

func (b *toyBucket) remove(string, Only) (bool, error) { return false, nil }

func (b *toyBucket) increment(string, int64) (int64, error) { return 0, ErrNotAnInteger }

func (b *toyBucket) list(_ string, after *string) ([]string, *string, error) {
	page := 0
	if after != nil {
		page, _ = strconv.Atoi(*after)
	}
	if page == len(b.pages) {
		return nil, nil, &LimitError{"no more"}
	}
	next := strconv.Itoa(page + 1)
	return b.pages[page], &next, nil
}

func (b *toyBucket) changed(string, *Version) (*Pending, error) { return nil, Denied }

func TestAnUpdateLosesNoChange(t *testing.T) {
	bucket := &Bucket{&toyBucket{faster: 2}}
	var seen []string
	entry, err := bucket.Update("key", func(entry *Entry) ([]byte, error) {
		seen = append(seen, entry.Text())
		return []byte(entry.Text() + " mine"), nil
	})
	want := []string{"", "theirs1", "theirs0"}
	if err != nil || entry.Text() != "theirs0 mine" || !reflect.DeepEqual(seen, want) {
		t.Error(seen, entry, err)
	}
	wrong := errors.New("wrong")
	if _, err := bucket.Update("key", func(*Entry) ([]byte, error) { return nil, wrong }); err != wrong {
		t.Error(err)
	}
	bucket = &Bucket{&toyBucket{faster: 2 * updatesMax}}
	var conflict *Conflict
	_, err = bucket.Update("key", func(*Entry) ([]byte, error) { return nil, nil })
	if !errors.As(err, &conflict) || conflict.Entry == nil {
		t.Error(err)
	}
}

func TestKeysComePageByPage(t *testing.T) {
	bucket := &Bucket{&toyBucket{pages: [][]string{{"a", "b"}, nil, {"c"}}}}
	var keys []string
	var last error
	for key, err := range bucket.Keys("") {
		keys, last = append(keys, key), err
	}
	if !reflect.DeepEqual(keys, []string{"a", "b", "c", ""}) || last == nil {
		t.Error(keys, last)
	}
	for key := range bucket.Keys("") {
		if key != "a" {
			t.Error("it goes on")
		}
		break
	}
}

func TestAKeyThatIsNotUTF8IsAnError(t *testing.T) {
	bucket := &Bucket{&toyBucket{}}
	var named *NotUTF8Error
	if _, err := bucket.Get("\xff"); !errors.As(err, &named) {
		t.Error(err)
	}
}

func TestNothingExpiresEarlierThanAsked(t *testing.T) {
	if expiresMs(0) != nil {
		t.Error("it expires")
	}
	for expires, want := range map[time.Duration]uint64{
		-time.Second: 0, 1: 1, time.Second: 1000, time.Second + 1: 1001,
	} {
		if got := expiresMs(expires); *got != want {
			t.Errorf("%v: %d, want %d", expires, *got, want)
		}
	}
}
