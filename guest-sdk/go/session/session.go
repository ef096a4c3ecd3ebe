package session

import (
	"errors"
	"fmt"
	"maps"
	"time"
	"unicode/utf8"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
	"github.com/snow-host/snow-host/guest-sdk/go/signed"
)

const (
	// writesMax is how often a session is written again when other requests of the client write it,
	// too.
	writesMax = 100
	// slides is the part of its time after which a session that is not changed is written again, so
	// that it goes on. Not with each request, since a write may cost a turn of the disk.
	slides = 10
)

// Session is what a guest remembers of a client: names and values. A handler ends with
// [Session.Save].
//
// Requests of one client at the same time lose no change of each other: each writes only what it
// has set and removed.
type Session struct {
	manager *Manager
	bucket  *snow.Bucket
	// keys are nil if the cookie is not signed.
	keys *signed.Keys
	now  time.Time
	id   string
	// hasCookie is whether the client has sent any cookie of this name.
	hasCookie bool
	// isTold is whether the client knows the id.
	isTold bool
	// mustTell is whether the client must know the id, though nothing is stored under it.
	mustTell bool
	// stored is how it was found in the store; nil if it was not.
	stored *record
	// old is the id that it had in the store before it was renewed.
	old    string
	fields map[string]string
	// changes are the values that were set, and nil for a name that was removed.
	changes     map[string]*string
	isDestroyed bool
}

// String returns what is kept, without the id, which is as good as a password.
func (s *Session) String() string { return fmt.Sprintf("Session %q", s.fields) }

// GoString returns the same words, for %#v.
func (s *Session) GoString() string { return s.String() }

// Get returns what is kept under a name, and "" if there is nothing.
func (s *Session) Get(name string) string {
	return s.fields[name]
}

// Has reports whether something is kept under a name.
func (s *Session) Has(name string) bool {
	_, ok := s.fields[name]
	return ok
}

// Set keeps a value under a name. Both must be UTF-8, or [Session.Save] returns a
// [snow.NotUTF8Error].
func (s *Session) Set(name, value string) {
	// What begins to be stored has an id that nobody knew before.
	if s.stored == nil && len(s.changes) == 0 {
		s.newID()
	}
	s.fields[name] = value
	s.change(name, &value)
}

// Remove forgets what is kept under a name.
func (s *Session) Remove(name string) {
	if s.Has(name) {
		delete(s.fields, name)
		s.change(name, nil)
	}
}

func (s *Session) change(name string, value *string) {
	if s.changes == nil {
		s.changes = map[string]*string{}
	}
	s.changes[name] = value
}

// Renew gives it another id, and ends the one that it had: when a user logs in, or gets more
// rights. Whoever knew the id before knows nothing then.
func (s *Session) Renew() {
	if s.stored != nil && s.old == "" {
		s.old = s.id
	}
	s.newID()
}

// Destroy ends it, with all that is kept: when a user logs out.
func (s *Session) Destroy() {
	clear(s.fields)
	clear(s.changes)
	s.isDestroyed = true
}

func (s *Session) newID() {
	s.id = newID()
	s.isTold = false
}

// CSRFToken returns a token for a form of this session, in a hidden field: other sites can't know
// it. Clients without a session have one too, whose cookie is set by [Session.Save]. It belongs to
// the session's id, so it comes behind [Session.Set] and [Session.Renew]. It is an error if the
// sessions have no keys.
func (s *Session) CSRFToken() (string, error) {
	if s.keys == nil {
		return "", errNoKeys
	}
	s.mustTell = true
	return s.keys.SignAt(s.now, s.csrfName(), "")
}

// CheckCSRF checks the token of a form. If it is not of this session, or too old, the error is an
// answer: a 403.
func (s *Session) CheckCSRF(token string) error {
	if s.keys == nil {
		return errNoKeys
	}
	_, err := s.keys.VerifyAt(s.now, s.csrfName(), token, s.manager.lifetime())
	if err != nil {
		snow.Log(snow.LevelDebug, fmt.Sprintf("a form's token is not taken: %v", err))
		return snow.Error(403, "this form is not from here, or is too old: load its page again")
	}
	return nil
}

// errNoKeys means that a token can't be signed.
var errNoKeys = errors.New("tokens of forms need keys: session.Manager{Keys: signed.Stored}")

func (s *Session) csrfName() string {
	return "csrf " + s.manager.cookie() + " " + s.id
}

