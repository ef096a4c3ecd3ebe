;; GET /keeps/NUMBER tries to use a pending of an earlier call, which it keeps in a global. That
;; must fail, since the pending was released when its call ended. Each call first creates a new
;; pending, which the host must not confuse with the kept one.
(module
  (import "snow:host/pending-handles@0.1.0" "create" (func $create (param i32 i32 i32 i32)))
  (import "snow:host/pending-handles@0.1.0" "wait" (func $wait (param i32 i32 i32 i32 i32 i32)))
  (import "snow:host/pending-handles@0.1.0" "[method]pending.token" (func $token (param i32 i32)))
  (import "snow:host/pending-handles@0.1.0" "[resource-drop]pending" (func $drop (param i32)))
  (memory (export "memory") 1)
  ;; One route, for every method: { methods: [], pattern: "/keeps/([0-9])" }
  (data (i32.const 0) "\08\00\00\00\01\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\18\00\00\00\0e\00\00\00")
  (data (i32.const 24) "/keeps/([0-9])")
  ;; respond { status: 200, headers: [], body: [] }
  (data (i32.const 64) "\00\00\00\00\c8\00\00\00")
  ;; suspend { handles: the one at 160, until: all, … }
  (data (i32.const 96) "\01\00\00\00\a0\00\00\00\01\00\00\00")
  (global $kept (mut i32) (i32.const 0))
  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  ;; The digit is the last byte of the path, whose address and length are at 44 and 48 of the
  ;; arguments.
  (func $handle (export "snow:host/handler@0.1.0#handle") (param $arguments i32) (result i32)
    (local $does i32)
    (local $own i32)
    (local.set $does
      (i32.sub
        (i32.load8_u
          (i32.sub
            (i32.add (i32.load offset=44 (local.get $arguments)) (i32.load offset=48 (local.get $arguments)))
            (i32.const 1)))
        (i32.const 48)))
    (call $create (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 192))
    (if (i32.load8_u (i32.const 192)) (then unreachable))
    (local.set $own (i32.load (i32.const 196)))
    (i32.store (i32.const 160) (global.get $kept))
    ;; 0: keeps the new one for later calls.
    (if (i32.eq (local.get $does) (i32.const 0)) (then (global.set $kept (local.get $own))))
    ;; 1: asks for the token of the kept one.
    (if (i32.eq (local.get $does) (i32.const 1)) (then (call $token (global.get $kept) (i32.const 208))))
    ;; 2: returns a suspension that waits for the kept one.
    (if (i32.eq (local.get $does) (i32.const 2)) (then (return (i32.const 96))))
    ;; 3: waits in place for the kept one.
    (if (i32.eq (local.get $does) (i32.const 3))
      (then (call $wait (i32.const 160) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 320))))
    ;; 4: drops the kept one and the new one.
    (if (i32.eq (local.get $does) (i32.const 4))
      (then (call $drop (global.get $kept)) (call $drop (local.get $own))))
    ;; 5: forgets the new one, which stays in the instance's table of handles.
    ;; 6: drops the kept one, and waits for the new one without end.
    (if (i32.eq (local.get $does) (i32.const 6))
      (then
        (call $drop (global.get $kept))
        (i32.store (i32.const 160) (local.get $own))
        (return (i32.const 96))))
    (i32.const 64))

  (func (export "cabi_post_snow:host/handler@0.1.0#handle") (param i32) (global.set $free (i32.const 4096)))

  ;; Room for arguments. Each call begins again at 4096.
  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (local $new i32)
    (local.set $new (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $new) (local.get $size)))
    (local.get $new)))
