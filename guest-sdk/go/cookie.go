package snow

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/snow-host/snow-host/guest-sdk/go/internal/text"
)

// Cookies returns the cookies in the order sent (RFC 6265): their names, and their values without
// the quotes that may be around them. Whatever is no cookie, or not UTF-8, is left out.
//
// Nothing about them is to be trusted, not even that this guest has set them: other guests and
// other servers of the same domain can. The package signed has cookies that clients can't change.
func (r *Request) Cookies() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, field := range r.Headers {
			if !text.EqualFold(field.Name, "cookie") {
				continue
			}
			for pair := range strings.SplitSeq(field.Value, ";") {
				name, value, ok := strings.Cut(pair, "=")
				if !ok || !utf8.ValidString(pair) {
					continue
				}
				value = text.TrimSpace(value)
				if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
					value = value[1 : len(value)-1]
				}
				if !yield(text.TrimSpace(name), value) {
					return
				}
			}
		}
	}
}

// Cookie returns the value of the first cookie with this name, and whether there is one.
func (r *Request) Cookie(name string) (string, bool) {
	for found, value := range r.Cookies() {
		if found == name {
			return value, true
		}
	}
	return "", false
}

// Cookie is a cookie for the client, which [Response.SetCookie] sets.
type Cookie struct {
	// Name has letters, digits and !#$%&'*+-.^_|~ or backticks.
	Name string
	// Value has visible ASCII without quotes, commas, semicolons and backslashes.
	Value string
	// Path is the path below which it is sent back, as the client sees paths; / if it is empty.
	// [CookiePath] is that of the guest.
	Path string
	// Domain is the domain that gets it, with all below; only the host that sets it if it is empty.
	Domain string
	// MaxAge is how long the client keeps it, in whole seconds. With 0 it is kept until the browser
	// ends, and a negative time removes it: the path and the domain must be those that it was set
	// with.
	MaxAge time.Duration
	// Secure has it sent back over TLS only.
	Secure bool
	// HTTPOnly hides it from scripts.
	HTTPOnly bool
	// SameSite is with which requests from other sites it is sent back.
	SameSite SameSite
}

// SameSite is with which requests from other sites a browser sends a cookie.
type SameSite uint8

const (
	// SameSiteUnset leaves it to the browser: SameSiteLax, more or less.
	SameSiteUnset SameSite = iota
	// SameSiteStrict is with none.
	SameSiteStrict
	// SameSiteLax is when the user follows a link.
	SameSiteLax
	// SameSiteNone is with all. The cookie must be Secure.
	SameSiteNone
)

// sameSites are the attributes, by SameSite.
var sameSites = [...]string{"", "; SameSite=Strict", "; SameSite=Lax", "; SameSite=None"}

// CookieError is a cookie that can't be set: browsers would drop it, or take a part of it for an
// attribute.
type CookieError struct {
	// Name is the name of the cookie.
	Name string
	// Why is what is wrong with it.
	Why string
}

// Error returns which cookie it is, and why it can't be set.
func (e *CookieError) Error() string {
	return fmt.Sprintf("the cookie %q can't be set: %s", e.Name, e.Why)
}

// SetCookie adds a cookie beside those that are set already, and returns the response. The error is
// a [CookieError]; then the response is unchanged.
func (r *Response) SetCookie(cookie Cookie) (*Response, error) {
	field, err := cookie.field()
	if err != nil {
		return nil, err
	}
	return r.Add("set-cookie", field), nil
}

// field returns the value of set-cookie.
func (c Cookie) field() (string, error) {
	if c.Path == "" {
		c.Path = "/"
	}
	if why := c.fault(); why != "" {
		return "", &CookieError{c.Name, why}
	}
	var field strings.Builder
	field.WriteString(c.Name + "=" + c.Value + "; Path=" + c.Path)
	if c.Domain != "" {
		field.WriteString("; Domain=" + c.Domain)
	}
	if c.MaxAge != 0 {
		seconds := max(int64(c.MaxAge/time.Second), 0)
		field.WriteString("; Max-Age=" + strconv.FormatInt(seconds, 10))
		if seconds == 0 {
			field.WriteString("; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
		}
	}
	if c.Secure {
		field.WriteString("; Secure")
	}
	if c.HTTPOnly {
		field.WriteString("; HttpOnly")
	}
	field.WriteString(sameSites[c.SameSite])
	return field.String(), nil
}

// fault returns why browsers would not take the cookie as it is meant; "" if they do.
func (c Cookie) fault() string {
	switch {
	case !isToken(c.Name):
		return "a name is letters, digits and `!#$%&'*+-.^_|~` or a backtick"
	case !all(c.Value, isValueByte):
		return "a value is visible ASCII without quotes, commas, semicolons, backslashes"
	case !isPath(c.Path):
		return "a path begins with a slash, and is ASCII without semicolons"
	case c.Domain != "" && !isToken(c.Domain):
		return "its domain is none"
	case int(c.SameSite) >= len(sameSites):
		return "its `SameSite` is none"
	case c.SameSite == SameSiteNone && !c.Secure:
		return "`SameSite=None` needs `secure`"
	case c.begins("__Secure-") && !c.Secure:
		return "the prefix `__Secure-` needs `secure`"
	case c.begins("__Host-") && (!c.Secure || c.Path != "/" || c.Domain != ""):
		return "the prefix `__Host-` needs `secure`, the path `/` and no domain"
	default:
		return ""
	}
}

// begins reports whether the name begins with a prefix, in any case: browsers look at it so.
func (c Cookie) begins(prefix string) bool {
	return len(c.Name) >= len(prefix) && text.EqualFold(c.Name[:len(prefix)], prefix)
}

func isToken(name string) bool {
	return name != "" && all(name, func(char byte) bool {
		return strings.IndexByte(tokenRunes+"|", char) >= 0
	})
}

func isPath(path string) bool {
	return strings.HasPrefix(path, "/") && all(path, func(char byte) bool {
		return ' ' <= char && char <= '~' && char != ';'
	})
}

func isValueByte(char byte) bool {
	return '!' <= char && char <= '~' && strings.IndexByte("\",;\\", char) < 0
}

// all reports whether all bytes of a text are such ones.
func all(text string, is func(byte) bool) bool {
	for at := range len(text) {
		if !is(text[at]) {
			return false
		}
	}
	return true
}
