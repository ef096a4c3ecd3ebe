;; A core module whose memory has 65 MiB from the start, more than a call may have.
(module
  (memory (export "memory") 1040)
  (data (i32.const 0) "\08\00\00\00\00\00\00\00")
  (func (export "snow:host/handler@0.1.0#routes") (result i32) (i32.const 0))
  (func (export "snow:host/handler@0.1.0#handle") (param i32) (result i32) unreachable)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
