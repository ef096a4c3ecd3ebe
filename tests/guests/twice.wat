;; GET /twice creates one pending and returns it twice. The second time it has no handle to return
;; any more.
(module
  ;; create(key: option<string>) -> result<pending, refusal>: the last argument is where the result
  ;; goes.
  (import "snow:host/pending-handles@0.1.0" "create" (func $create (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  ;; One route, for every method: { methods: [], pattern: "/twice" }
  (data (i32.const 0) "\08\00\00\00\01\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\18\00\00\00\06\00\00\00")
  (data (i32.const 24) "/twice")
  ;; suspend { handles: the two at 160, until: all, … }
  (data (i32.const 64) "\01\00\00\00\a0\00\00\00\02\00\00\00")
  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  (func (export "snow:host/handler@0.1.0#handle") (param i32) (result i32)
    (call $create (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 192))
    (i32.store (i32.const 160) (i32.load (i32.const 196)))
    (i32.store (i32.const 164) (i32.load (i32.const 196)))
    (i32.const 64))

  ;; The arguments are never read, so they may all be written to one place.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
