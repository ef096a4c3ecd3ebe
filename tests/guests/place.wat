;; Waits in place by hand. While it is loaded there is nobody to wait for: `wait` is `denied`, or it traps. /place then
;; waits for one pending under the key `requests` (that of guests/snow), which it lists twice, for a minute at most: 204
;; once it is settled (both entries say so), 504 if not.
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
    ;; An error (1): the third refusal (2), denied.
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

  ;; Memory is not reused: a call needs little.
  (func (export "cabi_realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
    (global.get $free)
    (global.set $free
      (i32.and (i32.add (i32.add (global.get $free) (local.get $bytes)) (i32.const 7)) (i32.const -8)))))
