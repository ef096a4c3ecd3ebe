;; A guest with one route, for all methods. Tests replace its pattern and its length. A call of it
;; traps: that it is called shows that the route has the path.
(module
  (memory (export "memory") 1)
  ;; The list of routes, and one of them: { methods: [], pattern }
  (data (i32.const 0) "\08\00\00\00\01\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\18\00\00\00(;length;)")
  (data (i32.const 24) "(;pattern;)")
  (func (export "snow:host/handler@0.1.0#routes") (result i32)
    (nop (; routes ;))
    (i32.const 0))
  (func (export "snow:host/handler@0.1.0#handle") (param i32) (result i32) unreachable)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 32768)))
