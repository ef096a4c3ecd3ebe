// Package signed has texts that a client keeps and can't change: signed cookies. Signed is not
// secret: the client can read the value.
//
//	func choose(request *snow.Request) (snow.Outcome, error) {
//		keys, err := signed.Stored()
//		if err != nil {
//			return nil, err
//		}
//		basket := snow.Cookie{Name: "basket", Value: request.Param("id"), MaxAge: 24 * time.Hour}
//		return keys.SetCookie(snow.Text("chosen"), basket)
//	}
//
//	func basket(request *snow.Request) (snow.Outcome, error) {
//		keys, err := signed.Stored()
//		if err != nil {
//			return nil, err
//		}
//		basket, ok := keys.Cookie(request, "basket", 24*time.Hour)
//		if !ok {
//			basket = "none"
//		}
//		return snow.Text(basket), nil
//	}
//
// The format is that of the SDKs for all languages: a guest reads what a guest in another one has
// signed, if both have the keys. It is a package of its own because it makes a guest 300 KB larger.
package signed

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
)

const (
	// secretBytesMin is how many bytes a secret has at least: as many as SHA-256 makes of a longer
	// one.
	secretBytesMin = 32
	// skewSeconds is how much later than this host's clock another host may have signed.
	skewSeconds = 60
)

// The reasons why a signed text is not taken. They are for the author, not for the client.
var (
	// ErrMalformed means that it is no signed text, or was cut.
	ErrMalformed = errors.New("it is no signed text, or was cut")
	// ErrUnknownKey means that the key that has signed it is not among the keys.
	ErrUnknownKey = errors.New("there is no signing key of its version")
	// ErrForged means that its value, its time or its name is not what was signed.
	ErrForged = errors.New("its value, its time or its name was changed")
	// ErrExpired means that it was signed too long ago.
	ErrExpired = errors.New("it was signed too long ago")
	// ErrFromTheFuture means that this host's clock was set back, or that another's is wrong.
	ErrFromTheFuture = errors.New("it was signed later than now")
)

// Key is a secret that signs. It is printed without the secret.
type Key struct {
	// Version is part of each text that it signs.
	Version uint32
	// Secret has 32 random bytes or more, and is no password.
	Secret []byte
}

// String returns the version in words.
func (k Key) String() string { return fmt.Sprintf("key %d", k.Version) }

// GoString returns the same words, for %#v.
func (k Key) GoString() string { return k.String() }

// Keys are secret keys that sign by HMAC-SHA256. They are printed without the secrets.
//
// The first one signs, and texts that any of them has signed are taken. So a key is replaced by
// putting a new one before it, and is left out once what it has signed is too old.
//
// A signature covers the name of the text, its value, the time and the key's version: a cookie
// can't be sent back under another name, nor after its time.
type Keys struct {
	keys []Key
}

// New returns keys, of which the first one signs. It is an error if there is none, if two have one
// version, and if a secret has less than 32 bytes.
func New(keys ...Key) (*Keys, error) {
	if len(keys) == 0 {
		return nil, errors.New("there is no signing key")
	}
	own := &Keys{}
	for _, key := range keys {
		if len(key.Secret) < secretBytesMin {
			return nil, fmt.Errorf("a signing key has %d random bytes or more, not %d",
				secretBytesMin, len(key.Secret))
		}
		if own.find(key.Version) != nil {
			return nil, fmt.Errorf("there are two signing keys of version %d", key.Version)
		}
		own.keys = append(own.keys, Key{key.Version, bytes.Clone(key.Secret)})
	}
	return own, nil
}

// String returns the versions in words.
func (k *Keys) String() string { return fmt.Sprint(k.keys) }

// GoString returns the same words, for %#v.
func (k *Keys) GoString() string { return k.String() }

// find returns the secret of a version; nil if there is none.
func (k *Keys) find(version uint32) []byte {
	at := slices.IndexFunc(k.keys, func(key Key) bool { return key.Version == version })
	if at < 0 {
		return nil
	}
	return k.keys[at].Secret
}

// Sign signs a value under a name, now. The text has letters, digits, and the characters - _ .
// only. The error is a [snow.NotUTF8Error]: other languages could not read such a name or value.
func (k *Keys) Sign(name, value string) (string, error) {
	return k.SignAt(time.Now(), name, value)
}

// SignAt signs a value as [Keys.Sign] does, at another time.
func (k *Keys) SignAt(now time.Time, name, value string) (string, error) {
	for _, text := range []string{name, value} {
		if !utf8.ValidString(text) {
			return "", &snow.NotUTF8Error{Text: text}
		}
	}
	key := k.keys[0]
	text := fmt.Sprintf("1.%d.%d.%s", key.Version, seconds(now), encode([]byte(value)))
	return text + "." + encode(code(key.Secret, name, text)), nil
}

// Verify returns the value of a text that was signed under this name, at most maxAge ago. The error
// is [ErrMalformed], [ErrUnknownKey], [ErrForged], [ErrExpired] or [ErrFromTheFuture].
func (k *Keys) Verify(name, text string, maxAge time.Duration) (string, error) {
	return k.VerifyAt(time.Now(), name, text, maxAge)
}

// VerifyAt returns the value of a signed text as [Keys.Verify] does, at another time.
func (k *Keys) VerifyAt(now time.Time, name, text string, maxAge time.Duration) (string, error) {
	parts := strings.SplitN(text, ".", 6)
	if len(parts) != 5 || parts[0] != "1" {
		return "", ErrMalformed
	}
	version, ok := parseUint(parts[1], 32)
	if !ok {
		return "", ErrMalformed
	}
	sent, ok := decode(parts[4])
	if !ok {
		return "", ErrMalformed
	}
	secret := k.find(uint32(version))
	if secret == nil {
		return "", ErrUnknownKey
	}
	text = strings.TrimSuffix(text, "."+parts[4])
	// In constant time.
	if !hmac.Equal(code(secret, name, text), sent) {
		return "", ErrForged
	}
	// From here on it is a text of ours.
	signed, ok := parseUint(parts[2], 64)
	if !ok {
		return "", ErrMalformed
	}
	switch at := seconds(now); {
	case signed > at+skewSeconds:
		return "", ErrFromTheFuture
	case signed < at && at-signed > uint64(max(maxAge, 0)/time.Second):
		return "", ErrExpired
	}
	value, ok := decode(parts[3])
	if !ok || !utf8.Valid(value) {
		return "", ErrMalformed
	}
	return string(value), nil
}

// code returns the code of a text under a name. The length of the name stands first, so that no
// other name and text give these bytes.
func code(secret []byte, name, text string) []byte {
	hash := hmac.New(sha256.New, secret)
	hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(name))))
	hash.Write([]byte(name))
	hash.Write([]byte(text))
	return hash.Sum(nil)
}

// seconds returns a time in seconds since 1970.
func seconds(time time.Time) uint64 {
	return uint64(max(time.Unix(), 0))
}

// encoding refuses bits behind the last byte: otherwise several texts would have one signature.
var encoding = base64.RawURLEncoding.Strict()

func encode(bytes []byte) string {
	return encoding.EncodeToString(bytes)
}

// decode returns the bytes of a text as encode writes it, and whether it is one.
func decode(text string) ([]byte, bool) {
	// The decoder would leave out line ends.
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	bytes, err := encoding.DecodeString(text)
	return bytes, err == nil
}

// parseUint returns a number of so many bits, and whether a text is one. It may have a plus sign,
// as in the other languages.
func parseUint(text string, bits int) (uint64, bool) {
	number, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, bits)
	return number, err == nil
}
