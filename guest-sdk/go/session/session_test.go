package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
	"github.com/snow-host/snow-host/guest-sdk/go/signed"
)

func at(seconds int64) time.Time { return time.Unix(seconds, 0) }

func keysOf(t *testing.T, first byte) *signed.Keys {
	t.Helper()
	keys, err := signed.New(signed.Key{Version: 1, Secret: []byte(strings.Repeat(string(rune(first)), 32))})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func plain(t *testing.T) *Manager {
	return &Manager{Bucket: t.Name(), Lifetime: 1000 * time.Second}
}

func withKeys(t *testing.T) *Manager {
	manager := plain(t)
	manager.Keys = func() (*signed.Keys, error) { return keysOf(t, 7), nil }
	return manager
}

// each does a test with sessions that are not signed, and with such that are.
func each(t *testing.T, test func(*testing.T, *Manager)) {
	t.Run("plain", func(t *testing.T) { test(t, plain(t)) })
	t.Run("signed", func(t *testing.T) { test(t, withKeys(t)) })
}

// client is a client with the cookie that it has; "" if it has none.
type client struct {
	cookie string
}

func (c *client) request() *snow.Request {
	request := &snow.Request{}
	if c.cookie != "" {
		request.Headers = []snow.Field{{Name: "cookie", Value: "session=" + c.cookie}}
	}
	return request
}

func (c *client) session(t *testing.T, manager *Manager, now int64) *Session {
	t.Helper()
	session, err := manager.of(c.request(), at(now))
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// does does something with the client's session at a time, and returns whether the client got a
// cookie.
func (c *client) does(t *testing.T, manager *Manager, now int64, act func(*Session)) bool {
	t.Helper()
	session := c.session(t, manager, now)
	act(session)
	response, err := session.Save(snow.Text(""))
	if err != nil {
		t.Fatal(err)
	}
	if len(response.Headers) == 1 {
		return false
	}
	field := response.Headers[1].Value
	if !strings.Contains(field, "; Path=/; ") || !strings.HasSuffix(field, "; HttpOnly; SameSite=Lax") {
		t.Error(field)
	}
	pair, _, _ := strings.Cut(field, ";")
	c.cookie = strings.TrimPrefix(pair, "session=")
	return true
}

// sets sets the user.
func sets(name string) func(*Session) {
	return func(session *Session) { session.Set("user", name) }
}

// sees returns the user.
func (c *client) sees(t *testing.T, manager *Manager, now int64) string {
	t.Helper()
	return c.session(t, manager, now).Get("user")
}

func TestWhatIsSetIsThereInTheNextRequest(t *testing.T) {
	each(t, func(t *testing.T, manager *Manager) {
		var client client
		if client.does(t, manager, 0, func(*Session) {}) {
			t.Error("who does nothing gets no cookie")
		}
		if !client.does(t, manager, 0, sets("ann & bob")) || client.sees(t, manager, 1) != "ann & bob" {
			t.Error(client)
		}
		if client.does(t, manager, 1, func(session *Session) { session.Set("other", "") }) {
			t.Error("it knows the id")
		}
		client.does(t, manager, 1, func(session *Session) {
			session.Remove("user")
			session.Remove("nothing")
		})
		session := client.session(t, manager, 2)
		if session.Has("user") || !session.Has("other") || session.Get("user") != "" {
			t.Error(session)
		}
	})
}

func TestAnIDThatWasMadeUpIsNoSession(t *testing.T) {
	each(t, func(t *testing.T, manager *Manager) {
		const madeUp = "0123456789abcdef0123456789abcdef"
		forged, err := keysOf(t, 8).SignAt(at(0), "session", madeUp)
		if err != nil {
			t.Fatal(err)
		}
		for _, cookie := range []string{madeUp, forged, "x", strings.ToUpper(madeUp), madeUp + "0"} {
			one := client{cookie}
			if !one.does(t, manager, 0, sets("ann")) || one.cookie == cookie {
				t.Errorf("%s: its id is a new one", cookie)
			}
			planted := client{cookie}
			if user := planted.sees(t, manager, 0); user != "" {
				t.Error(cookie, user)
			}
		}
	})
}

func TestWhatBeginsToBeStoredHasAnIDThatNobodyKnew(t *testing.T) {
	manager := withKeys(t)
	var client client
	client.does(t, manager, 0, func(session *Session) { _, _ = session.CSRFToken() })
	planted := client
	client.does(t, manager, 0, sets("ann"))
	if client.sees(t, manager, 0) != "ann" || planted.cookie == "" || planted.sees(t, manager, 0) != "" {
		t.Error(client, planted)
	}
}

func TestARenewedSessionHasAnotherIDAndItsContent(t *testing.T) {
	each(t, func(t *testing.T, manager *Manager) {
		var client client
		client.does(t, manager, 0, func(session *Session) { session.Set("basket", "7") })
		before := client
		late := before.session(t, manager, 0)
		if !client.does(t, manager, 0, func(session *Session) {
			session.Renew()
			session.Renew()
			session.Set("user", "ann")
		}) {
			t.Error("it has the old id")
		}
		session := client.session(t, manager, 0)
		if session.Get("user") != "ann" || session.Get("basket") != "7" || before.sees(t, manager, 0) != "" {
			t.Error(session)
		}
		late.Renew()
		if cookie, err := late.Commit(); err != nil || cookie.MaxAge >= 0 {
			t.Error(cookie, err)
		}
	})
}

func TestADestroyedSessionStaysSo(t *testing.T) {
	each(t, func(t *testing.T, manager *Manager) {
		var one client
		one.does(t, manager, 0, sets("ann"))
		other := one
		late := other.session(t, manager, 0)
		if !one.does(t, manager, 0, func(session *Session) { session.Renew(); session.Destroy() }) ||
			one.cookie != "" || other.sees(t, manager, 0) != "" {
			t.Error(one)
		}
		// A request that began before does not bring it back.
		late.Set("user", "ann")
		if cookie, err := late.Commit(); err != nil || cookie.MaxAge >= 0 || cookie.Value != "" {
			t.Error(cookie, err)
		}
		if other.sees(t, manager, 0) != "" {
			t.Error("it is back")
		}
		if (&client{}).does(t, manager, 0, (*Session).Destroy) {
			t.Error("there is nothing to remove")
		}
	})
}

func TestRequestsAtTheSameTimeLoseNothing(t *testing.T) {
	each(t, func(t *testing.T, manager *Manager) {
		var client client
		client.does(t, manager, 0, sets("ann"))
		one, two := client.session(t, manager, 0), client.session(t, manager, 0)
		one.Set("one", "1")
		two.Set("two", "2")
		two.Remove("user")
		for _, session := range []*Session{one, two} {
			if cookie, err := session.Commit(); cookie != nil || err != nil {
				t.Error(cookie, err)
			}
		}
		session := client.session(t, manager, 0)
		if session.Get("one") != "1" || session.Get("two") != "2" || session.Has("user") {
			t.Error(session)
		}
	})
}

func TestItsTimeBeginsAnewAsItIsUsed(t *testing.T) {
	manager := withKeys(t)
	var client client
	nothing := func(*Session) {}
	client.does(t, manager, 1000, sets("ann"))
	if client.does(t, manager, 1099, nothing) {
		t.Error("a tenth of its time has not passed")
	}
	if !client.does(t, manager, 1900, nothing) || !client.does(t, manager, 2800, nothing) {
		t.Error("by now the first cookie is too old")
	}
	if client.sees(t, manager, 3800) != "ann" || client.sees(t, manager, 3801) != "" {
		t.Error("it ends with its time")
	}
}

func TestAFormHasATokenOfItsSession(t *testing.T) {
	manager := withKeys(t)
	var ann, bob client
	token := func(client *client) (token string) {
		client.does(t, manager, 0, func(session *Session) {
			var err error
			if token, err = session.CSRFToken(); err != nil {
				t.Error(err)
			}
		})
		return token
	}
	own, other := token(&ann), token(&bob)
	if err := ann.session(t, manager, 1000).CheckCSRF(own); err != nil {
		t.Error(err)
	}
	for _, test := range []struct {
		client client
		token  string
		now    int64
	}{{ann, own, 1001}, {ann, other, 0}, {ann, "", 0}, {client{}, own, 0}} {
		err := test.client.session(t, manager, test.now).CheckCSRF(test.token)
		var answer *snow.StatusError
		if !errors.As(err, &answer) || answer.Status != 403 {
			t.Error(test, err)
		}
	}
	unsigned := ann.session(t, plain(t), 0)
	if _, err := unsigned.CSRFToken(); !errors.Is(err, errNoKeys) || !errors.Is(unsigned.CheckCSRF(own), errNoKeys) {
		t.Error(err)
	}
}

func TestTheCookieIsAsTheManagerSays(t *testing.T) {
	manager := &Manager{Bucket: t.Name(), Cookie: "__Host-id", Secure: true}
	session, err := manager.Of(&snow.Request{})
	if err != nil {
		t.Fatal(err)
	}
	session.Set("user", "ann")
	response, err := session.Save(snow.Text(""))
	if err != nil {
		t.Fatal(err)
	}
	want := "__Host-id=" + session.id + "; Path=/; Max-Age=86400; Secure; HttpOnly; SameSite=Lax"
	if field := response.Headers[1].Value; field != want {
		t.Error(field)
	}
	manager.Path = "/shop"
	var named *snow.CookieError
	session, err = manager.Of(&snow.Request{})
	session.Set("user", "ann")
	if _, saved := session.Save(snow.Text("")); err != nil || !errors.As(saved, &named) {
		t.Error(saved)
	}
}

func TestWhatIsWrongIsAnError(t *testing.T) {
	manager := plain(t)
	var client client
	client.does(t, manager, 0, sets("ann"))
	session := client.session(t, manager, 0)
	session.Set("user", "\xff")
	var named *snow.NotUTF8Error
	if _, err := session.Save(snow.Text("")); !errors.As(err, &named) {
		t.Error(err)
	}
	if _, err := session.bucket.Set(client.cookie, []byte("no session")); err != nil {
		t.Fatal(err)
	}
	if _, err := manager.Of(client.request()); !errors.Is(err, errNoSession) {
		t.Error(err)
	}
	wrong := errors.New("wrong")
	manager.Keys = func() (*signed.Keys, error) { return nil, wrong }
	if _, err := manager.Of(client.request()); !errors.Is(err, wrong) {
		t.Error(err)
	}
	if _, err := (&Manager{}).Of(client.request()); !errors.Is(err, snow.Denied) {
		t.Error(err)
	}
}

func TestTheIDIsNotShown(t *testing.T) {
	var client client
	client.does(t, plain(t), 0, sets("ann"))
	session := client.session(t, plain(t), 0)
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s", session, session, session, session)} {
		if strings.Contains(shown, session.id) || !strings.Contains(shown, "ann") {
			t.Error(shown)
		}
	}
}
