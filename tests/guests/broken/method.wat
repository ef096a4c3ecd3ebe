;; A core module whose route has the method "GE T", which is not a token.
(module
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\01\00\00\00")
  (data (i32.const 8) "\18\00\00\00\01\00\00\00\30\00\00\00\02\00\00\00")
  (data (i32.const 24) "\32\00\00\00\04\00\00\00")
  (data (i32.const 48) "/aGE T")
  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))
  (func (export "snow:host/handler@0.1.0#handle") (param i32) (result i32) unreachable)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
