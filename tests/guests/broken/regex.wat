;; A core module whose second route, /b/( , is not a regular expression.
(module
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\02\00\00\00")
  (data (i32.const 8) "\00\00\00\00\00\00\00\00\30\00\00\00\02\00\00\00")
  (data (i32.const 24) "\00\00\00\00\00\00\00\00\32\00\00\00\04\00\00\00")
  (data (i32.const 48) "/a/b/(")
  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))
  (func (export "snow:host/handler@0.1.0#handle") (param i32) (result i32) unreachable)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
