;; GET /print writes 1 MiB to standard output (by preview 1 of WASI), without an end of line.
;; guests/hello.wat explains what all of this is.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 20)

  ;; One route, for every method: { methods: [], pattern: "/print" }
  (data (i32.const 0) "\08\00\00\00\01\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\18\00\00\00\06\00\00\00")
  (data (i32.const 24) "/print")
  ;; respond { status: 200, headers: [], body: [] }
  (data (i32.const 96) "\00\00\00\00\c8\00\00\00")
  ;; What is written: 1 MiB from 65,536 on
  (data (i32.const 160) "\00\00\01\00\00\00\10\00")

  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  (func (export "snow:host/handler@0.1.0#handle") (param i32) (result i32)
    (memory.fill (i32.const 65536) (i32.const 120) (i32.const 1048576))
    (drop (call $fd_write (i32.const 1) (i32.const 160) (i32.const 1) (i32.const 176)))
    (i32.const 96))

  ;; The arguments are never read, so they may all be written to one place.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
