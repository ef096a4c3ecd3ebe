package session

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/text"
)

// errNoSession means that a bucket holds something else under an id.
var errNoSession = errors.New("what the bucket has under a session's id is no session")

// record is a session in the store: 1700000000 name=value&name=value.
type record struct {
	version snow.Version
	// written is when it was written, in seconds since 1970.
	written uint64
	fields  map[string]string
}

func parse(entry *snow.Entry) (*record, error) {
	number, encoded, ok := strings.Cut(text.Lossy(entry.Text()), " ")
	// It may have a plus sign, as in the other languages.
	written, err := strconv.ParseUint(strings.TrimPrefix(number, "+"), 10, 64)
	if !ok || err != nil {
		return nil, errNoSession
	}
	fields := maps.Collect(text.Pairs(encoded))
	return &record{entry.Version, written, fields}, nil
}

// format returns the record as it is written: in the order of the names.
func format(written uint64, fields map[string]string) []byte {
	record := append(strconv.AppendUint(nil, written, 10), ' ')
	for index, name := range slices.Sorted(maps.Keys(fields)) {
		if index > 0 {
			record = append(record, '&')
		}
		record = append(record, text.Encode(name)+"="+text.Encode(fields[name])...)
	}
	return record
}

// age returns how long ago it was written, in seconds.
func (r *record) age(now time.Time) uint64 {
	seconds := seconds(now)
	return seconds - min(r.written, seconds)
}

// seconds returns a time in seconds since 1970.
func seconds(time time.Time) uint64 {
	return uint64(max(time.Unix(), 0))
}
