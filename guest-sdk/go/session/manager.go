// Package session has sessions: what a guest remembers of a client from one request to the next.
//
//	var sessions = session.Manager{
//		Bucket:   "shop/sessions",
//		Keys:     signed.Stored,
//		Lifetime: time.Hour,
//	}
//
//	func logIn(request *snow.Request) (snow.Outcome, error) {
//		form, err := request.Form()
//		if err != nil {
//			return nil, err
//		}
//		user, err := sessions.Of(request)
//		if err != nil {
//			return nil, err
//		}
//		if err := user.CheckCSRF(form.Get("csrf")); err != nil {
//			return nil, err
//		}
//		user.Renew()
//		user.Set("name", form.Get("name"))
//		return user.Save(snow.Text("hello"))
//	}
//
// The format is that of the SDKs for all languages: a guest reads the sessions of a guest in
// another one, if both have the bucket and the keys.
package session

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"time"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
	"github.com/snow-host/snow-host/guest-sdk/go/signed"
)

// Manager has the sessions of a guest, in a bucket. It may be a global variable.
//
// A session is an entry under 128 random bits, which the client has in a cookie. It ends when it
// was not used for its lifetime, and when it is destroyed.
type Manager struct {
	// Bucket is the name of the bucket that the sessions are in, for [snow.OpenBucket]: one of the
	// guest's own, such as "shop/sessions".
	Bucket string
	// Keys returns the keys that sign the cookie, as [signed.Stored] does: then an id that was made
	// up costs no look into the store, and forms can have a token. With nil it is not signed.
	Keys func() (*signed.Keys, error)
	// Lifetime is how long a session lives that is not used; a day if it is 0.
	Lifetime time.Duration
	// Cookie is the name of the cookie; "session" if it is empty.
	Cookie string
	// Path is the path below which the client sends the cookie, as it sees paths. If it is empty,
	// that at which the guest is mounted: for a guest without mount in snow.toml it is /, and every
	// other guest of the server gets the cookie too. Whoever has the cookie has the session.
	Path string
	// Secure has the cookie sent over TLS only: where a proxy in front speaks TLS.
	Secure bool
}

// Of returns the session of the client that sent a request. It is empty, and not in the store until
// something is set, if the client has none, or names an id that this guest did not give out or that
// has ended.
func (m *Manager) Of(request *snow.Request) (*Session, error) {
	return m.of(request, time.Now())
}

// of returns a session at a time.
func (m *Manager) of(request *snow.Request, now time.Time) (*Session, error) {
	session := &Session{manager: m, now: now, fields: map[string]string{}}
	bucket, err := snow.OpenBucket(m.Bucket)
	if err != nil {
		return nil, err
	}
	session.bucket = bucket
	if m.Keys != nil {
		if session.keys, err = m.Keys(); err != nil {
			return nil, err
		}
	}
	text, hasCookie := request.Cookie(m.cookie())
	session.hasCookie = hasCookie
	id := session.verified(text)
	if id != "" {
		entry, err := bucket.Get(id)
		if err != nil {
			return nil, err
		}
		if entry != nil {
			if session.stored, err = parse(entry); err != nil {
				return nil, err
			}
			session.fields = maps.Clone(session.stored.fields)
		}
	}
	// An id that only a signature vouches for may stay: forms have tokens of it.
	if id != "" && (session.stored != nil || session.keys != nil) {
		session.id, session.isTold = id, true
	} else {
		session.id = newID()
	}
	return session, nil
}

// verified returns the id that a cookie has; "" if it has none.
func (s *Session) verified(text string) string {
	if s.hasCookie && s.keys != nil {
		id, err := s.keys.VerifyAt(s.now, s.manager.cookie(), text, s.manager.lifetime())
		if err != nil {
			snow.Log(snow.LevelDebug, fmt.Sprintf("the session's cookie is not taken: %v", err))
			return ""
		}
		text = id
	}
	if !isID(text) {
		return ""
	}
	return text
}

func (m *Manager) cookie() string {
	if m.Cookie == "" {
		return "session"
	}
	return m.Cookie
}

func (m *Manager) lifetime() time.Duration {
	if m.Lifetime == 0 {
		return 24 * time.Hour
	}
	return m.Lifetime
}

// idBytes is how many random bytes an id has.
const idBytes = 16

func newID() string {
	var random [idBytes]byte
	// It never returns an error.
	_, _ = rand.Read(random[:])
	return hex.EncodeToString(random[:])
}

func isID(text string) bool {
	if len(text) != 2*idBytes {
		return false
	}
	for _, char := range []byte(text) {
		if (char < '0' || '9' < char) && (char < 'a' || 'f' < char) {
			return false
		}
	}
	return true
}
