;; Calls that are bad neighbours to others, for the measure `neighbours`. guests/hello.wat explains
;; what all of this is.
;;
;; 0 /spin?rounds=N  computes so many rounds
;; 1 /late?rounds=N  waits 400 ms in place, and then computes so many rounds
;; 2 /busy?rounds=N  computes so many rounds and waits a moment in place, again and again
;; 3 /hold           is held; its `resume` computes without end
;; 4 /rest           is held; its `resume` waits in place for ten minutes
;; 5 /free           settles all that are held
;; 6 /waiting        how many are held
(module
  (import "snow:host/pending-handles@0.1.0" "create" (func $create (param i32 i32 i32 i32)))
  (import "snow:host/pending-handles@0.1.0" "wait" (func $wait (param i32 i32 i32 i32 i32 i32)))
  (import "snow:host/pending-handles@0.1.0" "waiting" (func $waiting (param i32 i32) (result i32)))
  (import "snow:host/pending-handles@0.1.0" "set-all"
    (func $set_all (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)

  ;; The list of routes, and seven of them, for every method: { methods: [], pattern }
  (data (i32.const 0) "\08\00\00\00\07\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\80\00\00\00\05\00\00\00")
  (data (i32.const 24) "\00\00\00\00\00\00\00\00\88\00\00\00\05\00\00\00")
  (data (i32.const 40) "\00\00\00\00\00\00\00\00\90\00\00\00\05\00\00\00")
  (data (i32.const 56) "\00\00\00\00\00\00\00\00\98\00\00\00\05\00\00\00")
  (data (i32.const 72) "\00\00\00\00\00\00\00\00\a0\00\00\00\05\00\00\00")
  (data (i32.const 88) "\00\00\00\00\00\00\00\00\a8\00\00\00\05\00\00\00")
  (data (i32.const 104) "\00\00\00\00\00\00\00\00\b0\00\00\00\08\00\00\00")
  (data (i32.const 128) "/spin\00\00\00/late\00\00\00/busy\00\00\00")
  (data (i32.const 152) "/hold\00\00\00/rest\00\00\00/free\00\00\00/waiting")
  (data (i32.const 184) "neighbours")
  ;; respond { status: 200, headers: [], body: [] }
  (data (i32.const 200) "\00\00\00\00\c8\00\00\00")
  ;; suspend { handles: the one at 320, until: all, timeout-ms: ten minutes, resume: true, … }
  (data (i32.const 256) "\01\00\00\00\40\01\00\00\01\00\00\00\00\00\00\00\01\00\00\00\c0\27\09\00")
  (data (i32.const 304) "\01")

  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  (func (export "snow:host/handler@0.1.0#handle") (param $arguments i32) (result i32)
    (local $route i32)
    (local.set $route (i32.load (local.get $arguments)))
    (if (i32.eq (local.get $route) (i32.const 5)) (then (return (call $free_all))))
    (if (i32.eq (local.get $route) (i32.const 6)) (then (return (call $tell))))
    (if (i32.ge_u (local.get $route) (i32.const 3)) (then (return (call $hold))))
    (if (i32.eq (local.get $route) (i32.const 1)) (then (call $wait_ms (i32.const 400))))
    (loop $again
      ;; The query's text
      (call $compute
        (call $rounds
          (i32.load offset=56 (local.get $arguments))
          (i32.load offset=60 (local.get $arguments))))
      (if (i32.eq (local.get $route) (i32.const 2))
        (then
          (call $wait_ms (i32.const 1))
          (br $again))))
    (i32.const 200))

  (func (export "snow:host/resumer@0.1.0#resume") (param $arguments i32) (result i32)
    (if (i32.eq (i32.load (local.get $arguments)) (i32.const 4))
      (then (call $wait_ms (i32.const 600000)))
      (else (call $compute (i64.const -1))))
    (i32.const 200))

  ;; Goes round so often: 18 billion billion times are without end.
  (func $compute (param $rounds i64)
    (loop $again
      (if (i64.ne (local.get $rounds) (i64.const 0))
        (then
          (local.set $rounds (i64.sub (local.get $rounds) (i64.const 1)))
          (br $again)))))

  ;; Returns the number that the digits of a text make.
  (func $rounds (param $at i32) (param $bytes i32) (result i64)
    (local $end i32) (local $digit i32) (local $number i64)
    (local.set $end (i32.add (local.get $at) (local.get $bytes)))
    (loop $next
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
          (if (i32.lt_u (local.get $digit) (i32.const 10))
            (then
              (local.set $number
                (i64.add
                  (i64.mul (local.get $number) (i64.const 10))
                  (i64.extend_i32_u (local.get $digit))))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (local.get $number))

  ;; Waits in place for nothing, until the deadline.
  (func $wait_ms (param $ms i32)
    (call $wait
      (i32.const 320) (i32.const 0) (i32.const 1) (i32.const 1) (local.get $ms) (i32.const 352)))

  (func $hold (result i32)
    ;; create(some("neighbours")): ok(the handle at 340)
    (call $create (i32.const 1) (i32.const 184) (i32.const 10) (i32.const 336))
    (i32.store (i32.const 320) (i32.load (i32.const 340)))
    (i32.const 256))

  (func $free_all (result i32)
    ;; set-all("neighbours", value of no bytes), and where the result goes
    (call $set_all
      (i32.const 184) (i32.const 10)
      (i32.const 0) (i32.const 184) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 352))
    (i32.const 200))

  ;; Answers with the number of those that are held, in digits that are written from the last one.
  (func $tell (result i32)
    (local $left i32) (local $at i32)
    (local.set $left (call $waiting (i32.const 184) (i32.const 10)))
    (local.set $at (i32.const 400))
    (loop $next
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (local.get $left) (i32.const 10))))
      (local.set $left (i32.div_u (local.get $left) (i32.const 10)))
      (br_if $next (local.get $left)))
    ;; The body of the response at 200
    (i32.store (i32.const 216) (local.get $at))
    (i32.store (i32.const 220) (i32.sub (i32.const 400) (local.get $at)))
    (i32.const 200))

  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (local $at i32)
    ;; Aligned by 8, which is enough for all.
    (local.set $at (global.get $free))
    (global.set $free
      (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (local.get $at)))
