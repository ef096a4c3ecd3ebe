;; Sleeps for a second (by preview 1 of WASI) before it says its routes.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (global $free (mut i32) (i32.const 65536))
  ;; A subscription to the monotonic clock, 1,000,000,000 nanoseconds from now
  (data (i32.const 272) "\01\00\00\00\00\00\00\00\00\ca\9a\3b\00\00\00\00")

  (func (export "snow:host/handler@0.1.0#routes") (result i32)
    (drop (call $poll_oneoff (i32.const 256) (i32.const 512) (i32.const 1) (i32.const 1024)))
    (i32.const 0))
  (func (export "snow:host/handler@0.1.0#handle") (param i32) (result i32) (i32.const 0))
  ;; The adapter of preview 1 takes its stack from here.
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (global.get $free)
    (global.set $free
      (i32.and (i32.add (i32.add (global.get $free) (local.get $size)) (i32.const 15)) (i32.const -16)))))
