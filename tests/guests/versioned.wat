;; A guest that tests make versions of: they replace "v1" by another word of two letters, and the
;; two `nop`s by other code. guests/hello.wat explains each line.
;;
;; 0 GET /who   answers with the word
;; 1 GET /wait  waits under the key "swap"; `resume` answers with the word of its version
;; 2 GET /free  settles all that wait under that key
(module
  (import "snow:host/pending-handles@0.1.0" "create" (func $create (param i32 i32 i32 i32)))
  (import "snow:host/pending-handles@0.1.0" "set-all"
    (func $set_all (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)

  ;; The list of routes, and three of them: { methods: [], pattern }
  (data (i32.const 0) "\08\00\00\00\03\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\60\00\00\00\04\00\00\00")
  (data (i32.const 24) "\00\00\00\00\00\00\00\00\70\00\00\00\05\00\00\00")
  (data (i32.const 40) "\00\00\00\00\00\00\00\00\80\00\00\00\05\00\00\00")
  (data (i32.const 96) "/who")
  (data (i32.const 112) "/wait")
  (data (i32.const 128) "/free")
  ;; respond { status: 200, headers: [], body: the two letters at 192 }
  (data (i32.const 160) "\00\00\00\00\c8\00\00\00\00\00\00\00\00\00\00\00\c0\00\00\00\02\00\00\00")
  (data (i32.const 192) "v1")
  (data (i32.const 200) "swap")
  ;; suspend { handles: the one at 288, until: all, timeout-ms: none, on-timeout: none,
  ;; resume: true, … }
  (data (i32.const 208) "\01\00\00\00\20\01\00\00\01\00\00\00")
  (data (i32.const 256) "\01")

  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  (func (export "snow:host/handler@0.1.0#handle") (param $arguments i32) (result i32)
    (local $route i32)
    (local.set $route (i32.load (local.get $arguments)))
    (if (i32.eqz (local.get $route)) (then (return (call $who))))
    (if (i32.eq (local.get $route) (i32.const 1)) (then (return (call $wait))))
    ;; set-all("swap", value("v1")), and where the result goes
    (call $set_all
      (i32.const 200) (i32.const 4)
      (i32.const 0) (i32.const 192) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 320))
    (i32.const 160))

  (func $who (result i32)
    (nop (; handle ;))
    (i32.const 160))

  (func $wait (result i32)
    ;; create(some("swap")): ok(the handle at 308)
    (call $create (i32.const 1) (i32.const 200) (i32.const 4) (i32.const 304))
    (i32.store (i32.const 288) (i32.load (i32.const 308)))
    (i32.const 208))

  (func (export "snow:host/resumer@0.1.0#resume") (param i32) (result i32)
    (nop (; resume ;))
    (i32.const 160))

  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (local $at i32)
    ;; Aligned to 8, which is enough for every type.
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (local.get $at)))
