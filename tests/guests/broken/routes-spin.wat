;; A core module whose routes() never returns.
(module
  (memory (export "memory") 1)
  (func (export "snow:host/handler@0.1.0#routes") (result i32) (loop $again (br $again)) unreachable)
  (func (export "snow:host/handler@0.1.0#handle") (param i32) (result i32) unreachable)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
