;; Asks for a pending in routes(), when there is no request that could wait. It has its route,
;; /denied, only if the host refuses with `denied`.
(module
  (import "snow:host/pending-handles@0.1.0" "create" (func $create (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\00\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\18\00\00\00\07\00\00\00")
  (data (i32.const 24) "/denied")
  ;; respond { status: 204, headers: [], body: [] }
  (data (i32.const 64) "\00\00\00\00\cc\00\00\00")

  (func (export "snow:host/handler@0.1.0#routes") (result i32)
    (call $create (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 192))
    ;; The list has one route if the result is an error (1) and the error is the third refusal
    ;; (2, denied).
    (i32.store (i32.const 4)
      (i32.and
        (i32.eq (i32.load8_u (i32.const 192)) (i32.const 1))
        (i32.eq (i32.load8_u (i32.const 196)) (i32.const 2))))
    (i32.const 0))

  (func (export "snow:host/handler@0.1.0#handle") (param i32) (result i32) (i32.const 64))

  ;; The arguments are never read, so they may all be written to one place.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
