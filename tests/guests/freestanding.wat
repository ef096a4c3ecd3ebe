;; Imports the time and random numbers from WASI by hand. guests/hello.wat explains what all of this
;; is.
;;
;; 0 GET /number  answers with 8 random bytes, and the time: seconds since 1970, as 8 bytes
;; 1 GET /greedy  wants 4 GiB of random bytes
(module
  (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
  (import "wasi:random/random@0.2.0" "get-random-bytes" (func $random_bytes (param i64 i32)))
  (import "wasi:clocks/wall-clock@0.2.0" "now" (func $now (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $elapsed (result i64)))
  (memory (export "memory") 1)
  ;; The list of routes, and two of them: { methods: [], pattern }
  (data (i32.const 0) "\08\00\00\00\02\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\28\00\00\00\07\00\00\00")
  (data (i32.const 24) "\00\00\00\00\00\00\00\00\30\00\00\00\07\00\00\00")
  (data (i32.const 40) "/number")
  (data (i32.const 48) "/greedy")
  ;; respond { status: 200, headers: [], body: 16 bytes at 128 }
  (data (i32.const 64) "\00\00\00\00\c8\00\00\00\00\00\00\00\00\00\00\00\80\00\00\00\10\00\00\00")

  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  (func (export "snow:host/handler@0.1.0#handle") (param $arguments i32) (result i32)
    (if (i32.load (local.get $arguments))
      (then (call $random_bytes (i64.const 4294967296) (i32.const 256))))
    (i64.store (i32.const 128) (call $random))
    ;; The nanoseconds behind it are not in the answer.
    (call $now (i32.const 136))
    (drop (call $elapsed))
    (i32.const 64))

  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (global.get $free)
    (global.set $free
      (i32.and (i32.add (i32.add (global.get $free) (local.get $size)) (i32.const 15)) (i32.const -16)))))
