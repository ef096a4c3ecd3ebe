;; A core module with 900 routes, each of which would need an automaton of 2^30 states.
(module
  (memory (export "memory") 2)
  ;; 900 routes from 256 on; $routes writes them.
  (data (i32.const 0) "\00\01\00\00\84\03\00\00")
  (data (i32.const 32) "/.*a.{30}")
  (func $routes (export "snow:host/handler@0.1.0#routes") (result i32)
    (local $at i32)
    (local.set $at (i32.const 256))
    (loop $next
      ;; { methods: [], pattern: the 9 bytes at 32 }
      (i32.store offset=8 (local.get $at) (i32.const 32))
      (i32.store offset=12 (local.get $at) (i32.const 9))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 14656))))
    (i32.const 0))
  (func (export "snow:host/handler@0.1.0#handle") (param i32) (result i32) unreachable)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536)))
