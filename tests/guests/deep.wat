;; GET /deep: a function that calls itself without end, until the stack overflows.
(module
  (memory (export "memory") 1)
  ;; One route, for every method: { methods: [], pattern: "/deep" }
  (data (i32.const 0) "\08\00\00\00\01\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\18\00\00\00\05\00\00\00")
  (data (i32.const 24) "/deep")
  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))

  (func $deeper (export "snow:host/handler@0.1.0#handle") (param i32) (result i32)
    ;; Because of the addition this is no tail call, which would need no stack.
    (i32.add (call $deeper (local.get 0)) (i32.const 1)))

  ;; The arguments are never read, so they may all be written to one place.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
