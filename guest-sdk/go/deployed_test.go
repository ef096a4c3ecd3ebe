package snow

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestWithoutAHostLinksArePaths(t *testing.T) {
	request := &Request{}
	if got := request.URLFor("/orders?page=2"); got != "/orders?page=2" {
		t.Errorf("URLFor: %q", got)
	}
	if got := CookiePath(); got != "/" {
		t.Errorf("CookiePath: %q", got)
	}
	if _, ok := Config("greeting"); ok || len(ConfigAll()) != 0 {
		t.Error("there is no host to have a value")
	}
}

func TestASecretIsNotShown(t *testing.T) {
	secret := SecretText{"hunter2"}
	marshalled, err := json.Marshal(map[string]any{"secret": secret})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{
		fmt.Sprint(secret), fmt.Sprintf("%v %+v %#v %s %q", secret, secret, secret, secret, secret),
		fmt.Sprintf("%v %#v", []SecretText{secret}, struct{ S SecretText }{secret}), string(marshalled),
	} {
		if strings.Contains(shown, "hunter2") {
			t.Errorf("it is shown: %s", shown)
		}
	}
	if secret.Expose() != "hunter2" {
		t.Error("it is there for who asks")
	}
}
