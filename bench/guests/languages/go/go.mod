module bench/go

go 1.24

require github.com/snow-host/snow-host/guest-sdk/go v0.0.0

replace github.com/snow-host/snow-host/guest-sdk/go => ../../../../guest-sdk/go
