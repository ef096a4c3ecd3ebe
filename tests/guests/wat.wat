;; Waits under the key of the examples, and settles it, without an SDK. guests/hello.wat explains
;; what all of this is.
;;
;; 0 GET /wat/req              waits; the host answers by itself with what it is given
;; 1 GET /wat/stop?value=TEXT  gives TEXT, as it is sent, to the one that has waited longest; 409 if
;;                             there is none
(module
  (import "snow:host/pending-handles@0.1.0" "create" (func $create (param i32 i32 i32 i32)))
  (import "snow:host/pending-handles@0.1.0" "set-next"
    (func $set_next (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  ;; The list of routes, and two of them: { methods: [], pattern }
  (data (i32.const 0) "\08\00\00\00\02\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\28\00\00\00\08\00\00\00")
  (data (i32.const 24) "\00\00\00\00\00\00\00\00\30\00\00\00\09\00\00\00")
  (data (i32.const 40) "/wat/req/wat/stop")
  (data (i32.const 64) "requests-any")
  ;; suspend { handles: one at 200, until: all, timeout-ms: none, …, resume: false, state: [] }
  (data (i32.const 96) "\01\00\00\00\c8\00\00\00\01\00\00\00")
  ;; respond { status: 200 or 409, headers: [], body: [] }
  (data (i32.const 160) "\00\00\00\00\c8\00\00\00")
  (data (i32.const 184) "\00\00\00\00\99\01\00\00")
  ;; Results of the host are at 204 and 212.

  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  (func (export "snow:host/handler@0.1.0#handle") (param $call i32) (result i32)
    (global.set $free (i32.const 4096))
    (if (i32.eqz (i32.load (local.get $call)))
      (then
        (call $create (i32.const 1) (i32.const 64) (i32.const 12) (i32.const 204))
        (if (i32.load8_u (i32.const 204)) (then unreachable))
        (i32.store (i32.const 200) (i32.load (i32.const 208)))
        (return (i32.const 96))))
    ;; The query's text is at 56 of the arguments, its length at 60, and `value=` has 6 bytes.
    (call $set_next (i32.const 64) (i32.const 12) (i32.const 0)
      (i32.add (i32.load offset=56 (local.get $call)) (i32.const 6))
      (i32.sub (i32.load offset=60 (local.get $call)) (i32.const 6))
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 212))
    (if (i32.load8_u (i32.const 212)) (then unreachable))
    (select (i32.const 160) (i32.const 184) (i32.load8_u offset=1 (i32.const 212))))

  ;; Room for arguments, which are used up when the call begins to answer.
  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
    (global.get $free)
    (global.set $free
      (i32.and (i32.add (i32.add (global.get $free) (local.get $bytes)) (i32.const 7)) (i32.const -8)))))
