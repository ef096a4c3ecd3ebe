package main

import (
	"fmt"
	"time"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
)

func init() {
	snow.Route("GET", "/deployed/config/(.*)", config)
	snow.Route("GET", "/deployed/links", links)
	snow.Route("GET", "/deployed/waits", waits).Resume(waitedOnce)
	snow.Route("POST", "/deployed/news", news)
}

// config shows a value, and as much of a secret as a guest shows that is careless.
func config(request *snow.Request) (snow.Outcome, error) {
	name := request.Params[0].Value
	value, ok := snow.Config(name)
	secret, _ := snow.Secret(name)
	text := fmt.Sprintf("%q %t %v %t %v", value, ok, secret, secret.Expose() == value, snow.ConfigAll())
	return snow.Text(text), nil
}

func links(request *snow.Request) (snow.Outcome, error) {
	url, path := request.URLFor("/a?b"), request.PathFor("/a")
	return snow.Text(url + " " + path + " " + snow.CookiePath()), nil
}

// waits waits twice under one deadline.
func waits(*snow.Request) (snow.Outcome, error) {
	pending, err := snow.Keyed("deployed")
	if err != nil {
		return nil, err
	}
	return pending.Suspend().Deadline(400 * time.Millisecond), nil
}

func waitedOnce(resumed *snow.Resumed) (snow.Outcome, error) {
	if resumed.TimedOut {
		return snow.Text(fmt.Sprint(resumed.Left(), resumed.Waited() > 0)), nil
	}
	if resumed.Waited()+resumed.Left() > 400*time.Millisecond {
		return snow.Text(fmt.Sprint(resumed.Waited(), resumed.Left())), nil
	}
	pending, err := snow.Keyed("deployed")
	if err != nil {
		return nil, err
	}
	return pending.Suspend().Deadline(time.Hour).KeepDeadline(), nil
}

func news(*snow.Request) (snow.Outcome, error) {
	_, err := snow.SetNext("deployed", snow.Value([]byte("news")))
	return snow.Empty(204), err
}
