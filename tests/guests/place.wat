;; Waits in place without an SDK. In routes() there is no request that could wait, so `wait` must be
;; refused with `denied`, or the guest traps. GET /place creates one pending under the key
;; `requests`, which guests/snow settles, and waits at most a minute for it. It lists the pending
;; twice: 204 if both entries are settled, 504 if not.
(module
  (import "snow:host/pending-handles@0.1.0" "create" (func $create (param i32 i32 i32 i32)))
  (import "snow:host/pending-handles@0.1.0" "wait" (func $wait (param i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\18\00\00\00\06\00\00\00")
  (data (i32.const 24) "/place")
  (data (i32.const 160) "requests")
  ;; One route.
  (data (i32.const 40) "\08\00\00\00\01\00\00\00")
  ;; respond { status: 204 or 504, headers: [], body: [] }
  (data (i32.const 64) "\00\00\00\00\cc\00\00\00")
  (data (i32.const 96) "\00\00\00\00\f8\01\00\00")
  (global $free (mut i32) (i32.const 1024))

  (func (export "snow:host/handler@0.1.0#routes") (result i32)
    (call $wait (i32.const 256) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 320))
    ;; The result must be an error (1), and the error the third refusal (2, denied).
    (if (i32.ne (i32.load8_u (i32.const 320)) (i32.const 1)) (then unreachable))
    (if (i32.ne (i32.load8_u (i32.const 324)) (i32.const 2)) (then unreachable))
    (i32.const 40))

  (func (export "snow:host/handler@0.1.0#handle") (param i32) (result i32)
    (local $list i32)
    (call $create (i32.const 1) (i32.const 160) (i32.const 8) (i32.const 192))
    (if (i32.load8_u (i32.const 192)) (then unreachable))
    (i32.store (i32.const 256) (i32.load (i32.const 196)))
    (i32.store (i32.const 260) (i32.load (i32.const 196)))
    (call $wait (i32.const 256) (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 60000) (i32.const 320))
    (if (i32.load8_u (i32.const 320)) (then unreachable))
    (if (i32.ne (i32.load (i32.const 328)) (i32.const 2)) (then unreachable))
    (local.set $list (i32.load (i32.const 324)))
    (if (result i32)
      (i32.and (i32.load8_u (local.get $list)) (i32.load8_u offset=28 (local.get $list)))
      (then (i32.const 64))
      (else (i32.const 96))))

  ;; Room for arguments. It is never used twice, since a call needs little.
  (func (export "cabi_realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
    (global.get $free)
    (global.set $free
      (i32.and (i32.add (i32.add (global.get $free) (local.get $bytes)) (i32.const 7)) (i32.const -8)))))
