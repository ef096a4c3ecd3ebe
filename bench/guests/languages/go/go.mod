module bench/go

go 1.24

require snow v0.0.0

replace snow => ../../../../guest-sdk/go
