package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
	"github.com/snow-host/snow-host/guest-sdk/go/session"
	"github.com/snow-host/snow-host/guest-sdk/go/signed"
)

// sessions are this guest's own.
var sessions = session.Manager{Bucket: "gopher/sessions", Keys: signed.Stored, Lifetime: time.Hour}

// notes are the sessions of the example notes, which is written in Rust.
var notes = session.Manager{
	Bucket:   "notes/sessions",
	Keys:     func() (*signed.Keys, error) { return keysIn("notes") },
	Lifetime: time.Hour,
	Cookie:   "notes",
	Path:     "/notes",
}

func init() {
	snow.Route("POST", "/clients/form", form)
	snow.Route("GET", "/clients/accepts", accepts)
	snow.Route("GET", "/clients/cookies", cookies)
	snow.Route("POST", "/clients/cookie", setCookie)
	snow.Route("POST", "/clients/redirect", redirect)
	snow.Route("GET", "/clients/user", user(&sessions, "user"))
	snow.Route("GET", "/clients/login", loginPage)
	snow.Route("POST", "/clients/login", login)
	snow.Route("POST", "/clients/logout", logout)
	snow.Route("GET", "/clients/name", signedName)
	snow.Route("POST", "/clients/name", signName)
	snow.Route("GET", "/clients/notes", user(&notes, "user"))
	snow.Route("POST", "/clients/notes", enterNotes)
}

func form(request *snow.Request) (snow.Outcome, error) {
	form, err := request.FormWithin(snow.FormLimits{ValueBytesMax: 2000})
	if err != nil {
		return nil, err
	}
	name, err := form.Required("name")
	if err != nil {
		return nil, err
	}
	age, err := snow.ParseField(form, "age", strconv.Atoi, 0)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%s %d %q", name, age, form.All("box"))
	if photo := form.File("photo"); photo != nil {
		text += fmt.Sprintf(" %s %s %d", photo.Name, photo.ContentType, len(photo.Content))
	}
	return snow.Text(text), nil
}

func accepts(request *snow.Request) (snow.Outcome, error) {
	switch request.Accepts("application/json", "text/html") {
	case "application/json":
		return snow.JSON("json")
	case "text/html":
		return snow.HTML("html"), nil
	default:
		return nil, snow.Error(406, "neither")
	}
}

func cookies(request *snow.Request) (snow.Outcome, error) {
	var all []string
	for name, value := range request.Cookies() {
		all = append(all, name+"="+value)
	}
	first, ok := request.Cookie("a")
	return snow.Text(fmt.Sprintf("%q %q %t", slices.Sorted(slices.Values(all)), first, ok)), nil
}

// setCookie sets the content as the value of a cookie.
func setCookie(request *snow.Request) (snow.Outcome, error) {
	return snow.Text("").SetCookie(snow.Cookie{
		Name: "a", Value: request.Text(), Path: snow.CookiePath(), MaxAge: time.Minute,
		HTTPOnly: true, SameSite: snow.SameSiteStrict,
	})
}

func redirect(request *snow.Request) (snow.Outcome, error) {
	return snow.Redirect(303, request.PathFor("/"+request.Text()))
}

func user(manager *session.Manager, name string) snow.Handler {
	return func(request *snow.Request) (snow.Outcome, error) {
		session, err := manager.Of(request)
		if err != nil {
			return nil, err
		}
		if !session.Has(name) {
			return snow.Text("nobody"), nil
		}
		return snow.Text(session.Get(name)), nil
	}
}

func loginPage(request *snow.Request) (snow.Outcome, error) {
	session, err := sessions.Of(request)
	if err != nil {
		return nil, err
	}
	token, err := session.CSRFToken()
	if err != nil {
		return nil, err
	}
	return session.Save(snow.Text(token))
}

func login(request *snow.Request) (snow.Outcome, error) {
	session, err := sessions.Of(request)
	if err != nil {
		return nil, err
	}
	form, err := request.Form()
	if err != nil {
		return nil, err
	}
	if err := session.CheckCSRF(form.Get("csrf")); err != nil {
		return nil, err
	}
	session.Renew()
	session.Set("user", form.Get("user"))
	response, err := snow.Redirect(303, request.PathFor("/clients/user"))
	if err != nil {
		return nil, err
	}
	return session.Save(response)
}

func logout(request *snow.Request) (snow.Outcome, error) {
	session, err := sessions.Of(request)
	if err != nil {
		return nil, err
	}
	session.Destroy()
	return session.Save(snow.Text("bye"))
}

// keysIn returns the keys of another guest, whose bucket this one is granted.
func keysIn(name string) (*signed.Keys, error) {
	bucket, err := snow.OpenBucket(name)
	if err != nil {
		return nil, err
	}
	return signed.StoredIn(bucket)
}

// signedName reads the cookie of the example tornado, which is written in Rust.
func signedName(request *snow.Request) (snow.Outcome, error) {
	keys, err := keysIn("tornado")
	if err != nil {
		return nil, err
	}
	name, ok := keys.Cookie(request, "name", time.Hour)
	return snow.Text(fmt.Sprintf("%q %t", name, ok)), nil
}

// signName sets that cookie.
func signName(request *snow.Request) (snow.Outcome, error) {
	keys, err := keysIn("tornado")
	if err != nil {
		return nil, err
	}
	return keys.SetCookie(snow.Text(""), snow.Cookie{Name: "name", Value: request.Text()})
}

// enterNotes begins a session of the example notes.
func enterNotes(request *snow.Request) (snow.Outcome, error) {
	session, err := notes.Of(request)
	if err != nil {
		return nil, err
	}
	session.Set("user", request.Text())
	return session.Save(snow.Text(""))
}