// Save writes what has changed, adds the cookie to an answer if the client needs it, and returns
// the answer.
func (s *Session) Save(response *snow.Response) (*snow.Response, error) {
	cookie, err := s.Commit()
	if err != nil {
		return nil, err
	}
	if cookie == nil {
		return response, nil
	}
	return response.SetCookie(*cookie)
}

// Commit writes what has changed, and returns the cookie that the client needs; nil if it needs
// none. Call it, or [Session.Save], once.
func (s *Session) Commit() (*snow.Cookie, error) {
	switch {
	case s.isDestroyed:
		return s.commitEnd()
	case s.stored == nil:
		return s.commitNew()
	case s.old != "":
		return s.commitRenewed()
	default:
		return s.commitChanges()
	}
}

func (s *Session) commitEnd() (*snow.Cookie, error) {
	if s.stored != nil {
		id := s.id
		if s.old != "" {
			id = s.old
		}
		if _, err := s.bucket.Delete(id); err != nil {
			return nil, err
		}
	}
	if !s.hasCookie {
		return nil, nil
	}
	return s.removal(), nil
}

func (s *Session) commitNew() (*snow.Cookie, error) {
	if len(s.fields) > 0 {
		if err := s.write(s.fields, snow.Absent()); err != nil {
			return nil, err
		}
		return s.told()
	}
	if s.mustTell && !s.isTold {
		return s.told()
	}
	return nil, nil
}

func (s *Session) commitRenewed() (*snow.Cookie, error) {
	entry, err := s.bucket.Get(s.old)
	if err != nil {
		return nil, err
	}
	if entry == nil {
		// Another request has destroyed it, and that stays.
		return s.removal(), nil
	}
	current, err := parse(entry)
	if err != nil {
		return nil, err
	}
	if err := s.write(s.applied(current.fields), snow.Absent()); err != nil {
		return nil, err
	}
	if _, err := s.bucket.Delete(s.old); err != nil {
		return nil, err
	}
	return s.told()
}

func (s *Session) commitChanges() (*snow.Cookie, error) {
	lifetime := s.manager.lifetime()
	isDue := s.stored.age(s.now) >= uint64((lifetime/slides+time.Second-1)/time.Second)
	if len(s.changes) == 0 && !isDue {
		return nil, nil
	}
	current := s.stored
	for range writesMax {
		err := s.write(s.applied(current.fields), snow.Is(current.version))
		var conflict *snow.Conflict
		switch {
		case err == nil && isDue:
			return s.told()
		case err == nil:
			return nil, nil
		case !errors.As(err, &conflict):
			return nil, err
		case conflict.Entry == nil:
			// Another request has destroyed it, and that stays.
			return s.removal(), nil
		}
		if current, err = parse(conflict.Entry); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("a session is written by too many requests at a time")
}

// applied returns what another request has written, with the changes of this one.
func (s *Session) applied(written map[string]string) map[string]string {
	fields := maps.Clone(written)
	for name, value := range s.changes {
		if value == nil {
			delete(fields, name)
		} else {
			fields[name] = *value
		}
	}
	return fields
}

func (s *Session) write(fields map[string]string, only snow.Only) error {
	for name, value := range fields {
		for _, text := range []string{name, value} {
			if !utf8.ValidString(text) {
				return &snow.NotUTF8Error{Text: text}
			}
		}
	}
	options := snow.SetOptions{Expires: s.manager.lifetime(), Only: only}
	_, err := s.bucket.SetWith(s.id, format(seconds(s.now), fields), options)
	return err
}

// told returns the cookie with the id.
func (s *Session) told() (*snow.Cookie, error) {
	cookie := s.cookie(s.manager.lifetime())
	cookie.Value = s.id
	if s.keys != nil {
		text, err := s.keys.SignAt(s.now, cookie.Name, s.id)
		if err != nil {
			return nil, err
		}
		cookie.Value = text
	}
	return cookie, nil
}

// removal returns a cookie that removes the one that the client has.
func (s *Session) removal() *snow.Cookie {
	return s.cookie(-1)
}

func (s *Session) cookie(maxAge time.Duration) *snow.Cookie {
	path := s.manager.Path
	if path == "" {
		path = snow.CookiePath()
	}
	return &snow.Cookie{
		Name:     s.manager.cookie(),
		Path:     path,
		MaxAge:   maxAge,
		Secure:   s.manager.Secure,
		HTTPOnly: true,
		SameSite: snow.SameSiteLax,
	}
}
