module guest/gopher

go 1.25

require github.com/snow-host/snow-host/guest-sdk/go v0.0.0

replace github.com/snow-host/snow-host/guest-sdk/go => ../../../guest-sdk/go
