module github.com/snow-host/snow-host/guest-sdk/go

go 1.24
