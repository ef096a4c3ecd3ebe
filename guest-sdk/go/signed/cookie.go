package signed

import (
	"fmt"
	"time"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
)

// SetCookie sets a cookie as [snow.Response.SetCookie] does, with its value signed. The value may
// be any text in UTF-8; browsers drop a cookie of more than 4,096 bytes.
func (k *Keys) SetCookie(response *snow.Response, cookie snow.Cookie) (*snow.Response, error) {
	text, err := k.Sign(cookie.Name, cookie.Value)
	if err != nil {
		return nil, err
	}
	cookie.Value = text
	return response.SetCookie(cookie)
}

// Cookie returns the value of a cookie that was signed at most maxAge ago, and whether there is
// one. One that was forged, cut, renamed or is too old is none: the log says why, at LevelDebug.
func (k *Keys) Cookie(request *snow.Request, name string, maxAge time.Duration) (string, bool) {
	text, ok := request.Cookie(name)
	if !ok {
		return "", false
	}
	value, err := k.Verify(name, text, maxAge)
	if err != nil {
		snow.Log(snow.LevelDebug, fmt.Sprintf("the cookie %q is not taken: %v", name, err))
		return "", false
	}
	return value, true
}
