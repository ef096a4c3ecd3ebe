;; Calls that compute at the wrong moment. guests/hello.wat explains what all of this is.
;;
;; 0 GET /late  creates a pending, waits 50 ms in place, and then computes without end
;; 1 GET /busy  computes beyond its time slice, and waits a moment in place, again and again
;; 2 GET /sips  the same, but less than a time slice
;; 3 GET /hold  is held under the key "late"; its `resume` computes without end
;; 4 GET /free  settles all that are held there
(module
  (import "snow:host/pending-handles@0.1.0" "create" (func $create (param i32 i32 i32 i32)))
  (import "snow:host/pending-handles@0.1.0" "wait" (func $wait (param i32 i32 i32 i32 i32 i32)))
  (import "snow:host/pending-handles@0.1.0" "set-all"
    (func $set_all (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)

  ;; The list of routes, and five of them: { methods: [], pattern }
  (data (i32.const 0) "\08\00\00\00\05\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\60\00\00\00\05\00\00\00")
  (data (i32.const 24) "\00\00\00\00\00\00\00\00\70\00\00\00\05\00\00\00")
  (data (i32.const 40) "\00\00\00\00\00\00\00\00\80\00\00\00\05\00\00\00")
  (data (i32.const 56) "\00\00\00\00\00\00\00\00\90\00\00\00\05\00\00\00")
  (data (i32.const 72) "\00\00\00\00\00\00\00\00\a0\00\00\00\05\00\00\00")
  (data (i32.const 96) "/late")
  (data (i32.const 112) "/busy")
  (data (i32.const 128) "/sips")
  (data (i32.const 144) "/hold")
  (data (i32.const 160) "/free")
  (data (i32.const 176) "late")
  ;; respond { status: 200, headers: [], body: [] }
  (data (i32.const 192) "\00\00\00\00\c8\00\00\00")
  ;; suspend { handles: the one at 320, until: all, timeout-ms: none, on-timeout: none, resume: true, … }
  (data (i32.const 224) "\01\00\00\00\40\01\00\00\01\00\00\00")
  (data (i32.const 272) "\01")

  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  (func (export "snow:host/handler@0.1.0#handle") (param $arguments i32) (result i32)
    (local $route i32)
    (local.set $route (i32.load (local.get $arguments)))
    (if (i32.eqz (local.get $route))
      (then
        (call $create (i32.const 1) (i32.const 176) (i32.const 4) (i32.const 336))
        (call $wait_ms (i32.const 50))
        (call $compute (i32.const -1))))
    (if (i32.eq (local.get $route) (i32.const 1)) (then (call $go_on (i32.const 4000000))))
    (if (i32.eq (local.get $route) (i32.const 2)) (then (call $go_on (i32.const 100000))))
    (if (i32.eq (local.get $route) (i32.const 3))
      (then
        ;; create(some("late")): ok(the handle at 340)
        (call $create (i32.const 1) (i32.const 176) (i32.const 4) (i32.const 336))
        (i32.store (i32.const 320) (i32.load (i32.const 340)))
        (return (i32.const 224))))
    ;; set-all("late", value("late")), and where the result goes
    (call $set_all
      (i32.const 176) (i32.const 4)
      (i32.const 0) (i32.const 176) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 352))
    (i32.const 192))

  (func (export "snow:host/resumer@0.1.0#resume") (param i32) (result i32)
    (call $compute (i32.const -1))
    (i32.const 192))

  ;; Waits in place for nothing, until the deadline.
  (func $wait_ms (param $ms i32)
    (call $wait
      (i32.const 320) (i32.const 0) (i32.const 1) (i32.const 1) (local.get $ms) (i32.const 352)))

  ;; Goes round so often; -1 is without end.
  (func $compute (param $rounds i32)
    (loop $again
      (if (i32.gt_s (local.get $rounds) (i32.const 0))
        (then
          (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
          (br_if $again (local.get $rounds))
          (return)))
      (br $again)))

  (func $go_on (param $rounds i32)
    (loop $again
      (call $compute (local.get $rounds))
      (call $wait_ms (i32.const 1))
      (br $again)))

  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (local $at i32)
    ;; Aligned by 8, which is enough for all.
    (local.set $at (global.get $free))
    (global.set $free
      (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (local.get $at)))
