;; GET /fill writes 60 MiB with one instruction, 40 times over, and then answers 204.
;;
;; `memory.fill` is one call of native code: while it runs, nothing can interrupt the guest.
(module
  (memory (export "memory") 960)
  ;; One route, for every method: { methods: [], pattern: "/fill" }
  (data (i32.const 0) "\08\00\00\00\01\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\18\00\00\00\05\00\00\00")
  (data (i32.const 24) "/fill")
  ;; respond { status: 204, headers: [], body: [] }
  (data (i32.const 64) "\00\00\00\00\cc\00\00\00")
  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  (func (export "snow:host/handler@0.1.0#handle") (param i32) (result i32)
    (local $times i32)
    (loop $again
      (memory.fill (i32.const 65536) (local.get $times) (i32.const 62849024))
      (local.set $times (i32.add (local.get $times) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $times) (i32.const 40))))
    (i32.const 64))

  ;; The arguments are never read, so they may all be written to one place.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
