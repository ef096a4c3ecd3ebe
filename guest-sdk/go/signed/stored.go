package signed

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/text"
)

// stored is the key of a bucket that holds signing keys.
const stored = "signing-keys"

// errUnreadable means that a bucket holds something else.
var errUnreadable = fmt.Errorf("the bucket's `%s` can't be read", stored)

// Stored returns the keys of the guest's own bucket, "default", as [StoredIn] does.
func Stored() (*Keys, error) {
	bucket, err := snow.OpenBucket("default")
	if err != nil {
		return nil, err
	}
	return StoredIn(bucket)
}

// StoredIn returns the keys that a bucket holds under signing-keys; if it holds none, a random one
// that it holds from now on. Nobody has to make them up, and whoever can read the bucket has them.
func StoredIn(bucket *snow.Bucket) (*Keys, error) {
	entry, err := bucket.Get(stored)
	if err != nil {
		return nil, err
	}
	if entry != nil {
		return parse(entry.Text())
	}
	fresh := &Keys{[]Key{{1, random()}}}
	_, err = bucket.SetWith(stored, []byte(fresh.format()), snow.SetOptions{Only: snow.Absent()})
	// Another request may have been faster.
	var conflict *snow.Conflict
	if errors.As(err, &conflict) && conflict.Entry != nil {
		return parse(conflict.Entry.Text())
	}
	if err != nil {
		return nil, err
	}
	return fresh, nil
}

// Rotate puts a random key before those that a bucket holds, and keeps so many in all, one at
// least.
func Rotate(bucket *snow.Bucket, keep int) (*Keys, error) {
	entry, err := bucket.Update(stored, func(entry *snow.Entry) ([]byte, error) {
		keys := []Key{{1, random()}}
		// Keys that can't be read sign nothing anyway.
		if held, err := parse(entry.Text()); err == nil {
			for _, key := range held.keys {
				keys[0].Version = max(keys[0].Version, key.Version+1)
			}
			keys = append(keys, held.keys...)
		}
		rotated := &Keys{keys[:min(len(keys), max(keep, 1))]}
		return []byte(rotated.format()), nil
	})
	if err != nil {
		return nil, err
	}
	return parse(entry.Text())
}

func random() []byte {
	secret := make([]byte, secretBytesMin)
	// It never returns an error.
	_, _ = rand.Read(secret)
	return secret
}

// format returns the keys as a bucket holds them: a line for each.
func (k *Keys) format() string {
	var lines strings.Builder
	for _, key := range k.keys {
		fmt.Fprintf(&lines, "%d %s\n", key.Version, encode(key.Secret))
	}
	return lines.String()
}

func parse(lines string) (*Keys, error) {
	var keys []Key
	for line := range strings.Lines(text.Lossy(lines)) {
		if whole, ok := strings.CutSuffix(line, "\n"); ok {
			line = strings.TrimSuffix(whole, "\r")
		}
		number, encoded, _ := strings.Cut(line, " ")
		version, isNumber := parseUint(number, 32)
		secret, isSecret := decode(encoded)
		if !isNumber || !isSecret {
			return nil, errUnreadable
		}
		keys = append(keys, Key{uint32(version), secret})
	}
	if len(keys) == 0 {
		return nil, errUnreadable
	}
	return New(keys...)
}
