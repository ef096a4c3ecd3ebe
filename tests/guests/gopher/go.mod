module guest/gopher

go 1.25

require snow v0.0.0

replace snow => ../../../guest-sdk/go
